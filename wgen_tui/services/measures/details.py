"""What is made on demand beside the headline: rate@k, what the draws are worth, copies of samples.

Promises: prompts are told apart, so it costs a row for each prompt of each run; nothing here
changes a number of the results.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from store.measured import COUNTED, Tally
from wgen_tui.services.measures.lengths import AtMatchedLength

TRIES = (1, 2, 5, 10, 20, 50, 100)


class ArmDetails(BaseModel):
    """Of one arm.

    Attributes:
        at_k: By k, the chance that of k draws of a prompt at least one is a hit; up to the fewest
            draws that a prompt has. None of a mean.
        design_effect: By how much it widens the variance that draws of one prompt and seed are
            alike.
        effective_n: How many independent draws they are worth.
        prompts: Prompts of each run together.
    """

    model_config = ConfigDict(frozen=True)

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    n: int = Field(examples=[400])
    prompts: int = Field(examples=[20])
    at_k: dict[int, float] = Field(examples=[{"<k>": 0.4}])
    design_effect: float | None = Field(examples=[2.5])
    effective_n: float | None = Field(examples=[160.0])
    median_length: float | None = Field(
        default=None, examples=[64.0], description="of all answers, in characters"
    )


class Copies(BaseModel):
    """Runs that have the same text for every prompt and draw."""

    model_config = ConfigDict(frozen=True)

    runs: list[str] = Field(examples=[["names-old-s0-0123456789", "names-old-s1-0123456789"]])
    samples: int = Field(examples=[400])


class Details(BaseModel):
    """On demand: `results --details`."""

    model_config = ConfigDict(frozen=True)

    arms: list[ArmDetails]
    copies: list[Copies]
    matched: list[AtMatchedLength] = Field(default=[])


def rate_at(k: int, n: int, hits: int) -> float:
    """The chance that k of n draws, taken without replacement, have a hit."""
    return 1 - math.comb(n - hits, k) / math.comb(n, k)


def arm_details(rows: Sequence[Tally], *, mean: bool) -> list[ArmDetails]:
    """By arm, of what counts by prompt.

    Args:
        rows: From `store.measured.tallies`, by prompt.
        mean: Whether numbers are averaged.
    """
    arms: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    for row in rows:
        if row.fate == COUNTED:
            arms[(row.model, row.arm)].append(row)
    listed = []
    for (model, arm), prompts in sorted(arms.items()):
        effect, n = _design_effect(prompts), sum(row.n for row in prompts)
        listed.append(
            ArmDetails(
                model=model,
                arm=arm,
                n=n,
                prompts=len(prompts),
                at_k={} if mean else _at_k(prompts),
                design_effect=effect,
                effective_n=None if effect is None else n / effect,
            )
        )
    return listed


def _at_k(prompts: Sequence[Tally]) -> dict[int, float]:
    """Each prompt once within a question and seed, each question once, each seed once."""
    fewest = min(row.n for row in prompts)
    return {k: _over_seeds(prompts, k) for k in TRIES if k <= fewest}


def _over_seeds(prompts: Sequence[Tally], k: int) -> float:
    seeds: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in prompts:
        seeds[row.seed][row.question].append(rate_at(k, row.n, row.hits))
    return _mean([_mean([_mean(of) for of in questions.values()]) for questions in seeds.values()])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _design_effect(prompts: Sequence[Tally]) -> float | None:
    """Kish's 1 + (m − 1)ρ, with ρ from the analysis of variance of unequal groups; at least 1."""
    n, groups = sum(row.n for row in prompts), len(prompts)
    if groups < 2 or n <= groups:
        return None
    grand = math.fsum(row.total for row in prompts) / n
    between = math.fsum(row.n * (row.total / row.n - grand) ** 2 for row in prompts) / (groups - 1)
    within = math.fsum(row.squares - row.total**2 / row.n for row in prompts) / (n - groups)
    squares = sum(row.n**2 for row in prompts)
    size = (n - squares / n) / (groups - 1)
    spread = between + (size - 1) * within
    alike = max(0.0, (between - within) / spread) if spread > 0 else 0.0
    return 1 + (squares / n - 1) * alike
