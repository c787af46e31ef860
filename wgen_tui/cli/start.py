"""`wgen-tui run start`: plan, commit, supervise, follow."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

import click

from wgen_tui.cli.options import (
    checkpoints_option,
    detach_option,
    dry_run_option,
    judge_model_option,
    split_names,
    trust_option,
)
from wgen_tui.cli.output import emit_json, json_option, pass_home, refuse_readonly, say, table
from wgen_tui.cli.patience import patiently
from wgen_tui.errors import ExitCode, UsageError
from wgen_tui.paths import Home
from wgen_tui.terminal_text import are, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.protocol.launches import LaunchSpec
    from wgen_tui.services.planning.plan import Plan
    from wgen_tui.services.runs.run_state import RunStatus


@click.command()
@click.argument("experiment", metavar="SLUG|PATH")
@click.option(
    "--scale", metavar="NAME", help="One of the definition's sizes; the other options go over it."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Hub id, path or ENDPOINT:ID; repeatable.",
)
@click.option("--arms", metavar="A,B", help="Only these arms; the base is always included.")
@click.option("--seeds", metavar="SEEDS", help="Such as 3, 0-5 or 0-2,7.")
@click.option("--n", type=int, help="Samples per prompt.")
@checkpoints_option
@click.option(
    "--backend",
    type=click.Choice(("local", "slurm")),
    help="Where to run, instead of what the definition says.",
)
@click.option(
    "--notify", metavar="CMD", help="Run this command when all runs have ended, well or not."
)
@judge_model_option
@trust_option
@click.option(
    "--trust-pickle", is_flag=True, help="Load a base model that is not in safetensors format."
)
@detach_option
@dry_run_option
@json_option
@pass_home
def start(
    home: Home,
    experiment: str,
    scale: str | None,
    models: tuple[str, ...],
    arms: str | None,
    seeds: str | None,
    n: int | None,
    checkpoints: str | None,
    backend: str | None,
    notify: str | None,
    judge_models: tuple[str, ...],
    trust_remote_code: bool,
    trust_pickle: bool,
    detach: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Train, sample and grade what an experiment still lacks.

    A supervisor in the background does the work, and continues when this command ends. The same
    command again does what is still missing, and nothing twice.
    """
    from wgen_tui.services.judges.judge_models import parse_mapping
    from wgen_tui.services.planning.plan import Options, make_plan

    options = Options(
        models=models or None,
        arms=split_names(arms),
        seeds=seeds,
        n=n,
        checkpoints=checkpoints,
        trust_remote_code=trust_remote_code,
        trust_pickle=trust_pickle,
        backend=backend,
        notify=_words(notify),
        judge_models=parse_mapping(judge_models),
        scale=scale,
    )
    with patiently(f"Checking the data of {experiment}") as on_progress:
        plan = make_plan(home, experiment, options, on_progress=on_progress)
    for warning in plan.warnings:
        say(f"Note: {warning}.")
    if dry_run:
        show_plan(plan, as_json)
        return ExitCode.OK
    return begin(home, plan, detach=detach, as_json=as_json)


def begin(home: Home, plan: Plan, *, detach: bool = False, as_json: bool = False) -> int:
    """Commit a plan, ensure a supervisor, and follow the runs; returns the exit code."""
    from wgen_tui.cli.progress import follow, only_watching
    from wgen_tui.services.control.watch import Snapshot, watch
    from wgen_tui.services.planning.commit import commit
    from wgen_tui.services.runs.runs import RunList
    from wgen_tui.services.supervisor import lifecycle

    refuse_readonly("Leave out --readonly, or add --dry-run.")
    launches = commit(home, plan)
    run_ids = [run.spec.run_id for run in plan.runs]
    live = [run for run in RunList(home).refresh(run_ids=run_ids) if run.live]
    if launches or live:
        lifecycle.ensure_supervisor(home)
    last = Snapshot(())
    with only_watching():
        say(_opening(plan, launches, live))
        if (launches or live) and not detach:
            last = follow(watch(home, run_ids))
    if as_json:
        from wgen_tui.cli.start_plan import started

        emit_json(started(home, plan, launches))
    return ExitCode.FAILED if last.failed else ExitCode.OK


def _words(command: str | None) -> list[str]:
    """A command line as an argument list: it is never given to a shell."""
    try:
        words = shlex.split(command or "")
    except ValueError as error:
        raise UsageError(f"--notify {command}: {error}.", title="Bad command line") from error
    if command is not None and (not words or shutil.which(words[0]) is None):
        raise UsageError(
            f"--notify {command}: there is no such command.",
            title="Command not found",
            hint="It runs without a shell; use sh -c '…' if you need one.",
        )
    return words


def _opening(plan: Plan, launches: Sequence[LaunchSpec], live: Sequence[RunStatus]) -> str:
    """What is started, in one line."""
    total, slug = len(plan.runs), plan.definition.slug
    if launches:
        stages = ", ".join(f"{item.stage} {len(item.run_ids)}" for item in launches)
        return f"{slug}: {plural(total, 'run')}; to do: {stages}."
    if live:
        return f"{slug}: {len(live)} of {plural(total, 'run')} {are(len(live))} already under way."
    every = f"all {total:,} runs are" if total > 1 else "its one run is"
    return f"{slug}: {every} done; nothing to do."


def show_plan(plan: Plan, as_json: bool) -> None:
    """Print what would be done."""
    from wgen_tui.cli.start_plan import planned, planned_judges, planned_runs, told

    home = click.get_current_context().obj.home
    if as_json:
        emit_json(planned(home, plan))
        return
    table(
        ("model", "arm", "seed", "examples", "to do", "samples missing", "of", "run"),
        [
            (
                *(run.model, run.arm, run.seed, run.examples),
                ", ".join(run.todo) or "nothing",
                *(run.samples_missing, run.samples_total, run.id),
            )
            for run in planned_runs(plan)
        ],
    )
    for note in plan.notes:
        say(f"{note}.")
    for asked in planned_judges(home, plan):
        say(told(asked))
    if not plan.empty and not plan.only_judges:
        say(f"It would write {plan.disk_mb:,} MB at most.")
