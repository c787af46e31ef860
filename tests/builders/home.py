"""The files of a home, one at a time, as a commit, a supervisor and a worker write them.

Promises: every run, launch and end of a launch that tests write by hand is written here; what a
test does not name has a plain default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from experiments.schema import TrainingConfig
from wgen_tui.paths import Home, LaunchPaths, RunPaths
from wgen_tui.protocol.launches import (
    DoneRecord,
    Event,
    JudgeStage,
    LaunchSpec,
    Outcome,
    RunOutcome,
    Stage,
    StartRecord,
)
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import ModelRef, RunSpec, SeedSet

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOWHERE = ModelRef(name="m", location="/nowhere")


def write_run(
    home: Home,
    run_id: str,
    *,
    arm: str = "a",
    seed: int = 0,
    model: ModelRef = NOWHERE,
    training: TrainingConfig | None = None,
    data: str | None = None,
    **fields: Any,
) -> RunPaths:
    """Write a run's spec, and its training data if there are any.

    Args:
        home: Where.
        run_id: Its name.
        arm: Its arm.
        seed: Of everything that has one.
        model: Its base model.
        training: None for an untrained base.
        data: The lines of its examples.
        fields: Of the spec: `experiment`, `role`, `data_rows`, `created_at`, …
    """
    seeds = SeedSet(seed=seed, data_order=seed, lora_init=seed, sampling=seed)
    defaults = {"experiment": "x", "definition_hash": "0", "created_at": T0}
    defaults["role"] = "base" if arm == "base" else "treatment"
    spec = RunSpec(
        run_id=run_id,
        arm=arm,
        seeds=seeds,
        model=model,
        training=training,
        **{**defaults, **fields},  # type: ignore[arg-type]
    )
    paths = home.run(run_id)
    paths.root.mkdir(parents=True)
    write_record(paths.spec, spec)
    if data is not None:
        paths.data.write_text(data)
    return paths


def write_launch(
    home: Home, launch_id: str, stage: Stage, run_ids: Sequence[str], **fields: Any
) -> LaunchSpec:
    """Write a queued launch, and its name beside each of its runs.

    Args:
        home: Where.
        launch_id: Its name.
        stage: What it does; to judge, without any judges unless `judge` is given.
        run_ids: Its runs; those that are written know of it.
        fields: Of the spec: `experiment`, `after`, `sample`, `stack`, `created_at`, …
    """
    defaults: dict[str, Any] = {"experiment": "x", "created_at": T0}
    if stage == "judge":
        defaults["judge"] = JudgeStage(judges=())
    spec = LaunchSpec(
        launch_id=launch_id, stage=stage, run_ids=tuple(run_ids), **{**defaults, **fields}
    )
    paths = home.launch(launch_id)
    paths.control.mkdir(parents=True, exist_ok=True)
    write_record(paths.spec, spec)
    for run_id in run_ids:
        if home.run(run_id).root.exists():
            with home.run(run_id).launches.open("a") as stream:
                stream.write(json.dumps({"launch_id": launch_id, "stage": stage}) + "\n")
    return spec


def write_start(paths: LaunchPaths, **fields: Any) -> None:
    """Write that a launch was started; by whom, unless `pid` and `host` say so, is not known."""
    write_record(paths.started, StartRecord(**{"at": T0, **fields}))


def write_event(paths: LaunchPaths, kind: str, **fields: Any) -> None:
    """Add a word of the worker's."""
    event = Event(kind=kind, **{"at": T0, **fields})  # type: ignore[arg-type]
    with paths.events.open("a") as stream:
        stream.write(event.model_dump_json() + "\n")


def write_done(
    paths: LaunchPaths,
    runs: Mapping[str, Outcome | RunOutcome],
    outcome: Outcome = "finished",
    **fields: Any,
) -> None:
    """Write how a launch ended.

    Args:
        paths: The launch's.
        runs: How each of its runs ended.
        outcome: How all of it did.
        fields: Of the record: `started_at`, `ended_at`, `peak_memory_mb`.
    """
    ends = {
        name: end if isinstance(end, RunOutcome) else RunOutcome(outcome=end)
        for name, end in runs.items()
    }
    record = DoneRecord(
        launch_id=paths.root.name,
        outcome=outcome,
        runs=ends,
        **{"started_at": T0, "ended_at": T0, **fields},
    )
    write_record(paths.done, record)
