"""Work at fixed shapes, as CUDA graphs repeat it, gives what it gives without.

There is no GPU here: graphs are imitated (tests/builders/replaying.py); tests/gpu captures real
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.schema import SamplingConfig
from tests.builders.replaying import replaying
from tests.builders.training_home import TrainingHome, difference
from wgen_tui.workers.device import graphs
from wgen_tui.workers.device.graphs import Graphs
from wgen_tui.workers.sample.engine.decode import Completion, Decoding, Request, SamplingParams
from wgen_tui.workers.sample.engine.forward import ModelRunner

ROUNDING = 1e-4


@pytest.fixture
def replayed() -> Iterator[list[Graphs]]:
    """Every `Graphs` that is made from here on, on this CPU."""
    with replaying(pytest.fail) as every:
        yield every


def test_the_first_call_of_a_shape_warms_up_and_later_ones_are_replayed(
    replayed: list[Graphs],
) -> None:
    captured, calls = Graphs(pytest.fail), 0

    def double(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return 2 * x

    results = [captured.run(double, torch.tensor([float(n)])).item() for n in range(5)]
    assert results == [0, 2, 4, 6, 8]
    assert calls == 5
    assert captured.replayed == 4
    assert captured.run(double, torch.ones(2)).tolist() == [2, 2]  # another shape
    assert captured.replayed == 4
    captured.clear()
    assert captured.run(double, torch.ones(1)).tolist() == [2]
    assert captured.replayed == 4


def test_what_cannot_be_captured_runs_all_the_same_and_says_why_once() -> None:
    notes: list[str] = []
    eager = Graphs(notes.append)  # there is no GPU: the real `capture` fails
    results = [eager.run(torch.neg, torch.tensor([float(n)])).item() for n in range(4)]
    assert results == [0, -1, -2, -3]
    assert eager.replayed == 0
    (reason,) = notes
    assert reason.startswith("no CUDA graphs: ")


def test_memory_that_does_not_suffice_is_for_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "capture", exhausted)
    captured = Graphs(pytest.fail)
    captured.run(torch.neg, torch.ones(1))
    with pytest.raises(torch.OutOfMemoryError):
        captured.run(torch.neg, torch.ones(1))


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_adapters_trained_by_replayed_passes_are_the_same(
    make_field: Callable[..., TrainingHome], name: str
) -> None:
    plain, fixed = (_field(make_field(name, home)) for home in ("plain", "fixed"))
    plain.train()
    with replaying(pytest.fail) as replayed:
        fixed.train()
    assert sum(one.replayed for one in replayed) > 10
    for run_id in plain.runs:
        assert difference(fixed.adapter(run_id), plain.adapter(run_id)) < ROUNDING


def _field(field: TrainingHome) -> TrainingHome:
    """Runs of unlike length, so that the stack is filled again in between."""
    for seed, steps in enumerate((8, 20, 30)):
        lora = {"r": 2 + seed, "lora_alpha": 4}
        field.add(f"r{seed}", seed=seed, max_steps=steps, lora=lora)
    return field


@pytest.mark.parametrize("prompts", [(5, 5, 5), (4, 9, 6)])
def test_completions_of_replayed_steps_are_the_same(
    family: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, prompts: tuple[int, ...]
) -> None:
    growing = _completions(family("llama"), prompts)
    monkeypatch.setattr("wgen_tui.workers.sample.engine.fixed_decode.SPARE_TOKENS", 5)
    monkeypatch.setattr("wgen_tui.workers.sample.engine.forward.GRAPHS_AFTER", 0)
    with replaying(pytest.fail) as replayed:
        fixed = _completions(family("llama"), prompts)
    assert sum(one.replayed for one in replayed) > 10
    assert len(replayed) > 3, "rows were dropped, and the cache was full, at least once"
    assert [c.tokens for c in fixed] == [c.tokens for c in growing]
    assert len({len(c.tokens) for c in growing}) > 1, "they end at different tokens"
    for ours, theirs in zip(fixed, growing, strict=True):
        assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-3)


def test_a_few_tokens_are_not_worth_a_graph(family: Callable[[str], Path]) -> None:
    with replaying(pytest.fail) as few:
        _completions(family("llama"), (5, 5), tokens=8)
    with replaying(pytest.fail) as many:
        _completions(family("llama"), (5, 5), tokens=24)
    assert (len(few), len(many) > 0) == (0, True)


def test_tokens_asked_for_ahead_are_the_same(family: Callable[[str], Path]) -> None:
    """On a GPU the next token is asked for before this one is looked at."""
    prompts = (4, 9, 6)
    behind = _completions(family("llama"), prompts)
    ahead = _completions(family("llama"), prompts, ahead=True)
    assert [c.tokens for c in ahead] == [c.tokens for c in behind]


def _completions(
    folder: Path, prompts: tuple[int, ...], *, ahead: bool = False, tokens: int = 24
) -> list[Completion]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    runner = ModelRunner(model, 0)
    sampling = SamplingConfig(n=1, temperature=1, max_tokens=tokens)
    # A tenth of the vocabulary ends an answer, so that rows end one by one.
    ends = frozenset(range(0, len(tokenizer), 10))
    requests = [
        Request(number, tuple(range(11, 11 + prompts[number % len(prompts)])), number)
        for number in range(12)
    ]
    decoding = Decoding(runner, SamplingParams(tokenizer, sampling, ends), requests)
    decoding._ahead = ahead
    found: dict[int, Completion] = {}
    while not decoding.done:
        found |= {one.request.sample_id: one for one in decoding.step()}
    return [found[number] for number in range(len(requests))]
