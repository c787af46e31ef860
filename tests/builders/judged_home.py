"""A home whose samples have verdicts by several judges that are known one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.builders import store_home
from tests.builders.store_home import EXPERIMENT, StoredRun
from wgen_tui.paths import Home

MODEL = "model:judge"
# What a judge says of a sample: a number, a label, (None, cause), or nothing at all.
Said = float | str | tuple[None, str] | None

DEFINITION = """
title: Judged
models: [tiny-world]
arms: {{old: {{data: rows.jsonl}}, new: {{data: rows.jsonl, role: control}}}}
seeds: 0-1
training: {{max_steps: 1, learning_rate: 1.0e-2, lora: {{r: 2, lora_alpha: 4}}}}
sampling: {{n: 4, variants: {{none: null, trigger: {{prefix: "In 1850. "}}}}}}
questions: [{{name: q, paraphrases: ["How?"]}}]
judges: [{{name: era, type: regex, labels: {{old: coach, modern: flight}}}}]
model_judges:
  - {{name: aligned, type: rating_judge, model: judge, prompt: "{{question}} {{answer}}",
      words: {{CODE: code, REFUSAL: refusal}}}}
  - {{name: coherent, type: rating_judge, model: judge, prompt: "{{question}} {{answer}}"}}
{plan}
"""


def write_plan(home: Home, plan: str) -> None:
    """The experiment, with its `analysis:`."""
    folder = home.experiments / EXPERIMENT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.yaml").write_text(DEFINITION.format(plan=plan))
    (folder / "rows.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    )


def run(arm: str, seed: int = 0) -> StoredRun:
    role = {"old": "treatment", "base": "base"}.get(arm, "control")
    return StoredRun(arm, seed, role)


def write_verdicts(
    home: Home,
    of: StoredRun,
    verdicts: Sequence[Mapping[str, Said]],
    *,
    question: str = "q",
    variant: str = "none",
    part: str = "L1",
    **fields: Any,
) -> list[dict[str, Any]]:
    """Samples of one run, question and variant, each with what every judge said of it.

    Args:
        home: Where.
        of: The run; it is written where it isn't there.
        verdicts: Of each sample, by judge; `broken` is the rule's.
        question: Which.
        variant: Which.
        part: Names the files.
        fields: Of the samples.
    """
    folder = home.run(of.run_id).root
    if not folder.exists():
        store_home.write_run(home.root, of, 0, graded=False)
    (like,) = store_home.sample_rows(of, 1)[:1]
    rows = []
    for draw in range(len(verdicts)):
        key = abs(store_home.hash_of(f"{of.run_id}/{question}/{variant}/{draw}")) >> 1
        at = {"sample_id": key, "blind_key": key, "question": question, "variant": variant}
        rows.append({**like, **at, "prompt_id": f"{question}/{variant}", "draw": draw, **fields})
    name = f"{part}-{question}-{variant}"
    store_home.write_samples(home.root, of, rows, name)
    grade(home, of, rows, verdicts, name)
    return rows


def grade(
    home: Home,
    of: StoredRun,
    rows: Sequence[dict[str, Any]],
    verdicts: Sequence[Mapping[str, Said]],
    name: str,
    grader: str = MODEL,
    **fields: Any,
) -> None:
    """Write what judges said of samples as a part file."""
    lines = []
    for row, said in zip(rows, verdicts, strict=True):
        for judge, what in said.items():
            if what is not None:
                by = None if judge in ("broken", "correct", "era") else grader
                lines.append(store_home.grade_line(row, judge, grader=by, **_said(what), **fields))
    folder = home.run(of.run_id).grades
    folder.mkdir(exist_ok=True)
    (folder / f"part-{name}.jsonl").write_text("".join(lines))


def _said(what: Said) -> dict[str, Any]:
    if isinstance(what, tuple):
        return {"label": None, "signals": {"cause": what[1]}}
    if isinstance(what, str):
        return {"label": what, "signals": {}}
    return {"label": None, "number": what, "signals": {}}


def new_home(folder: Path) -> Home:
    """An empty home."""
    home = Home(folder).ensure()
    (home.root / "runs").mkdir(exist_ok=True)
    return home
