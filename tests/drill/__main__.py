"""kill -9 at random points of whole runs: `make drill`, or `python -m tests.drill`.

Train, sample, judge and ingest, round after round; at each point the worker, the supervisor or what
the user has open is killed, and the user goes on as a user would. In the end nothing is missing,
nothing is there twice, and all is as in a home that was left alone. Exit 1 if anything is off.

`make drill ARGS="store --kills 50"` kills ingest, verify, rebuild, migration and compaction alone,
`make drill ARGS="judges --kills 50"` what judges: so often a server's model, and a local one;
`make drill ARGS="kinds --kills 50"` whole runs of other arms: a held dose, a second stage,
what lies between them, and rows that stand twice after a first training.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.benchmarks.__main__ import machine
from tests.drill import check, judge_kills, store_kills, victims
from tests.drill.people import Client, User
from tests.drill.world import KINDS, PLAIN, SLUG, Work, expected_runs, seeds_of, write_definition
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LIVE_STATES
from wgen_tui.services.runs.runs import list_runs
from wgen_tui.services.supervisor import lifecycle

WHOM = {"worker": 0.45, "supervisor": 0.30, "client": 0.25}
LONGEST = 7.0  # seconds between two kills
AIMED = 0.45  # the share of kills that wait for a short moment, such as the writing of a part
AIM_FOR = 10.0  # seconds that such a moment is waited for
DRAWS = 40  # of a question, a run and a round, where the database alone is killed
LAST_WORD = 1800.0  # seconds for what is left to end when nobody is killed any more


class Drill:
    """The rounds and the kills."""

    def __init__(self, home: Home, kills: int, seed: int, work: Work) -> None:
        self.work = work
        self.home = home
        self.kills = kills
        self.rng = random.Random(seed)
        self.user = User(home.root, self.rng)
        self.client: Client | None = None
        self.rounds = 1  # begun
        self.hit: Counter[tuple[str, str]] = Counter()
        self.given_up = 0

    def run(self) -> None:
        """Kill until all kills are spent, then let the work end."""
        while self.hit.total() < self.kills:
            self._see_to_client()
            self._one_kill()
        if self.client is not None:
            self.client.close()
        self._finish()

    def _see_to_client(self) -> None:
        """Somebody looks on; when all is done, the next round is started."""
        if self.client is not None and not self.client.ended:
            return
        if self.client is not None:
            self.client.close()
        current = list_runs(self.home)
        here = len(current) > 1 and {run.state for run in current} == {"finished"}
        if here and len(current) >= expected_runs(self.rounds, self.work):
            self.rounds += 1
        live = any(run.state in LIVE_STATES for run in current)
        if live and self.rng.random() < 0.6:
            self.client = self.user.look()
        else:
            ended = [run for run in current if run.state in ("lost", "failed", "cancelled")]
            self.given_up += bool(ended)
            self.client = self.user.start(self._round_of_work())

    def _round_of_work(self) -> int:
        """The first round that is not finished."""
        done = {(r.arm, r.seed) for r in list_runs(self.home) if r.state == "finished"}
        for number in range(self.rounds):
            seeds = range(2 * number, 2 * number + 2)
            if any((arm, seed) not in done for arm in self.work.arms for seed in seeds):
                return number
        return self.rounds - 1

    def _one_kill(self) -> None:
        whom = self.rng.choices(list(WHOM), list(WHOM.values()))[0]
        aim = self.rng.choice(victims.AIMS[whom])
        if self.rng.random() < AIMED:
            if whom == "client":  # commands commit right after they begin
                assert self.client is not None
                self.client.close()
                self.client = self.user.start(self._round_of_work())
            victims.wait_for(aim, self.home, AIM_FOR)
        else:
            time.sleep(self.rng.uniform(0.0, LONGEST))
        hit = victims.kill(self.home, self._victims(whom), whom)
        if hit is None:
            return
        kind = self.client.kind if whom == "client" and self.client else whom
        self.hit[kind, hit] += 1
        print(f"{self.hit.total():4d}  {kind:10s}  {hit}", flush=True)
        if whom == "supervisor" and self.rng.random() < 0.5 and self.client is not None:
            self.client.close()  # else the one that looks on has to notice

    def _victims(self, whom: str) -> list[victims.psutil.Process]:
        if whom == "supervisor":
            return victims.supervisor_process(self.home)
        if whom == "client":
            if self.client is None or self.client.ended:
                return []
            return victims.session_of(self.client.process.pid)
        return victims.worker_processes(self.home)

    def _finish(self) -> None:
        """What a user does in the morning: the same command once more, to the end."""
        until = time.monotonic() + LAST_WORD
        while time.monotonic() < until:
            codes = [
                self.user.call("run", "start", SLUG, "--seeds", seeds_of(number)).returncode
                for number in range(self.rounds)
            ]
            if not any(codes):
                return
            self.given_up += 1
        raise RuntimeError("the work does not end")


def calm(home: Home, rounds: int, *, kinds: bool) -> None:
    """The same commands in a home where nobody is killed."""
    write_definition(home.root, kinds=kinds)
    user = User(home.root, random.Random(0))
    for number in range(rounds):
        user.call("run", "start", SLUG, "--seeds", seeds_of(number), "--detach")
    done = user.call("run", "watch", timeout=LAST_WORD)
    if done.returncode != 0:
        raise RuntimeError(f"the undisturbed home: exit {done.returncode}\n{done.stderr}")


def wait_idle(home: Home, verdict: check.Verdict) -> None:
    """The supervisor ends by itself, and no process of the home is left."""
    verdict.expect("supervisor ends when idle", victims.unlocked(home.supervisor_lock, 60), True)
    verdict.expect("processes left over", victims.left_after(home, 20), [])


def report(drill: Drill, verdict: check.Verdict, seconds: float) -> None:
    """The table of docs/reliability.md."""
    whom = sorted({name for name, _ in drill.hit})
    print(f"\n| killed while | {' | '.join(whom)} |\n|---|{'---|' * len(whom)}")
    for stage in sorted({stage for _, stage in drill.hit}):
        print(f"| {stage} | {' | '.join(str(drill.hit[name, stage]) for name in whom)} |")
    sums = [str(sum(n for (who, _), n in drill.hit.items() if who == name)) for name in whom]
    print(f"| all: {drill.hit.total()} | {' | '.join(sums)} |\n\n| figure | |\n|---|---|")
    again = Counter(victims.attempts(drill.home))
    verdict.figures |= {
        "attempts begun again by the supervisor": dict(again),
        "times that two failures in a row were given up, and the user began again": drill.given_up,
        "commands and screens opened": drill.user.used,
        "temporary files left": len(victims.leftovers(drill.home)),
        "seconds with kills": round(seconds),
    }
    _print(verdict)


def _one_part(root: Path, options: argparse.Namespace) -> int:
    """Kill what folds files into the database, or what judges; 1 if anything is off."""
    say = partial(print, flush=True)
    print(f"{machine()}\n{options.kills} kills, seed {options.seed}, in {root}", flush=True)
    if options.what == "judges":
        verdict = judge_kills.drill(root, options.kills, options.seed, say)
    else:
        verdict = store_kills.drill(root, options.kills, options.seed, DRAWS, say)
    _print(verdict)
    if not options.keep and not verdict.wrong and options.home is None:
        shutil.rmtree(root)
    return 1 if verdict.wrong else 0


def _print(verdict: check.Verdict) -> None:
    for name, value in verdict.figures.items():
        print(f"| {name} | {value} |")
    for line in verdict.wrong:
        print(f"WRONG: {line}")
    print("wrong" if verdict.wrong else "all as promised")


def main() -> int:
    """Drill, check, print; 1 if anything is off."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill")
    what = ("runs", "kinds", "store", "judges")
    parser.add_argument("what", nargs="?", choices=what, default="runs")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--home", type=Path, help="an empty folder for both homes")
    parser.add_argument("--keep", action="store_true", help="leave the homes where they are")
    options = parser.parse_args()
    root = (options.home or Path(tempfile.mkdtemp(prefix="wgen-drill-"))).absolute()
    kinds = options.what == "kinds"
    if options.what not in ("runs", "kinds"):
        return _one_part(root, options)
    disturbed, quiet = Home(root / "killed"), Home(root / "calm")
    print(f"{machine()}\n{options.kills} kills, seed {options.seed}, in {root}", flush=True)
    write_definition(disturbed.root, kinds=kinds)
    verdict = check.Verdict()
    begun = time.monotonic()
    work = KINDS if kinds else PLAIN
    drill = Drill(disturbed, options.kills, options.seed, work)
    try:
        drill.run()
        seconds = time.monotonic() - begun
        wait_idle(disturbed, verdict)
        check.check_runs(drill.user, drill.rounds, work, verdict)
        check.check_store(drill.user, verdict)
        calm(quiet, drill.rounds, kinds=kinds)
        wait_idle(quiet, verdict)
        check.check_adapters(disturbed, quiet, verdict)
        report(drill, verdict, seconds)
    finally:
        for home in (disturbed, quiet):
            if lifecycle.supervisor_pid(home) is not None:
                print(f"{home.root}: its supervisor is at work still", flush=True)
        if not options.keep and not verdict.wrong and options.home is None:
            shutil.rmtree(root)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
