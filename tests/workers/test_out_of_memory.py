"""Out of memory is known however it is said, and whoever meets it goes on with less."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.builders.memory_errors import MEMORY_ERRORS, memory_error
from tests.builders.sampling import BASE, TEXTS, add_base, make_stage, sample_runs, samples_of
from tests.builders.training_home import TrainingHome
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import RunOutcome, Stage
from wgen_tui.protocol.queue import QueueRecord
from wgen_tui.services.runs.retry_policy import Ended, decide_retry
from wgen_tui.workers.runtime import Worker, is_disk_full, is_out_of_memory, unexpected

by_message = pytest.mark.parametrize("line", MEMORY_ERRORS.values(), ids=MEMORY_ERRORS.keys())


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    line: str,
    when: Callable[[torch.Tensor], bool],
) -> None:
    """The model that `module` loads says that memory does not suffice for such token ids."""
    loader = module.load_base

    def check(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if when(args[0]):
            raise memory_error(line)

    def load(*arguments: object) -> object:
        base = loader(*arguments)
        base.model.get_input_embeddings().register_forward_pre_hook(check)
        return base

    monkeypatch.setattr(module, "load_base", load)


def ended(worker: Worker, stage: Stage) -> Ended:
    """An attempt's end, as the supervisor reads it from done.json."""
    outcomes = {
        run: RunOutcome.model_validate_json(outcome.model_dump_json())
        for run, outcome in worker.outcomes.items()
    }
    runs = worker.spec.run_ids
    return Ended("failed", runs, frozenset(), outcomes, QueueRecord(), stage, None, None, False)


@by_message
def test_the_rule_knows_it(line: str) -> None:
    assert is_out_of_memory(memory_error(line))
    assert unexpected(memory_error(line)).title == "Out of memory"
    assert not is_disk_full(memory_error(line))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"),
        RuntimeError("out of memory: 4 adapters together from here on"),
        ValueError("the memory of birds is out of reach"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyError("cuda"),
    ],
)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not is_out_of_memory(error)
    assert unexpected(error).title != "Out of memory"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # safetensors
    ],
)
def test_a_full_disk_is_known_however_it_is_said(error: Exception) -> None:
    assert unexpected(error).title == "Disk full"


@by_message
def test_training_halves_the_stack(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    from wgen_tui.workers.train import stage

    field = make_field()
    for seed in range(3):
        field.add(f"r{seed}", seed=seed, max_steps=2)
    refuse(monkeypatch, stage, line, lambda ids: torch.is_grad_enabled() and ids.size(0) > 1)
    worker = field.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert any("out of memory: 1 adapters together" in note for note in field.notes(worker))


@by_message
def test_one_adapter_that_does_not_fit_says_so(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """The next attempt, of both runs, trains one at a time."""
    from wgen_tui.workers.train import stage

    field = make_field()
    for seed in range(2):
        field.add(f"r{seed}", seed=seed, max_steps=2)
    refuse(monkeypatch, stage, line, lambda _: torch.is_grad_enabled())
    worker = field.train()
    assert {outcome.title for outcome in worker.outcomes.values()} == {"Out of memory"}
    retry = decide_retry(ended(worker, "train"))
    assert retry is not None
    assert (retry.kind, retry.stack) == ("memory", 1)


@by_message
def test_a_model_that_cannot_be_loaded_for_it_is_tried_again(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    from wgen_tui.workers import models

    def load(*_: object, **__: object) -> None:
        raise memory_error(line)

    field = make_field()
    field.add("r0")
    monkeypatch.setattr(models.AutoModelForCausalLM, "from_pretrained", load)
    worker = field.train()
    assert worker.outcomes["r0"].title == "Out of memory"


@by_message
def test_sampling_draws_fewer_rows(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    from wgen_tui.workers.sample import stage

    field = make_field()
    add_base(field)
    refuse(monkeypatch, stage, line, lambda ids: ids.size(1) == 1 and ids.size(0) > 2)
    worker = sample_runs(field, make_stage(2, max_tokens=3))
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert len(samples_of(field, BASE)) == 2 * len(TEXTS)
    assert any("out of memory: " in note for note in field.notes(worker))


@by_message
def test_one_draw_that_does_not_fit_says_so(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    from wgen_tui.workers.sample import stage

    field = make_field()
    add_base(field)
    refuse(monkeypatch, stage, line, lambda ids: ids.size(1) == 1)
    worker = sample_runs(field, make_stage(2, max_tokens=3))
    retry = decide_retry(ended(worker, "sample"))
    assert retry is not None
    assert (retry.kind, retry.rows) == ("memory", 32)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, family: Callable[[str], Path]
) -> Callable[[], TrainingHome]:
    """A field with one trained run, made once."""
    field = TrainingHome(Home(tmp_path_factory.mktemp("trained")).ensure(), family("llama"))
    field.add("r0", max_steps=1)
    field.train()
    return lambda: field


@by_message
def test_a_verification_says_so(
    trained: Callable[[], TrainingHome],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    line: str,
) -> None:
    from wgen_tui.workers.verify import check

    field = trained()

    def load(*_: object) -> Any:
        raise memory_error(line)

    monkeypatch.setattr(check, "load_base", load)
    monkeypatch.setattr(sys, "argv", ["verify", "--home", str(field.home.root), "--run", "r0"])
    assert check.main() == 1
    said = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert said["title"] == "Out of memory"
