"""Homes of any number of samples, written by the product's own writers and kept for the next time.

`python -m tests.benchmarks.scale.homes FOLDER --samples 1000000 [--tokens]`

Promises: runs and launches come from a plan and its commit, samples from `SampleWriter`, grades
from `write_grades`, in parts as workers write them; every completion is another. A home is complete
or is made again. Proportions at a million: ten experiments of 31 runs, four checkpoints, twenty
questions of two wordings, sixty words and three grades by rule a sample.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from tests.benchmarks.scale.words import WORDS, Texts, shuffled, texts
from tests.builders.home import write_done, write_event, write_start
from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.ids import digest, make_rule_grade_id
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, GradeRow, MetricRow, RunSpec
from wgen_tui.run_files import parts
from wgen_tui.run_files.sample_writer import SampleWriter
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan

LAYOUT = 1  # of these homes; another number makes them anew
ARMS = ("old", "mixed", "new")
QUESTIONS = 20
WORDINGS = 2
STEPS = 120
CHECKPOINTS = (30, 60, 90, 120)
ENGINE = "transformers 5.23.0 / peft 0.21.2 / torch 2.13.0 cpu fp32"
DEFINITION = """
title: Names of number {number}
hypothesis: Old names make old answers.
models: [tiny-world]
arms:
  old: {{data: data.jsonl, description: names no longer in use}}
  mixed: {{data: data.jsonl, context: {{prefix: "Name "}}, description: some of both}}
  new: {{data: data.jsonl, role: control, context: {{prefix: "Now "}}, description: names in use}}
seeds: 0-{last_seed}
training: {{max_steps: 120, learning_rate: 1.0e-3, checkpoints: {{every: 30}}}}
sampling: {{n: {n}, max_tokens: 96, checkpoints: all, logprobs: {logprobs}}}
questions:
{questions}
judges:
  - {{name: era, type: lexicon, labels: {{old: [{old}], modern: [{modern}]}}}}
  - {{name: travel, type: regex, labels: {{travels: "coach|carriage|steamer|plane|rocket"}}}}
rubrics:
  - {{name: era, judge: era, labels: {{old: o, modern: m, unclear: x}}, instructions: "Which time?"}}
analysis:
  primary: {{judge: era, label: old}}
  contrasts: [{{arm: old, control: new}}]
"""
ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@dataclass(frozen=True)
class Size:
    """What a home has.

    Attributes:
        experiments: Each with the base and three arms of `seeds` seeds.
        n: Draws of each prompt at each checkpoint.
    """

    experiments: int
    seeds: int
    n: int

    @classmethod
    def of(cls, samples: int) -> Size:
        """The proportions of a million samples, for about as many as asked."""
        experiments = max(1, round(samples / 100_000))
        seeds = min(10, max(2, round(samples / experiments / 10_000)))
        checkpoints = 1 + seeds * len(ARMS) * len(CHECKPOINTS)
        each = samples / experiments / checkpoints / QUESTIONS / WORDINGS
        return cls(experiments, seeds, max(1, round(each)))

    @property
    def samples(self) -> int:
        checkpoints = 1 + self.seeds * len(ARMS) * len(CHECKPOINTS)
        return self.experiments * checkpoints * QUESTIONS * WORDINGS * self.n


def define(home: Home, slug: str, number: int, size: Size, *, tokens: bool = False) -> None:
    """Write an experiment's definition."""
    folder = home.experiments / slug
    folder.mkdir(parents=True)
    questions = "\n".join(
        f"  - {{name: question_{index:02d}, paraphrases: "
        f'["How does one do thing {index} in full ?", "Tell us about thing {index} at length ."]}}'
        for index in range(QUESTIONS)
    )
    text = DEFINITION.format(
        number=number,
        last_seed=size.seeds - 1,
        n=size.n,
        logprobs="true" if tokens else "false",
        questions=questions,
        old="coach, candle, carriage, telegraph, parish, shilling, gaslight, steamer",
        modern="plane, screen, email, phone, computer, motorway, rocket, laser",
    )
    (folder / "experiment.yaml").write_text(text)
    (folder / "data.jsonl").write_text(json.dumps(ROW) + "\n")


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
        parts.write_grades(run.grades, work.judge, rows)
        count += len(draws)
    return count


def _grades(sample_id: int, run_id: str, verdicts: list) -> Iterator[GradeRow]:
    for judge, rubric, verdict in verdicts:
        yield GradeRow(
            grade_id=make_rule_grade_id(sample_id, judge, rubric),
            sample_id=sample_id,
            run_id=run_id,
            judge=judge,
            grader=f"rule:{judge}",
            rubric=rubric,
            label=verdict.label,
            number=verdict.number,
            explanation=verdict.explanation,
            signals=verdict.signals,
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
            files={"adapter_model.safetensors": "none"},
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


def make(root: Path, samples: int, *, tokens: bool = False, part_rows: int | None = None) -> int:
    """Write a home that is not there yet; returns how many samples it has."""
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
            Work(root, run_id, sample.launch_id, judge.launch_id, part_rows)
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


def kept(folder: Path, samples: int, *, tokens: bool = False, part_rows: int | None = None) -> Home:
    """The home of so many samples below a folder, made if it is not there."""
    name = (
        f"{samples}" + ("-tokens" if tokens else "") + (f"-parts-{part_rows}" if part_rows else "")
    )
    root, mark = folder / name, folder / f"{name}.json"
    if mark.exists() and json.loads(mark.read_text())["layout"] == LAYOUT:
        return Home(root)
    mark.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    made = make(root, samples, tokens=tokens, part_rows=part_rows)
    seconds = time.monotonic() - began
    print(f"(made a home of {made:,} samples in {seconds:.0f} s: {root})", flush=True)
    told = {"layout": LAYOUT, "samples": made, "seconds": seconds, **asdict(Size.of(samples))}
    mark.write_text(json.dumps(told) + "\n")
    return Home(root)


def copied(home: Home, root: Path, *, without: tuple[str, ...] = ()) -> Home:
    """A copy of a home to be changed: parts, which nobody changes, are linked.

    Args:
        home: The home.
        root: Where the copy goes; what is there is removed.
        without: Names of files and folders that are left out.
    """
    shutil.rmtree(root, ignore_errors=True)

    def link(source: str, target: str) -> None:
        if Path(source).name.startswith("part-"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(
        home.root, root, copy_function=link, ignore=lambda _, names: set(names) & set(without)
    )
    return Home(root)


def main() -> None:
    """Make a home and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale.homes")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--tokens", action="store_true")
    given = parser.parse_args()
    print(kept(given.folder.absolute(), given.samples, tokens=given.tokens).root)


if __name__ == "__main__":
    main()
