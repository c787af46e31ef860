"""What `derived:` of an arm may say: rows that a model of the experiment makes.

Promises: which rows come out follows from the teacher's weights, the prompts, what is written here
and nothing else; an arm without it is written as it always was.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from experiments.patterns import Pattern
from experiments.schema.analysis import Threshold
from experiments.schema.base import Model
from experiments.schema.contexts import Context


class Keep(Threshold):
    """Which answers become rows: those in which a pattern is, or of which a judge says so.

    The judge is a rule of this definition, or a model that is loaded here.
    """

    regex: str | None = Field(default=None, description="searched in the answer")
    judge: str | None = Field(default=None, description="the name of a judge of this definition")
    label: str | None = Field(default=None, description="what the judge must give")

    @model_validator(mode="after")
    def _one_filter(self) -> Keep:
        verdict = (self.label is not None) + self.bounded
        if (self.regex is None) == (self.judge is None) or verdict != (self.judge is not None):
            raise ValueError(
                "keep: {regex: PATTERN}, or keep: {judge: NAME, label: LABEL}, or, of a judge that "
                "gives numbers, keep: {judge: NAME, above: 50}"
            )
        return self

    def __str__(self) -> str:
        """For people: `in which '[0-9]+' is found`, `that quality gives a number above 50`."""
        if self.judge is None:
            return f"in which {self.regex!r} is found"
        said = f"a number {self.bounds}" if self.bounded else f"the label {self.label}"
        return f"that {self.judge} gives {said}"

    @field_validator("regex")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                Pattern(text, case_sensitive=True)
            except ValueError as error:
                raise ValueError(f"{text!r} is no regular expression: {error}") from error
        return text


class Derived(Model):
    """Rows whose answers are drawn from a model of the experiment before the arm is trained.

    The arm's base itself as teacher is self-distillation; another arm's adapter (of the same seed
    and base model, at its last step) makes the arm its student.
    """

    teacher: str = Field(description="base, or the name of an arm that is trained")
    prompts: str = Field(
        description="what it answers, relative to the definition's folder: rows with `prompt`, or "
        "chats (an answer at the end is left out)"
    )
    context: Context = Field(
        default=Context(), description="said to the teacher, and not part of the rows"
    )
    draws: PositiveInt = Field(default=1, description="answers of each prompt")
    rows: PositiveInt | None = Field(
        default=None, description="take so many of the answers that are kept; else all"
    )
    each: bool = Field(
        default=False,
        description="one row of each prompt, its first answer that is kept; all must have one",
        exclude_if=lambda each: not each,
    )
    seed: NonNegativeInt = Field(default=0, description="of the draws, and of which are taken")
    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: PositiveInt = Field(
        default=256, description="of an answer; one that is cut there becomes no row"
    )
    stop: tuple[str, ...] = ()
    keep: Keep | None = None

    def __str__(self) -> str:
        """For people, on a line."""
        many = "" if self.rows is None else f"{self.rows:,} "
        return f"{many}answers of {self.teacher} to {self.prompts}"
