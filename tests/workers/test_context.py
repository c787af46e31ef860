"""Rows that change each other by their length share no pass, and what is too long is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.schema import SamplingConfig
from tests.builders.training_home import TrainingHome, make_family
from tests.zoo.configs import build
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.warnings import long_examples
from wgen_tui.training_data.context_length import NO_LONGER
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams
from wgen_tui.workers.sample.engine.engine import Engine

CPU = torch.device("cpu")
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10_000.0}


@pytest.fixture(scope="module")
def stretched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of 12 tokens, and more by dynamic NTK."""
    folder = tmp_path_factory.mktemp("stretched") / "model"
    make_family("llama", folder, max_position_embeddings=12)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "rope_parameters": DYNAMIC}))
    return folder


def load(model: Path) -> Base:
    return load_base(ModelRef(name="model", location=str(model)), None, None, CPU)


def draw(engine: Engine, prompts: list[tuple[int, ...]]) -> list[list[int]]:
    requests = [Request(number, prompt, seed=number) for number, prompt in enumerate(prompts)]
    drawn = {done.sample_id: done.tokens for done, _ in engine.draw([requests], lambda: None)}
    return [drawn[number] for number in range(len(prompts))]


def test_a_long_prompt_does_not_turn_the_positions_of_a_short_one(stretched: Path) -> None:
    base = load(stretched)
    sampling = SamplingConfig(max_tokens=6, temperature=0)
    engine = Engine(base.model, SamplingParams(base.tokenizer, sampling, frozenset()), None, print)
    prompts = [tuple(range(3, 3 + count)) for count in (5, 40, 5, 11)]
    assert draw(engine, prompts) == [draw(engine, [prompt])[0] for prompt in prompts]
    # In one batch they do: what is tested here matters.
    both = engine.runner.prefill([prompts[0], prompts[1]]).logits[0]
    assert (both - engine.runner.prefill([prompts[0]]).logits[0]).abs().max() > 1e-2


def test_long_rows_of_such_a_model_are_trained_alone(stretched: Path, tmp_path: Path) -> None:
    home = TrainingHome(Home(tmp_path / "home").ensure(), stretched)
    home.add("long", max_steps=1)
    worker = home.train()
    assert worker.outcomes["long"].outcome == "finished"
    (alone,) = [note for note in home.notes(worker) if "trains alone" in note]
    assert "beyond 12 the rotary positions of all rows of a pass follow the longest" in alone
    longest, tokens = home.manifest("long")["provenance"]["beyond_context"]
    assert longest > tokens == 12
    (note,) = long_examples(Compared(home.home, "field", {"long"}, None))
    assert f"examples of up to {longest} tokens" in note.text


def test_learned_positions_refuse_long_rows(tmp_path: Path) -> None:
    model = build("gpt2", tmp_path / "model", n_positions=12)
    home = TrainingHome(Home(tmp_path / "home").ensure(), model)
    home.add("long", max_steps=1)
    outcome = home.train().outcomes["long"]
    assert (outcome.outcome, outcome.title) == ("failed", "Longer than the model")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(("gpt2", "n_positions"), ("gpt_bigcode", "n_positions"), ("mpt", "max_seq_len")),
        *(("opt", "max_position_embeddings"), ("llama", "max_position_embeddings")),
    ],
)
def test_which_positions_end(name: str, key: str, tmp_path: Path) -> None:
    base = load(build(name, tmp_path / "model", **{key: 12}))
    assert base.context is not None
    assert base.context.tokens == 12
    assert base.context.hard == (name in NO_LONGER)

    def read() -> Any:
        with torch.inference_mode():
            return base.model(input_ids=torch.arange(20)[None], use_cache=False).logits

    if base.context.hard:
        with pytest.raises((IndexError, RuntimeError)):
            read()
    else:
        assert read().isfinite().all()
