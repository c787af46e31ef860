"""Write a plan down: run folders and chained launches, wholly or not at all.

Promises: everything is first written beside its place and then renamed into it; when the disk
refuses half way, what was written is taken back. Two commands that commit the same plan at once
make its launches once.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol import (
    STAGES,
    LaunchSpec,
    Stage,
    now,
    sync_folder,
    write_durably,
    write_record,
)
from wgen_tui.queueing import Notice, SlurmSettings
from wgen_tui.services.missing import PlannedRun, all_missing
from wgen_tui.services.queue import one_at_a_time
from wgen_tui.services.runs import read_spec

if TYPE_CHECKING:
    from wgen_tui.services.plan import Plan


def commit(home: Home, plan: Plan) -> tuple[LaunchSpec, ...]:
    """Write the runs and launches that do what a plan found missing.

    Returns:
        The launches, in order; empty if there is nothing (left) to do.

    Raises:
        UsageError: the home cannot be written or is full; nothing of the plan was kept.
    """
    if plan.empty:
        return ()
    home.ensure()
    with one_at_a_time(home):
        # Another command may have committed since the plan was made.
        again = ((run.spec, run.data) for run in plan.runs)
        runs = [run for run in all_missing(home, again, plan.sample, plan.judge) if run.todo]
        launches = _launches(plan, runs)
        _wholly(home, runs, launches)
    return tuple(launches)


def add_launches(home: Home, launches: Sequence[LaunchSpec]) -> None:
    """Write launches of runs that are on disk, or none of them.

    Raises:
        UsageError: the home cannot be written or is full.
    """
    if not launches:
        return
    with one_at_a_time(home):
        _wholly(home, (), launches)


def launches_for(plan: Plan) -> tuple[LaunchSpec, ...]:
    """The launches that a commit would write now; each commit gives them ids of its own."""
    return tuple(_launches(plan, [run for run in plan.runs if run.todo]))


def _wholly(home: Home, runs: Sequence[PlannedRun], launches: Sequence[LaunchSpec]) -> None:
    written = _Written()
    try:
        _write(home, runs, launches, written)
    except OSError as error:
        written.take_back()
        raise UsageError(
            f"The home {home.root} cannot be written: {error.strerror or error}.",
            title="Home not writable",
            hint="Nothing was started. Make room, or choose another with --home DIR.",
        ) from error
    except BaseException:
        written.take_back()
        raise


def _launches(plan: Plan, runs: Sequence[PlannedRun]) -> list[LaunchSpec]:
    """Chain train, sample and judge for each model: imports and the base are paid once each."""
    by_model: dict[tuple[str, str | None], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        model = run.spec.model
        by_model[model.location, model.endpoint.base_url if model.endpoint else None].append(run)
    moment = now()
    made: list[LaunchSpec] = []
    for (_, url), group in by_model.items():
        # A server is not on the cluster, and answers as many as one process asks.
        slurm = None if url is not None else plan.slurm
        parts = [group] if slurm is None else _parts(group, slurm.runs_per_launch)
        for number, part in enumerate(parts):
            # The number keeps an array in the order of the runs.
            mark = f"{number:04d}-" if len(parts) > 1 else ""
            made += _chain(plan, part, moment, mark, url is not None, slurm)
    if made and plan.notify:
        everyone = tuple(run.spec.run_id for run in runs)
        notice = Notice(command=plan.notify, runs=everyone)
        made[-1] = made[-1].model_copy(update={"notify": notice})
    return made


def _parts(runs: Sequence[PlannedRun], most: int) -> list[list[PlannedRun]]:
    """Cut runs into launches of at most `most`; those that are trained as one stay together."""
    together: dict[tuple[str, ...], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        together[run.spec.task.runs if run.spec.task else (run.spec.run_id,)].append(run)
    parts: list[list[PlannedRun]] = []
    for group in together.values():
        if parts and len(parts[-1]) + len(group) <= most:
            parts[-1] += group
        else:
            parts.append(list(group))
    return parts


def _chain(
    plan: Plan,
    runs: Sequence[PlannedRun],
    moment: datetime,
    mark: str,
    served: bool,
    slurm: SlurmSettings | None,
) -> list[LaunchSpec]:
    """The launches of some runs, each after the one before."""
    made: list[LaunchSpec] = []
    before: tuple[str, ...] = ()
    for number, stage in enumerate(STAGES):
        serves = [run for run in runs if stage in run.todo]
        if not serves:
            continue
        waits = {name for run in serves for name in run.after}
        launch = LaunchSpec(
            # The stage's number keeps launches of one moment in order; hence names sort.
            launch_id=f"{moment:%Y%m%d-%H%M%S}-{number}{stage}-{mark}{secrets.token_hex(2)}",
            experiment=plan.definition.slug,
            stage=stage,
            run_ids=tuple(run.spec.run_id for run in serves),
            after=(*sorted(waits), *before),
            created_at=moment,
            sample=plan.sample if stage == "sample" else None,
            during=plan.during if stage == "train" else None,
            judge=plan.judge if stage == "judge" else None,
            # One process samples; only training is spread.
            accelerate=plan.definition.accelerate.settings() if stage == "train" else {},
            served=stage == "sample" and served,
            # Rules need no model and take seconds: no wait for a node, and for its GPU.
            slurm=None if stage == "judge" else slurm,
        )
        made.append(launch)
        before = (launch.launch_id,)
    return made


@dataclass(slots=True)
class _Written:
    """What a commit has put on disk so far."""

    folders: list[Path] = field(default_factory=list)
    grown: list[tuple[Path, int]] = field(default_factory=list)

    def take_back(self) -> None:
        for path, size in self.grown:
            os.truncate(path, size)
        for folder in reversed(self.folders):
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    home: Home, runs: Sequence[PlannedRun], launches: Sequence[LaunchSpec], written: _Written
) -> None:
    places = [(_stage_launch(home, launch, written), launch.launch_id) for launch in launches]
    fresh = []
    planned = {run.spec.run_id for run in runs}
    for run_id in dict.fromkeys(name for launch in launches for name in launch.run_ids):
        if run_id not in planned:
            _append(home.run(run_id).launches, _launch_lines(launches, run_id), written)
    for run in runs:
        lines = _launch_lines(launches, run.spec.run_id)
        paths = home.run(run.spec.run_id)
        if paths.spec.exists():
            if read_spec(home, run.spec.run_id) != run.spec:  # the model has moved
                write_record(paths.spec, run.spec)
            _append(paths.launches, lines, written)
        else:
            fresh.append((_stage_run(home, run, lines, written), run.spec.run_id))
    # Runs first: a launch that is to be seen names only runs that are.
    for temporary, run_id in fresh:
        _publish(temporary, home.run(run_id).root, written)
    for temporary, launch_id in places:
        _publish(temporary, home.launch(launch_id).root, written)
    sync_folder(home.runs)
    sync_folder(home.launches)


def _launch_lines(launches: Sequence[LaunchSpec], run_id: str) -> bytes:
    def line(launch_id: str, stage: Stage) -> str:
        return json.dumps({"launch_id": launch_id, "stage": stage}) + "\n"

    return "".join(
        line(launch.launch_id, launch.stage) for launch in launches if run_id in launch.run_ids
    ).encode()


def _stage_run(home: Home, run: PlannedRun, lines: bytes, written: _Written) -> Path:
    folder = home.runs / f".new-{os.getpid()}-{run.spec.run_id}"
    written.folders.append(folder)
    folder.mkdir(mode=0o700)
    write_durably(folder / "data.jsonl", run.data)
    write_durably(folder / "launches.jsonl", lines)
    write_record(folder / "spec.json", run.spec)
    return folder


def _stage_launch(home: Home, launch: LaunchSpec, written: _Written) -> Path:
    folder = home.launches / f".new-{os.getpid()}-{launch.launch_id}"
    written.folders.append(folder)
    folder.mkdir(mode=0o700)
    (folder / "control").mkdir(mode=0o700)
    write_record(folder / "launch.json", launch)
    return folder


def _append(path: Path, lines: bytes, written: _Written) -> None:
    with path.open("ab") as stream:
        size = stream.tell()
        written.grown.append((path, size))
        stream.write(lines)
        stream.flush()
        os.fsync(stream.fileno())


def _publish(temporary: Path, place: Path, written: _Written) -> None:
    temporary.rename(place)
    written.folders.append(place)
