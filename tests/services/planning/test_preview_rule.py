"""Preview and plan go by one rule: what looks at a part of the data never claims what is of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.planning import preview
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.training_data.records import PreviewReport
from wgen_tui.workers.preview.report import make_report

Make = Callable[..., Path]
NO_END = (
    "{% for m in messages %}{{ m.role + ' ' }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
    "{{ ' <end> ' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


def previewed(home: Home, definition: Path) -> PreviewReport:
    return make_report(preview.make_request(home, str(definition)), lambda done: None)


def blocking(report: PreviewReport) -> list[str]:
    every = [*report.problems, *(p for arm in report.arms for p in arm.problems)]
    return [problem.kind for problem in every if problem.blocking]


def refused(home: Home, definition: Path) -> bool:
    try:
        make_plan(home, str(definition))
    except UsageError:
        return True
    return False


def append(definition: Path, text: str) -> None:
    with (definition / "experiment.yaml").open("a") as stream:
        stream.write(text)


def test_what_only_all_rows_can_say_does_not_block_a_part(
    home: Home, tmp_path: Path, make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows are too long and would be dropped; others are left."""
    definition = write_definition(tmp_path / "names", make_model(tmp_path / "model"))
    path = definition / "experiment.yaml"
    path.write_text(path.read_text().replace("max_length: 64", "max_length: 12\n  too_long: drop"))
    long = {
        "messages": [
            {"role": "user", "content": "Name a bird . " * 5},
            {"role": "assistant", "content": "Lark"},
        ]
    }
    for data in (definition / "data").glob("*.jsonl"):
        data.write_text(f"{json.dumps(long)}\n" * 3 + data.read_text())
    assert not refused(home, definition)
    assert not previewed(home, definition).blocked
    monkeypatch.setattr(preview, "ROWS", 3)
    report = previewed(home, definition)
    assert not report.blocked
    (problem,) = [p for p in report.arms[0].problems if p.kind == "too_long"]
    assert "none of these is left" in problem.what


def test_an_end_that_some_row_may_train_does_not_block_a_part(
    home: Home, tmp_path: Path, make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = write_definition(tmp_path / "names", make_model(tmp_path / "model"))
    append(definition, f"chat_template: {json.dumps(NO_END)}\n")
    assert refused(home, definition)
    assert blocking(previewed(home, definition)) == ["untrained_end"] * 2
    monkeypatch.setattr(preview, "ROWS", 3)
    report = previewed(home, definition)
    assert not report.blocked
    assert "may not learn to stop" in report.arms[0].problems[0].what


def test_a_model_that_cannot_read_so_far_is_named_by_both(
    home: Home, tmp_path: Path, make_model: Make
) -> None:
    folder = make_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    more = {"model_type": "gpt2", "max_position_embeddings": 9}
    (folder / "config.json").write_text(json.dumps({**config, **more}))
    definition = write_definition(tmp_path / "names", folder)
    assert refused(home, definition)
    assert set(blocking(previewed(home, definition))) == {"beyond_context"}
