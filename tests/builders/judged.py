"""Sampled runs that judges which are models are to judge, and panels that ask them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from experiments.schema import ModelJudge
from tests.builders.home import T0, write_run
from tests.builders.sampling import read_parts
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.judging import AskedJudge, JudgedPrompt, Panel
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files import parts

PROMPTS = {
    "p0": JudgedPrompt(question="Name a bird.", prompt="In 1850. Name a bird.", variant="old"),
    "p1": JudgedPrompt(question="Name a bird.", prompt="Name a bird.", variant="none"),
}


def sample_key(run_id: str, number: int) -> int:
    return digest("sample", run_id, number)


def judged_run(
    home: Home,
    run_id: str,
    completions: Sequence[str],
    *,
    refused: Iterable[int] = (),
    question: str = "bird",
    **fields: Any,
) -> str:
    """A run whose samples, by their place, alternate between the prompts."""
    run = write_run(home, run_id, **fields)
    refused = set(refused)
    rows: list[dict[str, Any]] = [
        {
            "sample_id": sample_key(run_id, number),
            "run_id": run_id,
            "prompt_id": f"p{number % 2}",
            "question": question,
            "completion": completion,
            "finish_reason": "refused" if number in refused else "stop",
            "created_at": T0,
        }
        for number, completion in enumerate(completions)
    ]
    parts.write_samples(run.samples, "sampled", rows)
    return run_id


def asked(judge: ModelJudge, model: ModelRef | None = None, **fields: Any) -> AskedJudge:
    ref = model or ModelRef(name="judge-model", location="/nowhere")
    defaults = {"weights": ("w",), "precision": "fp32", "template": "t", "questions": ("bird",)}
    return AskedJudge(judge=judge, model=ref, **{**defaults, **fields})


def panel(*judges: AskedJudge, **fields: Any) -> Panel:
    return Panel(judges=judges, **{"prompts": PROMPTS, **fields})


def verdicts_of(home: Home, run_id: str) -> dict[int, dict[str, Any]]:
    """A run's verdicts by id; none may be there twice."""
    rows = read_parts(home.run(run_id).verdicts)
    by_id = {row["verdict_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def model_grades(home: Home, run_id: str) -> dict[int, dict[str, Any]]:
    """A run's grades by models, by id; none may be there twice."""
    rows = _grade_rows(home.run(run_id).grades)
    by_id = {row["grade_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def what_was_said(home: Home, run_id: str) -> dict[int, tuple[Any, ...]]:
    """What each grade says, by its id."""
    return {
        key: (row["judge"], row["grader"], row["label"], row["number"], row["signals"].get("cause"))
        for key, row in model_grades(home, run_id).items()
    }


def _grade_rows(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for part in sorted(folder.glob("part-*.jsonl"))
        for line in part.read_text().splitlines()
    ]
