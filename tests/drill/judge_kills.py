"""kill -9 at random points of judging: `python -m tests.drill judges`.

Runs are judged by a model that is loaded and by a server's that fails now and then; the worker is
killed while it loads, judges or writes, and started again as the supervisor does it. In the end
every verdict is there once, and says what it says in a home that was left alone.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

from experiments.schema import ModelJudge
from tests.builders.home import write_launch
from tests.builders.judge_model import SAID, make_judge_model
from tests.builders.judge_server import likely, served
from tests.builders.judged import asked, judged_run, model_grades, panel, verdicts_of
from tests.builders.scripted_server import Asked, Reply, completion, failure, scripted
from tests.drill.check import Verdict
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, JudgedPrompt
from wgen_tui.protocol.launches import JudgeStage, LaunchSpec
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.runs import process

SAMPLES = 600  # of a run; each is judged four times
LABELS = {"old": ("OLD",), "new": ("NEW",)}
JUDGES = (
    ModelJudge(name="rated", type="rating_judge", model="m", prompt="{question} {answer}"),
    ModelJudge(name="chosen", type="choice", model="m", prompt="{answer} this", labels=LABELS),
    ModelJudge(name="said", model="m", prompt="{answer}", labels=LABELS, max_tokens=4),
    ModelJudge(name="drawn", model="m", prompt="{answer}", labels=LABELS, max_tokens=3,
               temperature=1.0),
)  # fmt: skip
AIMS = {"loading": 0.25, "judging": 0.5, "writing": 0.25}
LAST_WORD = 600.0  # seconds for one launch that nobody kills
POLL = 0.002
ROUNDING = 1e-4  # of a number, where other prompts stand in the batch


class JudgeDrill:
    """One kind of judge, killed again and again.

    Attributes:
        hit: Kills, by what the worker was doing.
    """

    def __init__(self, home: Home, judges: tuple[AskedJudge, ...], seed: int) -> None:
        self.home = home.ensure()
        self.hit: Counter[str] = Counter()
        self.runs: list[str] = []
        self._judges = judges
        self._rng = random.Random(seed)
        self._spec: LaunchSpec | None = None
        self._lasts = {"loading": 2.0, "judging": 3.0}  # seconds, as far as is known

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill so often, and let the last launch end."""
        while self.hit.total() < kills:
            if self._spec is None or self._done(self._spec):
                self._spec = judge_a_run(self.home, len(self.runs), self._judges)
                self.runs.append(self._spec.run_ids[0])
            if doing := self._kill(self._spec):
                self.hit[doing] += 1
                say(f"{self.hit.total():4d}  {self.runs[-1]:6s}  {doing}")
        assert self._spec is not None
        if not self._done(self._spec):
            process.spawn(self.home, self._spec).wait(LAST_WORD)

    def _done(self, spec: LaunchSpec) -> bool:
        return self.home.launch(spec.launch_id).done.exists()

    def _kill(self, spec: LaunchSpec) -> str:
        """Start the worker and kill it somewhere; "" if it had ended."""
        aim = self._rng.choices(list(AIMS), list(AIMS.values()))[0]
        events = self.home.launch(spec.launch_id).events
        before = events.stat().st_size if events.exists() else 0
        began = time.monotonic()
        worker = process.spawn(self.home, spec)
        if aim == "loading":
            self._wait(worker, lambda: False, self._rng.uniform(0, 1.2 * self._lasts["loading"]))
        elif self._wait(worker, lambda: _is_ready(events, before), LAST_WORD):
            self._lasts["loading"] = time.monotonic() - began
            if aim == "judging":
                longest = self._rng.uniform(0, self._lasts["judging"])
                self._wait(worker, lambda: False, longest)
            else:
                self._wait(worker, lambda: self._writes(spec), LAST_WORD)
        if worker.poll() is None:
            os.kill(worker.pid, signal.SIGSTOP)
        doing = self._doing(spec, events, before)
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        if worker.wait() != -signal.SIGKILL:
            self._lasts["judging"] *= 0.9  # it ended first: sooner next time
            return ""
        if doing == "judging":
            self._lasts["judging"] = min(20.0, 1.1 * self._lasts["judging"])  # or later, to the end
        return doing

    def _wait(self, worker: Popen[bytes], until: Callable[[], bool], seconds: float) -> bool:
        """Wait for a moment, a time or the worker's end; whether the moment has come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and worker.poll() is None:
            if until():
                return True
            time.sleep(POLL)
        return False

    def _writes(self, spec: LaunchSpec) -> bool:
        """Whether a part is being written; what an earlier kill left is older."""
        run = self.home.run(spec.run_ids[0])
        now = time.time()
        parts = (part for folder in (run.verdicts, run.grades) for part in folder.glob(".part-*"))
        for part in parts:
            with suppress(FileNotFoundError):
                if now - part.stat().st_mtime < 0.2:
                    return True
        return False

    def _doing(self, spec: LaunchSpec, events: Path, before: int) -> str:
        if not _is_ready(events, before):
            return "loading"
        return "writing" if self._writes(spec) else "judging"


def _is_ready(events: Path, before: int) -> bool:
    """Whether the present attempt's worker has loaded."""
    try:
        return b'"ready"' in events.read_bytes()[before:]
    except FileNotFoundError:
        return False


