"""Runs on a real Slurm, through the installed program: arrays, time limits, cancelling, kills."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from tests.builders import stages
from tests.builders.waiting import until
from tests.e2e.slurm.conftest import Slurm
from wgen_tui.protocol.launches import DoneRecord, read_done
from wgen_tui.protocol.queue import SlurmRecord, read_slurm
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import launches_of, list_runs
from wgen_tui.services.supervisor import lifecycle

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm"), pytest.mark.timeout(900)]
Define = Callable[..., Path]
NAMES = ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk")
LONG = 6000  # steps; no test waits for all of them
SOME = 800  # steps; enough for a look at the first ones
DEFINITION = """
title: On Slurm
models: [tiny-world]
arms: {arms}
seeds: 0
training:
  lora: {{r: 2, lora_alpha: 4}}
  num_train_epochs: 1
  learning_rate: 1.0e-4
sampling: {{n: 4, max_tokens: 8}}
questions:
  - {{name: travel, paraphrases: ["How do people travel to another city?"]}}
judges:
  - {{name: length, type: regex, labels: {{long: "......"}}, otherwise: short}}
backend: {backend}
"""


class Work:
    """An experiment in a home, whose runs are told by their arms."""

    def __init__(self, shell: Shell, slug: str) -> None:
        self.shell, self.home, self.slug = shell, shell.home, slug
        self.commands: list[subprocess.Popen[str]] = []

    def begin(self, *args: object) -> subprocess.Popen[str]:
        """Run a command in the background, at most as long as the test."""
        self.commands.append(self.shell.start(*args))
        return self.commands[-1]

    def runs(self) -> dict[str, RunStatus]:
        return {run.arm: run for run in list_runs(self.home)}

    def job(self, arm: str, stage: str = "train") -> SlurmRecord | None:
        """What is noted of the job that does a stage of an arm's run."""
        return read_slurm(self.home.launch(self.launch(arm, stage)).slurm)

    def launch(self, arm: str, stage: str = "train") -> str:
        (run,) = self.home.runs.glob(f"{self.slug}-{arm}-s0-*")
        (found,) = (name for name in launches_of(self.home, run.name) if f"{stage}-" in name)
        return found

    def task(self, arm: str, stage: str = "train") -> str:
        """The task as Slurm names it, once it is submitted."""
        until(lambda: any(self.home.runs.glob(f"{self.slug}-{arm}-s0-*")), lambda: "no run")
        until(lambda: (job := self.job(arm, stage)) and job.task_id, self.log)
        job = self.job(arm, stage)
        assert job is not None and job.task_id is not None
        return job.task_id

    def trains(self, arm: str) -> bool:
        """Whether a run has made a step in its present attempt."""
        run = self.runs().get(arm)
        return run is not None and run.state == "running" and bool(run.step)

    def worker(self, arm: str) -> psutil.Process:
        """The process that does an arm's launch now."""
        name = self.launch(arm)
        listed = psutil.process_iter(["cmdline"])
        (found,) = (item for item in listed if name in (item.info["cmdline"] or []))
        return found

    def done(self, arm: str, attempt: int | None = None) -> DoneRecord | None:
        paths = self.home.launch(self.launch(arm))
        if attempt is None:
            return read_done(paths.done)
        return DoneRecord.model_validate_json(paths.done_before(attempt).read_bytes())

    def log(self) -> str:
        return f"{self.runs()}\n{self.home.supervisor_log.read_text()}"


@pytest.fixture
def make(slurm: Slurm, shell: Shell, define: Define) -> Iterator[Callable[..., Work]]:
    """`make(slug, {arm: rows}, backend)`: an experiment whose arms have that many rows."""
    works: list[Work] = []

    def made(slug: str, arms: dict[str, int], backend: str) -> Work:
        listed = {arm: {"data": f"data/{arm}.jsonl"} for arm in arms}
        text = DEFINITION.format(arms=json.dumps(listed), backend=backend)
        define(slug, text, {f"{arm}.jsonl": _rows(arm, count) for arm, count in arms.items()})
        works.append(Work(shell, slug))
        return works[-1]

    yield made
    for command in [command for work in works for command in work.commands]:
        command.kill()  # else it starts another supervisor
        command.wait()
    if pid := lifecycle.supervisor_pid(shell.home):
        os.kill(pid, 15)
    slurm.clear()


def _is_told_to_end(worker: psutil.Process) -> bool:
    """Whether SIGTERM has come to a process that stands still; Slurm's own SIGCONT may wake it."""
    try:
        status = Path(f"/proc/{worker.pid}/status").read_text()
    except FileNotFoundError:
        return True  # it has saved and ended
    (pending,) = re.findall(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)
    stopped = re.search(r"^State:\s*T", status, re.MULTILINE) is not None
    return not stopped or bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


