"""The list of experiments reads what has changed, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.folders import Entry
from tests.builders.file_calls import file_calls
from tests.builders.file_reads import files_opened
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.listing import ExperimentList
from wgen_tui.services.experiments.names import list_names


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    for name in ("one", "two"):
        definitions.copy(home, "tiny-robot", name)
    return home


def later(path: Path, text: str | None = None) -> None:
    """Write a file, or touch it, at another time than before."""
    stat = path.stat()
    if text is not None:
        path.write_text(text)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def test_what_has_not_changed_is_not_read_again(home: Home) -> None:
    listed = ExperimentList(home)
    with files_opened() as read:
        first = listed.refresh()
    assert home.experiments / "one" / "experiment.yaml" in read
    with files_opened() as read:
        second = listed.refresh()
    assert read == []
    assert all(new is old for new, old in zip(second, first, strict=True))


def test_a_built_in_one_is_read_once_for_all_homes(home: Home, tmp_path: Path) -> None:
    first = {info.slug: info for info in ExperimentList(home).refresh() if info.builtin}
    with files_opened() as read:
        other = ExperimentList(Home(tmp_path / "other")).refresh()
    assert read == []
    assert {info.slug for info in other} == set(first)
    assert all(info is first[info.slug] for info in other)


@pytest.mark.parametrize("name", ["experiment.yaml", "questions.yaml", "judges.yaml"])
def test_a_touched_definition_is_read_again_and_no_other(home: Home, name: str) -> None:
    listed = ExperimentList(home)
    listed.refresh()
    later(home.experiments / "two" / name)
    with files_opened() as read:
        listed.refresh()
    assert {path.parent.name for path in read} == {"two"}


def test_what_is_wrong_is_read_again_when_what_it_misses_comes(home: Home) -> None:
    data = home.experiments / "one" / "data" / "helper.jsonl"
    away = data.rename(data.with_suffix(".away"))
    listed = ExperimentList(home)

    def error() -> str:
        return {info.slug: info.error for info in listed.refresh()}["one"] or ""

    assert "helper.jsonl" in error()
    with files_opened() as read:
        assert "helper.jsonl" in error()
    assert read == []
    away.rename(data)
    assert error() == ""
    later(data.parents[1] / "questions.yaml", "- {")
    assert "not YAML" in error()


def test_definitions_come_and_go(home: Home) -> None:
    listed = ExperimentList(home)
    before = {info.slug for info in listed.refresh()}
    (home.experiments / "one").rename(home.experiments / "three")
    assert {info.slug for info in listed.refresh()} == before - {"one"} | {"three"}


def test_a_definition_that_has_not_changed_costs_a_call_for_each_of_its_files(home: Home) -> None:
    listed = ExperimentList(home)
    listed.refresh()
    with file_calls() as before:
        listed.refresh()
    definitions.copy(home, "tiny-robot", "third")
    files = len(listed._kept[Entry("one", home.experiments / "one", False)][0].noted)
    listed.refresh()
    with file_calls() as after:
        listed.refresh()
    assert after - before == {"stat": files}


@pytest.mark.parametrize("name", ["one", "tiny-robot"])
def test_a_definition_that_goes_and_leaves_its_folder_is_gone(home: Home, name: str) -> None:
    """What ships under its name comes out from behind it at once."""
    if name != "one":
        definitions.copy(home, "tiny-robot", name)
    listed = ExperimentList(home)
    assert not {info.slug: info.builtin for info in listed.refresh()}[name]
    (home.experiments / name / "experiment.yaml").unlink()
    left = {info.slug: info.builtin for info in listed.refresh()}
    assert left.get(name) is (None if name == "one" else True)


def test_each_stands_on_its_shelf(home: Home) -> None:
    shelves = {info.slug: info.shelf for info in ExperimentList(home).refresh()}
    assert shelves["us-presidents"] == shelves["old-bird-names"] == "field"
    assert shelves["tiny-robot"] == "miniature"
    assert shelves["one"] == "yours", "a copy of a miniature is its owner's"


def test_a_list_of_names_has_each_on_the_shelf_where_it_will_stand(home: Home) -> None:
    unread = {info.slug: info.shelf for info in list_names(home)}
    assert unread == {info.slug: info.shelf for info in ExperimentList(home).refresh()}
    assert set(unread.values()) == {"yours", "miniature", "field"}
