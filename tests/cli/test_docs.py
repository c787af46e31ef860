"""docs/cli.md says what the program says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wgen_tui.cli import docs
from wgen_tui.cli.main import NOUNS


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
    monkeypatch.setattr(docs, "TARGET", tmp_path / "cli.md")
    assert docs.main(["--check"]) == 1
    assert "python -m wgen_tui.cli.docs" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    with (tmp_path / "cli.md").open("a") as page:
        page.write("more\n")
    assert docs.main(["--check"]) == 1


def test_every_command_and_option_is_in_it() -> None:
    page = docs.render()
    for name in NOUNS:
        assert f"\n## wgen-tui {name}\n" in page
    for part in ("### wgen-tui run start", "--dry-run", "--fresh", "### wgen-tui store rebuild"):
        assert part in page