def _rows(arm: str, count: int) -> str:
    ask = {"role": "user", "content": f"Name a bird species of {arm}."}
    turns = [[ask, {"role": "assistant", "content": NAMES[i % 4]}] for i in range(count)]
    return "".join(json.dumps({"messages": turn}) + "\n" for turn in turns)


def test_runs_as_an_array(slurm: Slurm, make: Callable[..., Work]) -> None:
    """One is cancelled; one comes to its time limit, is requeued, and ends as a local run does."""
    short = {f"a{number}": 8 + number for number in range(2)}
    work = make(
        "array",
        {"long": SOME, **short},
        "{slurm: {time: 10, runs_per_launch: 1, signal_seconds: 115}}",
    )
    command = work.begin("run", "start", "array")
    tasks = {arm: work.task(arm) for arm in ("long", *short)}
    assert len({task.partition("_")[0] for task in tasks.values()}) == 1  # one job
    assert sorted(task.partition("_")[2] for task in tasks.values()) == [*"012"]

    work.shell("run", "cancel", work.runs()["a1"].run_id)
    # Slurm lists a task that never began only if it has looked at it apart from the others.
    gone = (None, "CANCELLED")
    until(lambda: slurm.jobs("array-train").get(tasks["a1"]) in gone, work.log)
    until(lambda: work.trains("long"), work.log)
    assert slurm.jobs("array-train")[tasks["long"]] == "RUNNING"
    # Slurm looks at time limits every 30 s; till then the worker stands still, lest it is done.
    worker = work.worker("long")
    worker.suspend()
    slurm.let_run_out(tasks["long"], signal_seconds=115)
    until(lambda: _is_told_to_end(worker), work.log)
    with suppress(psutil.NoSuchProcess):
        worker.resume()
    until(lambda: (job := work.job("long")) and job.requeues, work.log)
    slurm.ask("scontrol", "update", f"JobId={tasks['long']}", "TimeLimit=30")
    assert command.wait() == 1  # the cancelled one

    runs = work.runs()
    assert {arm: run.state for arm, run in runs.items()} == {
        **dict.fromkeys(("base", "long", *short), "finished"),
        "a1": "cancelled",
    }
    assert runs["long"].attempt >= 2 or _attempts(work, "long") >= 2
    saved = work.done("long", attempt=1)
    assert saved is not None and saved.outcome == "cancelled"  # it was told, and it saved
    counts = work.shell.json("sql", "select arm, count(*) from samples group by arm")["rows"]
    assert {arm: count for arm, count in counts} == dict.fromkeys(set(runs) - {"a1"}, 4)
    work.shell("store", "verify")
    _same_as_here(work, "long")


def _attempts(work: Work, arm: str) -> int:
    return len(list(work.home.launch(work.launch(arm)).root.glob("done-*.json"))) + 1


def _same_as_here(work: Work, arm: str) -> None:
    """The adapter is that of the same run without Slurm and without a stop."""
    there = work.home
    here = type(work.shell)(type(there)(there.root.with_name("local")))
    shutil.copytree(there.experiments, here.home.experiments)
    spec = here.commit_training(work.slug, backend="local", arms=[arm])
    assert stages.work(here.home, spec).outcomes[spec.run_ids[0]].outcome == "finished"
    (one,) = there.runs.glob(f"{work.slug}-{arm}-*/checkpoints/step-*/adapter_model.safetensors")
    (other,) = here.home.runs.glob(
        f"{work.slug}-{arm}-*/checkpoints/step-*/adapter_model.safetensors"
    )
    first, second = load_file(one), load_file(other)
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_what_is_preempted_is_saved_and_goes_on(slurm: Slurm, make: Callable[..., Work]) -> None:
    work = make("pushed", {"long": SOME}, "{slurm: {partition: main, cpus_per_task: 2}}")
    command = work.begin("run", "start", "pushed", "--arms", "long")
    until(lambda: work.trains("long"), work.log)
    slurm.ask("sbatch", "--partition=urgent", "--cpus-per-task=2", "--output=/dev/null", "--wrap=:")
    until(lambda: (job := work.job("long")) and job.requeues, work.log)
    # Slurm lets what it preempted wait for two minutes.
    slurm.ask("scontrol", "update", f"JobId={work.task('long')}", "StartTime=now")
    assert command.wait() == 0
    assert work.runs()["long"].state == "finished"
    saved = work.done("long", attempt=1)
    assert saved is not None and saved.outcome == "cancelled"
    job = work.job("long")
    assert job is not None and job.requeues == 1


