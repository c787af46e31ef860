"""An adapter trained elsewhere becomes a run's checkpoint, or the run says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.builders.training_home import TrainingHome, difference, make_family
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.protocol.runs import AdapterRef, RunSpec
from wgen_tui.services.models.foreign import resolve_adapter


@pytest.fixture
def elsewhere(make_field: Callable[..., TrainingHome]) -> Path:
    """The folder of an adapter of the model "llama"."""
    field = make_field(home="elsewhere")
    field.add("made", max_steps=3, lora={"r": 4, "lora_alpha": 8})
    field.train()
    return field.home.run("made").checkpoint(3)


def applied(field: TrainingHome, folder: Path, **changed: str) -> RunOutcome:
    ref, lora = resolve_adapter(Home(field.home.root), "field", folder.parent, str(folder))
    paths = field.add("theirs", own_rows=[], max_steps=1, lora=lora.model_dump())
    spec = RunSpec.model_validate_json(paths.spec.read_bytes())
    ref = AdapterRef.model_validate({**ref.model_dump(), **changed})
    paths.spec.write_text(spec.model_copy(update={"adapter": ref}).model_dump_json())
    field.add("own", max_steps=2)
    return field.train().outcomes["theirs"]


def test_it_is_applied_beside_what_is_trained(
    make_field: Callable[..., TrainingHome], elsewhere: Path
) -> None:
    field, alone = make_field(), make_field(home="alone")
    assert applied(field, elsewhere).outcome == "finished"
    assert (field.home.run("theirs").checkpoint(1) / "adapter_model.safetensors").read_bytes() == (
        elsewhere / "adapter_model.safetensors"
    ).read_bytes()
    assert field.manifest("theirs")["final"]
    # The base was as before when the other run began.
    alone.add("own", max_steps=2)
    alone.train()
    assert difference(field.adapter("own"), alone.adapter("own")) < 1e-6
    assert torch.allclose(*(next(iter(one.adapter("own").values())) for one in (field, alone)))
    assert field.train("theirs").outcomes["theirs"].outcome == "finished"  # nothing is done again


@pytest.mark.parametrize(("layers", "width"), [(2, 96), (3, 80)])
def test_an_adapter_of_another_base_is_refused(
    tmp_path: Path, elsewhere: Path, layers: int, width: int
) -> None:
    shape = {"num_hidden_layers": layers, "intermediate_size": width}
    other = make_family("llama", tmp_path / "other", **shape)
    outcome = applied(TrainingHome(Home(tmp_path / "home").ensure(), other), elsewhere)
    assert (outcome.outcome, outcome.title) == ("failed", "Adapter does not fit")


def test_files_that_were_changed_since_the_plan_are_refused(
    make_field: Callable[..., TrainingHome], elsewhere: Path
) -> None:
    outcome = applied(make_field(), elsewhere, sha256="0" * 64)
    assert (outcome.outcome, outcome.title) == ("failed", "Adapter changed")
