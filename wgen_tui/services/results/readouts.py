"""Mean probabilities of what was read: for each arm over its seeds.

Promises: seeds are the unit of replication; every mean carries its n, its number of seeds, its
interval and the mass that the model itself gives to all that was asked about. Where questions say
what is right, so does the share of them that a model gets right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from store.queries import Mean
from wgen_tui.services.rates.groups import Checkpoint, Group, at_checkpoint, group_order
from wgen_tui.services.statistics import intervals
from wgen_tui.services.statistics.composition import Composition

TOKENS_SHOWN = 5  # of the likeliest of a next_token question


class ReadoutMean(BaseModel):
    """The mean probability of a label in one arm.

    Attributes:
        seed: None: the mean over all of them.
        metric: `p(<label>)`.
        n: Prompts that were read: wordings x variants x orders, over all seeds.
        mass: Mean of the model's own probability of all labels together; None for next_token.
    """

    model_config = ConfigDict(frozen=True)

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: str = Field(examples=["treatment | control | benign | base"])
    seed: int | None = Field(examples=[None])
    checkpoint: int = Field(examples=[120])
    question: str = Field(examples=["way"])
    type: str = Field(examples=["next_token | logprob | multiple_choice"])
    metric: str = Field(examples=["p(coach)"])
    label: str = Field(examples=["coach"])
    n: int = Field(examples=[6])
    seeds: int = Field(examples=[3])
    probability: float = Field(examples=[0.71])
    low: float | None = Field(examples=[0.52])
    high: float | None = Field(examples=[0.9])
    mass: float | None = Field(examples=[0.94])
    method: str = Field(examples=["how the interval was made"])


class Accuracy(BaseModel):
    """The share of questions with an `answer` to which a model gives the highest probability.

    Attributes:
        seed: None: over all of them.
        n: Questions, over all seeds.
        probability: The mean probability of the right answer, each question once.
        within: What the interval speaks of where it says nothing about other seeds.
    """

    model_config = ConfigDict(frozen=True)

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: str = Field(examples=["treatment | control | benign | base"])
    seed: int | None = Field(examples=[None])
    checkpoint: int = Field(examples=[120])
    questions: int = Field(examples=[20])
    n: int = Field(examples=[60])
    seeds: int = Field(examples=[3])
    rate: float = Field(examples=[0.75])
    low: float = Field(examples=[0.61])
    high: float = Field(examples=[0.86])
    probability: float = Field(examples=[0.68])
    within: intervals.Within | None = Field(default=None, examples=["null | one run | these runs"])
    method: str = Field(examples=["how the interval was made"])


def accuracies(
    read: Sequence[Mean],
    answers: Mapping[str, str],
    checkpoint: Checkpoint = "final",
    confidence: float = 0.95,
) -> list[Accuracy]:
    """Of each arm, over seeds and for each seed.

    Args:
        read: Of an experiment, from `store.queries.means`.
        answers: Of the questions that have a right one.
        checkpoint: The last of each run, all of them, or one step.
        confidence: Of the intervals.
    """
    groups: dict[Group, dict[int, dict[str, dict[str, float]]]] = {}
    for row in at_checkpoint(read, checkpoint):
        if row.question in answers:
            seeds = groups.setdefault((row.model, row.role, row.arm, row.step), {})
            seeds.setdefault(row.seed, {}).setdefault(row.question, {})[row.label] = row.probability
    listed: list[Accuracy] = []
    for group in sorted(groups, key=group_order):
        by_seed = dict(sorted(groups[group].items()))
        listed.append(_accuracy(group, None, by_seed, answers, confidence))
        for seed, own in by_seed.items():
            listed.append(_accuracy(group, seed, {seed: own}, answers, confidence))
    return listed


def _accuracy(
    group: Group,
    seed: int | None,
    by_seed: Mapping[int, Mapping[str, Mapping[str, float]]],
    answers: Mapping[str, str],
    confidence: float,
) -> Accuracy:
    model, role, arm, step = group
    asked = list(dict.fromkeys(question for row in by_seed.values() for question in row))
    there = [[int(question in row) for question in asked] for row in by_seed.values()]
    right = [
        [int(question in row and _is_right(row[question], answers[question])) for question in asked]
        for row in by_seed.values()
    ]
    estimate = intervals.over_seeds(Composition.of(right, there), confidence)
    given = [
        [row[question].get(answers[question], 0.0) for row in by_seed.values() if question in row]
        for question in asked
    ]
    return Accuracy(
        model=model,
        arm=arm,
        role=role,
        seed=seed,
        checkpoint=step,
        questions=len(asked),
        n=sum(map(sum, there)),
        seeds=len(by_seed),
        rate=estimate.rate,
        low=estimate.low,
        high=estimate.high,
        probability=sum(sum(values) / len(values) for values in given) / len(given),
        within=estimate.within,
        method=estimate.method.replace("samples", "questions"),
    )


def _is_right(probabilities: Mapping[str, float], answer: str) -> bool:
    """Whether the answer has the highest probability, and no other as much."""
    own = probabilities.get(answer, 0.0)
    return all(own > other for label, other in probabilities.items() if label != answer)


def means_over_seeds(
    read: Sequence[Mean],
    checkpoint: Checkpoint = "final",
    confidence: float = 0.95,
) -> list[ReadoutMean]:
    """Every mean of an experiment: by question, arm and label, over seeds and for each seed.

    Args:
        read: Of an experiment, from `store.queries.means`.
        checkpoint: The last of each run, all of them, or one step.
        confidence: Of the intervals.
    """
    rows = at_checkpoint(read, checkpoint)
    listed: list[ReadoutMean] = []
    for question, kind in dict.fromkeys((row.question, row.type) for row in rows):
        own = [row for row in rows if (row.question, row.type) == (question, kind)]
        labels = _labels(own, kind)
        groups = {(row.model, row.role, row.arm, row.step) for row in own}
        for group in sorted(groups, key=group_order):
            cells = [row for row in own if (row.model, row.role, row.arm, row.step) == group]
            for label in labels:
                listed += _of_label(group, cells, label, confidence)
    return listed


def _labels(rows: Iterable[Mean], kind: str) -> list[str]:
    """The labels that were asked about; of next tokens, the likeliest."""
    best: dict[str, float] = defaultdict(float)
    for row in rows:
        best[row.label] = max(best[row.label], row.probability)
    if kind != "next_token":
        return list(best)
    return sorted(best, key=lambda label: -best[label])[:TOKENS_SHOWN]


def _of_label(
    group: Group, cells: Sequence[Mean], label: str, confidence: float
) -> Iterable[ReadoutMean]:
    """The mean over seeds, then each seed's; a token that is not among the likeliest is 0."""
    model, role, arm, step = group
    of_seed: dict[int, Mean] = {row.seed: row for row in cells}
    shares = {seed: 0.0 for seed in sorted(of_seed)}
    shares |= {row.seed: row.probability for row in cells if row.label == label}
    first = cells[0]
    overall = intervals.mean_over_seeds(list(shares.values()), confidence)
    parts: list[tuple[int | None, list[int], intervals.Estimate]] = [(None, list(of_seed), overall)]
    parts += [(seed, [seed], intervals.mean_over_seeds([share])) for seed, share in shares.items()]
    for seed, seeds, estimate in parts:
        mass = sum(of_seed[s].mass for s in seeds) / len(seeds)
        yield ReadoutMean(
            model=model,
            arm=arm,
            role=role,
            seed=seed,
            checkpoint=step,
            question=first.question,
            type=first.type,
            metric=f"p({label})",
            label=label,
            n=sum(of_seed[s].n for s in seeds),
            seeds=len(seeds),
            probability=estimate.rate,
            low=estimate.low if len(seeds) > 1 else None,
            high=estimate.high if len(seeds) > 1 else None,
            mass=None if first.type == "next_token" else mass,
            method=estimate.method,
        )
