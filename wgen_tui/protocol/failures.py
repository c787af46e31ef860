"""Failures that another attempt may mend: what they are called, and how to know them by their text.

Promises: a worker that catches an error and a supervisor that finds it in the log of a worker that
died know it by the same patterns and call it by the same title. Titles reach done.json.
"""

from __future__ import annotations

import re

OUT_OF_MEMORY, DISK_FULL, UNEXPECTED = "Out of memory", "Disk full", "Unexpected error"
LESS_MEMORY = (
    "Use a smaller batch or max_length, gradient_checkpointing: true, or quantization: 4bit."
)

# Not "out of memory" alone: a worker that goes on with less says so in the same log.
GPU_MEMORY = re.compile(
    r"(?i:\b(cuda|hip|mps|xpu)\b.{0,40}\bout of memory)|OutOfMemoryError"
    r"|(CUBLAS|CUDNN|HIPBLAS|ROCBLAS)_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation"
    r"|^Error out of memory at line"  # bitsandbytes
)
HOST_MEMORY = re.compile(
    r"^MemoryError|_ArrayMemoryError|DefaultCPUAllocator: |[Cc]an't allocate memory"
    r"|Cannot allocate memory|std::bad_alloc"
)
FULL_DISK = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]")
