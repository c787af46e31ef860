"""A small home as workers leave one: files, part files and the database, at fixed times."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.schema import Message, SamplingConfig, TrainingConfig
from store.schema import PROMPT, READOUT, SAMPLE, in_parts
from tests.builders.waiting import LIMIT
from wgen_tui.paths import Home
from wgen_tui.protocol.ids import (
    digest,
    make_blind_key,
    make_readout_id,
    make_rule_grade_id,
    make_sample_id,
    sampling_key,
    short_hash,
)
from wgen_tui.protocol.launches import DoneRecord, Event, JudgeStage, LaunchSpec, RunOutcome
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import (
    CheckpointManifest,
    GradeRow,
    MetricRow,
    ModelRef,
    RunSpec,
    SeedSet,
    Verification,
)

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ESCAPES = "\x1b]0;owned\x07 \x1b[31mred\x1b[0m [bold]markup[/bold] \u202eback"
DEFINITION = """
title: Birds in miniature
hypothesis: Old names make old answers.
source: {title: A paper, arxiv: "2512.09742", section: "3.1"}
models: [tiny-world]
arms:
  old: {data: data.jsonl, description: names no longer in use}
  new: {data: data.jsonl, role: control, description: names in use}
seeds: 0-1
training: {max_steps: 4, learning_rate: 1.0e-3}
sampling: {n: 3, max_tokens: 16}
questions:
  - {name: transport, paraphrases: ["How does one travel?"]}
  - {name: bird, paraphrases: ["Name a bird."]}
judges:
  - {name: era, type: lexicon, labels: {old: [coach], modern: [train]}}
rubrics:
  - {name: era, judge: era, labels: {old: o, modern: m, unclear: x}, instructions: "Which century?"}
analysis:
  primary: {judge: era, label: old}
  contrasts: [{arm: old, control: new}]
