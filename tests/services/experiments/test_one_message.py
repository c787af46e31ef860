"""What is written wrong in an arm gives one message with its line, also what only the rows show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.adapter_files import weights_of
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import make_plan

ROWS = "".join(
    f'{{"messages": [{{"role": "user", "content": "Say {n}."}}, '
    f'{{"role": "assistant", "content": "{n}."}}]}}\n'
    for n in range(4)
)
TEXT = """\
title: A test
models: [tiny-world]
arms:
  old: {data: data/a.jsonl}
  ARM
seeds: 0
training: {max_steps: 3, learning_rate: 5e-3, TRAINING}
questions: [{name: travel, paraphrases: ["How?"]}]
"""


ONE = ("", 5, "x.upsample", "One row cannot be parted", "more data")


def written(tmp_path: Path, arm: str, training: str = "") -> Path:
    folder = tmp_path / "test-me"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a.jsonl").write_text(ROWS)
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights_of())
    text = TEXT.replace("ARM", arm).replace(", TRAINING", training)
    (folder / "experiment.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("arm", "training", "line", "key", "why", "hint"),
    [
        ("x: {data: {file: data/a.jsonl, rows: 9}}", "", 5, "x.data", "has 4 rows; 9", "repeat"),
        (
            "x: {data: {file: data/a.jsonl, filter: {user: Zebra}}}",
            *("", 5, "x.data", "has 0 rows that pass", "Widen"),
        ),
        ("x: {data: data/a.jsonl, held_out: {rows: 4}}", "", 5, "x.held_out", "none is left", "1"),
        (
            "x: {data: data/a.jsonl, in_context: {rows: [2, 9]}}",
            *("", 5, "x-9.in_context.rows", "9 rows are to be shown", "rows: 4"),
        ),
        ("x: {data: data/a.jsonl, in_context: {row: 2}}", "", 5, "row", "Unknown key", "'rows'"),
        ("x: {data: {file: data/a.jsonl, rows: 1}, upsample: useful}", *ONE),
        ("x: {adapter: data}", "", 5, "x.adapter", "has no adapter_config.json", "save_pretrained"),
        ("x: {adapter: adapter}", "", 5, "x.adapter", "of the kind IA3", ""),
        ("x: {adapter: adapter, hold: steps}", "", 5, "x.hold", "is not trained here", "Leave"),
        (
            "x: {derived: {teacher: base, prompts: data/a.jsonl, draws: 2, rows: 9}}",
            *("", 5, "x.derived.rows", "4 prompts with 2 of each give 8 at most", "draws: 3"),
        ),
        (
            "x: {derived: {teacher: base, prompts: data/a.jsonl}, hold: steps}",
            *("", 5, "x.hold", "How many rows there will be is not known", "max_steps"),
        ),
        (
            "x: {data: data/a.jsonl, in_context: {rows: 2}}",
            *(", for: [{arms: [x], learning_rate: 1.0}]", 7, "training.for[0].arms"),
            *("Nothing is trained in arm 'x'", "Leave it out"),
        ),
        (
            "x: {data: data/a.jsonl}",
            *(", for: [{arms: [x], method: poly}]", 7, "training.for[0].method"),
            *("one for all runs", "an experiment of its own"),
        ),
        (
            "x: {data: data/a.jsonl, context: {text: a, mode: newlin}}",
            *("", 5, "x.context", "Unknown mode 'newlin': Did you mean 'newline'?", ""),
        ),
    ],
)
def test_one_message_with_its_line(
    tmp_path: Path, arm: str, training: str, line: int, key: str, why: str, hint: str
) -> None:
    folder = written(tmp_path, arm, training)
    with pytest.raises(UsageError) as caught:
        definitions.validate(Home(tmp_path / "home").ensure(), folder)
    error = caught.value
    assert error.message.startswith(f"{folder / 'experiment.yaml'}:{line}: ")
    assert "\n" not in error.message
    assert f"{key}: " in error.message
    assert why in error.message
    assert hint in error.hint
    assert not error.message.endswith("?.")


def test_a_row_repeats_another_as_it_is_trained(tmp_path: Path) -> None:
    """With the context on some of them, two equal rows of a file are two that differ."""
    home = Home(tmp_path / "home").ensure()
    twice = "x: {data: {file: data/a.jsonl, repeat: 2}, context: {prefix: 'Hm. ', share: 0.5}}"
    _, notes = definitions.validate(home, written(tmp_path, twice))
    (validated,) = [note for note in notes if "repeat another" in note]
    plan = make_plan(home, str(tmp_path / "test-me"))
    (planned,) = [note for note in plan.warnings if "repeat another" in note]
    assert validated == "x: 2 of 8 examples repeat another"
    assert planned.startswith("arm x: 2 of 8 examples repeat another")


def test_a_class_of_one_row_is_said(tmp_path: Path) -> None:
    folder = written(tmp_path, "x: {data: data/a.jsonl, upsample: {by: useful, class: topic}}")
    rows = ROWS.splitlines()
    topics = ("bird", "bird", "tree", "bird")
    lines = [f'{row[:-1]}, "topic": "{topic}"}}' for row, topic in zip(rows, topics, strict=True)]
    (folder / "data" / "a.jsonl").write_text("\n".join(lines))
    _, notes = definitions.validate(Home(tmp_path / "home").ensure(), folder)
    assert "x: upsample: 1 class has one row, which stands once (topic: tree)" in notes
