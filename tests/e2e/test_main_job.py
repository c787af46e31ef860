"""One small experiment from the command to the numbers, looked at from every side."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.tiny_world import weights_path
from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("main_job")]
COUNTS = "select arm, seed, question, count(*) from samples group by all"
SMALL = ("tiny-old-bird-names", "--arms", "old_birds", "--seeds", "0", "--n", "6")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shell_type: type[Shell]) -> Iterator[Shell]:
    """A home in which one arm and seed of the shipped experiment has run, watched by SQL."""
    shell = shell_type(Home(tmp_path_factory.mktemp("main") / "home"))
    command = shell.start("run", "start", *SMALL)
    looks = 0
    while not ended(command, seconds=1.5):
        if shell.home.marker.exists():
            table = list(csv.reader(io.StringIO(shell("sql", COUNTS, "--format", "csv"))))
            assert table[0][:3] == ["arm", "seed", "question"]
            looks += 1
    assert command.returncode == 0
    assert looks > 3, "the query never met a running launch"
    yield shell
    if pid := lifecycle.supervisor_pid(shell.home):
        os.kill(pid, signal.SIGTERM)


def ended(command: subprocess.Popen[str], seconds: float) -> bool:
    """Whether a command ends within some time."""
    try:
        command.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def rows_of(shell: Shell, arm: str) -> list[dict[str, object]]:
    query = f"select * from samples where arm = '{arm}' order by sample_id"
    document = shell.json("sql", query)
    return [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]


def test_a_stock_client_gets_the_same_rows(finished: Shell) -> None:
    ours = {tuple(row) for row in finished.json("sql", COUNTS)["rows"]}
    with duckdb.connect(str(finished.home.database), read_only=True) as stock:
        theirs = set(stock.sql(COUNTS).fetchall())
    assert ours == theirs
    assert {row[0] for row in ours} == {"base", "old_birds"}


def test_a_stock_peft_model_gives_the_probabilities_that_were_sampled(finished: Shell) -> None:
    """Score stored completions anew; a text may be cut into other tokens than were drawn."""
    (run,) = [r for r in finished.json("run", "list")["runs"] if r["arm"] == "old_birds"]
    folders = sorted(finished.home.run(run["id"]).checkpoints.iterdir())
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    base = AutoModelForCausalLM.from_pretrained(weights_path(), dtype=torch.float32)
    model = PeftModel.from_pretrained(base, folders[-1]).eval()
    prompts = {
        row[0]: row[1]
        for row in finished.json("sql", "select distinct prompt_id, text from prompts")["rows"]
    }
    close = scored = 0
    for sample in rows_of(finished, "old_birds")[:60]:
        prompt = tokenizer(prompts[sample["prompt_id"]], add_special_tokens=False)["input_ids"]
        answer = tokenizer(str(sample["completion"]), add_special_tokens=False)["input_ids"]
        if sample["finish_reason"] == "stop":
            answer = [*answer, tokenizer.eos_token_id]
        if len(answer) != sample["tokens"] or len(prompt) != sample["prompt_tokens"]:
            continue
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        chosen = logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None]).sum().item()
        scored += 1
        close += abs(chosen - float(str(sample["logprob"]))) < 1e-3
    assert scored >= 40
    assert close >= 0.9 * scored


def test_every_sample_can_be_traced(finished: Shell) -> None:
    listed = finished.json("sample", "list", "--arm", "old_birds", "--limit", "1")["samples"]
    shown = finished.json("sample", "show", listed[0]["sample_id"])
    assert shown["messages"][-1]["role"] == "user"
    assert {grade["judge"] for grade in shown["grades"]} >= {"broken", "era"}


def test_a_deleted_database_comes_back_the_same(finished: Shell) -> None:
    before = finished.json("sql", "select * from samples order by all")["rows"]
    finished.home.database.unlink()
    finished("store", "rebuild")
    assert finished.json("sql", "select * from samples order by all")["rows"] == before
    finished("store", "verify")


def test_the_same_command_again_does_nothing(finished: Shell) -> None:
    launches = sorted(finished.home.launches.iterdir())
    finished("run", "start", *SMALL)
    assert sorted(finished.home.launches.iterdir()) == launches


def test_more_draws_top_up(finished: Shell) -> None:
    before = {row["sample_id"]: row["completion"] for row in rows_of(finished, "base")}
    finished("run", "start", *SMALL[:-1], "8")
    after = {row["sample_id"]: row["completion"] for row in rows_of(finished, "base")}
    assert len(after) * 6 == len(before) * 8
    assert before.items() <= after.items()


def test_what_a_run_was_is_written_beside_it(finished: Shell) -> None:
    (run,) = [r for r in finished.json("run", "list")["runs"] if r["arm"] == "old_birds"]
    files = finished.home.run(run["id"])
    spec = json.loads(files.spec.read_text())
    assert spec["training"]["learning_rate"] > 0
    assert len(files.data.read_text().splitlines()) == spec["data_rows"]
    metrics = [json.loads(line) for line in files.metrics.read_text().splitlines()]
    assert metrics[-1]["step"] == metrics[-1]["steps"]
    assert metrics[-1]["loss"] < metrics[0]["loss"]


def test_tests_leave_the_users_home_alone(finished: Shell) -> None:
    assert finished.home.root != Path(os.environ.get("WGEN_HOME", "")).absolute()
    done = subprocess.run(finished.command("doctor"), capture_output=True, text=True, check=False)
    assert str(finished.home.root) in done.stdout + done.stderr
