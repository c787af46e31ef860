"""Training a grid beside TRL's SFTTrainer run for each of its runs, and beside a plain PEFT loop.

`python -m tests.benchmarks.bench_grid [--json]`, or `make bench`. All sides train on the bird rows
of tiny-old-bird-names with that experiment's adapter, in one process and thread, in turns. A rate
is that of the steps after the first ten (imports, loading and warm-up are on neither side), in CPU
time of the process; `whole` counts TRL's building of its trainer and the grid's sizing as well, as
a user waits for both. A grid before each of TRL's eight runs, so that whatever else the machine
does falls on both; harmonic means of the eight (the rate of all of them together), with the least
and the most in brackets. Beside the plain loop three turns, and medians. Memory is the most that
fresh processes had at once, all of one side running together, as proportional set size: a page that
several of them share counts once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from accelerate import Accelerator

from experiments.catalogue import builtin_root, load
from experiments.tiny_world import weights_path
from tests.builders.training_home import TrainingHome
from wgen_tui.paths import Home
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import load_base
from wgen_tui.workers.train.run import load_run
from wgen_tui.workers.train.single import train_single
from wgen_tui.workers.train.stage import train
from wgen_tui.workers.verify import trl as stock

SLUG, ARM = "tiny-old-bird-names", "old_birds"
WARM = 10
STEPS = {1: 120, 8: 50}
K = 8
REPEATS = 3
BARS = {(K, 1): 6, (K, 8): 2, (1, 1): 1}  # least ratio by stack and batch
MEMORY_BAR = 0.6


@dataclass(frozen=True)
class Figure:
    """One row: adapter-steps per second of CPU time; spreads are least and most."""

    peer: str
    stack: int
    batch: int
    ours: float
    theirs: float
    ours_whole: float
    theirs_whole: float
    spread: tuple[float, float]
    their_spread: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def whole(self) -> float:
        return self.ours_whole / self.theirs_whole


class Clock:
    """Notes the CPU time of steps."""

    def __init__(self) -> None:
        self.began = time.process_time()
        self.ticks: list[float] = []

    def tick(self, *_: object) -> None:
        self.ticks.append(time.process_time())

    def rates(self, adapters: int) -> tuple[float, float]:
        """Adapter-steps per second: steady, and from the beginning."""
        steady = (len(self.ticks) - WARM - 1) / (self.ticks[-1] - self.ticks[WARM])
        return adapters * steady, adapters * len(self.ticks) / (self.ticks[-1] - self.began)


def field(folder: Path, runs: int, batch: int) -> TrainingHome:
    """A home with runs of the experiment's arm."""
    training = load(SLUG).training
    lora = training.lora.model_dump(exclude_defaults=True)
    made = TrainingHome(Home(folder / f"home-{runs}-{batch}").ensure(), weights_path())
    data = (builtin_root() / SLUG / "data" / f"{ARM}.jsonl").read_bytes()
    for seed in range(runs):
        paths = made.add(
            f"r{seed}",
            seed=seed,
            lora=lora,
            max_steps=STEPS[batch],
            learning_rate=training.learning_rate,
            per_device_train_batch_size=batch,
        )
        paths.data.write_bytes(data)
    return made


def grid(folder: Path, runs: int, batch: int) -> tuple[float, float]:
    """Adapter-steps per second of a stack."""
    worker = field(folder, runs, batch).launch()
    clock, progress = Clock(), worker.progress

    def tick(run_id: str, *rest: Any, **values: Any) -> None:
        if run_id == "r0":
            clock.tick()
        progress(run_id, *rest, **values)

    worker.progress = tick  # type: ignore[method-assign]
    train(worker)
    return clock.rates(runs)


def trl(folder: Path, batch: int, seed: int) -> tuple[float, float]:
    """Steps per second of SFTTrainer, one run."""
    home = field(folder, seed + 1, batch)
    worker = home.launch(f"r{seed}")
    spec = worker.run_spec(f"r{seed}")
    assert spec.training is not None
    base = load_base(spec.model, spec.training, None, torch.device("cpu"))
    data = load_examples(worker.run_paths(spec.run_id).data, base.tokenizer, spec.training)
    clock = Clock()
    stock.train(base, data, spec.training, spec.seeds, STEPS[batch], clock.tick)
    return clock.rates(1)


def plain(folder: Path, batch: int) -> tuple[float, float]:
    """Steps per second of PEFT's adapter in a plain loop."""
    worker = field(folder, 1, batch).launch()
    accelerator = Accelerator()
    spec = worker.run_spec("r0")
    base = load_base(spec.model, spec.training, None, accelerator.device)
    member = load_run(worker, base, spec)
    assert member is not None
    clock, progress = Clock(), worker.progress

    def tick(*rest: Any, **values: Any) -> None:
        clock.tick()
        progress(*rest, **values)

    worker.progress = tick  # type: ignore[method-assign]
    train_single(worker, base, accelerator, member)
    return clock.rates(1)


