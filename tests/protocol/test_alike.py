"""What many records say alike is held once, and each still says what its file does."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.builders.mini_home import MiniHome
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec


def test_runs_share_what_they_say_alike(tmp_path: Path) -> None:
    home = Home(tmp_path)
    mini = MiniHome(home)
    for arm, seed in (("old", 0), ("old", 1), ("new", 0)):
        mini.run(arm, seed)
    mini.run("base", 0, "base")
    files = [path.read_bytes() for path in sorted(home.runs.glob("*/spec.json"))]
    specs = [RunSpec.model_validate_json(data) for data in files]
    assert [spec.model_dump_json(indent=2).encode() + b"\n" for spec in specs] == files
    trained = [spec for spec in specs if spec.training is not None]
    assert len({id(spec.training) for spec in trained}) == 1 < len(trained)
    assert len({id(spec.versions) for spec in specs}) == 1
    damaged = trained[0].model_dump_json().replace('"max_steps":4', '"max_steps":"x"')
    with pytest.raises(ValidationError, match=r"training\.max_steps"):
        RunSpec.model_validate_json(damaged)
