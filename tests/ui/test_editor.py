"""How a line is said to an editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.ui import editor

FILE = Path("/x/experiment.yaml")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"EDITOR": "vim"}, ["vim", "+19", "/x/experiment.yaml"]),
        ({"EDITOR": "vim", "VISUAL": "nano -l"}, ["nano", "-l", "+19", "/x/experiment.yaml"]),
        ({"EDITOR": "/usr/bin/nvim"}, ["/usr/bin/nvim", "+19", "/x/experiment.yaml"]),
        ({"EDITOR": "hx"}, ["hx", "/x/experiment.yaml:19"]),
        ({"EDITOR": "code"}, ["code", "--wait", "--goto", "/x/experiment.yaml:19"]),
        ({"EDITOR": "code -w"}, ["code", "-w", "--goto", "/x/experiment.yaml:19"]),
        ({"EDITOR": "ed"}, ["ed", "/x/experiment.yaml"]),
    ],
)
def test_each_editor_is_told_the_line_in_its_way(environ: dict[str, str], words: list[str]) -> None:
    assert editor.command(environ, FILE, 19) == [words]


def test_without_a_line_or_an_editor_of_ones_own() -> None:
    assert editor.command({"EDITOR": "subl"}, FILE, None) == [["subl", "--wait", str(FILE)]]
    assert [words[0] for words in editor.command({}, FILE, None)] == ["nano", "vim", "vi"]


def test_a_command_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UsageError, match="VISUAL=vim 'x: No closing quotation"):
        editor.command({"VISUAL": "vim 'x"}, FILE, 1)


def test_the_first_that_there_is_runs(tmp_path: Path) -> None:
    target = tmp_path / "made"
    editor.edit([["no-such-editor"], ["touch", str(target)]])
    assert target.exists()
