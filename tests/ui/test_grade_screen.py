"""Screen 4: who grades, what is in sight, how far one has read, and the end of being blind."""

from __future__ import annotations

import json

import pytest

from experiments.schema import Rubric
from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.grading.session import rubric_hash, session
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal, ConfirmModal
from wgen_tui.ui.state.grading import progress_line


def rows(home: Home, kind: str = "grades") -> list[dict[str, object]]:
    """What the journal has, in the order of its files."""
    paths = sorted(home.journal.glob(f"{kind}-*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


async def test_twenty_grades_are_twenty_keys(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        for number in range(1, 21):
            before = app.screen._item
            await pilot.press("m")
            await settled(pilot, lambda b=before: app.screen._item not in (b, None))
            assert len(rows(home)) == number
        await settled(pilot, lambda: "20 of 33 graded" in text(app) and "61%" in text(app))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_rubric_keys_and_answer_are_in_sight_and_the_answer_stays_put(
    home: Home, size: tuple[int, int]
) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=size) as pilot:
        places = set()
        for _ in range(3):
            await settled(pilot, lambda: app.screen._item and "Which century?" in text(app))
            item = app.screen._item
            await settled(pilot, lambda i=item: i.completion[:12] in text(app))
            lines = text(app).splitlines()
            places |= {y for y, line in enumerate(lines) if line.strip().startswith("answer")}
            assert all(
                f" {key}  {label}" in text(app) for label, key in (("old", "o"), ("modern", "m"))
            )
            await pilot.press("s")
            await settled(pilot, lambda i=item: app.screen._item != i)
        assert len(places) == 1
        await pilot.press("i")
        await settled(pilot, lambda: "Which century?" not in text(app))


async def test_root_is_asked_for_a_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press("enter")
        await settled(pilot, lambda: "A grader has a name" in text(app))
        await pilot.press(*"mary", "enter")
        await settled(pilot, lambda: "mini · mary · 0 of 33" in text(app))
        await settled(pilot, lambda: app.screen._item is not None)
        await pilot.press("o")
        await settled(pilot, lambda: "1 of 33 graded" in text(app))
    assert [row["grader"] for row in rows(home)] == ["human:mary"]


async def test_who_gives_no_name_may_leave_and_is_asked_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press("escape")
        await settled(pilot, lambda: "Grades are kept under a name" in text(app))
        await settled(pilot, lambda: app.screen.SCOPE == "grade" and not app.screen.loading_any)
        await pilot.press("6")
        await settled(pilot, lambda: getattr(app.screen, "SCOPE", "") == "sql")
        await pilot.press("4")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press(*"mary", "enter")
        await settled(pilot, lambda: "mini · mary · 0 of 33" in text(app))


async def test_without_a_name_each_key_asks_for_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        for key in ("s", "u", "p", "n", "e", "i", "enter"):
            await pilot.press("escape")
            await settled(pilot, lambda: not app.screen.is_modal)
            await pilot.press(key)
            await settled(pilot, lambda: isinstance(app.screen, AskModal))


async def test_without_an_experiment_each_key_says_what_is_missing(mini: MiniHome) -> None:
    app = WgenApp(mini.home, screen="grade")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "Press ctrl+o to choose an experiment" in text(app))
        for key in ("s", "u", "p", "n", "e", "i", "enter"):
            await pilot.press("escape", key)
            await settled(pilot, lambda: "Nothing to grade: Press ctrl+o" in text(app))


async def test_a_name_that_another_session_has_is_asked_about(home: Home) -> None:
    other = session(home, "mini", None, "ada")
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "Another session grades as ada" in text(app))
        assert app.screen.query_one("Input").value == "ada"
        await pilot.press("enter")
        await settled(pilot, lambda: "mini · ada · 0 of 33" in text(app))
    other.close()
    again = session(home, "mini", None, "ada")
    assert not again.name_is_shared
    again.close()


async def test_who_began_first_is_told_of_the_other_too(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        assert "two sessions" not in text(app)
        other = session(home, "mini", None, "ada")
        third = session(home, "mini", None, "ada")
        assert other.name_is_shared
        assert other.others_now()
        await settled(pilot, lambda: "two sessions · blind" in text(app))
        assert "Another session grades as ada too." in messages(app)
        other.close()
        await pilot.pause()
        third.close()
        await settled(pilot, lambda: "two sessions" not in text(app))


async def test_unblinding_is_asked_written_and_shows_the_agreement_in_three_keys(
    home: Home,
) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: app.screen.SCOPE == "grade" and app.screen._item)
        await pilot.press("e")
        await settled(pilot, lambda: any("Nothing is graded" in said for said in messages(app)))
        for key in "omo":
            before = app.screen._item
            await pilot.press(key)
            await settled(pilot, lambda b=before: app.screen._item not in (b, None))
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(app.screen, ConfirmModal))
        await pilot.press("n")
        assert rows(home, "unblinded") == [], "asked for, and not wanted"
        await pilot.press("e", "y")
        await settled(pilot, lambda: app.screen.SCOPE == "graded" and app.screen._report)
        report = app.screen._report
        assert report.agreement.n == report.graded == 3
        right = sum(report.agreement.confusion[i][i] for i in range(len(report.agreement.labels)))
        assert len(report.disagreements) == 3 - right == len(table(app))
        await settled(pilot, lambda: "of 3 agree" in text(app) and "kappa" in text(app))
        (note,) = rows(home, "unblinded")
        assert (note["experiment"], note["grader"]) == ("mini", "human:ada")
        if report.disagreements:
            await pilot.press("enter")
            await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 1)
            await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "graded")
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "grade")
        await pilot.press("o")
        await settled(pilot, lambda: "not blind since" in text(app))
        await settled(pilot, lambda: len(rows(home)) == 4)
    assert [row["signals"] for row in rows(home)] == [{}, {}, {}, {"unblinded": True}]
    again = session(home, "mini", None, "ada")
    assert again.unblinded_at is not None, "it is known to every later session"
    again.close()


