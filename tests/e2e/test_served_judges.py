"""Judges at a real server: its worker and the server itself are killed, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.schema import ModelJudge
from tests.builders.judge_server import judge_launch, notes, served, work
from tests.builders.judged import judged_run, model_grades, verdicts_of, what_was_said
from tests.builders.local_server import Server, free_port, sampling_model
from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.services.runs import process

ANSWERS = [f"{place} by {means}" for place in ("a town", "a farm", "a house") for means in (
    "train", "coach", "car", "horse", "ship", "foot")]  # fmt: skip
PROMPT = "How do people travel? {answer}"
JUDGES = (
    ModelJudge(name="said", model="m", prompt=PROMPT, max_tokens=4),
    ModelJudge(name="drawn", model="m", prompt=PROMPT, temperature=1.0, max_tokens=4, repeat=2),
    ModelJudge(name="rated", model="m", type="rating_judge", prompt=PROMPT, max_tokens=4),
)
VERDICTS = len(ANSWERS) * 4


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return sampling_model(tmp_path / "tiny-world")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, model: Path, port: int) -> Iterator[Server]:
    (tmp_path / "cache" / "hub").mkdir(parents=True)
    made = Server(model, port, tmp_path / "cache")
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_judged_by_a_real_server_through_kills(
    server: Server, model: Path, port: int, tmp_path: Path
) -> None:
    judge_through_kills(server, model, port, tmp_path, points=(5, 40, 70))


def judge_through_kills(
    server: Server, model: Path, port: int, folder: Path, points: tuple[int, ...]
) -> None:
    """Kill the worker after so many further answers each time; compare with an undisturbed home."""
    home, other = (Home(folder / name).ensure() for name in ("home", "other"))
    for each in (home, other):
        judged_run(each, "r", ANSWERS)
    url = f"http://127.0.0.1:{port}/v1"
    # transformers serve has one seed for all requests at once.
    panel = [
        served(judge, url, str(model), concurrency=1, max_retries=1, timeout=60) for judge in JUDGES
    ]
    spec = judge_launch(home, ["r"], *panel)
    server.start()
    for point in points:
        worker = process.spawn(home, spec)
        kill_after(worker, server, point)
    server.stop()  # and the server itself
    done = work(home, spec)
    if done.outcome != "finished":
        assert done.runs["r"].title == "Server does not answer"
    server.start()
    assert work(home, spec).outcome == "finished"
    undisturbed = judge_launch(other, ["r"], *panel)
    assert work(other, undisturbed).outcome == "finished"
    assert len(what_was_said(home, "r")) == VERDICTS
    assert what_was_said(home, "r") == what_was_said(other, "r")
    assert verdicts_of(home, "r").keys() == model_grades(home, "r").keys()
    told = [note for note in notes(other, undisturbed) if "read: sampled" in note]
    assert len(told) == 1 and "gives no log-probabilities" in told[0]


def kill_after(worker: subprocess.Popen[bytes], server: Server, answers: int) -> None:
    """Kill a worker once the server has answered so often again, unless it has ended."""
    first = server.answers
    until(lambda: server.answers >= first + answers or worker.poll() is not None)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
