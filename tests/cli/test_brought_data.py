"""What is said of datasets that are not shipped: `experiment show`, `validate` and `run start`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Program = Callable[..., "subprocess.CompletedProcess[str]"]


def test_show_lists_what_is_to_be_brought(program: Program) -> None:
    shown = program("experiment", "show", "em-insecure-code").stdout
    assert "insecure: bring data/insecure.jsonl, published as: github.com/emergent" in shown
    assert "§None" not in shown


def test_nothing_runs_without_it(program: Program) -> None:
    done = program("run", "start", "em-insecure-code", "--dry-run", "--model", "tiny-world", code=2)
    assert "is not shipped: bring it" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