def judge_a_run(home: Home, number: int, judges: tuple[AskedJudge, ...]) -> LaunchSpec:
    """A further run with its samples, and a queued launch that judges it."""
    rng = random.Random(number)
    answers = [" ".join(rng.choices(SAID[:40], k=rng.randint(1, 30))) for _ in range(SAMPLES)]
    run_id = judged_run(home, f"r{number}", answers)
    prompts = {
        f"p{place}": JudgedPrompt(question="Judge this answer :", prompt="In", variant="none")
        for place in range(2)
    }
    stage = JudgeStage(judges=(), panel=panel(*judges, prompts=prompts))
    is_served = judges[0].model.endpoint is not None
    name = f"judging-{number:03d}"
    return write_launch(home, name, "judge", [run_id], judge=stage, served=is_served)


@contextmanager
def local_judges(root: Path) -> Iterator[tuple[AskedJudge, ...]]:
    """Of a tiny model that spells numbers by their digits."""
    folder = make_judge_model(root / "model", digits=True)
    ref = ModelRef(name="judge-model", location=str(folder))
    yield tuple(asked(judge, ref) for judge in JUDGES)


@contextmanager
def served_judges(_: Path) -> Iterator[tuple[AskedJudge, ...]]:
    """Of a server that says to equal prompts the same, and fails now and then."""
    with scripted(_answer) as server:
        yield tuple(served(judge, server.url, max_retries=20) for judge in JUDGES)


def _answer(request: Asked) -> Reply:
    time.sleep(0.02)
    whim = random.Random(request.number).random()
    if whim < 0.02:
        return failure(500) if whim < 0.01 else failure(429, Retry_After="0")
    said = f"{request.body['messages'][-1]['content']} {request.body.get('seed')}"
    digest = int(hashlib.sha256(said.encode()).hexdigest(), 16)
    if request.body.get("logprobs"):
        high = digest % 101
        share = (digest % 997) / 1000
        reply = likely({str(high): share, "OLD": 0.9 - share * 0.9, "50": 0.05})
    else:
        reply = completion(("OLD", "NEW", "I cannot say.", "")[digest % 4])
    return Reply(reply.status, reply.body, cut=60) if whim > 0.99 else reply


def drill(root: Path, kills: int, seed: int, say: Callable[[str], None]) -> Verdict:
    """Kill so often in a home of each kind below `root`, and compare with one left alone."""
    verdict = Verdict()
    for name, kind in (("endpoint", served_judges), ("local", local_judges)):
        with kind(root) as judges:
            killed = JudgeDrill(Home(root / f"{name}-killed"), judges, seed)
            say(f"{name}: the worker is killed while it")
            killed.run(kills, say)
            calm = Home(root / f"{name}-calm").ensure()
            for number in range(len(killed.runs)):
                process.spawn(calm, judge_a_run(calm, number, judges)).wait(LAST_WORD)
        for doing, times in sorted(killed.hit.items()):
            verdict.figures[f"{name}: killed while {doing}"] = times
        _compare(name, killed, calm, verdict)
    return verdict


def _compare(name: str, killed: JudgeDrill, calm: Home, verdict: Verdict) -> None:
    """Every verdict once, with its grade, and as in the other home."""
    wanted = len(killed.runs) * SAMPLES * len(JUDGES)
    there = other = alone = numbers = 0
    for run in killed.runs:
        mine, theirs = model_grades(killed.home, run), model_grades(calm, run)
        there += len(mine)
        alone += len(verdicts_of(killed.home, run).keys() ^ mine.keys())
        for key, grade in theirs.items():
            found = mine.get(key)
            if found is None or _said(found) != _said(grade):
                other += 1
            elif not math.isclose(found["number"] or 0, grade["number"] or 0, rel_tol=ROUNDING):
                numbers += 1
    verdict.expect(f"{name}: grades", there, wanted)
    verdict.expect(f"{name}: grades without a verdict, or the other way", alone, 0)
    verdict.expect(f"{name}: grades that say something else than undisturbed", other, 0)
    verdict.expect(f"{name}: numbers that differ by more than rounding", numbers, 0)


def _said(grade: dict[str, object]) -> tuple[object, ...]:
    signals = grade["signals"]
    assert isinstance(signals, dict)
    return grade["judge"], grade["grader"], grade["label"], signals.get("cause")
