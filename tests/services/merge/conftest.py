"""Two homes as two boxes would have left them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from store.compare import Problem
from store.layout import StoreFiles
from store.verify import verify as verify_store
from tests.builders import store_home
from tests.builders.home import T0, write_done, write_launch, write_start
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import Outcome, Stage
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import CheckpointManifest

LONG_AGO = 1_700_000_000.0
RUN = store_home.StoredRun("old", 0, share=0.8)
OTHER_RUN = store_home.StoredRun("new", 0, "control", 0.1)


@dataclass(frozen=True)
class Box:
    """A home, and what works in it."""

    home: Home

    def run(self, run: store_home.StoredRun = RUN, n: int = 4, *, graded: bool = True) -> str:
        """A run with samples, metrics, prompts and grades."""
        store_home.write_run(self.home.root, run, n, graded=graded)
        return run.run_id

    def samples(self, run: store_home.StoredRun, rows: list[dict[str, Any]], name: str) -> Path:
        return store_home.write_samples(self.home.root, run, rows, name)

    def checkpoint(self, run_id: str, step: int, weights: bytes, *, final: bool = True) -> Path:
        """A checkpoint as a worker leaves it; the weights are any bytes."""
        folder = self.home.run(run_id).checkpoint(step)
        folder.mkdir(parents=True)
        files = {"adapter_model.safetensors": weights, "adapter_config.json": b"{}"}
        for name, data in files.items():
            (folder / name).write_bytes(data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = CheckpointManifest(
            run_id=run_id,
            step=step,
            steps=step if final else 10 * step,
            final=final,
            files=hashes,
            created_at=T0,
        )
        write_record(folder / "manifest.json", manifest)
        return folder

    def launch(
        self,
        runs: list[str],
        stage: Stage = "train",
        *,
        name: str = "",
        after: tuple[str, ...] = (),
        **fields: Any,
    ) -> str:
        """A queued launch."""
        name = name or f"20260102-030405-{len(after)}{stage}-0000"
        fields |= {"experiment": store_home.EXPERIMENT, "after": after}
        write_launch(self.home, name, stage, runs, **fields)
        return name

    def started(self, launch: str, *, host: str = "box7", pid: int = 4711) -> None:
        """It was started, long ago."""
        paths = self.home.launch(launch)
        write_start(paths, host=host, pid=pid, ticks=1)
        paths.log.write_text("loads\nworks\n")
        for path in (paths.started, paths.log):
            os.utime(path, (LONG_AGO, LONG_AGO))

    def done(self, launch: str, runs: list[str], outcome: Outcome = "finished") -> None:
        if not self.home.launch(launch).started.exists():
            self.started(launch)
        write_done(self.home.launch(launch), dict.fromkeys(runs, outcome), outcome)

    def finished(
        self, run: store_home.StoredRun = RUN, n: int = 4, weights: bytes = b"weights"
    ) -> str:
        """A run that was trained, sampled and graded."""
        run_id = self.run(run, n)
        self.checkpoint(run_id, run.step, weights)
        name = self.launch([run_id], name=f"20260102-030405-0train-{run.arm}")
        self.done(name, [run_id])
        return run_id

    def grade(self, name: str, *lines: str) -> Path:
        path = self.home.journal / f"grades-{name}.jsonl"
        with path.open("a") as stream:
            stream.writelines(lines)
        return path

    def problems(self) -> list[Problem]:
        """What `store verify` finds."""
        return verify_store(StoreFiles.of(self.home.root))

    def files(self) -> dict[str, bytes]:
        """Every file but the database and the locks, with its content."""
        derived = {"wgen.duckdb", "wgen.duckdb.wal", "ingest.lock", "readers.lock", "merge.lock"}
        return {
            str(path.relative_to(self.home.root)): path.read_bytes()
            for path in sorted(self.home.root.rglob("*"))
            if path.is_file() and path.name not in derived
        }


@pytest.fixture
def make_box(tmp_path: Path) -> Callable[[str], Box]:
    return lambda name: Box(Home(tmp_path / name).ensure())


@pytest.fixture
def here(make_box: Callable[[str], Box]) -> Box:
    return make_box("here")


@pytest.fixture
def there(make_box: Callable[[str], Box]) -> Box:
    return make_box("there")
