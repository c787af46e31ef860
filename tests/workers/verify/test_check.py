"""What a verification refuses to compare."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.builders.training_home import TrainingHome, make_family
from wgen_tui.paths import Home
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.verify.check import Verifier


def test_a_base_that_drops_out_at_random_is_not_compared(tmp_path: Path) -> None:
    model = make_family("llama", tmp_path / "model", attention_dropout=0.1)
    home = TrainingHome(Home(tmp_path / "home").ensure(), model)
    home.add("run", max_steps=1)
    home.train()
    with pytest.raises(WorkerError, match="agree only in distribution"):
        Verifier(home.home, "run", io.StringIO()).run(floor=True)
