"""`wgen-tui run pause|resume|retry|priority`: the queue and its runs, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wgen_tui.cli.options import runs_options
from wgen_tui.cli.output import pass_writable_home, say
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wgen_tui.protocol.launches import LaunchSpec
    from wgen_tui.services.runs.run_state import RunStatus


def choose(
    home: Home,
    run_ids: Sequence[str],
    experiment: str | None,
    everything: bool,
    fits: Callable[[RunStatus], bool],
) -> list[str]:
    """The runs named; or, of an experiment or of all, those that are in a state for it."""
    from wgen_tui.services.runs.runs import get_run, runs_of

    if run_ids:
        return [get_run(home, run_id).run_id for run_id in run_ids]
    if not (experiment or everything):
        raise click.UsageError("Name runs, or give --experiment SLUG or --all.")
    return [run.run_id for run in runs_of(home, experiment) if fits(run)]


def _say_begun(made: Sequence[LaunchSpec], chosen: Sequence[str], what: str) -> None:
    if not chosen:
        say(f"No run is {what}.")
    elif not made:
        say("They are under way already.")
    else:
        stages = ", ".join(f"{item.stage} {len(item.run_ids)}" for item in made)
        say(f"{len(chosen)} runs go on; to do: {stages}.")


@click.command()
@runs_options("live runs")
@click.option("--queue", "whole", is_flag=True, help="Start nothing more; what runs goes on.")
@click.option("--why", default="", metavar="TEXT", help="Shown to all, with --queue.")
@pass_writable_home
def pause(
    home: Home,
    run_ids: tuple[str, ...],
    experiment: str | None,
    everything: bool,
    whole: bool,
    why: str,
) -> None:
    """Pause runs, or the queue: what runs saves its state first."""
    from wgen_tui.services.control import control
    from wgen_tui.services.runs import queue

    if whole:
        queue.pause_queue(home, why)
        say("The queue is paused. `wgen-tui run resume --queue` goes on.")
        return
    chosen = choose(home, run_ids, experiment, everything, lambda run: run.live and not run.paused)
    for run in control.pause(home, chosen):
        say(f"Paused {run.run_id}.")
    if not chosen:
        say("No live runs.")


@click.command()
@runs_options("paused runs")
@click.option("--queue", "whole", is_flag=True, help="The queue as a whole.")
@pass_writable_home
def resume(
    home: Home, run_ids: tuple[str, ...], experiment: str | None, everything: bool, whole: bool
) -> None:
    """Go on with paused runs, or with the queue."""
    from wgen_tui.services.control import control

    if whole:
        was = control.resume_queue(home)
        say("The queue goes on." if was else "The queue was not paused.")
        return
    chosen = choose(home, run_ids, experiment, everything, lambda run: run.paused)
    _say_begun(control.resume(home, chosen), chosen, "paused")


@click.command()
@runs_options("such runs")
@pass_writable_home
def retry(home: Home, run_ids: tuple[str, ...], experiment: str | None, everything: bool) -> None:
    """Try runs again that failed, were lost or were cancelled.

    They go on from their last complete state, as they were started; `run start` would read the
    definition anew.
    """
    from wgen_tui.services.control import control

    chosen = choose(home, run_ids, experiment, everything, lambda run: run.retryable)
    _say_begun(control.retry(home, chosen), chosen, "failed, lost or cancelled")


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option("--to", type=int, metavar="N", help="Set it; 0 is usual, higher starts first.")
@click.option("--by", type=int, metavar="N", help="Add to it; may be negative.")
@click.option("--first", is_flag=True, help="Above all that waits.")
@pass_writable_home
def priority(
    home: Home, run_ids: tuple[str, ...], to: int | None, by: int | None, first: bool
) -> None:
    """Say which queued runs start first.

    A launch serves several runs; all runs of the launches that are named move.
    """
    from wgen_tui.services.control import control

    if sum((to is not None, by is not None, first)) != 1:
        raise click.UsageError("Give one of --to N, --by N and --first.")
    if first:
        to = control.highest(home) + 1
    moved = control.prioritise(home, run_ids, by=by, to=to)
    say(f"{len(moved)} launches have another priority.")
