"""The judge worker: grades every sample of its runs by the definition's rules and the broken rule.

Promises: needs no torch; a sample that a rule of the same wording has graded is not graded again.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.prompts import NO_VARIANT
from experiments.schema import BROKEN_JUDGE
from wgen_tui.protocol.ids import make_rule_grade_id, rule_hash
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.run_files import parts
from wgen_tui.run_files.inventory import graded, judges_of, read_columns
from wgen_tui.workers.judge.broken import VERSION, broken
from wgen_tui.workers.judge.rules import Rule, Verdict, make_rule
from wgen_tui.workers.runtime import Worker, WorkerError

CHUNK = 20_000  # grades in a part
COLUMNS = ["sample_id", "question", "variant", "completion", "finish_reason"]
Grader = tuple[str, str, Rule]


class Judge:
    """The rules of a judge stage, compiled once for each question and variant."""

    def __init__(self, stage: JudgeStage) -> None:
        self._stage = stage
        self._rules: dict[tuple[str, str], list[Grader]] = {}

    def rules(self, question: str, variant: str) -> list[Grader]:
        """Name, rubric hash and rule of a question's judges; the broken rule is not one of them."""
        asked = (question, variant)
        if asked not in self._rules:
            topic = self._stage.topics.get(question)
            self._rules[asked] = [
                (judge.name, rule_hash(judge), make_rule(judge, topic))
                for judge in judges_of(question, variant, self._stage)
            ]
        return self._rules[asked]

    def verdicts(
        self, question: str, completion: str, finish_reason: str, variant: str = NO_VARIANT
    ) -> Iterator[tuple[str, str, Verdict]]:
        """Judge, rubric hash and verdict, for every judge of a question and the broken rule."""
        for name, rubric, rule in self.rules(question, variant):
            yield name, rubric, rule(completion)
        asked = self._stage.questions.get(question, "")
        verdict = broken(completion, asked, finish_reason)
        yield BROKEN_JUDGE, rule_hash(None, VERSION), verdict


def grade_run(worker: Worker, judge: Judge, run_id: str) -> None:
    """Grade the samples of a run that are not graded yet."""
    files = worker.run_paths(run_id)
    samples = list(read_columns(files.samples, COLUMNS))
    if not samples:
        raise WorkerError(
            "The run has no samples.",
            title="Nothing to grade",
            hint="Give the same `run start` again: it samples what is missing.",
        )
    have = graded(files)
    rows: list[GradeRow] = []
    for done, (sample_id, question, variant, completion, reason) in enumerate(samples, start=1):
        for name, rubric, verdict in judge.verdicts(question, completion, reason, variant):
            if (sample_id, name, rubric) not in have:
                rows.append(rule_grade(sample_id, run_id, name, rubric, verdict))
        if len(rows) >= CHUNK:
            parts.write_grades(files.grades, worker.spec.launch_id, rows)
            rows = []
        worker.check_cancelled(run_id)
        worker.progress(run_id, done, len(samples), "grades")
    if rows:
        parts.write_grades(files.grades, worker.spec.launch_id, rows)


def rule_grade(sample_id: int, run_id: str, judge: str, rubric: str, verdict: Verdict) -> GradeRow:
    """A rule's verdict as it is written."""
    return GradeRow(
        grade_id=make_rule_grade_id(sample_id, judge, rubric),
        sample_id=sample_id,
        run_id=run_id,
        judge=judge,
        grader=f"rule:{judge}",
        rubric=rubric,
        label=verdict.label,
        number=verdict.number,
        explanation=verdict.explanation,
        signals=verdict.signals,
        created_at=now(),
    )


def judge(worker: Worker) -> None:
    """Grade every run of a launch."""
    if worker.spec.judge is None:
        raise WorkerError("The launch names no judges.", title="Empty launch")
    rules = Judge(worker.spec.judge)
    worker.emit("ready")
    for run_id in worker.spec.run_ids:
        with worker.run(run_id):
            worker.check_cancelled(run_id)
            grade_run(worker, rules, run_id)
