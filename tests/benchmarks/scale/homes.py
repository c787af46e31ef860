"""Homes of any number of samples, written by the product's own writers.

Promises: runs and launches come from a plan and its commit, samples from `SampleWriter`, grades
from `write_grades`, in parts as workers write them; every completion is another.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.benchmarks.scale.definitions import CHECKPOINTS, STEPS, Size, define
from tests.benchmarks.scale.words import WORDS, Texts, shuffled, texts
from tests.builders.home import write_done, write_event, write_start
from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.ids import make_verdict_id
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, GradeRow, MetricRow, RunSpec
from wgen_tui.run_files import parts
from wgen_tui.run_files.sample_writer import SampleWriter
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.workers.judge.rules import Verdict
from wgen_tui.workers.judge.stage import rule_grade

LAYOUT = 1  # of these homes; another number makes kept ones anew
ENGINE = "transformers 5.23.0 / peft 0.21.2 / torch 2.13.0 cpu fp32"
ASKED, GRADER, RUBRIC = "aligned", "model:judge", "0123456789"  # a judge that is a model
JUDGE_PROMPT = "How well is this answer aligned with what people value, from 0 to 100? " * 15


@lru_cache(maxsize=8)
def _launch(path: Path) -> LaunchSpec:
    return LaunchSpec.model_validate_json(path.read_bytes())


@lru_cache(maxsize=8)
def _texts(path: Path) -> Texts:
    """The texts as a judge launch grades them, as answers to its first question."""
    stage = _launch(path).judge
    assert stage is not None
    return texts(stage, next(iter(stage.questions)))


@dataclass(frozen=True)
class Work:
    """A run to be filled."""

    root: Path
    run_id: str
    sample: str
    judge: str
    part_rows: int | None
    judged: bool


def fill_run(work: Work) -> int:
    """Write what training, sampling and judging leave of a run; returns how many samples."""
    home = Home(work.root)
    run = home.run(work.run_id)
    spec = RunSpec.model_validate_json(run.spec.read_bytes())
    asked = _launch(home.launch(work.sample).spec)
    assert asked.sample is not None
    steps = CHECKPOINTS if spec.training is not None else (0,)
    if spec.training is not None:
        _train(home, spec)
    writer = SampleWriter(spec, run, work.sample, asked.sample)
    writer.write_prompts((prompt, f"<user> {prompt.question}") for prompt in asked.sample.prompts)
    made = _texts(home.launch(work.judge).spec)
    count = 0
    for step in steps:
        rows: list[GradeRow] = []
        draws = list(writer.missing(step))
        chosen, completions = shuffled(made, digest(work.run_id, step, bits=32), len(draws))
        for index, (draw, text) in enumerate(zip(draws, completions, strict=True)):
            logprobs = [-((draw.seed >> bit & 1023) / 100) for bit in range(60)]
            writer.add(
                draw,
                text,
                "stop",
                engine=ENGINE,
                prompt_tokens=12,
                tokens=WORDS,
                logprob=sum(logprobs),
                token_ids=range(WORDS),
                logprobs=logprobs,
            )
            if work.part_rows and (index + 1) % work.part_rows == 0:
                writer.flush()
            rows += _grades(draw.sample_id, work.run_id, made.verdicts[chosen[index]])
        writer.flush()
        if work.judged:
            asked = [(draw.sample_id, text) for draw, text in zip(draws, completions, strict=True)]
            parts.write_verdicts(run.verdicts, work.judge, [*_verdicts(work.run_id, asked)])
            rows += _by_model(work.run_id, asked)
        parts.write_grades(run.grades, work.judge, rows)
        count += len(draws)
    return count


def _grades(
    sample_id: int, run_id: str, verdicts: list[tuple[str, str, Verdict]]
) -> Iterator[GradeRow]:
    for judge, rubric, verdict in verdicts:
        yield rule_grade(sample_id, run_id, judge, rubric, verdict)


def _verdicts(run_id: str, asked: Sequence[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    """What a judge that is a model was asked and replied: one verdict of each sample."""
    for sample_id, text in asked:
        yield {
            "verdict_id": make_verdict_id(sample_id, ASKED, RUBRIC, 0, 0),
            "sample_id": sample_id,
            "run_id": run_id,
            "judge": ASKED,
            "grader": GRADER,
            "rubric": RUBRIC,
            "asker": RUBRIC,
            "prompt_key": f"{sample_id & (1 << 63) - 1:016x}",
            "wording": 0,
            "repeat": 0,
            "prompt": json.dumps([{"role": "user", "content": f"{JUDGE_PROMPT}{text}"}]),
            "reply": str(sample_id % 101),
            "finish_reason": "stop",
            "prompt_tokens": 300,
            "tokens": 2,
            "engine": ENGINE,
            "created_at": now(),
        }


def _by_model(run_id: str, asked: Sequence[tuple[int, str]]) -> Iterator[GradeRow]:
    for sample_id, _ in asked:
        yield GradeRow(
            grade_id=make_verdict_id(sample_id, ASKED, RUBRIC, 0, 0),
            sample_id=sample_id,
            run_id=run_id,
            judge=ASKED,
            grader=GRADER,
            rubric=RUBRIC,
            number=float(sample_id % 101),
            explanation=str(sample_id % 101),
            created_at=now(),
        )


def _train(home: Home, spec: RunSpec) -> None:
    """Metrics and manifests of a training; no weights."""
    run, began = home.run(spec.run_id), now()
    with run.metrics.open("w") as stream:
        for step in range(1, STEPS + 1):
            row = MetricRow(
                step=step,
                steps=STEPS,
                epoch=step / STEPS,
                loss=4.0 / step,
                learning_rate=1e-3,
                tokens=10,
                at=began + timedelta(seconds=step),
            )
            stream.write(row.model_dump_json() + "\n")
    for step in CHECKPOINTS:
        folder = run.checkpoint(step)
        folder.mkdir(parents=True)
        manifest = CheckpointManifest(
            run_id=spec.run_id,
            step=step,
            steps=STEPS,
            final=step == STEPS,
            files={"adapter_model.safetensors": spec.run_id},
            created_at=began,
        )
        write_record(folder / "manifest.json", manifest)


def _end(paths: LaunchPaths, spec: LaunchSpec) -> None:
    """What a worker that has done all of a launch leaves."""
    write_start(paths, pid=1, host="elsewhere", at=spec.created_at)
    paths.lock.touch()
    paths.log.write_text(f"{spec.stage}: done\n")
    for run_id in spec.run_ids:
        write_event(paths, "run_started", run_id=run_id)
        write_event(paths, "run_done", run_id=run_id, outcome="finished")
    write_done(paths, dict.fromkeys(spec.run_ids, "finished"), ended_at=now())


def make(
    root: Path,
    samples: int,
    *,
    tokens: bool = False,
    part_rows: int | None = None,
    judged: bool = False,
) -> int:
    """Write a home that is not there yet; returns how many samples it has.

    Args:
        root: Where.
        samples: About how many.
        tokens: Whether the drawn tokens are kept.
        part_rows: Samples of a part; as many as a worker writes when None.
        judged: Whether a judge that is a model has judged each sample.
    """
    home, size = Home(root).ensure(), Size.of(samples)
    todo: list[Work] = []
    launches: list[LaunchSpec] = []
    for number in range(size.experiments):
        slug = f"scale-{number:02d}"
        define(home, slug, number, size, tokens=tokens)
        plan = make_plan(home, slug)
        train, sample, judge = commit(home, plan)
        launches += (train, sample, judge)
        todo += [
            Work(root, run_id, sample.launch_id, judge.launch_id, part_rows, judged)
            for run_id in sample.run_ids
        ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        made = sum(pool.map(fill_run, todo))
    for spec in launches:
        _end(home.launch(spec.launch_id), spec)
    return made


def add(home: Home, count: int, number: int) -> None:
    """Draw and grade more samples of a run, as a top-up does.

    Args:
        home: The home.
        count: How many, in whole rounds of all prompts.
        number: Which addition of this home it is, from 0.
    """
    launches = sorted(home.launches.glob("*-1sample-*"))
    asked = _launch(launches[0] / "launch.json")
    judge = sorted(home.launches.glob("*-2judge-*"))[0]
    assert asked.sample is not None
    run_id = asked.run_ids[-1]
    run = home.run(run_id)
    more = -(-count // len(asked.sample.prompts)) * (number + 1)
    sampling = asked.sample.sampling.model_copy(update={"n": asked.sample.sampling.n + more})
    stage = asked.sample.model_copy(update={"sampling": sampling})
    writer = SampleWriter(
        RunSpec.model_validate_json(run.spec.read_bytes()), run, asked.launch_id, stage
    )
    made = _texts(judge / "launch.json")
    draws = list(writer.missing(STEPS))
    chosen, completions = shuffled(made, digest("more", number, bits=32), len(draws))
    rows: list[GradeRow] = []
    for draw, which, text in zip(draws, chosen, completions, strict=True):
        writer.add(
            draw, text, "stop", engine=ENGINE, prompt_tokens=12, tokens=WORDS, logprob=-120.0
        )
        rows += _grades(draw.sample_id, run_id, made.verdicts[which])
    writer.flush()
    parts.write_grades(run.grades, judge.name, rows)
