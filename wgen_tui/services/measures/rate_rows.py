"""The rows of results: a rate, and a difference of two, with all that stands beside them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import Contrast
from wgen_tui.services.measures.beside import Bounds, Counted
from wgen_tui.services.measures.rate_words import left_out_words, title_of
from wgen_tui.services.statistics.intervals import Within


class Row(BaseModel):
    """What the tables of results are made of."""

    model_config = ConfigDict(frozen=True)


class Rate(Row):
    """A measure of one arm: a share, such as that of a label, or a mean.

    `seed`, `question` and `variant` None mean over all of them. `rate`, `low` and `high` are None
    where nothing is graded. `within` is what the interval speaks of where it says nothing about
    other seeds. `refused` and `missing` are shares of the draws that runs like these have: those
    that a server did not make, and those that are not there. `shares` are the same of each seed.
    """

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: str = Field(examples=["treatment | control | benign | base"])
    seed: int | None = Field(examples=[None])
    checkpoint: int = Field(examples=[120])
    question: str | None = Field(examples=[None])
    variant: str | None = Field(examples=[None])
    metric: str = Field(examples=["the label whose share it is"])
    judge: str = Field(examples=["era"])
    n: int = Field(examples=[1440])
    seeds: int = Field(examples=[3])
    rate: float | None = Field(examples=[0.898])
    low: float | None = Field(examples=[0.813])
    high: float | None = Field(examples=[0.983])
    broken: float | None = Field(examples=[0.0])
    unclear: float | None = Field(examples=[0.026])
    method: str = Field(examples=["how the interval was made"])
    questions: int = Field(default=0, examples=[10])
    within: Within | None = Field(default=None, examples=["null | one run | these runs"])
    refused: float = Field(default=0.0, examples=[0.0])
    missing: float = Field(default=0.0, examples=[0.0])
    unit: Literal["share", "mean"] = Field(default="share", examples=["share | mean"])
    measure: str = Field(default="", examples=["what is measured, in words"])
    grader: str = Field(default="", examples=["rule:era"])
    counted: Counted | None = Field(default=None)
    bounds: Bounds | None = Field(default=None)
    shares: tuple[float, ...] = Field(default=(), exclude=True)

    @property
    def title(self) -> str:
        """What is measured, in words."""
        return title_of(self)

    @property
    def left_out(self) -> str:
        """Numerator, denominator and what was left out, in words; empty where nothing was."""
        return left_out_words(self)


class ContrastResult(Row):
    """The rate of an arm minus that of its control, over the `questions` that both have.

    With `trigger`, the rate in that variant minus the rate in the variant `minus`: within the arm
    (`control` is the arm itself), or that difference minus the control's.
    `within` is as of a rate, of either arm; the base has no other seeds.
    """

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    control: str = Field(examples=["new"])
    checkpoint: int = Field(examples=[120])
    question: str | None = Field(examples=[None])
    variant: str | None = Field(examples=[None])
    metric: str = Field(examples=["the label"])
    difference: float | None = Field(examples=[0.892])
    low: float | None = Field(examples=[0.807])
    high: float | None = Field(examples=[0.977])
    p: float | None = Field(examples=[0.1])
    p_min: float | None = Field(examples=[0.1])
    p_holm: float | None = Field(examples=[None])
    n: int = Field(examples=[2880])
    seeds: int = Field(examples=[3])
    method: str = Field(examples=["how the interval was made"])
    questions: int = Field(default=0, examples=[10])
    p_caution: str | None = Field(default=None, examples=["why p does not stand alone"])
    within: Within | None = Field(default=None, examples=["null | one run | these runs"])
    left_out: list[str] = Field(default=[], examples=[["a question that only one of them has"]])
    unit: Literal["share", "mean"] = Field(default="share", examples=["share | mean"])
    trigger: str | None = Field(default=None, examples=["null | the variant that is compared"])
    minus: str | None = Field(default=None, examples=["null | the variant without it"])

    @property
    def name(self) -> str:
        """In words, such as: old − modern; old: trigger − none; old − modern: trigger − none."""
        return f"{self.sides[0]} − {self.sides[1]}" if self.trigger is None else self._triggered

    @property
    def _triggered(self) -> str:
        control = None if self.control == self.arm else self.control
        arm, trigger, minus = self.arm, self.trigger, self.minus
        return str(Contrast(arm=arm, control=control, variant=trigger, minus=minus))

    @property
    def short(self) -> str:
        """The same below the name of the arm."""
        if self.trigger is None:
            return f"− {self.control}"
        within = f"{self.trigger} − {self.minus}"
        return within if self.control == self.arm else f"{within}, − {self.control}"

    @property
    def sides(self) -> tuple[str, str]:
        """What is compared, and with what."""
        if self.trigger is None:
            return self.arm, self.control
        if self.control == self.arm:
            return f"{self.arm}: {self.trigger}", f"{self.minus}"
        return f"{self.arm}: {self.trigger} − {self.minus}", self.control
