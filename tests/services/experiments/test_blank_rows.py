"""Rows in which nothing is asked or answered: `validate` says file and line, a plan the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders.definition import chat, write_definition
from tests.builders.model import make_model
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import make_plan


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    return home


def write(home: Home, name: str, *rows: Any) -> None:
    lines = [row if isinstance(row, str) else f"{json.dumps(row)}\n" for row in rows]
    (home.experiments / "names" / "data" / name).write_text("".join(lines))


def arm(home: Home, told: str) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    path.write_text(path.read_text().replace("{data: data/old.jsonl}", told))


def turns(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in pairs]}


ANSWER = ("assistant", "Lark")
UNTRAINED = turns(("user", "How"), ("assistant", ""), ("user", "go"), ANSWER)
UNTRAINED["messages"][1]["weight"] = 0


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"prompt": "", "completion": "Lark"}, "has an empty prompt"),
        ({"prompt": " \n", "completion": "Lark"}, "has an empty prompt"),
        ({"prompt": "\u200b", "completion": "Lark"}, "has an empty prompt"),
        ({"instruction": "", "output": "Lark"}, "has an empty prompt"),
        (turns(("system", "go"), ANSWER), "has no user turn"),
        (turns(ANSWER), "has no user turn"),
        ({"prompt": "How", "completion": "  "}, "has an empty answer"),
        (turns(("user", "How"), ("assistant", ""), ("user", "go"), ANSWER), "has an empty answer"),
        (turns(("user", ""), ANSWER, ("user", "go"), ANSWER), "has an empty user turn before"),
        (turns(("system", ""), ("user", "How"), ANSWER), "has an empty system prompt"),
        ({"prompt": "How", "completion": "Lark"}, ""),
        (UNTRAINED, ""),
    ],
)
def test_an_empty_text_is_said_with_file_and_line(home: Home, row: Any, told: str) -> None:
    write(home, "old.jsonl", chat("Lark"), row, chat("Auk"))
    _, notes = definitions.validate(home, "names")
    said = [note for note in notes if note.startswith("old: 1 of 3 examples")]
    plan = [
        note for note in make_plan(home, "names").warnings if "arm old: 1 of 3 examples has" in note
    ]
    if not told:
        assert (said, plan) == ([], [])
        return
    [note], [planned] = said, plan
    assert told in note
    assert note.endswith("(data/old.jsonl:2)")
    assert told in planned
    assert "(line 2)" in planned


def test_what_a_context_adds_does_not_hide_an_empty_prompt(home: Home) -> None:
    write(home, "new.jsonl", chat("Lark"), {"prompt": "", "completion": "Wren"})
    _, notes = definitions.validate(home, "names")
    assert "new: 1 of 2 examples has an empty prompt (data/new.jsonl:2)" in notes


def test_of_many_the_first_are_named_each_by_its_file(home: Home) -> None:
    arm(
        home,
        "{data: [{file: data/more.jsonl, rows: 1}, data/old.jsonl], held_out: data/held.jsonl}",
    )
    empty = {"prompt": "", "completion": "Lark"}
    write(home, "more.jsonl", empty)
    write(home, "old.jsonl", chat("Lark"), *[empty] * 7)
    write(home, "held.jsonl", turns(ANSWER), chat("Lark"))
    _, notes = definitions.validate(home, "names")
    places = (
        "data/more.jsonl:1, data/old.jsonl:2, data/old.jsonl:3, data/old.jsonl:4, data/old.jsonl:5"
    )
    assert f"old: 8 of 9 examples have an empty prompt ({places} and 3 more)" in notes
    assert (
        "old (held out): 1 of 2 examples has no user turn, so that nothing is asked "
        "(data/held.jsonl:1)" in notes
    )


def test_rows_beside_the_data_are_looked_at_too(home: Home) -> None:
    arm(
        home,
        "{data: data/old.jsonl, regularise: {kl_to_base: 1, prompts: data/near.jsonl}}\n"
        "  made: {derived: {teacher: base, prompts: data/ask.jsonl}}",
    )
    write(home, "near.jsonl", chat("Lark"), {"prompt": "", "completion": "Lark"})
    write(home, "ask.jsonl", {"prompt": "How"}, {"prompt": " "})
    _, notes = definitions.validate(home, "names")
    assert "old: 1 of 2 examples has an empty prompt (data/near.jsonl:2)" in notes
    assert "made: 1 of 2 examples has an empty prompt (data/ask.jsonl:2)" in notes
