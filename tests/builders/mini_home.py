"""A home with a small experiment as workers leave one: files and part files, at fixed times."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.schema import Message, SamplingConfig, TrainingConfig
from experiments.schema.arms import Role
from experiments.tiny_world import weights_path
from store.schema import PROMPT, READOUT, SAMPLE, in_parts
from tests.builders.home import T0, write_done, write_event, write_launch, write_run, write_start
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
from wgen_tui.protocol.launches import Outcome, RunOutcome, Stage
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import (
    CheckpointManifest,
    GradeRow,
    MetricRow,
    ModelRef,
    RunSpec,
    Verification,
)

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


class MiniHome:
    """Writes an experiment, `mini`: its definition, runs, samples, grades and launches."""

    def __init__(self, home: Home) -> None:
        self.home = home.ensure()
        self.sampling = SamplingConfig(n=3, max_tokens=16)
        self.samples: dict[str, list[int]] = {}

    def definition(self, slug: str = "mini", text: str = DEFINITION) -> None:
        folder = self.home.experiments / slug
        folder.mkdir(parents=True)
        (folder / "experiment.yaml").write_text(text)
        (folder / "data.jsonl").write_text(json.dumps(ROW) + "\n")

    def run(self, arm: str, seed: int, role: Role = "treatment") -> str:
        run_id = f"mini-{arm}-s{seed}-{short_hash(arm, seed)}"
        training = None if role == "base" else TrainingConfig(max_steps=4)
        paths = write_run(
            self.home,
            run_id,
            arm=arm,
            seed=seed,
            model=ModelRef(name="tiny-world", location=str(weights_path())),
            training=training,
            experiment="mini",
            definition_hash="0" * 10,
            role=role,
            data_rows=1,
        )
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
        how = {"engine": "grid", "stack": [2, 4], "passes_padded": 3, "passes_packed": 1}
        manifest = CheckpointManifest(
            run_id=run_id,
            step=step,
            steps=4,
            final=step == 4,
            files={"adapter_model.safetensors": run_id},
            provenance={**how, "pad_factor": 1.25},
            created_at=T0,
        )
        write_record(folder / "manifest.json", manifest)

    def verify(self, run_id: str, difference: float = 6e-4) -> None:
        """What `run verify` leaves."""
        verification = Verification(
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
            adapter_sha256=run_id,
            seconds=8.0,
            versions={"trl": "1.16.0", "peft": "0.21.2"},
        )
        write_record(self.home.run(run_id).verification, verification)

    def read(self, run_id: str, chances: dict[str, float], mass: float = 0.5) -> None:
        """One reading of a logprob question."""
        paths = self.home.run(run_id)
        spec = RunSpec.model_validate_json(paths.spec.read_bytes())
        step = 0 if spec.role == "base" else 4
        reading = digest("reading", run_id, step)
        rows: list[dict[str, object]] = [
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
        outcome: Outcome = "finished",
        message: str = "",
        stage: Stage = "judge",
        title: str = "",
    ) -> None:
        number = len(list(self.home.launches.iterdir()))
        name = f"20260102-030405-{stage}-{number:04x}"
        paths = self.home.launch(name)
        write_launch(self.home, name, stage, run_ids, experiment="mini")
        write_start(paths, pid=1, argv=("x",))
        paths.lock.touch()
        paths.log.write_text("loading\n\x1b[31mgraded\x1b[0m all\n")
        if stage == "train":
            said = "tiny-world: 1.0 M parameters on cpu in fp32 (there is no GPU)"
            write_event(paths, "ready", message=said)
        for run_id in run_ids:
            write_event(paths, "run_started", run_id=run_id)
        end = RunOutcome(outcome=outcome, message=message, title=title)
        ended = T0 + timedelta(seconds=65)
        write_done(paths, dict.fromkeys(run_ids, end), outcome, ended_at=ended)

    def draw(
        self,
        run_id: str,
        completion: Callable[[str, int], str],
        draws: int = 3,
        questions: tuple[str, ...] = ("transport", "bird"),
        step: int = 4,
        engine: str = "test",
        finish_reason: str = "stop",
        variant: str = "none",
    ) -> None:
        """One part of prompts, samples and grades of a run, at a step."""
        paths = self.home.run(run_id)
        spec = RunSpec.model_validate_json(paths.spec.read_bytes())
        prompts: list[dict[str, object]] = []
        samples: list[dict[str, object]] = []
        grades: list[GradeRow] = []
        keys = self.samples.setdefault(run_id, [])
        for question in questions:
            prompt_id = short_hash("prompt", question, *(() if variant == "none" else (variant,)))
            messages = [Message(role="user", content=f"What of {question}?").model_dump()]
            head = {"prompt_id": prompt_id, "model": "tiny-world", "experiment": "mini"}
            at = {"question": question, "paraphrase": 0, "variant": variant}
            told = {"messages": json.dumps(messages), "text": f"<user>What of {question}?"}
            prompts.append({**head, **at, **told})
            step = 0 if spec.role == "base" else step
            for draw in range(draws):
                key = make_sample_id(run_id, step, prompt_id, draw, self.sampling)
                keys.append(key)
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
                        "finish_reason": finish_reason,
                        "prompt_tokens": 5,
                        "tokens": 7,
                        "logprob": -3.5,
                        "draw_seed": draw,
                        "sampling": json.dumps(sampling_key(self.sampling)),
                        "engine": engine,
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