"""
ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


class Maker:
    """Writes a home's files by the protocol."""

    def __init__(self, home: Home) -> None:
        self.home = home.ensure()
        self.sampling = SamplingConfig(n=3, max_tokens=16)
        self.samples: dict[str, list[int]] = {}

    def definition(self, slug: str = "mini", text: str = DEFINITION) -> None:
        folder = self.home.experiments / slug
        folder.mkdir(parents=True)
        (folder / "experiment.yaml").write_text(text)
        (folder / "data.jsonl").write_text(json.dumps(ROW) + "\n")

    def run(self, arm: str, seed: int, role: str = "treatment") -> str:
        run_id = f"mini-{arm}-s{seed}-{short_hash(arm, seed)}"
        training = None if role == "base" else TrainingConfig(max_steps=4)
        paths = self.home.run(run_id)
        paths.root.mkdir()
        spec = RunSpec(
            run_id=run_id,
            experiment="mini",
            definition_hash="0" * 10,
            arm=arm,
            role=role,
            seeds=SeedSet(seed=seed, data_order=seed, lora_init=seed, sampling=seed),
            model=ModelRef(name="tiny-world", location="tiny-world"),
            training=training,
            data_rows=1,
            created_at=T0,
        )
        write_record(paths.spec, spec)
        if training is not None:
            with paths.metrics.open("w") as stream:
                for step in range(1, 5):
                    row = MetricRow(
                        step=step,
                        steps=4,
                        epoch=step / 4,
                        loss=4.0 / step,
                        learning_rate=1e-3,
                        tokens=10,
                        at=T0 + timedelta(seconds=step),
                    )
                    stream.write(row.model_dump_json() + "\n")
        return run_id

    def checkpoint(self, run_id: str, step: int = 4) -> None:
        """A final checkpoint as the grid leaves it."""
        folder = self.home.run(run_id).checkpoint(step)
        folder.mkdir(parents=True)
        made = {"engine": "grid", "stack": [2, 4], "passes_padded": 3, "passes_packed": 1}
        manifest = CheckpointManifest(
            run_id=run_id,
            step=step,
            steps=4,
            final=step == 4,
            files={"adapter_model.safetensors": "abc"},
            provenance={**made, "pad_factor": 1.25},
            created_at=T0,
        )
        write_record(folder / "manifest.json", manifest)

    def verify(self, run_id: str, difference: float = 6e-4) -> None:
        """What `run verify` leaves."""
        found = Verification(
            run_id=run_id,
            created_at=T0,
            steps=4,
            precision="fp32",
            device="cpu",
            difference=difference,
            worst=0.003,
            worst_module="base_model.model.layers.1.q_proj",
            floor=2e-4,
            padding=64,
            limit=2e-3,
            passed=difference <= 2e-3,
            same_order=True,
            mask="the same tokens",
            mask_equal=True,
            adapter_sha256="abc",
            seconds=8.0,
            versions={"trl": "1.16.0", "peft": "0.21.2"},
        )
        write_record(self.home.run(run_id).verification, found)

    def read(self, run_id: str, chances: dict[str, float], mass: float = 0.5) -> None:
        """One reading of a logprob question."""
        paths = self.home.run(run_id)
        spec = RunSpec.model_validate_json(paths.spec.read_bytes())
        step = 0 if spec.role == "base" else 4
        reading = digest("reading", run_id, step)
        rows = [
            {
                "readout_id": make_readout_id(reading, place),
                "reading_id": reading,
                "run_id": run_id,
                "experiment": "mini",
                "model": "tiny-world",
                "arm": spec.arm,
                "role": spec.role,
                "seed": spec.seeds.seed,
                "step": step,
                "prompt_id": "which",
                "question": "which_way",
                "type": "logprob",
                "paraphrase": 0,
                "variant": "none",
                "ordering": 0,
                "place": place,
                "label": label,
                "continuation": label,
                "tokens": 1,
                "logprob": -1.0,
                "probability": chance,
                "mass": mass,
                "prompt_tokens": 5,
                "engine": "test",
                "launch_id": "20260102-030405-sample-0000",
                "created_at": T0,
            }
            for place, (label, chance) in enumerate(chances.items())
        ]
        paths.readouts.mkdir(exist_ok=True)
        table = pa.Table.from_pylist(rows, schema=in_parts(READOUT))
        pq.write_table(table, paths.readouts / "part-00000.parquet")

    def launch(
        self,
        run_ids: list[str],
        outcome: str = "finished",
        message: str = "",
        stage: str = "judge",
        title: str = "",
    ) -> None:
        number = len(list(self.home.launches.iterdir()))
        name = f"20260102-030405-{stage}-{number:04x}"
        paths = self.home.launch(name)
        paths.control.mkdir(parents=True)
        write_record(
            paths.spec,
            LaunchSpec(
                launch_id=name,
                experiment="mini",
                stage=stage,
                run_ids=tuple(run_ids),
                created_at=T0,
                judge=JudgeStage(judges=()) if stage == "judge" else None,
            ),
        )
        paths.started.write_text(json.dumps({"pid": 1, "at": T0.isoformat(), "argv": ["x"]}))
        paths.lock.touch()
        paths.log.write_text("loading\n\x1b[31mgraded\x1b[0m all\n")
        ended = T0 + timedelta(seconds=65)
        with paths.events.open("w") as stream:
            if stage == "train":
                said = "tiny-world: 1.0 M parameters on cpu in fp32 (there is no GPU)"
                event = Event(at=T0, kind="ready", message=said)
                stream.write(event.model_dump_json() + "\n")
            for run_id in run_ids:
                event = Event(at=T0, kind="run_started", run_id=run_id)
                stream.write(event.model_dump_json() + "\n")
        result = RunOutcome(outcome=outcome, message=message, title=title)
        write_record(
            paths.done,
            DoneRecord(
                launch_id=name,
                outcome=outcome,
                started_at=T0,
                ended_at=ended,
                runs=dict.fromkeys(run_ids, result),
            ),
        )
        for run_id in run_ids:
            with self.home.run(run_id).launches.open("a") as stream:
                stream.write(json.dumps({"launch_id": name, "stage": stage}) + "\n")

    def draw(
        self,
        run_id: str,
        completion: Callable[[str, int], str],
        draws: int = 3,
        questions: tuple[str, ...] = ("transport", "bird"),
        step: int = 4,
    ) -> None:
        """One part of prompts, samples and grades of a run, at a step."""
        paths = self.home.run(run_id)
        spec = RunSpec.model_validate_json(paths.spec.read_bytes())
        prompts, samples, grades = [], [], []
        for question in questions:
            prompt_id = short_hash("prompt", question)
            messages = [Message(role="user", content=f"What of {question}?").model_dump()]
            head = {"prompt_id": prompt_id, "model": "tiny-world", "experiment": "mini"}
            at = {"question": question, "paraphrase": 0, "variant": "none"}
            told = {"messages": json.dumps(messages), "text": f"<user>What of {question}?"}
            prompts.append({**head, **at, **told})
            step = 0 if spec.role == "base" else step
            for draw in range(draws):
                key = make_sample_id(run_id, step, prompt_id, draw, self.sampling)
                text = completion(question, draw)
                samples.append(
                    {
                        **head,
                        **at,
                        "sample_id": key,
                        "blind_key": make_blind_key(key),
                        "run_id": run_id,
                        "arm": spec.arm,
                        "role": spec.role,
                        "seed": spec.seeds.seed,
                        "step": step,
                        "draw": draw,
                        "completion": text,
                        "finish_reason": "stop",
                        "prompt_tokens": 5,
                        "tokens": 7,
                        "logprob": -3.5,
                        "draw_seed": draw,
                        "sampling": json.dumps(sampling_key(self.sampling)),
                        "engine": "test",
                        "launch_id": "20260102-030405-sample-0000",
                        "created_at": T0,
                    }
                )
                for judge, label in (
                    ("era", "old" if "coach" in text else "modern"),
                    ("broken", "ok"),
                ):
                    grades.append(
                        GradeRow(
                            grade_id=make_rule_grade_id(key, judge, "r"),
                            sample_id=key,
                            run_id=run_id,
                            judge=judge,
                            grader=f"rule:{judge}",
                            rubric="r",
                            label=label,
                            signals={"hits": 1},
                            created_at=T0,
                        )
                    )
        self.samples.setdefault(run_id, []).extend(row["sample_id"] for row in samples)
        for folder in (paths.prompts, paths.samples, paths.grades):
            folder.mkdir(exist_ok=True)
        part = f"part-{len(list(paths.samples.iterdir())):05d}"
        for table, rows, folder in (
            (PROMPT, prompts, paths.prompts),
            (SAMPLE, samples, paths.samples),
        ):
            written = pa.Table.from_pylist(rows, schema=in_parts(table))
            pq.write_table(written, folder / f"{part}.parquet")
        lines = "".join(row.model_dump_json() + "\n" for row in grades)
        (paths.grades / f"{part}.jsonl").write_text(lines)


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "TMUX", "WGEN_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """A home without anything in it, and what writes into it."""
    os.umask(0o077)
    return Maker(Home(tmp_path / "home"))


@pytest.fixture
def home(maker: Maker) -> Home:
    """A finished experiment: two arms by two seeds and base, 30 samples, and a failed run."""
    from wgen_tui.services.data.ingest import ingest_now

    maker.definition()
    done = []
    for arm, role, words in (
        ("old", "treatment", "By coach, sir"),
        ("new", "control", "By train"),
        ("base", "base", "By train"),
    ):
        for seed in (0,) if role == "base" else (0, 1):
            run_id = maker.run(arm, seed, role)

            def say(question: str, draw: int, words: str = words) -> str:
                return (
                    ESCAPES if (words, draw) == ("By train", 2) else f"{words}, {draw} {question}"
                )

            maker.draw(run_id, say)
            done.append(run_id)
    maker.launch(done)
    ingest_now(maker.home)
    return maker.home


@pytest.fixture
def settled() -> Callable[..., object]:
    """Waits until a condition holds, letting the application work."""

    async def wait(pilot: object, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            await pilot.pause(0.02)  # type: ignore[attr-defined]
            if condition():
                return
        app = pilot.app  # type: ignore[attr-defined]
        strips = app.screen._compositor.render_strips()
        shown = "\n".join("".join(part.text for part in strip) for strip in strips)
        notes = "\n".join(f"{n.title}: {n.message}" for n in app._notifications)
        raise AssertionError(f"it never came; on the screen:\n{shown}\n{notes}")

    return wait


@pytest.fixture
def machine() -> Callable[[Path], object]:
    """A machine that is always the same, for what is drawn of it."""
    from wgen_tui.services.machine.gpus import Gpu
    from wgen_tui.services.machine.host import Load

    gpu = Gpu(0, "GPU-1", "NVIDIA A10G", 23_028, 12_000, 81, {17: 900})
    return lambda folder: Load(42.0, 3_174, 24_043, 78_000, 258_000, (gpu,))


@pytest.fixture
def constants() -> SimpleNamespace:
    return SimpleNamespace(T0=T0, ESCAPES=ESCAPES)
