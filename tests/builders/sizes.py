"""Makes runs and launches whose size is estimated, of the embedded model or of a 0.6B's shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from experiments.schema import Message, SamplingConfig, TrainingConfig
from experiments.tiny_world import weights_path
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import (
    DoneRecord,
    LaunchSpec,
    Outcome,
    PromptSpec,
    RunOutcome,
    SampleStage,
)
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import ModelRef, RunSpec, SeedSet

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TINY = ModelRef(name="tiny-world", location=str(weights_path()))
# A 0.6B of Qwen3's shape, as its config.json has it.
QWEN3 = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
# Weights of an adapter on all its linear modules, for each rank: q, k, v, o, gate, up, down.
QWEN3_LORA = 28 * (3072 + 2048 + 2048 + 3072 + 3 * 4096)


class Grid:
    """Writes runs of one model and launches of them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.names: list[str] = []

    def run(self, model: ModelRef = TINY, chars: int = 300, rows: int = 10, **training: Any) -> str:
        name = f"r{len(self.names)}"
        self.names.append(name)
        own = None
        if training.pop("trained", True):
            own = TrainingConfig.model_validate({"max_steps": 10, **training})
        spec = RunSpec(
            run_id=name,
            experiment="x",
            definition_hash="0",
            arm="a",
            role="treatment",
            seeds=SeedSet(seed=0, data_order=0, lora_init=0, sampling=0),
            model=model,
            training=own,
            data_rows=rows,
            created_at=MOMENT,
        )
        self.home.run(name).root.mkdir()
        write_record(self.home.run(name).spec, spec)
        half = "word " * (chars // 10)
        chat = [{"role": "user", "content": half}, {"role": "assistant", "content": half}]
        line = json.dumps({"messages": chat}) + "\n"
        self.home.run(name).data.write_text(line * rows)
        return name

    def launch(self, stage: Any = "train", name: str = "launch", **fields: Any) -> LaunchSpec:
        spec = LaunchSpec(
            launch_id=name,
            experiment="x",
            stage=stage,
            run_ids=fields.pop("runs", tuple(self.names)),
            created_at=MOMENT,
            **fields,
        )
        paths = self.home.launch(name)
        paths.control.mkdir(parents=True, exist_ok=True)
        write_record(paths.spec, spec)
        return spec

    def ended(
        self, spec: LaunchSpec, peak: float | None, outcome: Outcome = "finished"
    ) -> LaunchSpec:
        record = DoneRecord(
            launch_id=spec.launch_id,
            outcome=outcome,
            started_at=MOMENT,
            ended_at=MOMENT,
            runs=dict.fromkeys(spec.run_ids, RunOutcome(outcome=outcome)),
            peak_memory_mb=peak,
        )
        write_record(self.home.launch(spec.launch_id).done, record)
        return spec


def job(n: int = 100, prompts: int = 10, **sampling: Any) -> SampleStage:
    asked = tuple(
        PromptSpec(
            prompt_id=str(number),
            question="q",
            paraphrase=number,
            variant="",
            messages=(Message(role="user", content="What is it? " * 5),),
        )
        for number in range(prompts)
    )
    return SampleStage(
        prompts=asked, sampling=SamplingConfig(n=n, **{"max_tokens": 64, **sampling})
    )
