"""docs/cli.md and docs/keys.md say what the program says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wgen_tui.cli import docs
from wgen_tui.cli.group import NOUNS


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wgen_tui.cli.docs", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    assert docs.main(["--check"]) == 1
    assert capsys.readouterr().err.count("python -m wgen_tui.cli.docs") == 2
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    for name in ("cli.md", "keys.md"):
        with (tmp_path / name).open("a") as page:
            page.write("more\n")
        assert docs.main(["--check"]) == 1
        assert docs.main([]) == 0


def test_every_command_and_option_is_in_it() -> None:
    page = docs.render()
    for name in NOUNS:
        assert f"\n## wgen-tui {name}\n" in page
    for part in ("### wgen-tui run start", "--dry-run", "--fresh", "### wgen-tui store rebuild"):
        assert part in page
