"""What killed a worker that could not say so itself: the nearest cause at the end of its log.

Promises: the error nearest to the end wins, but what one process says because another died (NCCL,
gloo) only where nothing better is there; without any known error, the last line that says
something.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Sequence
from dataclasses import dataclass

from wgen_tui.protocol import failures

LOG_LINES = 400  # of the end of a log, in which a cause is searched
# Begins a line of worker.log where an attempt begins; what stands before it killed another one.
ATTEMPT_MARK = "=== attempt "
LONGEST = 300  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class Cause:
    """What ended a worker.

    Attributes:
        title: A few words; those of `protocol.failures` where another attempt may help.
        message: What happened, with the line that says so.
        hint: What to do; empty when nothing is known.
    """

    title: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """An error that a line of the log gives away."""

    pattern: re.Pattern[str]
    title: str
    hint: str
    weak: bool = False  # often only the echo of another process's death


def _known(pattern: str, title: str, hint: str, *, weak: bool = False) -> _Known:
    return _Known(re.compile(pattern), title, hint, weak)


RETRY_HINT = "`wgen-tui run retry RUN` goes on from the last checkpoint."

# Of those that match one line the first counts: the particular stands before the general.
KNOWN = (
    _Known(failures.GPU_MEMORY, failures.OUT_OF_MEMORY, failures.LESS_MEMORY),
    _Known(
        failures.HOST_MEMORY,
        failures.OUT_OF_MEMORY,
        f"The machine's own memory is full. {failures.LESS_MEMORY}",
    ),
    _Known(failures.FULL_DISK, failures.DISK_FULL, f"Make room, then: {RETRY_HINT}"),
    _known(
        r"no kernel image is available|is not compatible with the current PyTorch installation",
        "GPU not supported",
        "This build of torch knows no GPU of this kind: install one for it from "
        "https://pytorch.org/get-started/locally.",
    ),
    _known(
        r"driver .{0,40}is too old|CUDA driver version is insufficient"
        r"|forward compatibility was attempted|Driver/library version mismatch",
        "Driver too old",
        "Update NVIDIA's driver (reboot after an update), or install a torch built for an older "
        "CUDA.",
    ),
    _known(
        r"No CUDA GPUs are available|no CUDA-capable device|Found no NVIDIA driver",
        "No GPU",
        "Look at `nvidia-smi` and CUDA_VISIBLE_DEVICES; `wgen-tui doctor` shows what is seen.",
    ),
    _known(
        r"device-side assert",
        "CUDA error",
        "Mostly a token id beyond the vocabulary: tokenizer and model belong to different models. "
        "CUDA_LAUNCH_BLOCKING=1 shows the place.",
    ),
    _known(
        r"CUDA error: |CUBLAS_STATUS_|CUDNN_STATUS_|unspecified launch failure|Xid",
        "CUDA error",
        f"Often the hardware or the driver: see `dmesg | grep -i xid`. {RETRY_HINT}",
    ),
    _known(
        r"Address already in use|EADDRINUSE|\[Errno 98\]",
        "Port in use",
        "Another process has this port. Leave main_process_port out of accelerate (any free one is "
        "taken then), or end the other process.",
    ),
    _known(
        r"jinja2\.exceptions|TemplateError|TemplateSyntaxError|chat_template is not set"
        r"|Conversation roles must alternate|no chat template|the chat template refuses",
        "Chat template",
        "See how the data is rendered with `wgen-tui experiment preview`; give another with "
        "chat_template in experiment.yaml.",
    ),
    _known(
        r"gated repo|GatedRepoError|Access to model .{1,200} is restricted"
        r"|401 Client Error|403 Client Error|Invalid user token",
        "Gated model",
        "Ask for access on the model's page, then: export HF_TOKEN=...",
    ),
    _known(
        r"SafetensorError|HeaderTooLarge|HeaderTooSmall|InvalidHeaderDeserialization"
        r"|MetadataIncompleteBuffer|incomplete metadata|Consistency check failed"
        r"|size mismatch for",
        "Damaged weights",
        "A file of the model is cut off or of another model: remove it and fetch it again "
        "(hf download MODEL --force-download).",
    ),
    _known(
        r"Error no file named|does not appear to have (a file named|files named)"
        r"|RepositoryNotFoundError|is not a local folder and is not a valid model identifier"
        r"|LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to"
        r"|Can't load (tokenizer|the model|the configuration)",
        "Model not loaded",
        "Look at the model's name and, with `wgen-tui doctor`, at HF_HOME, HF_TOKEN and offline "
        "mode.",
    ),
    _known(
        r"ModuleNotFoundError|ImportError|undefined symbol|cannot open shared object file"
        r"|GLIBC(XX)?_[\d.]+' not found",
        "Package missing",
        "A package is missing or does not fit the others: pip install it, or install wgen-tui "
        "again with -c constraints.txt.",
    ),
    _known(
        r"Bus error|unable to (open|write to|mmap).{0,40}shared memory|/dev/shm",
        "Shared memory full",
        "/dev/shm is too small: start the container with --shm-size=8g.",
    ),
    _known(
        # Both say friendly things as well: "NCCL version 2.27", "[Gloo] Rank 0 is connected to 1".
        r"NCCL.{0,80}([Ee]rror|fail|abort|timeout|timed out)|nccl(System|Internal|Remote)Error"
        r"|[Gg]loo/.{0,200}([Ee]rror|[Cc]onnection|timeout|Timed out)|DistBackendError"
        r"|DistNetworkError|DistStoreError|Connection (closed by|reset by) peer"
        r"|connectFullMesh|client socket has (timed out|failed)|Watchdog caught",
        "Processes lost each other",
        "One process of the launch died first, or they cannot reach each other: see the whole log "
        "(run logs RUN), and set NCCL_SOCKET_IFNAME or GLOO_SOCKET_IFNAME to the right network.",
        weak=True,
    ),
)

# What the launcher and the interpreter print after the error that counts.
NOISE = re.compile(
    r"^\s*$|^[\s\-=*_~^]+$|^Traceback|^\s+File \"|^\s|ChildFailedError|CalledProcessError"
    r"|^Root Cause|^\[\d\]:$|torch\.distributed\.elastic|Sending process \d+ closing signal"
    r"|^(Failures|<NO_OTHER_FAILURES>)|FutureWarning|UserWarning|resource_tracker|^Killed$"
    r"|^The following values were not passed to `accelerate launch`"
)

BY_SIGNAL: dict[int, tuple[str, str]] = {
    signals.SIGKILL: (
        "Killed",
        "Not by the kernel for memory, as far as can be seen: by a person, a scheduler, or the "
        f"container's limits. {RETRY_HINT}",
    ),
    signals.SIGSEGV: (
        "Crashed",
        "A fault in native code (a driver, torch, an extension): try again; if it repeats, "
        "reinstall torch for this driver.",
    ),
    signals.SIGBUS: (
        "Crashed",
        "Memory backed by a file went away: a full disk or /dev/shm, or a file changed under it.",
    ),
    signals.SIGILL: (
        "Crashed",
        "This processor lacks an instruction that torch was built for: install another build.",
    ),
    signals.SIGABRT: (
        "Crashed",
        "Native code gave up; the lines above in the log say why: wgen-tui run logs RUN.",
    ),
    signals.SIGTERM: ("Ended from outside", RETRY_HINT),
    signals.SIGHUP: ("Ended from outside", RETRY_HINT),
    signals.SIGXCPU: (
        "Time limit",
        f"A limit on processor time (ulimit -t) was reached. {RETRY_HINT}",
    ),
    signals.SIGXFSZ: ("File too large", "A limit on file size (ulimit -f) was reached."),
}


def nearest_cause(log_lines: Sequence[str], signal: int | None, oom_killed: bool) -> Cause:
    """What ended a worker that left no done.json.

    Args:
        log_lines: The end of worker.log, oldest line first. What stands before the last line with
            `ATTEMPT_MARK` is left out.
        signal: What killed it; None when it ended by itself or nobody saw.
        oom_killed: Whether the kernel killed something for memory meanwhile (`host.oom_kills`).
    """
    lines = [_plain(line) for line in log_lines[-LOG_LINES:]]
    marks = [number for number, line in enumerate(lines) if line.startswith(ATTEMPT_MARK)]
    lines = lines[marks[-1] + 1 :] if marks else lines
    if oom_killed and signal in (signals.SIGKILL, None):
        return Cause(
            failures.OUT_OF_MEMORY,
            "The kernel killed the worker: the machine's (or the container's) own memory was full.",
            f"{failures.LESS_MEMORY} Fewer launches at once ([queue] cpu_slots, [gpu] per_gpu) "
            "help too.",
        )
    if match := _in_log(lines):
        known, line = match
        return Cause(known.title, line, known.hint)
    last = last_words(lines)
    if signal is not None:
        title, hint = BY_SIGNAL.get(signal, ("Killed", RETRY_HINT))
        message = f"The worker was ended by {_name(signal)}"
        return Cause(title, f"{message}; its last line: {last}" if last else f"{message}.", hint)
    if last:
        return Cause("Worker lost", last, "The whole log: wgen-tui run logs RUN.")
    return Cause("Worker lost", "It ended without a message.", RETRY_HINT)


def last_words(lines: Sequence[str]) -> str:
    """The last line that says something; of a traceback, its error."""
    for line in reversed(lines):
        if not NOISE.search(line):
            return line[:LONGEST]
    return ""


def _in_log(lines: Sequence[str]) -> tuple[_Known, str] | None:
    """The known error nearest to the end, and its line."""
    echo: tuple[_Known, str] | None = None
    for line in reversed(lines):
        known = next((item for item in KNOWN if item.pattern.search(line)), None)
        if known is None:
            continue
        match = known, line.strip()[:LONGEST]
        if not known.weak:
            return match
        echo = echo or match
    return echo


def _plain(line: str) -> str:
    """A line as a terminal would leave it: no colours, and of a progress bar its last state."""
    line = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", line).rstrip("\r\n")
    # Of several processes each line has its rank before it.
    return re.sub(r"^\[?rank\d+\]?:\s?", "", line.rpartition("\r")[2]).rstrip()


def _name(signal: int) -> str:
    try:
        return f"signal {signal} ({signals.Signals(signal).name})"
    except ValueError:
        return f"signal {signal}"
