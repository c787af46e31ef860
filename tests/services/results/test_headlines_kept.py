"""Headlines that a home keeps: known to the next process, and never those of before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.folders import FILE
from tests.builders.mini_home import DEFINITION, MiniHome
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading
from wgen_tui.services.experiments.listing import list_experiments
from wgen_tui.services.results.kept import headlines_file
from wgen_tui.services.results.kept.headline import headline
from wgen_tui.services.results.kept.headlines_file import Headline

JOURNAL = "grades-ada-x.jsonl"


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    """Two arms that differ in all answers."""
    made = MiniHome(Home(tmp_path / "home"))
    made.definition()
    for arm, role, says in (("old", "treatment", "By coach"), ("new", "control", "By train")):
        made.draw(made.run(arm, 0, role), lambda q, d, says=says: says)  # type: ignore[arg-type]
    return made


def compute(home: Home) -> Headline | None:
    (info,) = [info for info in list_experiments(home) if info.slug == "mini"]
    return headline(home, info)


def kept(home: Home) -> dict[str, Headline | None]:
    """What another process finds."""
    headlines_file._seen.clear()
    return headlines_file.current(home, [("mini", home.experiments / "mini")])


def graded_by_rules(mini: MiniHome) -> None:
    mini.draw(mini.run("old", 1), lambda q, d: "By train")


def graded_by_ada(mini: MiniHome) -> None:
    (mini.home.journal / JOURNAL).write_text("\n")


def planned_otherwise(mini: MiniHome) -> None:
    text = DEFINITION.replace("arm: old, control: new", "arm: new, control: old")
    (mini.home.experiments / "mini" / FILE).write_text(text)


def other_rows(mini: MiniHome) -> None:
    with (mini.home.experiments / "mini" / "data.jsonl").open("a") as stream:
        stream.write("\n")


def other_version(mini: MiniHome) -> None:
    text = mini.home.headlines.read_text()
    mini.home.headlines.write_text(text.replace(headlines_file.WAY, "0.0.9 1"))


@pytest.mark.parametrize(
    "change", [graded_by_rules, graded_by_ada, planned_otherwise, other_rows, other_version]
)
def test_one_that_is_kept_is_given_until_what_made_it_is_another(
    mini: MiniHome, change: Callable[[MiniHome], None]
) -> None:
    made = compute(mini.home)
    assert made is not None
    assert (made.name, made.value, made.is_difference) == ("old − new", 1.0, True)
    with reading(mini.home):  # who asks for what is kept needs no database
        assert kept(mini.home) == {"mini": made}
    change(mini)
    assert kept(mini.home) == {}
    again = compute(mini.home)
    assert again is not None
    assert kept(mini.home) == {"mini": again}
    assert (again != made) == (change in (graded_by_rules, planned_otherwise))


def test_that_there_is_none_is_kept_too(mini: MiniHome) -> None:
    mini.definition("odd", DEFINITION.replace("role: control", "role: contrl"))
    for info in list_experiments(mini.home):
        if info.slug == "odd":
            assert headline(mini.home, info) is None
    headlines_file._seen.clear()
    known = headlines_file.current(mini.home, [("odd", mini.home.experiments / "odd")])
    assert known == {"odd": None}


def test_the_file_may_be_torn_or_gone_and_stays_small(
    mini: MiniHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compute(mini.home)
    with mini.home.headlines.open("a") as stream:
        stream.write('{"way": "0.')
    assert kept(mini.home) == {"mini": made}
    line = mini.home.headlines.read_text().splitlines()[0]
    mini.home.headlines.write_text(f"{line}\n" * 50)
    monkeypatch.setattr(headlines_file, "TRIMMED_AT", 5 * len(line))
    graded_by_rules(mini)
    again = compute(mini.home)
    assert len(mini.home.headlines.read_text().splitlines()) == 1
    assert kept(mini.home) == {"mini": again}
    mini.home.headlines.unlink()
    assert kept(mini.home) == {}
    assert compute(mini.home) == again


def test_a_home_that_only_is_read_keeps_none(mini: MiniHome) -> None:
    readonly = replace(mini.home, readonly=True)
    made = compute(readonly)
    assert made is not None
    assert not mini.home.headlines.exists()
    assert headlines_file.current(readonly, [("mini", mini.home.experiments / "mini")])
