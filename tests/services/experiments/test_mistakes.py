"""Mistakes with the lines around them, and what a new experiment may begin as."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.folders import FILE
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.authoring import mistakes, templates
from wgen_tui.services.experiments.listing import list_experiments


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def edit(folder: Path, old: str, new: str, file: str = FILE) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def test_every_mistake_comes_with_the_lines_around_it(home: Home) -> None:
    folder = templates.new(home, "mine")
    edit(folder, "role: control", "role: contrl")
    edit(folder, "seeds: 0-2", "seedz: 0-2")
    found = mistakes.read(home, folder)
    assert found.definition is None
    role = next(m for m in found.mistakes if m.problem.key == "arms.control.role")
    lines = (folder / FILE).read_text().splitlines()
    at = lines.index("    role: contrl") + 1
    assert role.problem.line == at
    assert role.lines == tuple((n, lines[n - 1]) for n in range(at - 2, at + 3))
    assert any(m.problem.key == "seedz" for m in found.mistakes)
    [info] = [info for info in list_experiments(home) if info.slug == "mine"]
    assert [p.line for p in info.problems] == [m.problem.line for m in found.mistakes]


def test_the_data_are_checked_when_asked_for_and_the_definition_stays(home: Home) -> None:
    folder = templates.new(home, "mine")
    with (folder / "data/new.jsonl").open("a") as stream:
        stream.write('{"messages": [}\n' + "x" * 10_000 + "\n")
    assert mistakes.read(home, folder).mistakes == ()
    found = mistakes.check(home, folder)
    assert found.definition is not None
    first, second = found.mistakes
    assert (first.problem.file, first.problem.line) == (folder / "data/new.jsonl", 2)
    assert [number for number, _ in first.lines] == [1, 2, 3]
    assert max(len(line) for _, line in second.lines) <= mistakes.LONGEST
    assert found.notes is None


def test_a_valid_one_has_no_mistakes_and_says_its_notes(home: Home) -> None:
    folder = templates.new(home, "mine")
    found = mistakes.check(home, folder)
    assert found.mistakes == () and found.notes is not None


def test_a_definition_that_is_gone_is_a_mistake_without_a_place(home: Home) -> None:
    [mistake] = mistakes.read(home, home.experiments / "gone").mistakes
    assert "There is no experiment" in mistake.problem.message and mistake.lines == ()


def test_what_ships_is_a_template_and_is_valid_as_it_is_written(home: Home) -> None:
    names = [item.name for item in templates.templates(home)]
    assert names[:3] == [templates.SMALL, "tiny-old-bird-names", "tiny-dated-names"]
    folder = templates.new(home, "mine", "tiny-robot")
    assert not mistakes.check(home, folder).mistakes
    assert templates.templates(home) == templates.templates(Home(home.root / "other"))


@pytest.mark.parametrize(
    ("slug", "template", "says"),
    [
        ("mine", "tiny-robt", "Did you mean tiny-robot?"),
        ("tiny-robot", "tiny-robot", "already"),
        ("tiny-robot", templates.SMALL, "already"),
        ("a b", "tiny-robot", "cannot be used"),
    ],
)
def test_what_cannot_be_written_is_refused(home: Home, slug: str, template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        templates.new(home, slug, template)
    assert not list(home.experiments.glob("*"))
