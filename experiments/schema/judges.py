"""What `judges:` and `rubrics:` in a definition may say: rules, models and people that grade.

Promises: a judge is data; nothing here runs one.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

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
    """A judge that is itself a model.

    `prompt` has the slots `{question}` (the wording, before a variant's prefix, wrap and system),
    `{prompt}` (the last user turn as it was asked), `{answer}` or `{completion}`, `{reference}`
    (the expected answer) and `{variant}`.

    free_form_judge: replies in words. `labels` maps label -> what the judge says; without labels
        the verdict itself is the label. `verdict` says where in the reply the verdict stands.
    rating_judge: gives a number from `min_rating` to `max_rating`. `words` are what it may say
        instead, such as REFUSAL, each a label.
    choice: the label of `labels` whose text the model would most probably say next.

    A reply that is none of these gives no label: it is counted as missing, with its cause.
    """

    other_keys: ClassVar[tuple[str, ...]] = ("range", "min_mass")  # which the reader renames

    name: str
    type: Literal["free_form_judge", "rating_judge", "choice"] = "free_form_judge"
    model: str = Field(description="hub id, folder, ENDPOINT:MODEL-ID, or a name that is mapped")
    prompt: str
    system: str | None = None
    paraphrases: tuple[str, ...] = Field(
        default=(), description="further wordings of the prompt: its agreement with itself"
    )
    repeat: PositiveInt = Field(default=1, description="verdicts of each sample")
    labels: dict[str, tuple[str, ...]] = Field(default={})
    verdict: Literal["last_line", "first_word", "one_token", "json_field", "whole"] | None = None
    field: str | None = Field(default=None, description="of json_field, dotted")
    case_sensitive: bool = False
    min_rating: int | None = None
    max_rating: int | None = None
    read: Literal["expectation", "sampled"] | None = Field(
        default=None, description="of a rating: from probabilities (default), or from a reply"
    )
    refusal_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    words: dict[str, str] | tuple[str, ...] = Field(
        default=(), description="instead of a number; word -> label (its own in small letters)"
    )
    temperature: NonNegativeFloat | None = None
    max_tokens: PositiveInt | None = None
    keep_thoughts: bool = Field(
        default=False, description="whether what a thinking model thought is judged too"
    )
    thinking: bool = Field(default=False, description="whether the judge itself thinks first")
    load_in: Literal["4bit", "8bit"] | None = Field(
        default=None, description="of a judge that runs here"
    )
    description: str = ""

    @model_validator(mode="after")
    def _range(self) -> ModelJudge:
        low, high = self.min_rating, self.max_rating
        if low is not None and high is not None and low >= high:
            raise ValueError(f"min_rating {low} is not below max_rating {high}")
        return self

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest number of a rating; llmcomp's 0 to 100 unless said."""
        low = 0 if self.min_rating is None else self.min_rating
        return low, 100 if self.max_rating is None else self.max_rating

    @property
    def by_probability(self) -> bool:
        """Whether its verdict is read from probabilities, so that it draws nothing."""
        return self.type == "choice" or (self.type == "rating_judge" and self.read != "sampled")

    @property
    def word_labels(self) -> dict[str, str]:
        """What a rating judge may say instead of a number -> its label."""
        if isinstance(self.words, dict):
            return self.words
        return {word: word.lower() for word in self.words}

    @property
    def wordings(self) -> tuple[str, ...]:
        """The prompt and its paraphrases."""
        return (self.prompt, *self.paraphrases)


class Rubric(Model):
    """What a person grades by: versioned labels, their keys, a scale, and instructions."""

    name: str
    labels: dict[str, str] = Field(default={}, description="label -> key that gives it")
    scale: tuple[int, int] | None = Field(
        default=None,
        description="lowest and highest number; a digit gives it",
        exclude_if=lambda scale: scale is None,
    )
    instructions: str = ""
    judge: str | None = Field(default=None, description="the judge whose labels these are")
    read_to_end: bool = Field(
        default=False,
        description="a key grades only once the end of the answer was on the screen",
        exclude_if=lambda wanted: not wanted,
    )

    @model_validator(mode="after")
    def _something_to_give(self) -> Rubric:
        if self.scale is None:
            if not self.labels:
                raise ValueError("a rubric has labels ({yes: y, no: n}), a scale ([1, 7]) or both")
            return self
        low, high = self.scale
        if not 0 <= low < high <= 9:
            raise ValueError(f"a scale goes from one digit to a higher one, not {low} to {high}")
        if taken := [key for key in self.labels.values() if key in self.numbers]:
            raise ValueError(f"{taken[0]} is the key of a label and of the scale")
        return self

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of the scale, as they are typed."""
        if self.scale is None:
            return ()
        low, high = self.scale
        return tuple(map(str, range(low, high + 1)))

    @property
    def keys(self) -> dict[str, str]:
        """Every verdict, a label or a number, and the key that gives it."""
        return {**self.labels, **{number: number for number in self.numbers}}
