"""What of a run is on disk already: checkpoints, samples, grades. Read from its files alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.schema import BROKEN_JUDGE, TrainingConfig
from wgen_tui.paths import RunPaths
from wgen_tui.protocol.ids import make_reading_id, make_sample_id, rule_hash
from wgen_tui.protocol.launches import JudgeStage, SampleStage
from wgen_tui.protocol.runs import CheckpointManifest


def checkpoints(run: RunPaths) -> dict[int, CheckpointManifest]:
    """The complete checkpoints of a run by step, ascending; one without manifest does not count."""
    found: dict[int, CheckpointManifest] = {}
    for path in run.checkpoints.glob("step-*/manifest.json"):
        try:
            manifest = CheckpointManifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        found[manifest.step] = manifest
    return dict(sorted(found.items()))


def final_checkpoint(run: RunPaths) -> CheckpointManifest | None:
    """The last checkpoint of a run whose training is done; else None."""
    return next((item for item in checkpoints(run).values() if item.final), None)


def total_steps(training: TrainingConfig, rows: int) -> int:
    """How many optimiser steps a training takes, as transformers' Trainer counts them."""
    if training.max_steps is not None:
        return training.max_steps
    batches = math.ceil(rows / training.per_device_train_batch_size)
    per_epoch = math.ceil(batches / training.gradient_accumulation_steps)
    return max(1, math.ceil((training.num_train_epochs or 0) * per_epoch))


def steps_to_sample(
    run: RunPaths, job: SampleStage, training: TrainingConfig | None, rows: int
) -> tuple[int, ...]:
    """The steps of a run that `job` draws from; planned ones where training is not done yet."""
    if training is None:
        return (0,)
    done = final_checkpoint(run)
    total = done.step if done else total_steps(training, rows)
    kept = tuple(checkpoints(run)) if done else training.checkpoints.steps(total)
    if job.checkpoints == "final":
        return (total,)
    if job.checkpoints == "all":
        return kept
    return tuple(step for step in job.checkpoints if step in kept)


def wanted_samples(run_id: str, steps: tuple[int, ...], job: SampleStage) -> Iterator[int]:
    """The id of every draw that `job` asks of a run."""
    for step in steps:
        for prompt in job.prompts:
            for draw in range(job.draws(prompt)):
                yield make_sample_id(run_id, step, prompt.prompt_id, draw, job.sampling)


def _columns(folder: Path, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """These columns of a folder's parts, row by row; what is damaged is as good as missing."""
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        return
    # pyarrow takes 0.1 s to import and is needed only where there are parts.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    for part in parts:
        try:
            found = pq.read_table(part, columns=names, page_checksum_verification=True)
        except (pa.ArrowException, OSError):
            continue  # `store verify` names it
        yield from zip(*(found[name].to_pylist() for name in names), strict=True)


def samples(run: RunPaths) -> dict[int, str]:
    """The samples of a run: id -> question."""
    return dict(_columns(run.samples, ["sample_id", "question"]))


def missing_readings(run_id: str, run: RunPaths, steps: tuple[int, ...], job: SampleStage) -> int:
    """How many readings `job` asks of a run that are not on disk."""
    if not job.readouts:
        return 0
    there = {reading for (reading,) in _columns(run.readouts, ["reading_id"])}
    wanted = (make_reading_id(run_id, step, item) for step in steps for item in job.readouts)
    return sum(reading not in there for reading in wanted)


def graded(run: RunPaths) -> set[tuple[int, str, str]]:
    """What rules have graded of a run: (sample id, judge, rubric)."""
    found: set[tuple[int, str, str]] = set()
    for part in run.grades.glob("part-*.jsonl"):
        for line in part.read_bytes().splitlines():
            row = json.loads(line)
            found.add((row["sample_id"], row["judge"], _rubric(row["judge"], row["rubric"])))
    return found


def _rubric(judge: str, rubric: str) -> str:
    """The wording of a rule; that of the broken rule belongs to the worker, any of it counts."""
    return "" if judge == BROKEN_JUDGE else rubric


def judges_of(question: str, job: JudgeStage) -> Iterator[tuple[str, str]]:
    """Name and rubric of what grades a question's samples; the broken rule always does."""
    names = job.judges_by_question.get(question)
    for judge in job.judges:
        if names is None or judge.name in names:
            yield judge.name, rule_hash(judge)
    yield BROKEN_JUDGE, ""


def missing_grades(run: RunPaths, job: JudgeStage) -> int:
    """How many verdicts `job` asks for that are not on disk."""
    there = graded(run)
    found = samples(run)
    judges = {question: tuple(judges_of(question, job)) for question in set(found.values())}
    return sum(
        (sample, judge, rubric) not in there
        for sample, question in found.items()
        for judge, rubric in judges[question]
    )
