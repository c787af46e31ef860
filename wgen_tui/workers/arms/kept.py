"""Answers of a model that another model judges before they become rows.

Promises: the judge is asked as it is asked of samples, in its first wording and once; what it says
follows from the spec, the answers and its weights, so a launch that was stopped keeps the same
ones; each answer that was judged is kept with what was said of it. A judge that is the base itself,
loaded alike, is not loaded again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from wgen_tui.judging.prompt import render
from wgen_tui.protocol.arms import DerivedSpec
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.judging import AskedJudge, JudgedPrompt
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.model_place import located
from wgen_tui.run_files.verdict_record import Reply, read_verdict
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.run_files.verdicts import AskedVerdict, PanelJudge
from wgen_tui.workers.model_judge.engine import JudgeEngine
from wgen_tui.workers.models import Base, LoadAs, load_base
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.engine.state_check import refuse_lost_state

POLL_SECONDS = 0.5  # between two looks whether to stop
SAY_SECONDS = 30.0  # between two notes of how far it is


@dataclass(frozen=True, slots=True)
class AnswerToJudge:
    """An answer that may become a row.

    Attributes:
        number: Its draw's.
        slots: What it answers.
        text: The answer.
    """

    number: int
    slots: JudgedPrompt
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said.

    Attributes:
        fates: Of the answers that are not kept, by number: `not kept` or `unjudged`.
        lines: What becomes judged.jsonl.
        by: The judge, and what it was loaded as.
    """

    fates: dict[int, str]
    lines: bytes
    by: str


class RowJudges:
    """The models that keep rows of a launch's runs; one is loaded when it is first asked."""

    def __init__(self, worker: Worker, base: Base) -> None:
        """Load nothing yet.

        Args:
            worker: Of the launch.
            base: The model that is trained on these rows, bare while answers are judged.
        """
        self._worker = worker
        self._base = base
        self._loaded: dict[tuple[object, ...], Base] = {}

    def judge(
        self,
        spec: RunSpec,
        told: DerivedSpec,
        asked: AskedJudge,
        answers: Sequence[AnswerToJudge],
    ) -> Judged:
        """Ask a judge of answers.

        Raises:
            WorkerError: it cannot be loaded.
            Cancelled: the run is to stop.
        """
        worker, by = self._worker, PanelJudge(asked)
        base = self._model(spec, asked)
        askings: dict[tuple[object, ...], Asking] = {}
        for answer in answers:
            key = digest("kept", told.seed, told.teacher_run, answer.number)
            verdict = AskedVerdict(key, answer.number, str(answer.number), by, 0, 0)
            prompt = render(asked.judge, 0, answer.slots, answer.text)
            same = (prompt.prompt_key,) if by.greedy else (answer.number,)
            askings.setdefault(same, Asking(asked, prompt)).verdicts.append(verdict)
        name = asked.judge.name
        worker.note(f"{name} judges {len(answers):,} answers ({base.reason})", spec.run_id)
        engine = JudgeEngine(base, worker.note, worker.spec.rows)
        replies: dict[int, Reply] = {}
        polled = spoke = time.monotonic()

        def poll() -> None:
            nonlocal polled
            if time.monotonic() - polled > POLL_SECONDS:
                polled = time.monotonic()
                worker.check_cancelled(spec.run_id)

        for asking, reply in engine.answer(list(askings.values()), poll):
            replies |= {verdict.sample_id: reply for verdict in asking.verdicts}
            if time.monotonic() - spoke > SAY_SECONDS:
                spoke = time.monotonic()
                worker.note(f"{len(replies):,} of {len(answers):,} are judged", spec.run_id)
        return _judged(told, asked, answers, replies, base)

    def _model(self, spec: RunSpec, asked: AskedJudge) -> Base:
        model, kind = located(self._worker.home, asked.model), asked.judge.load_in or "none"
        own, training = spec.model, spec.training
        alike = (
            (own.location, own.exact_revision) == (model.location, model.exact_revision)
            and spec.chat_template is None
            and training is not None
            and (training.precision, training.quantization) == ("auto", kind)
        )
        if alike:
            return self._base
        key = (model.location, model.exact_revision, kind)
        if key not in self._loaded:
            loaded = load_base(model, LoadAs("auto", kind), None, self._base.device)
            refuse_lost_state(loaded)
            self._loaded[key] = loaded
        return self._loaded[key]


def _judged(
    told: DerivedSpec,
    asked: AskedJudge,
    answers: Sequence[AnswerToJudge],
    replies: dict[int, Reply],
    base: Base,
) -> Judged:
    fates: dict[int, str] = {}
    lines = []
    for answer in answers:
        said = read_verdict(asked, replies[answer.number])
        kept = told.keeps(said.label, said.number)
        if not kept:
            fates[answer.number] = "unjudged" if said.cause is not None else "not kept"
        row = {
            "prompt": answer.number // told.sampling.n,
            "draw": answer.number % told.sampling.n,
            "answer": answer.text,
            "label": said.label,
            "number": said.number,
            "cause": said.cause,
            "said": said.explanation,
            "kept": kept,
        }
        told_of = {key: value for key, value in row.items() if value not in (None, "")}
        lines.append(f"{json.dumps(told_of, ensure_ascii=False)}\n")
    by = f"{asked.judge.name} by {asked.model.name} in {base.precision}"
    return Judged(fates, "".join(lines).encode(), by)