async def test_a_plan_is_chosen_followed_and_ends_with_agreement(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "plan: 30 of 30, balanced, 3 shown twice" in text(app))
        await pilot.press("p")
        await settled(pilot, lambda: "of 30 not graded by you" in text(app))
        await pilot.press("4", "0", "enter")
        await settled(pilot, lambda: "From 1 to 30 samples" in text(app))
        await pilot.press("backspace", "j", "l", "j", "9", "enter")
        await settled(pilot, lambda: "at most 3 can be shown twice" in text(app))
        await pilot.press("backspace", "2", "enter")
        await settled(pilot, lambda: "0 of 6 graded" in text(app) and app.screen._item)
        assert "plan: 4 of 30, as they come, 2 shown twice" in text(app)
        shown: list[int] = []
        for number in range(6):
            await settled(pilot, lambda n=number: f"{n} of 6 graded" in text(app))
            item = app.screen._item
            await pilot.press("m" if item.sample_id in shown and len(shown) < 5 else "o")
            shown.append(item.sample_id)
        await settled(pilot, lambda: "The plan is done: 4 samples graded" in text(app))
        await settled(pilot, lambda: "with yourself" in text(app) and "of 2 agree" in text(app))
        assert not any(arm in text(app) for arm in (" new ", " base "))
        assert rows(home, "unblinded") == []
        await pilot.press("e", "y")
        await settled(pilot, lambda: app.screen.SCOPE == "graded" and "of 2 agree" in text(app))
        assert "with the rule" in text(app)
        assert app.screen._report.graded == 4, "what is shown twice counts once"
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "grade")
        for key in ("o", "s", "n"):
            await pilot.press(key)
            await settled(pilot, lambda: "p plans more, e shows what was graded" in text(app))
            await pilot.press("escape")
        await pilot.press("u")
        await settled(pilot, lambda: "5 of 6 graded" in text(app))
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "5 of 6 graded" in text(app))


async def test_a_note_goes_with_the_next_grade(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        await pilot.press("n", *"odd one", "enter")
        await settled(pilot, lambda: "note: odd one" in text(app))
        for number in (1, 2):
            await pilot.press("o")
            await settled(pilot, lambda n=number: len(rows(home)) == n and not app.screen._busy)
        assert [row["explanation"] for row in rows(home)] == ["odd one", ""]


async def test_a_note_stays_with_its_answer_when_that_is_skipped_or_its_grade_undone(
    home: Home,
) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        first = app.screen._item.sample_id
        await pilot.press("n", *"odd one", "enter")
        await settled(pilot, lambda: "note: odd one" in text(app))
        await pilot.press("s")
        await settled(pilot, lambda: app.screen._item.sample_id != first)
        assert "note: odd one" not in text(app)
        other = app.screen._item.sample_id
        await pilot.press("n", *"dull", "enter", "o")
        await settled(pilot, lambda: len(rows(home)) == 1 and not app.screen._busy)
        assert "note:" not in text(app)
        await pilot.press("u")
        await settled(pilot, lambda: app.screen._item.sample_id == other and "dull" in text(app))
        assert app.screen._notes == {first: "odd one", other: "dull"}


def test_what_is_cut_of_the_progress_is_never_how_blind() -> None:
    of = ("a-very-long-name-of-an-experiment", "human:ada", 12, 240, 10.6)
    since = "not blind since 2026-11-28 01:30"
    lines = {width: progress_line(*of, since, width) for width in (60, 78, 118, 158)}
    assert all(line.endswith(since) and "ada · 12 of 240" in line for line in lines.values())
    assert all(len(line) <= width for width, line in lines.items())
    assert "10.6s each, 40m17s left" in lines[158]
    assert "each" not in lines[118] and "40m17s left" in lines[118]
    assert lines[78].startswith("ada · ")


async def test_a_key_grades_once_the_end_was_seen_if_the_plan_says_so(mini: MiniHome) -> None:
    asks = DEFINITION.replace("instructions:", "read_to_end: true, instructions:")
    mini.definition(text=asks)
    run_id = mini.run("old", 0)
    mini.draw(run_id, lambda question, draw: "\n".join(f"line {n}" for n in range(60)), draws=1)
    mini.launch([run_id])
    ingest_now(mini.home)
    app = WgenApp(mini.home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "more lines" in text(app))
        await pilot.press("o")
        await settled(pilot, lambda: any("goes on" in said for said in messages(app)))
        assert rows(mini.home) == []
        for _ in range(8):
            await pilot.press("space")
        await settled(pilot, lambda: "line 59" in text(app) and app.screen._seen_to_end)
        await pilot.press("o")
        await settled(pilot, lambda: len(rows(mini.home)) == 1 and "more lines" in text(app))
        await pilot.press("o")
        await pilot.pause()
        assert not app.screen.busy("grade")
        assert len(rows(mini.home)) == 1, "that the last one was read says nothing of this one"


def test_a_rubric_that_asks_for_nothing_new_keeps_its_hash() -> None:
    plain = Rubric(name="era", labels={"old": "o"})
    assert "read_to_end" not in plain.model_dump(mode="json")
    assert rubric_hash(plain) != rubric_hash(plain.model_copy(update={"read_to_end": True}))
