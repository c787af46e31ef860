"""`wgen-tui run`: start, watch, cancel and remove runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_args

import click

from wgen_tui.cli.finished_runs.verify import verify
from wgen_tui.cli.options import runs_options
from wgen_tui.cli.output import (
    emit_json,
    json_option,
    pass_home,
    pass_writable_home,
    say,
    table,
    tell,
)
from wgen_tui.cli.queue import pause, priority, resume, retry, select_runs
from wgen_tui.cli.start import start
from wgen_tui.errors import ExitCode, UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import RunState
from wgen_tui.terminal_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.services.runs.run_state import RunStatus


UNPINNED = "unpinned: planned before commits were kept"


@click.group()
def command() -> None:
    """Start, watch and cancel runs."""


command.add_command(start)
command.add_command(verify)
command.add_command(pause)
command.add_command(resume)
command.add_command(retry)
command.add_command(priority)


@command.command("list")
@click.option("--experiment", metavar="SLUG", help="Only runs of this experiment.")
@click.option("--state", type=click.Choice(get_args(RunState)), help="Only runs in this state.")
@json_option
@pass_home
def list_(home: Home, experiment: str | None, state: str | None, as_json: bool) -> None:
    """List runs with their state."""
    from wgen_tui.services.runs.runs import run_names, runs_of, unreadable_runs

    runs = [run for run in runs_of(home, experiment) if state in (None, run.state)]
    if as_json:
        from wgen_tui.cli.shapes.runs import RunList

        emit_json(RunList(runs=runs))
    elif not runs:
        matches = "No run matches. `wgen-tui run list` shows all."
        none = "No runs here. `wgen-tui experiment list` shows what could be started."
        say(matches if run_names(home) and (experiment or state) else none)
    else:
        _list_table(runs, run_names(home))
    for why in unreadable_runs(home, experiment):
        say(f"Left out: {why}")


def _list_table(runs: Sequence[RunStatus], everyone: Sequence[str]) -> None:
    """Runs in 80 columns: short ids, and nothing that is the same in every row."""
    from wgen_tui.cli.progress import clock
    from wgen_tui.services.runs.runs import short_names

    short = short_names(everyone)
    several = {
        name: [getattr(run, name) for run in runs]
        for name in ("experiment", "model")
        if len({getattr(run, name) for run in runs}) > 1
    }
    table(
        ("run", *several, "arm", "seed", "state", "stage", "step", "of", "loss", "ETA", "why"),
        [
            (
                *(short[run.run_id], *(values[row] for values in several.values())),
                *(run.arm, run.seed, run.state, run.stage, run.step, run.steps),
                None if run.loss is None else round(run.loss, 3),
                None if run.eta_seconds is None else clock(run.eta_seconds),
                "; ".join(filter(None, (run.aside, run.why))),
            )
            for row, run in enumerate(runs)
        ],
    )


@command.command()
@click.argument("run_id", metavar="RUN")
@json_option
@pass_home
def show(home: Home, run_id: str, as_json: bool) -> None:
    """Show one run: its spec, its state and what it has written."""
    from wgen_tui.run_files import inventory, manifests
    from wgen_tui.services.runs import runs

    status = runs.get_run(home, run_id)
    run_id = status.run_id
    spec = runs.get_spec(home, run_id)
    paths = home.run(run_id)
    facts: dict[str, Any] = {
        "folder": paths.root,
        "checkpoints": list(manifests.checkpoints(paths, skip_refused=True)),
        "samples": len(inventory.samples(paths)),
        "launches": runs.launches_of(home, run_id),
    }
    if as_json:
        from wgen_tui.cli.shapes.runs import RunDetail

        emit_json(RunDetail(**dict(status), **facts, spec=spec.model_dump(mode="json")))
        return
    training = spec.training.model_dump(mode="json") if spec.training else {}
    if spec.training and not spec.trained_here:  # what else it says was told to nobody
        training = {key: training[key] for key in ("lora", "precision", "quantization")}
    kind = {
        "adapter": f"{spec.adapter}, trained elsewhere" if spec.adapter else None,
        "goes on from": spec.parent,
        "between": spec.between,
        "hold": spec.hold,
        "rows told apart by": spec.upsample.first if spec.upsample else None,
    }
    shown = {
        **{k: v for k, v in status.model_dump(by_alias=True).items() if v not in (None, "")},
        **({"failed at": status.failed_where} if status.failed_where else {}),
        "gpus": list(status.gpus),
        **facts,
        **({"commit": spec.model.commit or UNPINNED} if spec.model.from_hub else {}),
        "checkpoints": ", ".join(map(str, facts["checkpoints"])),
        "launches": ", ".join(facts["launches"]),
        **{key: str(told) for key, told in kind.items() if told is not None},
        "examples": spec.data_rows,
        "seeds": ", ".join(f"{k} {v}" for k, v in spec.seeds.model_dump().items()),
        **{f"training.{k}": v for k, v in training.items()},
    }
    table(("", ""), shown.items())


@command.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1)
@click.option("--experiment", metavar="SLUG", help="All runs of this experiment.")
@pass_home
def watch(home: Home, run_ids: tuple[str, ...], experiment: str | None) -> int:
    """Follow runs until they end; without an argument, all live runs.

    Ctrl+C stops watching, not the work.
    """
    from wgen_tui.cli.progress import follow, only_watching
    from wgen_tui.services.control.watch import watch as snapshots

    chosen = _named_or_all(home, run_ids, experiment)
    if not run_ids:
        chosen = [run for run in chosen if run.live]
    if not chosen:
        say("No live runs.")
        return ExitCode.OK
    readonly = click.get_current_context().obj.readonly
    with only_watching():
        last = follow(snapshots(home, [run.run_id for run in chosen], restart=not readonly))
    return ExitCode.FAILED if last.failed or last.unplanned else ExitCode.OK


def _named_or_all(home: Home, run_ids: Sequence[str], experiment: str | None) -> list[RunStatus]:
    """The runs that the arguments name; without any, all of them."""
    from wgen_tui.services.runs.runs import get_run, runs_of

    if run_ids:
        return [get_run(home, run_id) for run_id in run_ids]
    return runs_of(home, experiment)


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("-n", "--lines", default=40, show_default=True, help="How many lines, from the end.")
@click.option("-f", "--follow", is_flag=True, help="Follow the log until the run ends.")
@pass_home
def logs(home: Home, run_id: str, lines: int, follow: bool) -> None:
    """Print the last lines that a run's worker wrote."""
    from wgen_tui.cli.progress import only_watching
    from wgen_tui.services.control.logs import follow_log
    from wgen_tui.services.runs.runs import get_run, tail

    run = get_run(home, run_id)
    written = False
    with only_watching():
        shown = follow_log(home, run.run_id, lines) if follow else tail(home, run.run_id, lines)
        for line in shown:
            written = True
            tell(line)
    if not written:
        say("No worker of this run has written anything yet.")
        if run.unplanned:
            say(f"It has no launch; to make one: wgen-tui run start {run.experiment}")


