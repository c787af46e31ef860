"""What a model is asked for the rows of an arm, before there are any.

Promises: the prompts are read once and written with each run; a run's id covers them, how answers
are drawn and kept, and by whose adapter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from experiments.readers.prompt_rows import read_asked
from experiments.schema import (
    BASE_ARM,
    Arm,
    Definition,
    Derived,
    JudgeSpec,
    Keep,
    SamplingConfig,
    Threshold,
)
from experiments.schema.base import Message
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import DerivedSpec
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.definitions import usage_errors
from wgen_tui.training_data.records import PromptText

SHOWN = 3  # prompts in a preview
KEPT = "kept"  # the label of an answer in which a pattern is


@dataclass(frozen=True, slots=True)
class AskedPrompts:
    """What is asked for the rows of an arm.

    Attributes:
        derived: As the definition says it.
        keep: The rule that keeps answers.
        kept_by: The model that does.
        lines: What becomes asked.jsonl.
        sha256: Of these lines.
        answered: Prompts whose answers were left out.
    """

    derived: Derived
    keep: JudgeSpec | None
    kept_by: AskedJudge | None
    lines: tuple[bytes, ...]
    sha256: str
    answered: int

    def data(self) -> tuple[bytes, ...]:
        """What becomes asked.jsonl, line by line."""
        return self.lines

    @property
    def note(self) -> str:
        """What a plan says of it."""
        drawn = len(self.lines) * self.derived.draws
        one = "the first for each prompt" if self.derived.each else "all"
        take = one if self.derived.rows is None else f"{self.derived.rows:,}"
        left = f" ({self.answered:,} answers in the file are left out)" if self.answered else ""
        keep, judge = self.derived.keep, self.kept_by
        kept = "that end and say something" if keep is None else str(keep)
        loads = "" if judge is None else f" (a model, loaded for it: {judge.model.name})"
        return (
            f"before it is trained {drawn:,} answers are drawn from {self.derived.teacher} to "
            f"{len(self.lines):,} prompts{left}, and of those {kept}{loads} {take} become rows; "
            "their masks and lengths are checked then"
        )


def asked_prompts(
    home: Home,
    slug_or_path: str | Path,
    definition: Definition,
    name: str,
    arm: Arm,
    judges: Mapping[str, AskedJudge],
) -> AskedPrompts:
    """Read what is asked for an arm, whose answers one of these judges that are models may keep.

    Raises:
        UsageError: the prompts cannot be read.
    """
    derived = arm.derived
    assert derived is not None
    with usage_errors():
        prompts = read_asked(definitions.folder(home, slug_or_path), name, derived)
    kept_by = judges.get((derived.keep.judge if derived.keep else None) or "")
    lines = tuple(_line(derived, arm, chat, judged=kept_by is not None) for chat in prompts.chats)
    digest = sha256(b"".join(lines)).hexdigest()
    keep = None if kept_by else _rule(definition, derived)
    return AskedPrompts(derived, keep, kept_by, lines, digest, prompts.answered)


def _line(derived: Derived, arm: Arm, chat: tuple[Message, ...], *, judged: bool) -> bytes:
    row: dict[str, Any] = {
        "asked": [turn.model_dump() for turn in derived.context.apply(chat)],
        "said": [turn.model_dump() for turn in arm.context.apply(chat)],
    }
    if judged:  # a judge is shown the prompt as it stands in the file, too
        row["question"] = chat[-1].content
    return f"{json.dumps(row, ensure_ascii=False)}\n".encode()


def _rule(definition: Definition, derived: Derived) -> JudgeSpec | None:
    keep = derived.keep
    if keep is None:
        return None
    if keep.regex is not None:
        labels = {KEPT: keep.regex}
        return JudgeSpec(name=KEPT, type="regex", labels=labels, case_sensitive=True)
    return next(judge for judge in definition.judges if judge.name == keep.judge)


def derived_spec(asked: AskedPrompts, teacher: RunSpec | None, given: int) -> DerivedSpec:
    """How the rows of a run are made.

    Args:
        asked: What is asked.
        teacher: The run whose adapter answers; None: the base.
        given: Rows that are there.
    """
    derived, keep = asked.derived, asked.derived.keep
    return DerivedSpec(
        teacher=BASE_ARM if teacher is None else teacher.arm,
        teacher_run=None if teacher is None else teacher.run_id,
        sha256=asked.sha256,
        prompts=len(asked.lines),
        given=given,
        rows=derived.rows,
        seed=derived.seed,
        sampling=SamplingConfig(
            n=derived.draws,
            temperature=derived.temperature,
            top_p=derived.top_p,
            max_tokens=derived.max_tokens,
            stop=derived.stop,
        ),
        keep=asked.keep,
        label=None if keep is None or keep.bounded else keep.label or KEPT,
        each=derived.each,
        kept_by=asked.kept_by,
        bound=_bound(keep) if keep is not None and keep.bounded else None,
    )


def _bound(keep: Keep) -> Threshold:
    return Threshold(**keep.model_dump(include={*Threshold.model_fields}))


def first_asked(
    home: Home, slug_or_path: str | Path, name: str, arm: Arm
) -> tuple[PromptText, ...]:
    """The first prompts that a model answers for the rows of an arm, as it is asked them."""
    derived = arm.derived
    if derived is None:
        return ()
    with usage_errors():
        chats = read_asked(definitions.folder(home, slug_or_path), name, derived).chats
    return tuple(
        PromptText(
            question=derived.teacher,
            paraphrase=place,
            variant=derived.prompts,
            messages=derived.context.apply(chat),
            max_tokens=derived.max_tokens,
        )
        for place, chat in enumerate(chats[:SHOWN])
    )
