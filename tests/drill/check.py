"""What must hold when the drill is over: counts, adapters, database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
from safetensors.numpy import load_file

from tests.drill.people import User
from tests.drill.world import (
    JUDGES,
    Work,
    expected_held_out,
    expected_runs,
    expected_samples,
    expected_steps,
)
from wgen_tui.paths import Home

ADAPTER = "adapter_model.safetensors"


@dataclass
class Verdict:
    """What was found: figures for the table, and what is off."""

    figures: dict[str, object] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, wanted: object) -> None:
        self.figures[what] = found
        if found != wanted:
            self.wrong.append(f"{what}: {found}, not {wanted}")


def check_runs(user: User, rounds: int, work: Work, verdict: Verdict) -> None:
    """Every run there once and finished; every draw there once; every sample graded."""
    states = [run["state"] for run in user.states().values()]
    verdict.expect("runs finished", states.count("finished"), expected_runs(rounds, work))
    verdict.expect("runs in another state", len(states) - states.count("finished"), 0)
    twice = "select run_id, step, prompt_id, draw from sample group by all having count(*) > 1"
    with duckdb.connect(str(Home(user.home).database), read_only=True) as con:
        count = _count(con, "select count(*) from sample")
        verdict.expect("samples", count, expected_samples(rounds, work))
        verdict.expect("draws that are there twice", len(con.execute(twice).fetchall()), 0)
        distinct = _count(con, "select count(distinct sample_id) from sample")
        verdict.expect("sample ids", distinct, count)
        for judge in JUDGES:
            graded = f"select count(distinct sample_id) from grade where judge = '{judge}'"
            verdict.expect(f"samples graded by {judge}", _count(con, graded), count)
        alone = "select count(*) from grade anti join sample using (sample_id)"
        verdict.expect("grades without a sample", _count(con, alone), 0)
        steps = "select count(*) from metrics"
        wanted = expected_steps(rounds, work)
        verdict.expect("training steps with metrics", _count(con, steps), wanted)
        measured = _count(con, "select count(*) from held_out")
        verdict.expect("held-out rows measured", measured, expected_held_out(rounds, work))


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def check_store(user: User, verdict: Verdict) -> None:
    """`store verify` is clean, and `store rebuild` gives the same rows."""
    done = user.call("store", "verify")
    verdict.expect("store verify: exit", done.returncode, 0)
    before = dump(Home(user.home).database)
    done = user.call("store", "rebuild")
    verdict.expect("store rebuild: exit", done.returncode, 0)
    after = dump(Home(user.home).database)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    verdict.expect("tables that a rebuild changes", changed, [])
    verdict.figures["rows, by table"] = {name: rows for name, (rows, _) in after.items()}


def dump(database: Path) -> dict[str, tuple[int, str]]:
    """Each table's rows and their hash, in order, but for when a part was ingested."""
    found = {}
    with duckdb.connect(str(database), read_only=True) as con:
        tables = con.execute("select table_name from duckdb_tables() order by all").fetchall()
        for (name,) in tables:
            chosen = "* exclude (ingested_at)" if name == "ingested_part" else "*"
            rows = con.execute(f"select {chosen} from {name} order by all").fetchall()
            found[name] = (len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
    return found


def check_adapters(disturbed: Home, calm: Home, verdict: Verdict) -> None:
    """Adapters at every checkpoint, and completions, beside those of an undisturbed home."""
    equal = compared = 0
    largest = relative = 0.0
    for folder in sorted(calm.runs.iterdir()):
        for path in sorted(folder.glob(f"checkpoints/step-*/{ADAPTER}")):
            other = disturbed.root / path.relative_to(calm.root)
            if not other.exists():
                verdict.wrong.append(f"{other} is missing")
                continue
            compared += 1
            equal += path.read_bytes() == other.read_bytes()
            absolute, share = _difference(load_file(path), load_file(other))
            largest, relative = max(largest, absolute), max(relative, share)
    verdict.figures["adapters compared"] = compared
    verdict.figures["adapters equal to the bit"] = equal
    verdict.figures["largest difference of a weight"] = largest
    verdict.expect("largest relative difference below 1e-5", relative < 1e-5, True)
    verdict.figures["largest relative difference"] = relative
    ours, theirs = _texts(disturbed), _texts(calm)
    verdict.expect("samples of the undisturbed home", len(theirs), len(ours))
    same = sum(text == theirs.get(key) for key, text in ours.items())
    verdict.figures["completions equal"] = f"{same} of {len(ours)}"


def _difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> tuple[float, float]:
    if set(a) != set(b):
        return float("inf"), float("inf")
    apart = np.concatenate([(a[name] - b[name]).ravel().astype(np.float64) for name in a])
    whole = np.concatenate([a[name].ravel().astype(np.float64) for name in a])
    return float(np.abs(apart).max()), float(np.linalg.norm(apart) / np.linalg.norm(whole))


def _texts(home: Home) -> dict[int, str]:
    with duckdb.connect(str(home.database), read_only=True) as con:
        return dict(con.execute("select sample_id, completion from sample").fetchall())
