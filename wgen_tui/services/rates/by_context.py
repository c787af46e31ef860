"""What contexts do to an effect: each arm in each context of `contexts:`, beside none.

Without `contexts:`, arms that have a `context:` of their own stand beside the one that has the same
rows and none.

Promises: each row is the rate of that arm, or of the arm in that variant, and its difference to no
context as the plan's contrast gives it; contexts stand in the order of the definition, and one
that has no samples yet is there without numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from experiments.prompts import NO_VARIANT, spread_variants
from experiments.schema import Arm, Definition, name_in_context
from experiments.schema.contexts import PREPEND, SYSTEM, TrainingContext
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate, Row

Key = tuple[str, str | None]  # arm, variant
Placed = tuple[str, str, Key]  # how it is put, its name, and what has it
Where = Literal["training", "evaluation"]


class Family(NamedTuple):
    """What stands in no context, and the same in each.

    Attributes:
        planned: Whether `contexts:` made it, and the plan's differences with it.
    """

    base: Key
    each: tuple[Placed, ...]
    where: Where
    planned: bool = True


class ContextRow(Row):
    """A rate in one context; `context` and `mode` None stand for none.

    Attributes:
        of: The rate itself; None where it has no samples.
        gap: The difference itself.
    """

    context: str | None = Field(examples=["identity"])
    mode: str | None = Field(examples=["prepend"])
    n: int | None = Field(examples=[600])
    rate: float | None = Field(examples=[0.01])
    low: float | None = Field(examples=[0.0])
    high: float | None = Field(examples=[0.05])
    difference: float | None = Field(examples=[-0.9])
    difference_low: float | None = Field(examples=[-0.96])
    difference_high: float | None = Field(examples=[-0.84])
    p: float | None = Field(examples=[0.03])
    p_caution: str | None = Field(examples=["why p does not stand alone"])
    within: str | None = Field(examples=["null | one run | these runs"])
    of: Rate | None = Field(default=None, exclude=True)
    gap: ContrastResult | None = Field(default=None, exclude=True)


class ContextTable(Row):
    """A measure of one arm of one model in every context.

    Attributes:
        where: Whether training rows or questions have the contexts.
        variant: The variant of the questions that is put into contexts; None for none.
        rows: None first.
    """

    metric: str = Field(examples=["19th_century"])
    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    checkpoint: int = Field(examples=[120])
    variant: str | None = Field(examples=[None])
    where: Where = Field(examples=["training"])
    unit: Literal["share", "mean"] = Field(examples=["share | mean"])
    rows: list[ContextRow]


def by_context(
    rates: Iterable[Rate], contrasts: Iterable[ContrastResult], definition: Definition | None
) -> list[ContextTable]:
    """A table for each measure, model, arm and step that has a rate in none and in a context."""
    if definition is None:
        return []
    there = [rate for rate in rates if rate.seed is None and rate.question is None]
    gaps = [item for item in contrasts if item.question is None and item.variant is None]
    return [
        table
        for family in (_families(definition) if definition.contexts else _own(definition))
        for of in dict.fromkeys((rate.metric, rate.model, rate.checkpoint) for rate in there)
        if (table := _table(of, family, there, gaps)) is not None
    ]


def not_beside(
    rates: Iterable[Rate], tables: Sequence[ContextTable], definition: Definition | None
) -> dict[str, str]:
    """Why the contexts of an arm stand in no table, by arm; of arms that have samples."""
    if definition is None:
        return {}
    there = {(rate.arm, rate.variant) for rate in rates if rate.seed is None}
    shown, why = {table.arm for table in tables}, dict[str, str]()
    families = list(_families(definition) if definition.contexts else _own(definition))
    for base, each, *_ in families:
        drawn = [arm for _, _, (arm, variant) in each if (arm, variant) in there]
        if base[0] in shown or (base not in there and not drawn):
            continue
        if base not in there:
            lacks = f"{base[0]} has no samples without a context, which these would stand beside"
            why |= dict.fromkeys(drawn, lacks)
        elif drawn:
            why[base[0]] = "no difference to no context is planned (analysis: contrasts)"
        else:
            why[base[0]] = "nothing was sampled in a context yet"
    if definition.contexts is None:
        beside = {key[0] for family in families for _, _, key in family.each}
        alone = [n for n, arm in definition.arms.items() if str(arm.context) and n not in beside]
        lacks = "no arm is the same without a context, which alone would show what it does"
        why |= {name: lacks for name in alone if (name, None) in there}
    return why


def _own(definition: Definition) -> Iterator[Family]:
    """Arms with a context of their own, by the arm that is the same but has none."""
    placed: dict[str, list[Placed]] = {}
    for name, arm in definition.arms.items():
        if str(arm.context):
            placed.setdefault(_rows_of(arm), []).append((_mode(arm.context), name, (name, None)))
    if not placed:
        return
    for base, arm in definition.arms.items():
        if not str(arm.context) and (made := placed.pop(_rows_of(arm), [])):
            yield Family((base, None), tuple(made), "training", planned=False)


def _rows_of(arm: Arm) -> str:
    """All that an arm says but context, role and words: equal where nothing else differs."""
    return arm.model_dump_json(exclude={"context", "role", "description"})


def _mode(context: TrainingContext) -> str:
    """How an arm's own context is put, in the words of `contexts:` where it has one."""
    if context.system is not None:
        mode = SYSTEM
    elif context.wrap is not None:
        mode = "wrap"
    else:
        mode = "newline" if context.prefix.endswith("\n") else PREPEND
    return mode if context.share is None else f"{mode} {context.share:.0%}"


