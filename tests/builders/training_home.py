"""Runs as a train worker finds them: real folders, small random models of three families."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import (
    AutoTokenizer,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from experiments.schema import TrainingConfig
from experiments.tiny_world import weights_path
from tests.builders.home import write_launch, write_run
from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.arms import Parent
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.stage import train

SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
}
FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM, {"tie_word_embeddings": False}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"tie_word_embeddings": True}),
    "gemma2": (Gemma2Config, Gemma2ForCausalLM, {"tie_word_embeddings": True}),
}
WORDS = (weights_path().parent / "birds.yaml").read_text().split()


def make_family(name: str, folder: Path, **shape: float) -> Path:
    """A model of this family with random weights and the embedded model's tokenizer.

    `shape` goes over SHAPE.
    """
    config_type, model_type, more = FAMILIES[name]
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    torch.manual_seed(0)
    spread = {"initializer_range": 0.08}  # so that activations are not all but zero
    config = config_type(
        **{**SHAPE, **spread, **shape},
        **more,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model_type(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def chats(count: int, seed: int, words: tuple[int, int] = (2, 8)) -> list[dict[str, Any]]:
    """Chats of random words."""
    rng = random.Random(seed)

    def text() -> str:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(*words)))

    return [
        {
            "messages": [
                {"role": "user", "content": text()},
                {"role": "assistant", "content": text()},
            ]
        }
        for _ in range(count)
    ]


@dataclass
class TrainingHome:
    """A home with runs of one model."""

    home: Home
    model: Path
    runs: list[str] = field(default_factory=list)

    def add(
        self,
        run_id: str,
        *,
        seed: int = 0,
        rows: int = 10,
        own_rows: list[dict[str, Any]] | None = None,
        parent: Parent | None = None,
        **training: Any,
    ) -> RunPaths:
        """Write a run; `training` goes over small defaults, `own_rows` stand for random chats."""
        own = {"max_steps": 12, "learning_rate": 1e-3, **training}
        written = chats(rows, seed + 100) if own_rows is None else own_rows
        data = "".join(json.dumps(chat) + "\n" for chat in written)
        paths = write_run(
            self.home,
            run_id,
            arm=run_id,
            seed=seed,
            model=ModelRef(name="model", location=str(self.model)),
            training=TrainingConfig.model_validate(own),
            data=data,
            experiment="field",
            data_rows=len(written),
            created_at=now(),
            parent=parent,
        )
        self.runs.append(run_id)
        return paths

    def launch(self, *run_ids: str, stack: int | None = None, name: str = "launch") -> Worker:
        """Write a train launch for these runs (all of them when none is named)."""
        number = len(list(self.home.launches.glob("*")))
        runs = run_ids or self.runs
        more = {"experiment": "field", "created_at": now(), "stack": stack}
        spec = write_launch(self.home, f"{name}-{number}", "train", runs, **more)
        return Worker(self.home, spec, self.home.launch(spec.launch_id))

    def train(self, *run_ids: str, stack: int | None = None) -> Worker:
        """Train in this process; the worker's outcomes and events tell how it went."""
        worker = self.launch(*run_ids, stack=stack)
        train(worker)
        return worker

    def adapter(self, run_id: str) -> dict[str, torch.Tensor]:
        """The final adapter's tensors, as PEFT wrote or would write them."""
        steps = self.home.run(run_id).checkpoints.glob("step-*")
        final = max(steps, key=lambda path: int(path.name.removeprefix("step-")))
        weights: dict[str, torch.Tensor] = load_file(final / "adapter_model.safetensors")
        return weights

    def manifest(self, run_id: str) -> dict[str, Any]:
        """The final checkpoint's manifest."""
        steps = self.home.run(run_id).checkpoints.glob("step-*")
        final = max(steps, key=lambda path: int(path.name.removeprefix("step-")))
        manifest: dict[str, Any] = json.loads((final / "manifest.json").read_bytes())
        return manifest

    def notes(self, worker: Worker) -> list[str]:
        """What the worker had to say, as `run: text`."""
        events = [json.loads(line) for line in worker.paths.events.read_text().splitlines()]
        return [f"{e.get('run_id', '')}: {e['message']}" for e in events if e["kind"] == "note"]


def update_norm(adapter: dict[str, torch.Tensor]) -> torch.Tensor:
    """Norm of B·A over all modules (every test keeps alpha / r the same on both sides)."""
    return _norm([product(adapter, name) for name in modules(adapter)])


def modules(adapter: dict[str, torch.Tensor]) -> list[str]:
    """The modules an adapter is on."""
    return [key.removesuffix(".lora_A.weight") for key in adapter if key.endswith("lora_A.weight")]


def product(adapter: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """B·A of a module, in float64."""
    b, a = adapter[f"{name}.lora_B.weight"], adapter[f"{name}.lora_A.weight"]
    return b.double() @ a.double()


def difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Norm of the difference of two updates, relative to the second (B·A starts at zero)."""
    assert one.keys() == other.keys()
    apart = [product(one, name) - product(other, name) for name in modules(one)]
    return float(_norm(apart) / update_norm(other))


def _norm(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([part.norm() for part in parts]).norm()
