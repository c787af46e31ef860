"""kill -9 of the worker at random moments: it goes on by itself, nothing lost, nothing twice.

`make drill` does it 200 times, to supervisor and commands too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

KILLS = 8
DEFINITION = """
    title: Killed again and again
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 0
    training:
      lora: {r: 2, lora_alpha: 4}
      max_steps: 60
      per_device_train_batch_size: 4
      learning_rate: 1.0e-3
      checkpoints: {every: 20}
    sampling: {n: 60, max_tokens: 24, checkpoints: all}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
      - {name: light, paraphrases: ["How do people light a room?", "What lights a house?"]}
    judges:
      - {name: length, type: regex, labels: {long: "......"}, otherwise: short}
"""
STEPS = (0, 20, 40, 60)


def row(name: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": name},
    ]
    return json.dumps({"messages": turns})


def kill_workers(root: Path) -> int:
    """SIGKILL every process that serves a launch of this home; how many there were."""
    killed = 0
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(root) in words and "--launch" in words:
            try:
                process.send_signal(signal.SIGKILL)
                killed += 1
            except psutil.NoSuchProcess:
                continue
    return killed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_eight_moments(shell: Shell, define: Callable[..., Path]) -> None:
    names = ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk")
    define("killed", DEFINITION, {"old.jsonl": "\n".join(map(row, names * 8))})
    rng = random.Random(os.environ.get("WGEN_TEST_SEED", "20"))
    kills = seed = 0
    command = shell.start("run", "start", "killed", "--seeds", seed)
    while kills < KILLS:
        try:
            # The worker of another attempt has to come up first; of some it is then killed.
            command.wait(timeout=rng.uniform(0.5, 5))
            ended = {run["state"] for run in shell.json("run", "list")["runs"]}
            seed += ended == {"finished"}  # else two deaths in a row were enough: once more
            command = shell.start("run", "start", "killed", "--seeds", f"0-{seed}")
        except subprocess.TimeoutExpired:
            kills += bool(kill_workers(shell.home.root))
    command.wait()
    shell("run", "start", "killed", "--seeds", f"0-{seed}")

    states = {run["state"] for run in shell.json("run", "list")["runs"]}
    assert states == {"finished"}
    doubled = "select 1 from samples group by run_id, step, prompt_id, draw having count(*) > 1"
    assert shell.json("sql", doubled)["rows"] == []
    counts = "select run_id, arm, step, prompt_id, count(*) from samples group by all"
    rows = shell.json("sql", counts)["rows"]
    assert {count for *_, count in rows} == {60}
    assert {step for _, arm, step, *_ in rows if arm == "old"} == set(STEPS) - {0}
    assert {step for _, arm, step, *_ in rows if arm == "base"} == {0}
    tuned = sum(arm == "old" for _, arm, *_ in rows)
    assert tuned == (seed + 1) * 3 * 3  # runs x checkpoints x prompts
    shell("store", "verify")
