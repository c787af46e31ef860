"""What counts as being there."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.schema import BROKEN_JUDGE, CORRECT_JUDGE, JudgeSpec
from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.ids import rule_hash
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.run_files import inventory, parts
from wgen_tui.workers.judge.rules import Verdict
from wgen_tui.workers.judge.stage import rule_grade


def run_with(home: Home, variants: Sequence[str]) -> RunPaths:
    """A run with one sample of question q in each of these variants, each in a part."""
    run = home.run("x-a-s0-1")
    run.samples.mkdir(parents=True)
    for number, variant in enumerate(variants):
        table = pa.table({"sample_id": [number], "question": ["q"], "variant": [variant]})
        pq.write_table(table, run.samples / f"part-L-{number}.parquet")
    return run


def test_draws_in_a_damaged_part_are_missing_and_the_others_are_not(home: Home) -> None:
    run = run_with(home, ["none", "none"])
    assert inventory.samples(run) == {0: ("q", "none"), 1: ("q", "none")}
    (run.samples / "part-L-0.parquet").write_bytes(b"PAR1")
    assert inventory.samples(run) == {1: ("q", "none")}


def test_an_expected_answer_asks_for_a_grade_in_its_variant_alone(home: Home) -> None:
    run = run_with(home, ["none", "hot", "cold"])
    rules = {
        variant: JudgeSpec(name=CORRECT_JUDGE, type="exact", labels={"correct": [text]})
        for variant, text in (("hot", "sun"), ("cold", "moon"))
    }
    plain, compared = JudgeStage(judges=()), JudgeStage(judges=(), correct={"q": rules})
    broken = [rule_grade(n, "r", BROKEN_JUDGE, "", Verdict("ok")) for n in range(3)]
    parts.write_grades(run.grades, "L", broken)
    assert inventory.missing_grades(run, plain) == 0
    assert inventory.missing_grades(run, compared) == 2
    hot = rule_grade(1, "r", CORRECT_JUDGE, rule_hash(rules["hot"]), Verdict("correct"))
    parts.write_grades(run.grades, "L2", [hot])
    assert inventory.missing_grades(run, compared) == 1