def joined(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The rates of as many runs one after another: harmonic means."""
    steady, whole = (len(pairs) / sum(1 / pair[side] for pair in pairs) for side in (0, 1))
    return steady, whole


def middle(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def ends(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The least and the most steady rate."""
    return min(pair[0] for pair in pairs), max(pair[0] for pair in pairs)


def compare(batch: int) -> Figure:
    """A grid of eight, and TRL eight times, in turns."""
    ours, theirs = [], []
    for seed in range(K):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(grid(Path(folder), K, batch))
        with tempfile.TemporaryDirectory() as folder:
            theirs.append(trl(Path(folder), batch, seed))
    (fast, whole), (peer, peer_whole) = joined(ours), joined(theirs)
    name = f"TRL, {K} runs"
    return Figure(name, K, batch, fast, peer, whole, peer_whole, ends(ours), ends(theirs))


def single() -> Figure:
    """A grid of one, and a plain PEFT loop, in turns."""
    ours, theirs = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(grid(Path(folder), 1, 1))
        with tempfile.TemporaryDirectory() as folder:
            theirs.append(plain(Path(folder), 1))
    (fast, whole), (peer, peer_whole) = middle(ours), middle(theirs)
    name = "plain PEFT loop"
    return Figure(name, 1, 1, fast, peer, whole, peer_whole, ends(ours), ends(theirs))


def peak_mb(home: TrainingHome, *launches: Sequence[str]) -> float:
    """The most memory that workers of these launches, all started at once, have together, in MB."""
    workers = []
    for run_ids in launches:
        spec = home.launch(*run_ids).spec
        command = [sys.executable, "-m", "wgen_tui.workers.train"]
        command += ["--home", str(home.home.root), "--launch", spec.launch_id]
        env = {**os.environ, "PYTHONSAFEPATH": "1"}
        quiet = subprocess.DEVNULL
        workers.append(psutil.Popen(command, env=env, stdout=quiet, stderr=quiet))
    most = 0
    while any(worker.poll() is None for worker in workers):
        most = max(most, sum(map(_pss, workers)))
        time.sleep(0.02)
    assert not any(worker.returncode for worker in workers)
    return most / 2**20


def _pss(worker: psutil.Popen) -> int:
    try:
        return int(worker.memory_full_info().pss)
    except psutil.Error:
        return 0  # it has just ended


def memory() -> tuple[float, float]:
    """Memory of one process with eight adapters, and of eight processes with one each."""
    with tempfile.TemporaryDirectory() as folder:
        home = field(Path(folder), K, 1)
        together = peak_mb(home, home.runs)
    with tempfile.TemporaryDirectory() as folder:
        home = field(Path(folder), K, 1)
        apart = peak_mb(home, *([run_id] for run_id in home.runs))
    return together, apart


def table(figures: Sequence[Figure]) -> str:
    lines = [
        "| beside | stack | batch | ours, adapter-steps/s | theirs | ratio | whole runs, ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.peer} | {f.stack} | {f.batch} | {f.ours:.0f} {_range(f.spread)} "
        f"| {f.theirs:.0f} {_range(f.their_spread)} | {f.ratio:.2f} | {f.whole:.2f} |"
        for f in figures
    ]
    return "\n".join(lines)


def _range(spread: tuple[float, float]) -> str:
    return f"({spread[0]:.0f} to {spread[1]:.0f})"


def missed(figures: Sequence[Figure]) -> list[str]:
    """Which bars were not reached."""
    return [
        f"grid beside {f.peer}, batch {f.batch}: {f.ratio:.2f} of at least {bar}"
        for f in figures
        if f.ratio < (bar := BARS[f.stack, f.batch])
    ]


def memory_line(together: float, apart: float) -> str:
    return (
        f"Memory: {together:.0f} MB for {K} adapters in one process, {apart:.0f} MB for {K} "
        f"processes: {together / apart:.2f}"
    )


def run() -> list[Figure]:
    """Every figure; nothing of what the trainers print."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        return [compare(1), compare(8), single()]


def main(words: list[str]) -> int:
    figures = run()
    together, apart = memory()
    if "--json" in words:
        rows = [{**asdict(f), "ratio": f.ratio} for f in figures]
        print(json.dumps({"grid": rows, "memory_mb": [together, apart]}, indent=1))
    else:
        print(table(figures))
        print(f"\n{memory_line(together, apart)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
