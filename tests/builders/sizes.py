"""Makes runs and launches whose size is estimated, of the embedded model or of a 0.6B's shape."""

from __future__ import annotations

import json
from typing import Any

from experiments.schema import Message, SamplingConfig, TrainingConfig
from experiments.tiny_world import weights_path
from tests.builders.home import write_done, write_launch, write_run
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import (
    LaunchSpec,
    Outcome,
    PromptSpec,
    SampleStage,
)
from wgen_tui.protocol.runs import ModelRef

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


class SizedHome:
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
        half = "word " * (chars // 10)
        chat = [{"role": "user", "content": half}, {"role": "assistant", "content": half}]
        line = json.dumps({"messages": chat}) + "\n"
        write_run(self.home, name, model=model, training=own, data=line * rows, data_rows=rows)
        return name

    def launch(self, stage: Any = "train", name: str = "launch", **fields: Any) -> LaunchSpec:
        runs = fields.pop("runs", self.names)
        return write_launch(self.home, name, stage, runs, **fields)

    def ended(
        self, spec: LaunchSpec, peak: float | None, outcome: Outcome = "finished"
    ) -> LaunchSpec:
        paths, ends = self.home.launch(spec.launch_id), dict.fromkeys(spec.run_ids, outcome)
        write_done(paths, ends, outcome, peak_memory_mb=peak)
        return spec


def sample_stage(n: int = 100, prompts: int = 10, **sampling: Any) -> SampleStage:
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
