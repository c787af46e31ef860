"""A judge's reply, and the rows in which it is kept: the verdict with its transcript, the grade.

Promises: what a reply says is read by `judging` alone; a reply that several verdicts share is paid
for by one of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wgen_tui.judging.prompt import Rendered
from wgen_tui.judging.rating import read_probabilities
from wgen_tui.judging.reply import REFUSED_REASONS, Verdict, read_reply
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.run_files.verdicts import AskedVerdict


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one rendered prompt.

    Attributes:
        text: What was said; None where probabilities were read, or there was no text.
        probabilities: The model's own, of numbers, words, labels or tokens.
        mass: The probability on all that counts; None: their sum.
        finish_reason: "stop", "length", "content_filter", or the server's own word.
        prompt_tokens: Of the prompt, as the next two None where it isn't known.
        tokens: Of the reply.
        cost: In the unit of the endpoint's prices.
        answered_as: The model and fingerprint that a server names.
        engine: Who answered.
        failed: Why this prompt could not be answered; None when it was.
    """

    text: str | None = None
    probabilities: Mapping[str, float] | None = None
    mass: float | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    tokens: int | None = None
    cost: float | None = None
    answered_as: str | None = None
    engine: str = ""
    failed: str | None = None


def read_verdict(asked: AskedJudge, reply: Reply) -> Verdict:
    """What a reply says."""
    if reply.failed is not None:
        return Verdict(cause="failed", explanation=reply.failed)
    if reply.probabilities is not None:
        return read_probabilities(asked.judge, reply.probabilities, reply.mass)
    return read_reply(asked.judge, reply.text, reply.finish_reason)


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """One verdict as it is kept.

    Attributes:
        verdict_id: Its id, and that of its grade.
        verdict: What was asked.
        prompt: What the judge was shown.
        reply: What came back.
        run_id: Whose sample was judged.
        launch_id: Which launch asked.
        cached: Whether the reply was there already, or is another verdict's too.
    """

    verdict_id: int
    verdict: AskedVerdict
    prompt: Rendered
    reply: Reply
    run_id: str
    launch_id: str
    cached: bool

    @property
    def _read_otherwise(self) -> str | None:
        """How it was read, where that is not what the judge's type says: a server's limits."""
        judge, reply = self.verdict.by.judge, self.reply
        from_text = reply.text is not None and reply.probabilities is None
        answered = reply.failed is None and reply.finish_reason not in REFUSED_REASONS
        return "sampled" if judge.by_probability and from_text and answered else None

    def row(self, said: Verdict) -> Mapping[str, Any]:
        """The verdict (store.schema.VERDICT)."""
        verdict, reply = self.verdict, self.reply
        messages = [message.model_dump() for message in self.prompt.messages]
        read = reply.probabilities
        free = self.cached and reply.cost is not None
        return {
            "verdict_id": self.verdict_id,
            "sample_id": verdict.sample_id,
            "run_id": self.run_id,
            "judge": verdict.by.judge.name,
            "grader": verdict.grader,
            "rubric": verdict.by.rubric,
            "asker": verdict.by.asker,
            "prompt_key": self.prompt.prompt_key,
            "wording": verdict.wording,
            "repeat": verdict.repeat,
            "prompt": json.dumps(messages, ensure_ascii=False),
            "reply": reply.text,
            "probabilities": None if read is None else json.dumps(dict(read), ensure_ascii=False),
            "mass": reply.mass,
            "cause": said.cause,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": reply.prompt_tokens,
            "tokens": reply.tokens,
            "cost": 0.0 if free else reply.cost,
            "answered_as": reply.answered_as,
            "engine": reply.engine,
            "launch_id": self.launch_id,
            "created_at": now(),
        }

    def grade(self, said: Verdict) -> GradeRow:
        """The grade; its signals say what is out of the ordinary."""
        verdict = self.verdict
        signals: dict[str, float | int | str | bool | None] = {
            "cause": said.cause,
            "fenced": self.prompt.fenced,
            "wording": verdict.wording,
            "repeat": verdict.repeat,
            "cached": self.cached,
            "read": self._read_otherwise,
        }
        return GradeRow(
            grade_id=self.verdict_id,
            sample_id=verdict.sample_id,
            run_id=self.run_id,
            judge=verdict.by.judge.name,
            grader=verdict.grader,
            rubric=verdict.by.rubric,
            label=said.label,
            number=said.number,
            explanation=said.explanation,
            signals={name: value for name, value in signals.items() if value},
            created_at=now(),
        )
