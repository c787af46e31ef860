"""What `analysis:` in a definition may say: the plan that is fixed before the run.

Promises: holds names only; `experiments.checks` sees that they exist.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from experiments.schema.base import Model

CORRECT_JUDGE = "correct"  # the rule that compares with a question's `answer`
CORRECT, WRONG = "correct", "wrong"  # its labels


class Contrast(Model):
    """A difference to report.

    arm, control: `arm` minus `control`.
    arm, variant, minus: within an arm, what `variant` adds to the variant `minus` (a trigger
        against none).
    all four: the difference of these differences between `arm` and `control`.
    """

    arm: str
    control: str | None = None
    variant: str | None = Field(
        default=None, description="such as a trigger", exclude_if=lambda name: name is None
    )
    minus: str | None = Field(
        default=None,
        description="the variant it is compared with",
        exclude_if=lambda name: name is None,
    )

    @model_validator(mode="after")
    def _two_sides(self) -> Contrast:
        if (self.variant is None) != (self.minus is None):
            raise ValueError("variant and minus go together: variant: trigger, minus: none")
        if self.control is None and self.variant is None:
            raise ValueError("give control, or variant and minus")
        return self

    def __str__(self) -> str:
        """In words, such as: old − modern; old: trigger − none."""
        arms = self.arm if self.control is None else f"{self.arm} − {self.control}"
        return arms if self.variant is None else f"{arms}: {self.variant} − {self.minus}"


class Primary(Model):
    """The primary metric: the share of `label` among all grades by `judge`."""

    judge: str
    label: str


class Threshold(Model):
    """A condition on a number: every bound that is given holds."""

    below: float | None = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is any bound."""
        return any(v is not None for v in (self.below, self.above, self.at_least, self.at_most))

    def holds(self, number: float) -> bool:
        """Whether a number is within all bounds."""
        return (
            (self.below is None or number < self.below)
            and (self.above is None or number > self.above)
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
        )

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        said = (
            ("below", self.below),
            ("above", self.above),
            ("at least", self.at_least),
            ("at most", self.at_most),
        )
        return " and ".join(f"{word} {value:g}" for word, value in said if value is not None)


class Given(Threshold):
    """What another judge must have said of a sample for it to count."""

    judge: str
    label: str | tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Given:
        if (self.label is None) != self.bounded:
            raise ValueError("give a label, or a bound such as above: 50, and not both")
        return self

    def __str__(self) -> str:
        labels = (self.label,) if isinstance(self.label, str) else self.label or ()
        return f"{self.judge} {self.bounds or ' or '.join(labels)}"


class Measure(Threshold):
    """What is computed from grades, with its denominator.

    label: the share of samples with that label of `judge`.
    mean: the mean of the numbers that `judge` gave.
    below, above, at_least, at_most: the share of samples whose number is there.
    correct: the share of samples that give the question's `answer`.
    accuracy: of questions that are read (multiple choice), the share whose right answer has the
        highest probability.

    Only samples count for which all of `given` holds; those whose label is in `exclude` are left
    out, and how many they were is told.
    """

    judge: str | None = None
    label: str | None = None
    mean: bool = False
    correct: bool = False
    accuracy: bool = False
    given: tuple[Given, ...] = ()
    exclude: tuple[str, ...] = ()
    questions: tuple[str, ...] | None = Field(
        default=None, description="only these, `*` for any text; all if absent"
    )

    @field_validator("given", "exclude", "questions", mode="before")
    @classmethod
    def _list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | dict) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Measure:
        kinds = [self.label is not None, self.mean, self.bounded, self.correct, self.accuracy]
        if sum(kinds) != 1:
            raise ValueError(
                "a measure is one of: label, mean: true, a bound (below, above, at_least, "
                "at_most), correct: true, accuracy: true"
            )
        if (self.judge is None) != (self.correct or self.accuracy):
            raise ValueError("label, mean and bounds are of a judge; correct and accuracy are not")
        return self

    @property
    def kind(self) -> Literal["label", "mean", "threshold", "correct", "accuracy"]:
        """Which of them it is."""
        if self.label is not None:
            return "label"
        if self.mean:
            return "mean"
        if self.correct:
            return "correct"
        return "accuracy" if self.accuracy else "threshold"

    @property
    def graded_by(self) -> str | None:
        """The judge whose grades it is made of; None where probabilities are read."""
        return CORRECT_JUDGE if self.correct else self.judge

    def __str__(self) -> str:
        """In words, such as: share of aligned below 30, given coherent above 50."""
        said = {
            "label": f"share of {self.label} by {self.judge}",
            "mean": f"mean of {self.judge}",
            "threshold": f"share of {self.judge} {self.bounds}",
            "correct": "share of right answers",
            "accuracy": "share of read questions answered right",
        }[self.kind]
        given = " and ".join(str(item) for item in self.given)
        without = f", without {', '.join(self.exclude)}" if self.exclude else ""
        return said + (f", given {given}" if given else "") + without


class Analysis(Model):
    """The analysis plan, fixed before the run."""

    primary: Primary | tuple[str, ...] = Field(
        description="a judge and its label, or the names of one or more measures"
    )
    measures: dict[str, Measure] = Field(
        default={},
        exclude_if=lambda measures: not measures,  # what old definitions say stays as it was
    )
    contrasts: tuple[Contrast, ...] = ()
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    unclear: str = Field(default="unclear", description="label counted as unclear")

    @field_validator("primary", mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _any_primary(self) -> Analysis:
        if self.primary == ():
            raise ValueError("primary names no measure")
        return self

    @property
    def primaries(self) -> dict[str, Measure]:
        """The primary measures by name, the headline first; a plain one is named by its label."""
        if isinstance(self.primary, Primary):
            label = self.primary.label
            return {label: Measure(judge=self.primary.judge, label=label)}
        return {name: self.measures[name] for name in self.primary if name in self.measures}

    @property
    def headline(self) -> tuple[str, Measure]:
        """The first primary measure, and its name."""
        return next(iter(self.primaries.items()))
