"""Texts that are longer than the model was made for: refused, or said in plan and results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.definition import write_definition
from tests.builders.home import write_run
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.warnings import long_answers
from wgen_tui.training_data.context_length import ContextLength, context_length

Make = Callable[..., Path]


@pytest.fixture
def model(tmp_path: Path, make_model: Make) -> Callable[..., Path]:
    """`model(max_position_embeddings=8)`: a model whose config.json says so."""

    def make(**config: Any) -> Path:
        folder = make_model(tmp_path / "model")
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
        return folder

    return make


def test_rotary_positions_are_dubious_beyond_their_length(
    home: Home, tmp_path: Path, model: Callable[..., Path]
) -> None:
    folder = model(max_position_embeddings=9)
    warnings = make_plan(home, str(write_definition(tmp_path / "names", folder))).warnings
    (rows, prompts) = [text for text in warnings if "made for" in text]
    assert rows == (
        "arm new: 4 of 4 examples are longer than the 9 tokens that the model was made for, beyond "
        "which it is dubious (lines 1, 2, 3 and 4; up to 10)"
    )
    assert "3 of 3 prompts, with max_tokens 4" in prompts
    assert "has 8 before the answer" in prompts


def test_a_model_that_is_long_enough_says_nothing(
    home: Home, tmp_path: Path, model: Callable[..., Path]
) -> None:
    folder = model(max_position_embeddings=11)
    warnings = make_plan(home, str(write_definition(tmp_path / "names", folder))).warnings
    assert not [text for text in warnings if "made for" in text]


def test_an_answer_is_as_long_as_its_question_says(
    home: Home, tmp_path: Path, model: Callable[..., Path]
) -> None:
    folder = write_definition(tmp_path / "names", model(max_position_embeddings=11))
    path = folder / "experiment.yaml"
    path.write_text(path.read_text().replace("name: bird,", "name: bird, max_tokens: 40,"))
    plan = make_plan(home, str(folder))
    (told,) = [text for text in plan.warnings if "made for" in text]
    assert "1 of 3 prompts, with max_tokens 40" in told
    assert "bird/none" in told
    assert plan.sample.longest_answer == 40
    by_question = {prompt.question: prompt for prompt in plan.prompts}
    drawn = [plan.sample.sampling_of(by_question[name]) for name in ("go", "bird")]
    assert [(own.max_tokens, own.temperature) for own in drawn] == [(4, 1), (40, 1)]


def test_learned_positions_end_there(
    home: Home, tmp_path: Path, model: Callable[..., Path]
) -> None:
    folder = model(model_type="gpt2", max_position_embeddings=9)
    with pytest.raises(UsageError) as refused:
        make_plan(home, str(write_definition(tmp_path / "names", folder)))
    assert "4 of 4 examples are longer than the 9 tokens" in refused.value.message
    assert "which it cannot read" in refused.value.message
    assert "training.max_length to 9" in refused.value.hint
    assert "max_tokens to 2" in refused.value.hint


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"n_positions": 1024, "model_type": "gpt2"}, ContextLength(1024, hard=True)),
        ({"max_position_embeddings": 4096, "rope_parameters": None}, ContextLength(4096)),
        (
            {"max_position_embeddings": 64, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
            ContextLength(64, shared_above=64),
        ),
        (
            {
                "max_position_embeddings": 131_072,
                "original_max_position_embeddings": 4096,
                "rope_scaling": {"type": "longrope"},
            },
            ContextLength(131_072, shared_above=4096),
        ),
        (
            {
                "max_position_embeddings": 512,
                "rope_parameters": {
                    "full_attention": {
                        "rope_type": "longrope",
                        "original_max_position_embeddings": 128,
                    },
                    "sliding_attention": {"rope_type": "default"},
                },
            },
            ContextLength(512, shared_above=128),
        ),
        (
            {"max_position_embeddings": 512, "rope_parameters": {"rope_type": "yarn"}},
            ContextLength(512),
        ),
    ],
)
def test_what_a_configuration_says(config: dict[str, Any], expected: ContextLength | None) -> None:
    assert context_length(config) == expected


def test_results_say_which_answers_are_dubious(home: Home, model: Callable[..., Path]) -> None:
    ref = ModelRef(name="m", location=str(model(max_position_embeddings=50)))
    runs = [f"x-a-s{seed}-{seed}" for seed in range(2)]
    for seed, run_id in enumerate(runs):
        write_run(home, run_id, arm="a", seed=seed, model=ref, training=None)
    texts = {runs[0]: 50, runs[1]: 51}
    compared = Compared(home, "x", set(runs), None, texts=texts)
    (note,) = long_answers(compared)
    assert note.runs == [runs[1]]
    assert "end up to 51 tokens" in note.text
    assert "m was made for 50" in note.text
