"""Weights are safetensors; a pickle, which can run code, is named and not loaded."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from experiments.schema import TrainingConfig
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import CheckpointManifest, ModelRef
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.workers.models import load_base
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.adapter_proof import check_files


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "code was run"


def test_the_bomb_goes_off(mark: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()


@pytest.fixture
def pickled(model: Path, mark: Path) -> Path:
    """The model, with a pickle for its weights."""
    (model / "model.safetensors").unlink()
    with (model / "pytorch_model.bin").open("wb") as stream:
        pickle.dump(Bomb(mark), stream)
    return model


def test_a_pickled_base_is_refused_before_a_launch(
    home: Home, definition: Path, pickled: Path
) -> None:
    with pytest.raises(UsageError, match="no weights") as raised:
        make_plan(home, str(definition))
    assert "pickle" in raised.value.hint
    assert "safetensors" in raised.value.hint
    assert not home.root.exists()


def test_a_pickled_base_is_not_loaded_by_a_worker(pickled: Path, mark: Path) -> None:
    ref = ModelRef(name="m", location=str(pickled))
    with pytest.raises(WorkerError, match="safetensors"):
        load_base(ref, TrainingConfig(max_steps=1), None, torch.device("cpu"))
    assert not mark.exists()


def test_a_pickle_is_loaded_when_asked_and_even_then_runs_no_code(
    home: Home, definition: Path, model: Path, mark: Path
) -> None:
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save(weights, model / "pytorch_model.bin")
    plan = make_plan(home, str(definition), Options(trust_pickle=True))
    ref = plan.runs[0].spec.model
    assert ref.trust_pickle
    base = load_base(ref, None, None, torch.device("cpu"))
    assert torch.equal(
        base.model.get_input_embeddings().weight, weights["model.embed_tokens.weight"]
    )

    with (model / "pytorch_model.bin").open("wb") as stream:
        pickle.dump(Bomb(mark), stream)
    with pytest.raises(WorkerError):
        load_base(ref, None, None, torch.device("cpu"))
    assert not mark.exists()


def test_safetensors_beside_a_pickle_are_what_is_loaded(model: Path, mark: Path) -> None:
    with (model / "pytorch_model.bin").open("wb") as stream:
        pickle.dump(Bomb(mark), stream)
    ref = ModelRef(name="m", location=str(model))
    load_base(ref, TrainingConfig(max_steps=1), None, torch.device("cpu"))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_a_pickled_adapter_is_refused(tmp_path: Path, mark: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as stream:
        pickle.dump(Bomb(mark), stream)
    files = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}
    manifest = CheckpointManifest(
        run_id="r", step=1, steps=1, final=True, files=files, created_at=now()
    )
    with pytest.raises(WorkerError, match=r"no adapter_model\.safetensors"):
        check_files(tmp_path, manifest, "r")
    assert not mark.exists()


def test_code_of_a_model_does_not_run_unless_asked(model: Path, mark: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "foreign", "auto_map": {"AutoConfig": "foreign.C"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "foreign.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass C: pass\n")
    with pytest.raises(WorkerError):
        load_base(ModelRef(name="m", location=str(model)), None, None, torch.device("cpu"))
    assert not mark.exists()


def test_a_definition_cannot_ask_for_it(home: Home, definition: Path) -> None:
    """Only the command line can: --trust-remote-code."""
    path = definition / "experiment.yaml"
    path.write_text(path.read_text() + "trust_remote_code: true\n")
    with pytest.raises(UsageError, match="trust_remote_code"):
        definitions.load(home, str(definition))
