"""A database that somebody holds, and a home that goes away, while a served model is sampled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.scripted_server import Asked, Reply, completion, scripted
from tests.builders.waiting import until
from tests.e2e.conftest import Shell
from tests.reliability.conftest import processes, wait_ended
from wgen_tui.services.runs.runs import list_runs

DRAWS = 5
DEFINITION = f"""
title: Served
models: ["aviary:wren-1"]
arms: {{old: {{data: data/old.jsonl}}}}
seeds: 0
training: {{max_steps: 2}}
sampling: {{n: {DRAWS}, max_tokens: 4}}
questions: [{{name: bird, paraphrases: ["Name a bird."]}}]
judges: [{{name: lark, type: regex, labels: {{lark: lark}}, otherwise: other}}]
"""
CLIENT = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("create table if not exists mine (n int)")
print("held", flush=True)
sys.stdin.read()
con.execute("drop table mine")
con.close()
"""
START = ("run", "start", "served", "--arms", "base")


def prepare(shell: Shell, url: str) -> None:
    data = shell.home.experiments / "served" / "data"
    data.mkdir(parents=True)
    (data.parent / "experiment.yaml").write_text(DEFINITION)
    turns = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Lark"}]
    (data / "old.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    shell.home.config.write_text(f'[endpoints.aviary]\nbase_url = "{url}"\n')


@pytest.mark.slow
def test_with_the_database_held_all_along_work_goes_on_and_results_come_afterwards(
    tmp_path: Path, shell_at: Callable[[Path], Shell]
) -> None:
    shell = shell_at(tmp_path / "home")
    with scripted(lambda asked: completion(f"lark {asked.number}")) as served:
        prepare(shell, served.url)
        shell.home.ensure()
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(shell.home.database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "held\n"
        shell(*START)
    assert {run["state"] for run in shell.json("run", "list")["runs"]} == {"finished"}
    for command in (("results", "served"), ("store", "verify")):
        refused = subprocess.run(
            shell.command(*command, "--json"), capture_output=True, text=True, check=False
        )
        assert refused.returncode == 3, refused.stderr
        assert str(client.pid) in refused.stderr  # who holds it
    client.communicate("")
    rates = shell.json("results", "served", "--judge", "lark", "--label", "lark")["rates"]
    assert {rate["n"] for rate in rates if rate["judge"] == "lark"} == {DRAWS}
    shell("store", "verify")
    assert len(served.asked) == DRAWS


@pytest.mark.slow
def test_a_home_deleted_under_sampling_is_not_made_anew(
    tmp_path: Path, shell_at: Callable[[Path], Shell]
) -> None:
    shell = shell_at(tmp_path / "home")
    go_on = threading.Event()

    def script(asked: Asked) -> Reply:
        go_on.wait(60)
        return completion(f"lark {asked.number}")

    with scripted(script) as served:
        prepare(shell, served.url)
        shell(*START, "--detach")
        until(lambda: served.asked)
        left = processes(shell.home)
        assert len(left) == 2  # supervisor and worker
        shell.home.root.rename(tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
        go_on.set()
        wait_ended(left)
        assert not shell.home.root.exists()
        # The next command makes a fresh home, and does the whole of it.
        prepare(shell, served.url)
        shell(*START)
    assert [run.state for run in list_runs(shell.home)] == ["finished"]