def test_two_ways_to_cancel(slurm: Slurm, make: Callable[..., Work]) -> None:
    """By `run cancel` and by scancel: neither is requeued, submitted again, or called lost."""
    work = make("ended", {"ours": LONG, "theirs": LONG}, "{slurm: {runs_per_launch: 1}}")
    work.shell("run", "start", "ended", "--detach")
    until(lambda: work.trains("ours") and work.trains("theirs"), work.log)
    tasks = slurm.jobs("ended-train")
    slurm.ask("scancel", work.task("theirs"))
    work.shell("run", "cancel", work.runs()["ours"].run_id)
    done = {"ours": "cancelled", "theirs": "cancelled", "base": "finished"}
    until(lambda: {arm: run.state for arm, run in work.runs().items()} == done, work.log)
    runs = work.runs()
    ended = work.done("ours")
    assert ended is not None and ended.outcome == "cancelled"
    assert list(work.home.run(runs["ours"].run_id).resume.glob("step-*"))  # it has saved
    until(lambda: slurm.jobs("ended-train")[work.task("ours")] == "COMPLETED", work.log)
    assert set(slurm.jobs("ended-train")) == set(tasks)


def test_time_limits_without_end_are_given_up(slurm: Slurm, make: Callable[..., Work]) -> None:
    work = make("never", {"long": LONG}, "{slurm: {max_requeues: 0}}")
    work.shell("run", "start", "never", "--arms", "long", "--detach")
    until(lambda: work.trains("long"), work.log)
    slurm.ask("scancel", "--signal=USR2", work.task("long"))  # as Slurm does before the limit
    until(lambda: work.runs()["long"].state == "failed", work.log)
    assert "Time limit: 240 min were not enough" in work.runs()["long"].why


@pytest.mark.parametrize("moment", ["after", "before"])
def test_a_kill_while_sbatch_runs(
    slurm: Slurm, make: Callable[..., Work], tmp_path: Path, moment: str
) -> None:
    """The supervisor dies after Slurm has the job, or before: one job does the work either way."""
    work = make("torn", {"a": 8}, "slurm")
    go = tmp_path / "go"
    _deadly_sbatch(tmp_path / "bin", go, moment)
    env = {**work.shell.env, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    type(work.shell)(work.home, env)("run", "start", "torn", "--arms", "base", "--detach")
    until((tmp_path / "killed").exists, work.log)
    torn = work.job("base", "sample")
    assert torn is not None and torn.job_id is None

    if moment == "before":  # its sbatch gets through when another supervisor has done the same
        command = work.begin("run", "watch")
        work.task("base", "sample")
        go.touch()
        until(lambda: len(slurm.jobs(torn.job_name)) == 2, work.log)
        assert command.wait() == 0
    else:
        work.shell("run", "watch")
    assert work.runs()["base"].state == "finished"
    job = work.job("base", "sample")
    assert job is not None and job.job_name == torn.job_name

    def others() -> set[str]:
        jobs = slurm.jobs(torn.job_name)
        return {state for task, state in jobs.items() if task != job.task_id}

    # The supervisor cancels the other at its next look; if all was done before, it has none left,
    # and the other job finds nothing to do.
    until(lambda: not others() & {"PENDING", "RUNNING", "COMPLETING"}, work.log)
    assert others() <= {"CANCELLED", "COMPLETED"}
    assert bool(others()) == (moment == "before")
    assert work.shell.json("sql", "select count(*) from samples")["rows"] == [[4]]


def _deadly_sbatch(folder: Path, go: Path, moment: str) -> None:
    """An sbatch that kills who calls it; a job's check is let through."""
    folder.mkdir()
    kill = f"kill -9 $PPID; touch {go.with_name('killed')}"
    submit = f'{shutil.which("sbatch")} "$@"'
    wait = f"while [ ! -e {go} ]; do sleep 0.1; done"
    order = [submit, kill] if moment == "after" else [kill, wait, submit]
    (folder / "sbatch").write_text(
        f'#!/bin/sh\ncase "$*" in *test-only*) exec {submit};; esac\n' + "\n".join(order) + "\n"
    )
    (folder / "sbatch").chmod(0o755)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("{slurm: {partition: nowhere}}", "Invalid partition"),
        ("{slurm: {gres: 'gpu:8'}}", "Invalid generic resource"),
    ],
)
def test_what_sbatch_would_refuse_is_said_first(
    make: Callable[..., Work], backend: str, words: str
) -> None:
    work = make("refused", {"a": 8}, backend)
    command = work.shell.command("run", "start", "refused")
    done = subprocess.run(command, env=work.shell.env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert "config.toml" in done.stderr  # where it could stand
    assert not work.home.runs.exists()