@command.command()
@runs_options("live runs")
@pass_writable_home
def cancel(home: Home, run_ids: tuple[str, ...], experiment: str | None, everything: bool) -> None:
    """Cancel runs; what they have written stays, and `run start` can resume them."""
    from wgen_tui.services.runs import runs

    chosen = select_runs(home, run_ids, experiment, everything, lambda run: run.live)
    for run_id in chosen:
        try:
            runs.cancel(home, run_id)
        except UsageError as error:
            if run_ids:
                raise
            say(error.message)  # it has ended since it was listed
            continue
        say(f"Cancelled {run_id}.")
    if not chosen:
        say("No live runs.")


@command.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1)
@click.option("--experiment", metavar="SLUG", help="All runs of this experiment.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_writable_home
def rm(home: Home, run_ids: tuple[str, ...], experiment: str | None, yes: bool) -> None:
    """Delete runs with their checkpoints, samples and rule grades.

    Grades by people stay in the journal.
    """
    from wgen_tui.services.runs import runs

    if not (run_ids or experiment):
        raise click.UsageError("Name runs, or give --experiment SLUG.")
    chosen = _named_or_all(home, run_ids, experiment)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("This deletes runs; confirm with --yes.", title="Not confirmed")
        click.confirm(f"Delete {plural(len(chosen), 'run')}?", abort=True, err=True)
    runs.remove(home, *(run.run_id for run in chosen))
    for run in chosen:
        say(f"Removed {run.run_id}.")
