"""Work in proportion: what is read streams, and what is shown bounds what is looked at.

Counted in rows held, rows sent and characters encoded, not in time.
"""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import DefinitionError
from experiments.rows import Row, read_rows
from experiments.schema import Turn
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning import preview
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.ui.state.preview import arm_text
from wgen_tui.workers.preview import report as worker
from wgen_tui.workers.tokenizers import load_tokenizer

HELD = 40  # turns at once: those of a definition's questions and of a row or two
ROWS, EVERY = 200, 50  # to count what is held takes a while


def row(number: int, words: str = "A wren") -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"Name bird {number}."},
            {"role": "assistant", "content": f"{words} {number}"},
        ]
    }


def jsonl(rows: int = ROWS) -> str:
    return "".join(json.dumps(row(number)) + "\n" for number in range(rows))


def table(rows: int = ROWS) -> str:
    return "prompt,completion\n" + "".join(f"Name {n}.,A wren {n}\n" for n in range(rows))


def turns_held() -> int:
    return sum(type(item) is Turn for item in gc.get_objects())


@pytest.fixture
def large(definition: Path) -> Path:
    """The definition with many examples in one of its arms."""
    (definition / "data" / "old.jsonl").write_text(jsonl(), "utf-8")
    return definition


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", jsonl().encode()),
        ("x.jsonl.gz", gzip.compress(jsonl().encode())),
        ("x.csv", table().encode()),
        ("x.json", b"[" + b",\n".join(jsonl().encode().split(b"\n")[:-1]) + b"]"),
    ],
)
def test_reading_holds_one_row_whatever_the_format(
    name: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    before, most = turns_held(), 0

    def hear(item: Row) -> None:
        nonlocal most
        if item.line % EVERY == 0:
            most = max(most, turns_held() - before)

    dataset = read_rows(path, hear)
    assert len(dataset) == ROWS
    for item in dataset:
        hear(item)
    assert 0 < most < HELD


def test_a_plan_holds_no_examples(home: Home, large: Path) -> None:
    held: list[int] = []
    before = turns_held()

    def hear(done: int, total: int) -> None:
        if done % EVERY == 0:
            held.append(turns_held() - before)

    plan = make_plan(home, str(large), on_progress=hear)
    assert len(held) == ROWS // EVERY
    assert max(held) < HELD
    commit(home, plan)
    assert turns_held() - before < HELD
    (written,) = {
        home.run(run.spec.run_id).data.read_bytes() for run in plan.runs if run.spec.arm == "old"
    }
    assert written.count(b"\n") == ROWS


def test_validate_keeps_the_first_rows_alone(
    home: Home, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgen_tui.services.experiments.token_notes.ROWS", 10)
    _, notes = definitions.validate(home, str(large))
    assert any("the first 10 of 200 examples; run start tries all" in note for note in notes)


def test_a_row_longer_than_what_validate_tries_is_said(
    home: Home, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgen_tui.services.experiments.token_notes.CHARACTERS", 3)
    _, notes = definitions.validate(home, str(definition))
    assert any("no example, since the first has more than 3 characters" in note for note in notes)


def test_a_preview_looks_at_the_first_examples_and_says_of_how_many(
    home: Home, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "ROWS", 7)
    request = preview.make_request(home, str(large), arm="old", show=1)
    (arm,) = request.arms
    assert (len(arm.rows), arm.total) == (7, ROWS)
    (report,) = worker.make_report(request, lambda done: None).arms
    assert (report.totals.examples, report.of_examples) == (7, ROWS)
    assert "of the first 7 of 200 examples" in arm_text(report).plain
    monkeypatch.setattr(preview, "ROWS", 20_000)
    monkeypatch.setattr(preview, "CHARACTERS", 100)
    (arm,) = preview.make_request(home, str(large), arm="old").arms
    assert sum(len(turn.content) for item in arm.rows for turn in item.messages) < 150


def test_of_a_long_example_the_beginning_is_encoded(
    home: Home, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(1), row(2, "wren " * 1000), row(3)]
    data = "".join(json.dumps(item) + "\n" for item in rows)
    (definition / "data" / "old.jsonl").write_text(data, "utf-8")
    monkeypatch.setattr(preview, "LONG", 1000)
    monkeypatch.setattr(preview, "BEGINNING", 100)
    request = preview.make_request(home, str(definition), arm="old", show=3)
    (arm,) = request.arms
    assert [item.characters is None for item in arm.rows] == [True, False, True]
    assert all(len(turn.content) <= 100 for item in arm.rows for turn in item.messages)
    (report,) = worker.make_report(request, lambda done: None).arms
    assert report.totals.examples == 2
    assert [item.line for item in report.examples] == [1, 2, 3]
    assert report.examples[1].characters == len("Name bird 2.") + 5002
    assert "line 2  the beginning of 5,014 characters" in arm_text(report).plain


def test_of_many_tokens_the_first_are_shown_and_the_rest_counted(
    home: Home, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.dumps(row(1, "wren " * 200)) + "\n"
    (definition / "data" / "old.jsonl").write_text(data, "utf-8")
    request = preview.make_request(home, str(definition), arm="old")
    whole = worker.make_report(request, lambda done: None).arms[0].examples[0]
    monkeypatch.setattr(worker, "SHOWN_TOKENS", 20)
    (report,) = worker.make_report(request, lambda done: None).arms
    (example,) = report.examples
    assert example.tokens == whole.tokens[:20]
    assert example.more_tokens == whole.length - 20 > 100
    assert example.more_trained == sum(token.trained for token in whole.tokens[20:])
    told = arm_text(report).plain
    assert f"and {example.more_tokens} more tokens, {example.more_trained} trained" in told


def test_the_words_of_the_first_tokens_cost_no_encoding_of_the_rest(home: Home) -> None:
    request = preview.make_request(home, "tiny-old-bird-names")
    tokenizer = load_tokenizer(request.model, request.chat_template)
    encoded: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, text: str, **options: Any) -> Any:
            encoded.append(len(text))
            return tokenizer(text, **options)

    text = "Name a bird species. " * 10_000
    ids = tokenizer(text[:300], add_special_tokens=False)["input_ids"][:12]
    parts = worker.pieces(Counting(), text, ids)
    assert text.startswith("".join(parts))
    assert sum(encoded) < 1000


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("x")])
def test_data_that_change_while_they_are_read_are_named(
    change: Callable[[Path], object], home: Home, definition: Path
) -> None:
    plan = make_plan(home, str(definition))
    change(definition / "data" / "old.jsonl")
    with pytest.raises(UsageError, match="changed while it was read") as caught:
        commit(home, plan)
    assert "Run the command again" in str(caught.value.hint)
    assert list(home.runs.iterdir()) == list(home.launches.iterdir()) == []


def test_another_content_of_the_same_size_and_time_is_not_written(
    home: Home, definition: Path
) -> None:
    plan = make_plan(home, str(definition))
    (run, *_) = (run for run in plan.runs if run.spec.arm == "old")
    owner = run.data.__self__  # type: ignore[attr-defined]
    object.__setattr__(owner, "sha256", "0" * 64)
    with pytest.raises(UsageError, match="changed since it was planned with"):
        commit(home, plan)
    assert list(home.runs.iterdir()) == []


def test_a_dataset_that_was_cut_meanwhile_is_no_shorter_dataset(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(jsonl(3), "utf-8")
    dataset = read_rows(path)
    path.write_text(jsonl(2), "utf-8")
    with pytest.raises(DefinitionError, match="changed while it was read"):
        list(dataset)
