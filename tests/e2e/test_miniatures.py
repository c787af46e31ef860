"""The shelf's miniatures: what is shipped is what is generated, and each runs from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.tiny_world.definitions import write_all
from tests.builders.stages import run_all
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.results.results import compute

ROOT = catalogue.builtin_root()
MINIATURES = sorted(path.name for path in ROOT.glob("tiny-*"))
NEW = [name for name in MINIATURES if name not in ("tiny-old-bird-names", "tiny-robot")]


def test_what_is_shipped_is_what_is_generated(tmp_path: Path) -> None:
    written = {path.relative_to(tmp_path): path for path in write_all(tmp_path)}
    assert {path.parts[0] for path in written} == set(MINIATURES)
    for below, path in written.items():
        shipped = ROOT / below
        again = "python -m wgen_tui.workers.tiny_world definitions"
        assert path.read_bytes() == shipped.read_bytes(), f"{shipped}: {again}"
    data = {
        path.relative_to(ROOT) for name in MINIATURES for path in (ROOT / name).rglob("*.jsonl")
    }
    assert data <= set(written)


@pytest.mark.parametrize("name", MINIATURES)
def test_each_has_a_card_and_is_valid(name: str, tmp_path: Path) -> None:
    assert (ROOT / name / "README.md").read_text(encoding="utf-8").startswith(f"# {name}\n")
    definitions.validate(Home(tmp_path / "home"), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_each_runs_from_end_to_end(name: str, tmp_path: Path) -> None:
    """A step of each arm and one draw of four questions; the figures of the cards take minutes."""
    home = Home(tmp_path / "home").ensure()
    folder = definitions.copy(home, name, "mini")
    path = folder / "experiment.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("  num_train_epochs: 6\n") == text.count("questions: questions.yaml\n") == 1
    text = text.replace("    hold: steps\n", "").replace(
        "  num_train_epochs: 6\n", "  max_steps: 1\n"
    )
    path.write_text(text, encoding="utf-8")
    questions = (folder / "questions.yaml").read_text(encoding="utf-8").split("- name: ")
    (folder / "questions.yaml").write_text("- name: ".join(questions[:5]), encoding="utf-8")
    run_all(home, "mini", {})
    results = compute(home, "mini")
    assert results.contrasts
