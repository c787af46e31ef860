"""`wgen-tui run pause|resume|retry|priority`: the queue and its runs, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wgen_tui.cli.options import runs_options
from wgen_tui.cli.output import pass_writable_home, say
from wgen_tui.paths import Home
from wgen_tui.terminal_text import are, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wgen_tui.protocol.launches import LaunchSpec
    from wgen_tui.services.runs.run_state import RunStatus


def select_runs(
    home: Home,
    run_ids: Sequence[str],
    experiment: str | None,
    everything: bool,
    fits: Callable[[RunStatus], bool],
) -> list[str]:
    """The runs that are named; else those that fit, of an experiment or of all."""
    from wgen_tui.services.runs.runs import get_run, runs_of

    if run_ids:
        return [get_run(home, run_id).run_id for run_id in run_ids]
    if not (experiment or everything):
        raise click.UsageError("Name runs, or give --experiment SLUG or --all.")
    return [run.run_id for run in runs_of(home, experiment) if fits(run)]


def _report_started(launches: Sequence[LaunchSpec], chosen: Sequence[str], what: str) -> None:
    if not chosen:
        say(f"No run is {what}.")
    elif not launches:
        say("They are already under way.")
    else:
        stages = ", ".join(f"{item.stage} {len(item.run_ids)}" for item in launches)
        resume = are(len(chosen), "resumes", "resume")
        say(f"{plural(len(chosen), 'run')} {resume}; to do: {stages}.")


@click.command()
@runs_options("live runs")
@click.option("--queue", "whole", is_flag=True, help="Start nothing new; running work continues.")
@click.option("--why", default="", metavar="TEXT", help="A reason to show, with --queue.")
@pass_writable_home
def pause(
    home: Home,
    run_ids: tuple[str, ...],
    experiment: str | None,
    everything: bool,
    whole: bool,
    why: str,
) -> None:
    """Pause runs or the queue; a running worker saves its state first."""
    from wgen_tui.services.control import control
    from wgen_tui.services.runs import queue

    if whole:
        queue.pause_queue(home, why)
        say("The queue is paused. `wgen-tui run resume --queue` resumes it.")
        return
    chosen = select_runs(
        home, run_ids, experiment, everything, lambda run: run.live and not run.paused
    )
    for run in control.pause(home, chosen):
        say(f"Paused {run.run_id}.")
    if not chosen:
        say("No live runs.")


@click.command()
@runs_options("paused runs")
@click.option("--queue", "whole", is_flag=True, help="Resume the queue itself.")
@pass_writable_home
def resume(
    home: Home, run_ids: tuple[str, ...], experiment: str | None, everything: bool, whole: bool
) -> None:
    """Resume paused runs, or the queue."""
    from wgen_tui.services.control import control

    if whole:
        was = control.resume_queue(home)
        say("The queue is running again." if was else "The queue was not paused.")
        return
    chosen = select_runs(home, run_ids, experiment, everything, lambda run: run.paused)
    _report_started(control.resume(home, chosen), chosen, "paused")


@click.command()
@runs_options("failed, lost or cancelled runs")
@pass_writable_home
def retry(home: Home, run_ids: tuple[str, ...], experiment: str | None, everything: bool) -> None:
    """Retry runs that failed, were lost or were cancelled.

    They resume from their last complete state, with the settings they were started with;
    `run start` would read the definition again.
    """
    from wgen_tui.services.control import control

    chosen = select_runs(home, run_ids, experiment, everything, lambda run: run.retryable)
    _report_started(control.retry(home, chosen), chosen, "failed, lost or cancelled")


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--to", type=int, metavar="N", help="Set the priority; the default is 0, higher starts first."
)
@click.option("--by", type=int, metavar="N", help="Add to the priority; may be negative.")
@click.option("--first", is_flag=True, help="Put them before everything that waits.")
@pass_writable_home
def priority(
    home: Home, run_ids: tuple[str, ...], to: int | None, by: int | None, first: bool
) -> None:
    """Set which queued runs start first.

    A launch serves several runs, and its priority applies to all of them.
    """
    from wgen_tui.services.control import control

    if sum((to is not None, by is not None, first)) != 1:
        raise click.UsageError("Give one of --to N, --by N and --first.")
    if first:
        to = control.highest(home) + 1
    moved = control.prioritise(home, run_ids, by=by, to=to)
    say(f"Changed the priority of {plural(len(moved), 'launch')}.")
