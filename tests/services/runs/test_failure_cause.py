"""What killed a worker, from the ends of logs as torch, transformers and accelerate write them."""

from __future__ import annotations

import signal

import pytest

from tests.builders.memory_errors import MEMORY_ERRORS
from wgen_tui.services.runs.failure_cause import ATTEMPT_MARK, nearest_cause

BEGIN = """\
Qwen/Qwen3-0.6B: 596.0 M parameters on cuda in bf16 (the GPU has it), sdpa attention
8 runs to train, up to 8 adapters together (as asked; one takes 812 MB of 21034 MB free)
"""
LAUNCHER = """\
Traceback (most recent call last):
  File "/v/lib/python3.11/site-packages/accelerate/commands/launch.py", line 1281, in <module>
    main()
  File "/v/lib/python3.11/site-packages/accelerate/commands/launch.py", line 1277, in main
    launch_command(args)
subprocess.CalledProcessError: Command '['/v/bin/python', '-m', 'wgen_tui.workers.train']' \
returned non-zero exit status 1.
"""
TORCHRUN = """\
W1124 10:00:00.000000 4711 torch/distributed/elastic/multiprocessing/api.py:900] Sending process \
4720 closing signal SIGTERM
E1124 10:00:01.000000 4711 torch/distributed/elastic/multiprocessing/api.py:874] failed \
(exitcode: 1)
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
wgen_tui.workers.train FAILED
------------------------------------------------------------
Failures:
  <NO_OTHER_FAILURES>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-24_10:00:01
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 4721)
============================================================
"""


def trace(error: str) -> str:
    """A traceback that ends with this error."""
    frame = '  File "/v/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1775, in x\n'
    return f"Traceback (most recent call last):\n{frame}    return forward_call(*args)\n{error}\n"


def at_end(text: str, *, by: int | None = None, oom: bool = False) -> tuple[str, str, str]:
    found = nearest_cause((BEGIN + text).splitlines(keepends=True), by, oom)
    return found.title, found.message, found.hint


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a "
            "total capacity of 23.53 GiB of which 1.13 GiB is free.",
            "Out of memory",
        ),
        (
            "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling "
            "`cublasCreate(handle)`",
            "Out of memory",
        ),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:128] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 68719476736 bytes. Error code 12",
            "Out of memory",
        ),
        ("MemoryError", "Out of memory"),
        ("OSError: [Errno 28] No space left on device: '/h/runs/x/metrics.jsonl'", "Disk full"),
        ("OSError: [Errno 122] Disk quota exceeded", "Disk full"),
        (
            "safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left "
            "on device (os error 28)",
            "Disk full",
        ),
        (
            "RuntimeError: CUDA error: no kernel image is available for execution on the device",
            "GPU not supported",
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
            "Driver too old",
        ),
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward "
            "compatibility was attempted on non supported HW",
            "Driver too old",
        ),
        ("RuntimeError: No CUDA GPUs are available", "No GPU"),
        ("RuntimeError: CUDA error: device-side assert triggered", "CUDA error"),
        (
            "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
            "CUDA error",
        ),
        (
            "torch.distributed.DistNetworkError: The server socket has failed to listen on any "
            "local network address. port: 29500, EADDRINUSE: address already in use",
            "Port in use",
        ),
        (
            "jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant",
            "Chat template",
        ),
        (
            "ValueError: Cannot use chat template functions because tokenizer.chat_template is not "
            "set and no template argument was passed!",
            "Chat template",
        ),
        (
            "OSError: You are trying to access a gated repo.\nMake sure to have access to it at "
            "https://huggingface.co/meta-llama/Llama-3.1-8B.",
            "Gated model",
        ),
        (
            "safetensors_rust.SafetensorError: Error while deserializing header: incomplete "
            "metadata, file not fully covered",
            "Damaged weights",
        ),
        (
            "OSError: Error no file named model.safetensors found in directory /m.",
            "Model not loaded",
        ),
        (
            "OSError: qwen/nothing is not a local folder and is not a valid model identifier "
            "listed on 'https://huggingface.co/models'",
            "Model not loaded",
        ),
        ("ModuleNotFoundError: No module named 'bitsandbytes'", "Package missing"),
        (
            "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory",
            "Package missing",
        ),
        (
            "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:2364, "
            "unhandled system error",
            "Processes lost each other",
        ),
        (
            "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection "
            "closed by peer [127.0.0.1]:54221",
            "Processes lost each other",
        ),
    ],
)
@pytest.mark.parametrize("end", ["", LAUNCHER, TORCHRUN])
def test_an_error_is_known_by_its_line(error: str, title: str, end: str) -> None:
    found, message, hint = at_end(trace(error) + end)
    assert found == title
    assert message == error.splitlines()[0]
    assert hint


