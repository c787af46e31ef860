"""What a note beside results is, and all that one may be about.

Promises: a note is one sentence without a full stop that names its runs; nothing here changes a
number. services/results/warnings.py has the list of what makes notes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.measures.cells import Cells
from wgen_tui.services.measures.chosen_verdicts import ChosenJudge
from wgen_tui.services.runs.runs import read_spec, run_names

if TYPE_CHECKING:
    from experiments.schema import Analysis, Definition
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.rates.headline_under import HeadlineUnder

NAMED = 3  # at most, in a sentence; `runs` has all


class Note(BaseModel):
    """One thing to know beside the numbers.

    Attributes:
        kind: What it is about, one word for all notes of its sort.
        count: How many runs, samples, arms or questions it is about.
        runs: Ids of the runs that it is about, where it is about some of them.
    """

    model_config = ConfigDict(frozen=True)

    kind: str = Field(examples=["template_date"])
    text: str = Field(examples=["one sentence, also in `warnings`"])
    count: int = Field(examples=[2])
    runs: list[str] = Field(default=[], examples=[["names-old-s0-0123456789"]])


@dataclass(frozen=True)
class Compared:
    """The numbers, and the runs that they come from.

    Attributes:
        counted: Ids of the runs; all of the experiment when None.
        rates: Of all primary measures.
        contrasts: Likewise.
        cells: Of the headline.
        texts: Tokens of the longest prompt and answer together, by run.
        chosen: Whose verdicts count, by judge.
        under: The headline as planned, then under each filter and judge that was tried.
        unlisted_judges: How many judges were too many to be compared.
        lacking: Wordings that the definition has by now and a run was never asked, by run.
    """

    home: Home
    experiment: str
    counted: Collection[str] | None
    definition: Definition | None
    plan: Analysis | None = None
    rates: Sequence[Rate] = ()
    contrasts: Sequence[ContrastResult] = ()
    cells: Cells = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, ChosenJudge] = field(default_factory=dict)
    under: Sequence[HeadlineUnder] = ()
    unlisted_judges: int = 0
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def specs(self) -> list[RunSpec]:
        """Of the runs, in the order of their names; what cannot be read is told elsewhere."""
        names = run_names(self.home) if self.counted is None else sorted(self.counted)
        specs = [spec for name in names if (spec := read_spec(self.home, name)) is not None]
        return [spec for spec in specs if spec.experiment == self.experiment]

    @cached_property
    def overall(self) -> list[Rate]:
        """The headline's rates over all seeds, questions and variants."""
        return [rate for rate in self.of_arms if rate.metric == self.rates[0].metric]

    @cached_property
    def of_arms(self) -> list[Rate]:
        """The same of every measure."""
        return [r for r in self.rates if (r.seed, r.question, r.variant) == (None, None, None)]

    @cached_property
    def several_models(self) -> bool:
        """Whether an arm's name alone does not say which runs are meant."""
        models = {spec.model.name for spec in self.specs} | {rate.model for rate in self.rates}
        return len(models) > 1

    def name(self, model: str, arm: str, seed: int | None = None) -> str:
        """An arm, or one of its runs, as a sentence names it."""
        named = arm if seed is None else f"{arm}, seed {seed}"
        return f"{named} · {model}" if self.several_models else named

    def runs_of(self, model: str, arm: str, seed: int | None = None) -> list[str]:
        """Ids of the runs of an arm, or of one of its seeds."""
        return [
            spec.run_id
            for spec in self.specs
            if (spec.model.name, spec.arm) == (model, arm) and seed in (None, spec.seeds.seed)
        ]

    def listed(self, specs: Sequence[RunSpec]) -> str:
        """A few of them by name, and how many more."""
        return some([f"{spec.arm} seed {spec.seeds.seed}" for spec in specs])


def some(names: Sequence[str]) -> str:
    """A few of them, and how many more."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def runs(count: int) -> str:
    """So many runs."""
    return f"{count} run" if count == 1 else f"{count} runs"
