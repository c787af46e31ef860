"""What a plan will take before anything of it is written: time, memory and disk.

Promises: nothing is invented: times are those of launches of the same stage and model in this home,
and unknown where there are none. Few files are read, however many launches a home has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from wgen_tui.paths import ID_PATTERN, Home
from wgen_tui.protocol.launches import LaunchSpec, read_done
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.steps import total_steps
from wgen_tui.services.estimate import workload
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.estimate.workload import LongestExample
from wgen_tui.services.runs.process import has_gpu

if TYPE_CHECKING:
    from wgen_tui.services.planning.todo import PlannedRun

MOST_LAUNCHES = 60  # launches, newest first
ENOUGH = 3  # of a kind
# Of a draw: what a held-out row takes at a checkpoint. On the embedded model 0.8 of a draw of
# some ten tokens (1.65 ms, over 2,300 rows, two cores); draws of other models have hundreds.
ROW = 0.5
WORDS = {"train": "training", "sample": "sampling", "judge": "judges that are models"}


@dataclass(frozen=True, slots=True)
class PlanOutlook:
    """What the launches of a plan will take.

    Attributes:
        memory_mb: Of the largest of them at its peak, in units of 2**20 bytes; 0: not known.
        on_gpu: Of which memory.
        seconds: One launch after the other, as far as it is known; None where nothing is.
        untimed: What nothing tells the time of, in words.
    """

    memory_mb: int
    on_gpu: bool
    seconds: float | None
    untimed: tuple[str, ...]


Kind = tuple[str, str]  # stage, place of the model


def outlook(
    home: Home, runs: Sequence[PlannedRun], launches: Sequence[LaunchSpec], free_mb: int | None
) -> PlanOutlook:
    """What planned launches will take.

    Args:
        home: Where earlier ones are.
        runs: Of the plan.
        launches: That a commit would write now.
        free_mb: The most memory that one may find free of a GPU; None: they are not limited by it.
    """
    gpu = has_gpu()
    planned = {run.spec.run_id: run for run in runs}
    specs = {run_id: run.spec for run_id, run in planned.items()}
    longest = _longest(runs, launches)
    sizes = [
        estimate(home, launch, on_gpu=gpu, free_mb=free_mb, planned=specs, longest=longest)
        for launch in launches
    ]
    seconds, untimed = [], []
    paces = _paces(home, {_kind(launch, specs) for launch in launches})
    for launch in launches:
        untimed += _before_training([specs[name] for name in launch.run_ids], launch.stage)
        if launch.stage == "judge" and (launch.judge is None or launch.judge.panel is None):
            continue  # rules take a moment
        pace = paces.get(_kind(launch, specs))
        if pace is None:
            untimed.append(WORDS[launch.stage])
        else:
            seconds.append(pace * _work(launch, [planned[name] for name in launch.run_ids]))
    return PlanOutlook(
        memory_mb=max((size.memory_mb for size in sizes), default=0),
        on_gpu=gpu,
        seconds=sum(seconds) if seconds else None,
        untimed=tuple(dict.fromkeys(untimed)),
    )


def _before_training(runs: Sequence[RunSpec], stage: str) -> list[str]:
    """What a train launch does before it trains, of which no launch tells the time."""
    made = [run.derived for run in runs if run.derived is not None] if stage == "train" else []
    judged = any(derived.kept_by is not None for derived in made)
    return [*(["drawing rows"] if made else []), *(["judging them"] if judged else [])]


def _longest(
    runs: Sequence[PlannedRun], launches: Sequence[LaunchSpec]
) -> dict[str, LongestExample]:
    """The largest example of each run that is to be trained; an arm's runs share their rows."""
    wanted = {name for launch in launches if launch.stage == "train" for name in launch.run_ids}
    by_data: dict[str, tuple[int, int]] = {}
    longest = {}
    for run in runs:
        training = run.spec.training
        if run.spec.run_id not in wanted or training is None:
            continue
        others = run.spec.task or run.spec.derived or run.spec.regularise
        if others is not None:
            continue  # rows of several arms, or not made yet: the estimate counts them
        key = run.spec.data_sha256 or run.spec.run_id
        if key not in by_data:
            by_data[key] = workload.longest_line(run.data())
        tokens, labels = (min(n, training.max_length) for n in by_data[key])
        longest[run.spec.run_id] = LongestExample(tokens, labels)
    return longest


def _kind(launch: LaunchSpec, specs: dict[str, RunSpec]) -> Kind:
    panel = None if launch.judge is None else launch.judge.panel
    if panel is not None:
        return f"{launch.stage} by models", panel.judges[0].model.location
    spec = specs.get(launch.run_ids[0])
    return launch.stage, "" if spec is None else spec.model.location


def _work(launch: LaunchSpec, runs: Sequence[PlannedRun]) -> float:
    """Steps, draws or verdicts that a launch has to do."""
    if launch.stage == "train":
        return _steps([run.spec for run in runs])
    panel = None if launch.judge is None else launch.judge.panel
    if panel is not None:
        return sum(sum(run.panels.values()) for run in runs)
    return sum(run.samples_missing + ROW * run.rows_missing for run in runs)


def _steps(specs: Sequence[RunSpec]) -> float:
    return sum(
        total_steps(spec.training, spec.trained_rows) for spec in specs if spec.training is not None
    )


def _paces(home: Home, kinds: set[Kind]) -> dict[Kind, float]:
    """Seconds for each piece of work of these kinds, as the newest launches of each took."""
    seen: dict[Kind, list[float]] = {}
    for launch in _past(home):
        if all(len(seen.get(kind, ())) >= ENOUGH for kind in kinds):
            break
        runs = workload.read_runs(home, launch)
        kind = _kind(launch, {run.run_id: run for run in runs})
        done = read_done(home.launch(launch.launch_id).done)
        if kind not in kinds or done is None or done.outcome != "finished":
            continue
        work = _past_work(home, launch, runs)
        if work:
            took = (done.ended_at - done.started_at).total_seconds()
            seen.setdefault(kind, []).append(took / work)
    return {kind: median(paces) for kind, paces in seen.items()}


def _past_work(home: Home, launch: LaunchSpec, runs: Sequence[RunSpec]) -> float:
    """What a launch had to do, where its files say so."""
    if launch.stage == "train":
        return _steps(runs)
    if launch.stage == "sample" and launch.sample is not None:
        each = workload.draws(launch.sample)
        drawn = sum(workload.checkpoints_to_sample(home, run, launch.sample) for run in runs)
        rows = sum(
            workload.held_out_rows(launch.sample, run) * workload.kept_checkpoints(home, run)
            for run in runs
        )
        return each * drawn + ROW * rows
    return 0  # how much was left to judge is not in its files


def _past(home: Home) -> Iterator[LaunchSpec]:
    """The newest launches, newest first; those that cannot be read are left out."""
    try:
        names = [entry.name for entry in os.scandir(home.launches)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in sorted(filter(ID_PATTERN.fullmatch, names), reverse=True)[:MOST_LAUNCHES]:
        try:
            spec = read_record(home.launch(name).spec, LaunchSpec)
        except Unreadable:
            continue
        if spec is not None:
            yield spec