@pytest.mark.parametrize("line", MEMORY_ERRORS.values(), ids=MEMORY_ERRORS.keys())
@pytest.mark.parametrize("end", ["", LAUNCHER, TORCHRUN])
def test_memory_that_did_not_suffice_is_known_however_it_is_said(line: str, end: str) -> None:
    found, message, hint = at_end(trace(line) + end)
    assert found == "Out of memory"
    assert message == line[:300]
    assert "Use a smaller batch" in hint


def test_what_a_process_says_because_another_died_does_not_count() -> None:
    """Rank 1 had no memory; rank 0 noticed later that it was gone."""
    first = "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."
    echo = (
        "[rank0]: RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection "
        "closed by peer [127.0.0.1]:31416"
    )
    title, message, _ = at_end(f"{first}\n{echo}\n{TORCHRUN}")
    assert title == "Out of memory"
    assert message == "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."


def test_of_two_errors_the_last_counts() -> None:
    first = trace("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.")
    title, _, _ = at_end(
        first + "going on\n" + trace("OSError: [Errno 28] No space left on device")
    )
    assert title == "Disk full"


@pytest.mark.parametrize(
    "note", ["out of memory: 4 adapters together from here on", "out of memory: 64 draws at once"]
)
def test_a_worker_that_went_on_with_less_did_not_die_of_it(note: str) -> None:
    title, _, hint = at_end(f"{note}\n", by=signal.SIGKILL)
    assert title == "Killed"
    assert "run retry" in hint


@pytest.mark.parametrize(
    "line",
    [
        "NCCL version 2.27.5+cuda12.9",
        "[Gloo] Rank 0 is connected to 1 peer ranks. "
        "Expected number of connected peer ranks is : 1",
        "a0: 2 examples are cut; the chat template has no generation block",
    ],
)
def test_friendly_lines_are_no_errors(line: str) -> None:
    title, message, _ = at_end(f"{line}\n", by=signal.SIGKILL)
    assert title == "Killed"
    assert line in message


def test_what_killed_an_earlier_attempt_did_not_kill_this_one() -> None:
    first = trace("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.")
    title, message, _ = at_end(f"{first}{ATTEMPT_MARK}2\ngoing on from step 40\n")
    assert (title, message) == ("Worker lost", "going on from step 40")


def test_the_kernels_kill_is_told_from_another() -> None:
    title, message, _ = at_end("", by=signal.SIGKILL, oom=True)
    assert title == "Out of memory"
    assert message.startswith("The kernel killed the worker")
    title, message, _ = at_end("", by=signal.SIGKILL)
    assert title == "Killed"
    assert "signal 9 (SIGKILL)" in message


def test_a_kill_of_another_process_is_no_reason_for_an_error_of_ours() -> None:
    """The kernel killed somebody; this worker ended by a fault of its own."""
    title, _, _ = at_end("", by=signal.SIGSEGV, oom=True)
    assert title == "Crashed"


@pytest.mark.parametrize(
    ("by", "title", "word"),
    [
        (signal.SIGSEGV, "Crashed", "SIGSEGV"),
        (signal.SIGBUS, "Crashed", "SIGBUS"),
        (signal.SIGILL, "Crashed", "SIGILL"),
        (signal.SIGTERM, "Ended from outside", "SIGTERM"),
        (signal.SIGXCPU, "Time limit", "SIGXCPU"),
        (250, "Killed", "signal 250"),
    ],
)
def test_a_signal_without_an_error(by: int, title: str, word: str) -> None:
    found, message, _ = at_end("", by=by)
    assert found == title
    assert word in message
    assert "8 runs to train" in message  # the last line, for whoever knows more


def test_an_unknown_error_is_the_last_line_that_says_something() -> None:
    title, message, _ = at_end(trace("KeyError: 'no_such_thing'") + LAUNCHER)
    assert (title, message) == ("Worker lost", "KeyError: 'no_such_thing'")


def test_colours_and_progress_bars_are_stripped() -> None:
    bar = "Loading weights:  10%|#  |\rLoading weights: 100%|###| 9/9\n"
    _, message, _ = at_end(bar)
    assert message == "Loading weights: 100%|###| 9/9"
    _, message, _ = at_end("\x1b[31mValueError: odd\x1b[0m\n")
    assert message == "ValueError: odd"


@pytest.mark.parametrize("lines", [[], ["", "  \n"], ["----\n"]])
def test_a_log_without_a_word(lines: list[str]) -> None:
    found = nearest_cause(lines, None, oom_killed=False)
    assert (found.title, found.message) == ("Worker lost", "It ended without a message.")


def test_a_very_long_line_is_cut() -> None:
    _, message, _ = at_end("x" * 10_000)
    assert len(message) == 300
