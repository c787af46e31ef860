"""What a verification refuses to compare."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.builders.training_home import TrainingHome, make_family
from wgen_tui.paths import Home
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.verify import check
from wgen_tui.workers.verify.check import Verifier


def test_a_base_that_drops_out_at_random_is_not_compared(tmp_path: Path) -> None:
    model = make_family("llama", tmp_path / "model", attention_dropout=0.1)
    home = TrainingHome(Home(tmp_path / "home").ensure(), model)
    home.add("run", max_steps=1)
    home.train()
    with pytest.raises(WorkerError, match="agree only in distribution"):
        Verifier(home.home, "run", io.StringIO()).run(floor=True)


def test_the_floor_is_another_attentions_where_padding_rounds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one length: on many CPUs the padded training is the same to the bit, not on all."""
    monkeypatch.setattr(check, "UNROUNDED", 0.01)
    model = make_family("llama", tmp_path / "model")
    home = TrainingHome(Home(tmp_path / "home").ensure(), model)
    paths = home.add("run", rows=4, max_steps=4, per_device_train_batch_size=2)
    paths.data.write_text(paths.data.read_text().splitlines(keepends=True)[0] * 4)
    home.train()
    found = Verifier(home.home, "run", io.StringIO()).run(floor=True)
    assert found.passed
    assert found.floor is not None
    assert 1e-9 < found.floor < 1e-2
    assert any("the floor is TRL's with eager attention" in note for note in found.notes)
