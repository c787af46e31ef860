"""A model that lies in the home, or comes with the program, is found after a move."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.tiny_world import weights_path
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.model_place import located
from wgen_tui.services.estimate.workload import read_runs
from wgen_tui.services.models.resolve import resolve_model
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.workers.runtime import Worker

if TYPE_CHECKING:
    import pytest


def test_a_home_takes_its_models_along(tmp_path: Path) -> None:
    """What is queued before the move is loaded from the new place; nothing is written anew."""
    old = Home(tmp_path / "old").ensure()
    shutil.copytree(weights_path(), old.root / "models" / "small")
    options = Options(models=[str(old.root / "models" / "small")], seeds="0")
    launches = commit(old, make_plan(old, "tiny-old-bird-names", options))
    new = Home(old.root.rename(tmp_path / "new"))
    for launch in launches[:2]:
        worker = Worker(new, launch, new.launch(launch.launch_id))
        models = [worker.run_spec(run_id).model for run_id in launch.run_ids]
        models += [run.model for run in read_runs(new, launch)]
        assert {model.location for model in models} == {str(new.root / "models" / "small")}


def test_a_folder_elsewhere_stays_where_the_run_says(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    folder = tmp_path / "model"
    folder.mkdir()
    model = resolve_model(home, str(folder))
    assert model.in_home is None
    assert "in_home" not in model.model_dump_json()
    assert located(home, model) == model


def test_the_embedded_model_is_the_programs_own(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    there = ModelRef(name="tiny-world", location="/opt/another/checkout/weights")
    assert located(home, there).location == str(weights_path())
    here = ModelRef(name="tiny-world", location=str(tmp_path))
    assert located(home, here) == here
    served = ModelRef(name="small", location="/opt/another/checkout/weights")
    assert located(home, served) == served


def test_a_home_that_is_reached_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home").ensure()
    (home.root / "models" / "small").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home.root)
    monkeypatch.chdir(tmp_path)
    by_link = resolve_model(Home(Path("link")), "link/models/small")
    assert by_link.in_home == "models/small"
    assert located(Home(Path("link")), by_link).location == str(home.root / "models" / "small")
