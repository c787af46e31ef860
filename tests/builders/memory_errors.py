"""How it reads when memory does not suffice, by who says it: the ends of tracebacks."""

from __future__ import annotations

import builtins
import errno

MEMORY_ERRORS = {
    "cuda": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total "
        "capacity of 23.53 GiB of which 1.13 GiB is free."
    ),
    "cuda-error": "RuntimeError: CUDA error: out of memory",
    "cuda-driver": "RuntimeError: CUDA driver error: out of memory",
    "cublas": (
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "triton": "RuntimeError: Triton Error [CUDA]: out of memory",
    "hip": "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB.",
    "hip-error": "RuntimeError: HIP error: out of memory",
    "mps": (
        "RuntimeError: MPS backend out of memory (MPS allocated: 17.57 GB, other allocations: "
        "384.00 KB, max allowed: 18.13 GB). Tried to allocate 256.00 MB on private pool."
    ),
    "cpu": (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:128] err == 0. DefaultCPUAllocator: can't "
        "allocate memory: you tried to allocate 68719476736 bytes. Error code 12 (Cannot allocate "
        "memory)"
    ),
    "cpu-elsewhere": (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough "
        "memory: you tried to allocate 68719476736 bytes."
    ),
    "python": "MemoryError",
    "kernel": "OSError: [Errno 12] Cannot allocate memory",
}


def memory_error(line: str) -> Exception:
    """The error that ends a traceback so."""
    import torch  # services' tests need the texts alone

    name, _, text = line.partition(": ")
    if name == "torch.OutOfMemoryError":
        error: Exception = torch.OutOfMemoryError(text)
        return error
    if name == "OSError":
        return OSError(errno.ENOMEM, text.rpartition("] ")[2])
    kind: type[Exception] = getattr(builtins, name)
    return kind(text) if text else kind()
