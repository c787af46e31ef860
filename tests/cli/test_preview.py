"""`wgen-tui experiment preview`: tokens in a pipe, JSON, problems, exit codes; nothing written."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = Path(sys.executable).with_name("wgen-tui")
NO_END = (
    "{% for m in messages %}{{ m.role + ' ' }}{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ ' <end> ' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


def with_template(definition: Path, template: str) -> None:
    with (definition / "experiment.yaml").open("a") as stream:
        stream.write(f"chat_template: {json.dumps(template)}\n")


def test_in_a_pipe(command: Program, home: Home, definition: Path) -> None:
    done = command("experiment", "preview", definition, "-n", 1)
    assert "user¦Name¦a¦bird¦.¦<end>¦assistant⟦Lark¦<end>⟧" in done.stdout
    assert "user¦Name¦Name¦a¦bird¦.¦<end>¦assistant⟦Wren¦<end>⟧" in done.stdout, "with its context"
    assert "arm old  4 examples, 36 tokens, 8 trained (22%)" in done.stdout
    assert "⚠ Duplicate examples: 2 of 4 examples repeat another (lines 2 and 3)" in done.stdout
    assert "⚠ Evaluation question trained: 4 of 4" in done.stdout
    assert "go/0/none  user How do we go ? <end> assistant" in done.stdout
    assert "\x1b" not in done.stdout
    assert "tokenizer of" in done.stderr
    assert not home.root.exists()


def test_a_context_on_some_rows_says_on_how_many(command: Program, definition: Path) -> None:
    file = definition / "experiment.yaml"
    file.write_text(file.read_text().replace('{prefix: "Name "}', "{text: Name, share: 0.25}"))
    shown = command("experiment", "preview", definition, "--arm", "new", "-n", 4).stdout
    assert "the context is on 1 of its 4 rows" in shown
    assert shown.count("user¦Name¦Name¦a¦bird") == 1
    found = json.loads(command("experiment", "preview", definition, "--json").stdout)
    assert [arm["context_on"] for arm in found["arms"]] == [
        "",
        "the context is on 1 of its 4 rows",
    ]


def test_only_the_tokenizer_is_needed(command: Program, definition: Path) -> None:
    (definition.parent / "model" / "model.safetensors").unlink()
    command("experiment", "preview", definition)


def test_one_arm_and_another_model(command: Program, definition: Path) -> None:
    words = ("experiment", "preview", definition, "--arm", "new", "--model", "tiny-world")
    found = json.loads(command(*words, "--json", "-n", 2).stdout)
    assert [arm["arm"] for arm in found["arms"]] == ["new"]
    assert found["model"] == "tiny-world"
    tokens = found["arms"][0]["examples"][0]["tokens"]
    assert "".join(token["text"] for token in tokens if token["trained"]) == "Wren<|end|>"
    assert len(found["arms"][0]["examples"]) == 2
    assert found["blocked"] is False
    shown = command("experiment", "preview", definition, "--arm", "nwe", code=2).stderr
    assert "Did you mean new" in shown


def test_what_would_be_refused_is_shown_and_exits_1(
    command: Program, home: Home, definition: Path
) -> None:
    with_template(definition, NO_END)
    shown = command("experiment", "preview", definition, "-n", 0, code=1).stdout
    assert "✗ refused End token untrained: 4 of 4" in shown
    assert "assistant⟦Lark⟧<end>" in shown, "shown although -n is 0: it is named"
    found = json.loads(command("experiment", "preview", definition, "--json", code=1).stdout)
    assert found["blocked"] is True
    refused = command("run", "start", definition, code=2).stderr
    assert "End token" not in refused.splitlines()[1]
    assert "Arm old: 4 of 4 examples do not train the token" in refused
    assert f"wgen-tui experiment preview {definition}" in refused
    assert not home.root.exists()


def test_a_dataset_cannot_write_to_the_terminal(command: Program, definition: Path) -> None:
    turns = [
        {"role": "user", "content": "\x1b]0;owned\x07 \u202eName\na bird"},
        {"role": "assistant", "content": "\x9b31mLark"},
    ]
    (definition / "data" / "old.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    words = ("experiment", "preview", definition, "--arm", "old", "--model", "tiny-world")
    shown = command(*words).stdout
    assert not set("\x1b\x07\x9b\u202e") & set(shown)
    assert "␛" in shown
    assert "␊\n" in shown, "a line break is shown, and made"


def on_a_terminal(*words: object, **env: str) -> str:
    """What the program writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *map(str, words)],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env},
    ):
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side has gone
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_marks_are_more_than_colour(definition: Path, colour: bool) -> None:
    shown = on_a_terminal(
        "experiment", "preview", definition, **({} if colour else {"NO_COLOR": "1"})
    )
    assert re.search(r"⟦\x1b\[1;4mLark¦<end>\x1b\[0m⟧", shown), "bold, underlined, in brackets"
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)) is colour
