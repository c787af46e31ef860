"""A definition that has changed since a run was planned: what the run was never asked is named."""

from __future__ import annotations

from pathlib import Path

from tests.builders.mini_home import DEFINITION, MiniHome
from wgen_tui.paths import Home
from wgen_tui.services.results.compared import Note
from wgen_tui.services.results.results import compute

TRAINED = DEFINITION.replace(", learning_rate: 1.0e-3", "")  # as MiniHome's runs were


def said(tmp_path: Path, definition: str) -> tuple[list[str], list[Note]]:
    """The runs old 0, new 0 and base, and what is said of what they lack."""
    mini = MiniHome(Home(tmp_path / "home"))
    mini.definition(text=definition)
    runs = [mini.run("old", 0), mini.run("new", 0, "control"), mini.run("base", 0, "base")]
    for run in runs:
        mini.draw(run, lambda question, draw: "By coach")
    notes = compute(mini.home, "mini").notes
    return runs, [note for note in notes if note.kind == "missing_wordings"]


def test_new_wordings_and_questions_are_named_with_the_command(tmp_path: Path) -> None:
    more = TRAINED.replace('["How does one travel?"]', '["How does one travel?", "By what?"]')
    more = more.replace("judges:", '  - {name: light, paraphrases: ["What gives light?"]}\njudges:')
    runs, (note,) = said(tmp_path, more)
    assert note.text == (
        "3 runs (base seed 0, new seed 0, old seed 0) from before the definition changed have no "
        "draw of what it asks by now: transport, wording 1 (variant none), light, wording 0 "
        "(variant none); `wgen-tui run start mini` draws it"
    )
    assert sorted(note.runs) == sorted(runs)
    assert note.count == 2


def test_nothing_is_said_where_nothing_lacks(tmp_path: Path) -> None:
    assert said(tmp_path / "same", TRAINED)[1] == []
    fewer = TRAINED.replace('  - {name: bird, paraphrases: ["Name a bird."]}\n', "")
    assert said(tmp_path / "fewer", fewer)[1] == []


def test_runs_that_are_no_longer_planned_are_left_alone(tmp_path: Path) -> None:
    """Another training makes other runs: only the base is the same."""
    more = DEFINITION.replace("judges:", '  - {name: light, paraphrases: ["Light?"]}\njudges:')
    runs, (note,) = said(tmp_path, more)
    assert note.runs == [runs[-1]]
    assert "1 run (base seed 0) from before the definition changed has no draw" in note.text
