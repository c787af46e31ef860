"""`wgen-tui demo`: what can be seen of it without its minute; tests/e2e has the whole."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from wgen_tui.paths import Home
from wgen_tui.services.planning import demo
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.runs import runs

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_fresh_refuses_while_the_demo_is_live(program: Program, home: Home) -> None:
    program("run", "start", demo.SLUG, "--arms", "old_birds", "--seeds", "0", "--detach")
    shown = program("demo", "--fresh", code=2).stderr
    assert "The demo is running" in shown
    assert f"--experiment {demo.SLUG}" in shown
    assert len(runs.run_names(home)) == 2
    program("run", "cancel", "--experiment", demo.SLUG)


def test_fresh_deletes_the_demos_runs_and_no_others(home: Home, files: Any) -> None:
    other = files.run()
    files.lost(files.launch("train", [other]))
    _, planned, *_ = make_plan(home, demo.SLUG).runs
    own = home.run(planned.spec.run_id)
    own.root.mkdir()
    own.spec.write_text(planned.spec.model_dump_json())
    files.lost(files.launch("train", [planned.spec.run_id], number=1))
    assert demo.delete_demo_runs(home) == 1
    assert runs.run_names(home) == [other]


def test_a_second_demo_counts_what_is_done(home: Home) -> None:
    done = demo.count_reuse(make_plan(home, demo.SLUG))
    assert not done.any
    assert done.to_train == 9
    assert done.samples_total > 1000


def test_readonly_refuses(program: Program, home: Home) -> None:
    assert "--readonly" in program("--readonly", "demo", code=2).stderr
    assert not home.root.exists()