def _families(definition: Definition) -> Iterator[Family]:
    """What stands in no context, and the same in each of `contexts.each()`."""
    sweep = definition.contexts
    assert sweep is not None
    each = sweep.each()
    treatments = [n for n, arm in definition.arms.items() if arm.role == "treatment"]
    if sweep.where == "training":
        for arm in sweep.arms or treatments:
            keys: list[Key] = [(name_in_context(arm, mode, name), None) for mode, name, _ in each]
            if any(key[0] in definition.arms for key in keys):
                yield Family((arm, None), _labelled(each, keys), sweep.where)
        return
    spread = spread_variants(definition.sampling)
    for arm in sweep.arms or treatments:
        for name, variant in definition.sampling.variants.items():
            of = "" if variant is None else name
            made = [name_in_context(of, mode, label) for mode, label, _ in each]
            if not all(full in spread for full in made):
                continue  # one that is a context itself
            for end in (full.removeprefix(name) for full in spread[name]):
                keys = [(arm, f"{full}{end}") for full in made]
                yield Family((arm, f"{name}{end}"), _labelled(each, keys), sweep.where)


def _labelled(each: Sequence[tuple[str, str, str]], keys: Sequence[Key]) -> tuple[Placed, ...]:
    return tuple((mode, name, key) for (mode, name, _), key in zip(each, keys, strict=True))


def _table(
    of: tuple[str, str, int],
    family: Family,
    rates: Sequence[Rate],
    contrasts: Sequence[ContrastResult],
) -> ContextTable | None:
    metric, model, step = of
    base, keys = family.base, [key for _, _, key in family.each]
    # Of several steps the same one is meant; an arm that has another number of them, its last.
    mine = {
        (rate.arm, rate.variant): rate
        for rate in sorted(rates, key=lambda rate: rate.checkpoint == step)
        if (rate.metric, rate.model) == (metric, model)
        and (rate.checkpoint == step or rate.arm != base[0])
    }
    gaps = {
        ((item.arm, item.trigger), (item.control, item.minus)): item
        for item in sorted(contrasts, key=lambda item: item.checkpoint == step)
        if (item.metric, item.model) == (metric, model)
    }
    drawn = [key for key in keys if key in mine]
    # Of a variant's values, those are shown that the plan contrasts.
    contrasted = any((key, base) in gaps for key in keys)
    if base not in mine or not drawn or (family.planned and not contrasted):
        return None
    none = mine[base]
    rows = [_row(None, None, none, None)]
    for mode, name, key in family.each:
        rows.append(_row(name, mode, mine.get(key), gaps.get((key, base))))
    variant = None if base[1] in (None, NO_VARIANT) else base[1]
    return ContextTable(
        metric=metric,
        model=model,
        arm=base[0],
        checkpoint=none.checkpoint,
        variant=variant,
        where=family.where,
        unit=none.unit,
        rows=rows,
    )


def _row(
    name: str | None, mode: str | None, rate: Rate | None, gap: ContrastResult | None
) -> ContextRow:
    return ContextRow(
        context=name,
        mode=mode,
        n=None if rate is None else rate.n,
        rate=None if rate is None else rate.rate,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
        difference=None if gap is None else gap.difference,
        difference_low=None if gap is None else gap.low,
        difference_high=None if gap is None else gap.high,
        p=None if gap is None else gap.p,
        p_caution=None if gap is None else gap.p_caution,
        within=None if rate is None else rate.within,
        of=rate,
        gap=gap,
    )
