"""`wgen-tui run verify`: a run's adapter beside the same training by stock TRL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from wgen_tui.cli.output import emit_json, json_option, pass_writable_home, say, tell
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home
from wgen_tui.terminal_text import plural

if TYPE_CHECKING:
    from wgen_tui.protocol.launches import Event
    from wgen_tui.protocol.runs import Verification


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--no-floor", is_flag=True, help="Skip the floor: faster, but in fp32 only 1e-4 passes."
)
@json_option
@pass_writable_home
def verify(home: Home, run_id: str, no_floor: bool, as_json: bool) -> int:
    """Train a finished run again with stock TRL and PEFT, and compare the adapters.

    The difference is that of the weight changes, as a share of the change. Beside it stands the
    floor: the same stock training once more with its batches padded longer, or, where that does not
    even change rounding, with eager attention. In fp32, 1e-4 or ten floors pass (beyond 0.2%,
    three); in bf16 and fp16, two floors. Exit 1 if it does not pass. Needs the extra: pip install
    'wgen-tui[verify]'. What lies between two arms is not trained: stock PEFT makes it of the same
    two adapters.
    """
    from wgen_tui.services.results import verify as service

    with _progress() as show:
        report = service.verify(home, run_id, show, floor=not no_floor)
    if as_json:
        from wgen_tui.cli.shapes.runs import Verified

        emit_json(Verified(**dict(report)).model_dump(mode="json", by_alias=True))
    else:
        for line in lines(report):
            tell(line)
    return ExitCode.OK if report.passed else ExitCode.FAILED


def lines(report: Verification) -> Iterator[str]:
    """The finding in words, the verdict first."""
    if "trl" not in report.versions:  # nothing was trained that TRL could train again
        yield (
            f"{'pass' if report.passed else 'FAIL'}: the adapter differs from what PEFT makes of "
            f"the same two by {report.difference:.1e} of the change; allowed {report.limit:.1e}"
        )
        yield f"worst module: {report.worst:.1e}, {report.worst_module}"
        yield report.mask
        yield from _ends(report)
        return
    floor = "not measured" if report.floor is None else f"{report.floor:.1e}"
    yield (
        f"{'pass' if report.passed else 'FAIL'}: after {report.steps} steps the adapter differs "
        f"from TRL's by {report.difference:.1e} of the update; floor {floor}, "
        f"allowed {report.limit:.1e} ({report.precision})"
    )
    yield f"worst module: {report.worst:.1e}, {report.worst_module}"
    order = (
        "the same examples in the same order" if report.same_order else "OTHER examples or order"
    )
    yield f"order: {order}"
    yield report.mask
    yield from _ends(report)


def _ends(report: Verification) -> Iterator[str]:
    """What is said last: notes, and with which versions."""
    for note in report.notes:
        yield f"note: {note}"
    names = ("trl", "peft", "transformers", "torch")
    yield f"with {', '.join(f'{n} {report.versions[n]}' for n in names if n in report.versions)}"


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Shows how far the worker is: one line that changes on a terminal, one a phase in a pipe."""
    seen: list[str] = []
    tty = sys.stderr.isatty()

    def show(event: Event) -> None:
        text = event.message or ""
        if event.kind == "ready":
            say(text)
        elif event.kind == "progress" and event.done is not None and event.total:
            if tty:
                line = _line(text, event.done, event.total, event.rate)
                click.echo(f"\r{line}\x1b[K", err=True, nl=event.done == event.total)
            elif text not in seen:
                seen.append(text)
                say(f"{text}: {plural(event.total, 'step')}")

    say("Making the run again with stock libraries; the run itself is only read.")
    yield show


def _line(text: str, done: int, total: int, rate: float | None) -> str:
    from wgen_tui.cli.progress import clock

    rate = rate or 0.0
    left = f", ETA {clock((total - done) / rate)}" if rate else ""
    return f"{text}: step {done}/{total}, {rate:.3g} steps/s{left}"
