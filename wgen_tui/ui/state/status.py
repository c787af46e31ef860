"""The strip on Runs: the queue's state, then the machine, as the terminal's size allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, DIM, WARN
from wgen_tui.ui.state.plots import progress

if TYPE_CHECKING:
    from wgen_tui.services.control.status import Status
    from wgen_tui.services.machine.gpus import Gpu
    from wgen_tui.services.machine.host import Load

GB = 1024.0
BAR = 8
FULL = 90  # percent of a memory, from which it stands out
MOST_GPUS = 4  # with a line of their own
DETAILED_FROM = (120, 36)  # columns and rows of a terminal that gets more than one line
Part = tuple[str, str]  # text, style


def strip(
    status: Status, size: tuple[int, int], *, readonly: bool = False, supervisor_error: str = ""
) -> Text:
    """The status strip.

    Args:
        status: Queue and machine.
        size: Columns and rows of the terminal.
        readonly: Whether no supervisor is started from here.
        supervisor_error: Why the last supervisor did not start.

    Returns:
        One line; on a large terminal one more for each of the first GPUs.
    """
    width, height = size
    detailed = width >= DETAILED_FROM[0] and height >= DETAILED_FROM[1]
    parts = _queue(status, readonly, supervisor_error)
    gpus = status.load.gpus
    parts += _detailed(status.load) if detailed else _short(status.load)
    if detailed and not gpus:
        parts.append(("no GPU", DIM))
    elif not detailed and gpus:
        parts += _gpus_short(gpus, width - _length(parts))
    text = _joined(parts, width)
    if detailed:
        for gpu in gpus[:MOST_GPUS]:
            text.append("\n ").append(_gpu_line(gpu))
        if len(gpus) > MOST_GPUS:
            text.append("\n ").append(*_gpus_total(gpus[MOST_GPUS:], "more GPUs"))
    return text


def _joined(parts: Sequence[Part], width: int) -> Text:
    """As many parts as fit; the first always."""
    text = Text()
    for number, part in enumerate(parts):
        if number and cell_len(text.plain) + cell_len(part[0]) + 3 > width:
            break
        text.append(" · " if number else " ", DIM)
        text.append(*part)
    return text


def _queue(status: Status, readonly: bool, supervisor_error: str) -> list[Part]:
    """Why nothing is started, if so."""
    parts: list[Part] = []
    if status.pause is not None:
        why = f": {one_line(status.pause.why, 40)}" if status.pause.why else ""
        parts.append((f"‖ queue paused{why}; P resumes it", f"bold reverse {WARN}"))
    if status.orphaned:
        if readonly:
            words = "no supervisor; --readonly starts none"
        elif supervisor_error:
            words = f"no supervisor: {one_line(supervisor_error, 60)}"
        else:
            words = "no supervisor; starting one"
        parts.append((f"✗ {words}", f"bold reverse {BAD if supervisor_error else WARN}"))
    return parts


def _short(load: Load) -> list[Part]:
    return [
        (f"cpu {load.cpu_percent:.0f}%", ""),
        (f"mem {_of_total(load.memory_used_mb, load.memory_total_mb)} GB", _style(_memory(load))),
        (f"disk {_gb(load.disk_free_mb)} GB", ""),
    ]


def _detailed(load: Load) -> list[Part]:
    memory = _memory(load)
    return [
        (f"cpu {_bar(load.cpu_percent)} {load.cpu_percent:3.0f}%", ""),
        (
            f"memory {_bar(memory)} {_gb(load.memory_used_mb)} of {_gb(load.memory_total_mb)} GB",
            _style(memory),
        ),
        (f"disk {_gb(load.disk_free_mb)} of {_gb(load.disk_total_mb)} GB free", ""),
    ]


def _gpus_short(gpus: Sequence[Gpu], width: int) -> list[Part]:
    """Each in a few cells; all as one where they do not fit."""
    each = [
        (f"GPU{gpu.index} {_percent(gpu)}{_of_total(gpu.used_mb, gpu.total_mb)}", "")
        for gpu in gpus
    ]
    return each if len(each) == 1 or _length(each) <= width else [_gpus_total(gpus, "GPUs")]


def _gpus_total(gpus: Sequence[Gpu], name: str) -> Part:
    known = [gpu.utilization for gpu in gpus if gpu.utilization is not None]
    load = f"{sum(known) / len(known):.0f}% " if known else ""
    used = _of_total(sum(gpu.used_mb for gpu in gpus), sum(gpu.total_mb for gpu in gpus))
    return f"{len(gpus)} {name} {load}{used} GB", ""


def _gpu_line(gpu: Gpu) -> Text:
    """`GPU0 NVIDIA H100 80GB HBM3  ████░░░░  81%  memory ██░░░░░░ 20.1 of 79.6 GB`."""
    line = Text()
    line.append(f"GPU{gpu.index} {one_line(gpu.name, 28):28} ")
    load = gpu.utilization
    line.append("load unknown" if load is None else f"{_bar(load)} {load:3d}%")
    taken = 100.0 * gpu.used_mb / gpu.total_mb if gpu.total_mb else 0.0
    line.append(f" · memory {_bar(taken)} ", _style(taken))
    line.append(f"{_gb(gpu.used_mb)} of {_gb(gpu.total_mb)} GB", _style(taken))
    if gpu.processes:
        word = "process" if len(gpu.processes) == 1 else "processes"
        line.append(f" · {len(gpu.processes)} {word}", DIM)
    return line


def _memory(load: Load) -> float:
    return 100.0 * load.memory_used_mb / load.memory_total_mb if load.memory_total_mb else 0.0


def _percent(gpu: Gpu) -> str:
    return "" if gpu.utilization is None else f"{gpu.utilization}% "


def _style(percent: float) -> str:
    return WARN if percent >= FULL else ""


def _bar(percent: float) -> str:
    return progress(round(percent), 100, BAR)


def _gb(megabytes: float) -> str:
    gigabytes = megabytes / GB
    return show.count(round(gigabytes)) if gigabytes >= 10 else f"{gigabytes:.1f}"


def _of_total(used: float, total: float) -> str:
    return f"{_gb(used)}/{_gb(total)}"


def memory(megabytes: float) -> str:
    """`412 MB`, `3.1 GB`."""
    return f"{megabytes:,.0f} MB" if megabytes < GB else f"{_gb(megabytes)} GB"


def _length(parts: Sequence[Part]) -> int:
    """Their cells, separators included."""
    return sum(cell_len(text) + 3 for text, _ in parts)
