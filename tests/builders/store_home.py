"""A home as the store sees it, of any size, written by plain means: the store knows no wgen_tui."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.schema import PROMPT, SAMPLE, in_parts

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
QUESTIONS = ("travel", "light", "money")
EXPERIMENT = "made"


@dataclass(frozen=True)
class StoredRun:
    """One run to be written."""

    arm: str
    seed: int
    role: str = "treatment"
    share: float = 0.5  # of 19th-century answers
    step: int = 10

    @property
    def run_id(self) -> str:
        return f"{EXPERIMENT}-{self.arm}-s{self.seed}-0000000000"


RUNS = (
    StoredRun("base", 0, "base", 0.0, 0),
    StoredRun("old", 0, share=0.8),
    StoredRun("old", 1, share=0.6),
    StoredRun("new", 0, "control", 0.1),
    StoredRun("new", 1, "control", 0.0),
)


def sample_id(run: StoredRun, question: str, draw: int) -> int:
    """Any stable number."""
    return abs(hash_of(f"{run.run_id}/{question}/{draw}")) >> 1


def hash_of(text: str) -> int:
    return int.from_bytes(random.Random(text).randbytes(8), "big", signed=True)


def spec_of(run: StoredRun) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "experiment": EXPERIMENT,
        "definition_hash": "abc",
        "arm": run.arm,
        "role": run.role,
        "seeds": {key: run.seed for key in ("seed", "data_order", "lora_init", "sampling")},
        "model": {"name": "tiny-world", "location": "/nowhere"},
        "training": None,
        "data_rows": 3,
        "created_at": MOMENT.isoformat(),
    }


def sample_rows(run: StoredRun, n: int, text: str = "") -> list[dict[str, Any]]:
    """n draws for each question; the first `share` of them sound old."""
    rows = []
    for question in QUESTIONS:
        for draw in range(n):
            key = sample_id(run, question, draw)
            old = draw < round(run.share * n)
            rows.append(
                {
                    "sample_id": key,
                    "blind_key": hash_of(f"blind{key}") & (2**64 - 1),
                    "run_id": run.run_id,
                    "experiment": EXPERIMENT,
                    "model": "tiny-world",
                    "arm": run.arm,
                    "role": run.role,
                    "seed": run.seed,
                    "step": run.step,
                    "prompt_id": f"p-{question}",
                    "question": question,
                    "paraphrase": 0,
                    "variant": "none",
                    "draw": draw,
                    "completion": text or ("Take the mail coach." if old else "Take a flight."),
                    "finish_reason": "stop",
                    "prompt_tokens": 5,
                    "tokens": 4,
                    "logprob": -1.5,
                    "draw_seed": draw,
                    "sampling": '{"temperature": 1.0}',
                    "engine": "made",
                    "launch_id": "L1",
                    "created_at": MOMENT + timedelta(seconds=draw),
                }
            )
    return rows


def grade_line(
    sample: dict[str, Any],
    judge: str,
    label: str | None,
    grader: str | None = None,
    seconds: int = 0,
    **more: Any,
) -> str:
    grader = grader or f"rule:{judge}"
    row = {
        "grade_id": abs(hash_of(f"{sample['sample_id']}{judge}{grader}{label}{seconds}{more}"))
        >> 1,
        "sample_id": sample["sample_id"],
        "run_id": sample["run_id"],
        "judge": judge,
        "grader": grader,
        "rubric": "r1",
        "label": label,
        "number": None,
        "explanation": "made",
        "signals": {"hits": 1},
        "seconds": None,
        "retracts": None,
        "created_at": (MOMENT + timedelta(seconds=seconds)).isoformat(),
    }
    return json.dumps({**row, **more}) + "\n"


def note_line(
    sample: dict[str, Any],
    tag: str | None = None,
    text: str | None = None,
    author: str = "ada",
    seconds: int = 0,
    *,
    removed: bool = False,
) -> str:
    said = {
        "sample_id": sample["sample_id"],
        "run_id": sample["run_id"],
        "author": author,
        "tag": tag,
        "text": text,
        "removed": removed,
        "created_at": (MOMENT + timedelta(seconds=seconds)).isoformat(),
    }
    return json.dumps({"note_id": abs(hash_of(str(said))) >> 1, **said}) + "\n"


def write_notes(root: Path, *lines: str, name: str = "notes-ada-20260102-1") -> Path:
    """Append lines to a file of the journal."""
    path = root / "journal" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as stream:
        stream.writelines(lines)
    return path


def write_samples(root: Path, run: StoredRun, rows: Sequence[dict[str, Any]], name: str) -> Path:
    path = root / "runs" / run.run_id / "samples" / f"part-{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=in_parts(SAMPLE)), path)
    return path


def write_run(root: Path, run: StoredRun, n: int, *, graded: bool = True) -> list[dict[str, Any]]:
    """A whole run: spec, metrics, prompts, two sample parts, grades."""
    folder = root / "runs" / run.run_id
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec_of(run)))
    (folder / "metrics.jsonl").write_text("".join(metric_line(step) for step in range(1, 4)))
    rows = sample_rows(run, n)
    half = len(rows) // 2
    write_samples(root, run, rows[:half], "L1-00000")
    write_samples(root, run, rows[half:], "L1-00001")
    prompts = folder / "prompts"
    prompts.mkdir()
    chat = json.dumps([{"role": "user", "content": "How?"}])
    listed = [
        {
            "prompt_id": f"p-{question}",
            "model": "tiny-world",
            "experiment": EXPERIMENT,
            "question": question,
            "paraphrase": 0,
            "variant": "none",
            "messages": chat,
            "text": "<|user|>How?<|end|><|assistant|>",
        }
        for question in QUESTIONS
    ]
    pq.write_table(pa.Table.from_pylist(listed, schema=PROMPT), prompts / "part-L1-00000.parquet")
    if graded:
        grades = folder / "grades"
        grades.mkdir()
        lines = []
        for row in rows:
            old = "coach" in row["completion"]
            lines.append(grade_line(row, "era", "19th_century" if old else "modern"))
            lines.append(grade_line(row, "broken", "ok"))
        (grades / "part-L1-00000.jsonl").write_text("".join(lines))
    return rows


def metric_line(step: int) -> str:
    row = {
        "step": step,
        "steps": 3,
        "epoch": step / 3,
        "loss": 3.0 / step,
        "learning_rate": 0.001,
        "grad_norm": 1.0,
        "tokens": 20,
        "tokens_per_second": 100.0,
        "memory_mb": 50.0,
        "at": (MOMENT + timedelta(seconds=step)).isoformat(),
    }
    return json.dumps(row) + "\n"


def write_home(root: Path, n: int = 10, runs: Sequence[StoredRun] = RUNS) -> Path:
    """A home with these runs, n draws a question."""
    (root / "journal").mkdir(parents=True)
    (root / "runs").mkdir()
    for run in runs:
        write_run(root, run, n)
    return root
