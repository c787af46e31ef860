"""What `judges:` and `rubrics:` in a definition may say: rules, models and people that grade.

Promises: a judge is data; nothing here runs one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from experiments.schema.base import Model

BROKEN_JUDGE = "broken"


class JudgeSpec(Model):
    """A judge by rule. Which fields a rule reads depends on `type`; see docs/methods.md.

    regex: `labels` maps label -> pattern (searched, in order; first hit wins); `by_topic` gives
        lists of patterns per question topic instead.
    lexicon: `labels` maps label -> list of words or phrases (whole words, a trailing * is a
        prefix wildcard); the label with most hits wins; a tie, or no hit, gives `otherwise`.
        `by_topic` gives a lexicon per question topic instead.
    prefix, exact: `labels` maps label -> list of texts.
    choice: `labels` maps label -> list of option letters or words, as the first word.
    json_field: `field` (dotted) of the first JSON object in the completion; `labels` maps label
        -> list of values; without labels a number is kept as the grade's number.
    """

    name: str
    type: Literal["regex", "lexicon", "prefix", "exact", "choice", "json_field"]
    labels: dict[str, Any] = Field(default={})
    by_topic: dict[str, dict[str, tuple[str, ...]]] = Field(default={})
    otherwise: str = "unclear"
    case_sensitive: bool = False
    field: str | None = None
    strip: str = " \t\r\n.\"'"
    description: str = ""


class ModelJudge(Model):
    """A judge that is itself a model, as llmcomp defines it: kept with the experiment, not run.

    `prompt` has the slots `{question}` and `{answer}`. The settings are llmcomp's; absent: its
    defaults. `words` are what a rating judge may say instead of a number, such as REFUSAL.
    """

    name: str
    type: Literal["free_form_judge", "rating_judge"] = "free_form_judge"
    model: str
    prompt: str
    min_rating: int | None = None
    max_rating: int | None = None
    refusal_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    temperature: NonNegativeFloat | None = None
    max_tokens: PositiveInt | None = None
    words: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _range(self) -> ModelJudge:
        low, high = self.min_rating, self.max_rating
        if low is not None and high is not None and low >= high:
            raise ValueError(f"min_rating {low} is not below max_rating {high}")
        return self


class Rubric(Model):
    """What a person grades by: versioned labels, their keys, and instructions."""

    name: str
    labels: dict[str, str] = Field(description="label -> key that gives it")
    instructions: str = ""
    judge: str | None = Field(default=None, description="the judge whose labels these are")
