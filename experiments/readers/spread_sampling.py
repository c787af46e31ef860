"""How answers are drawn, swept: keys of sampling in `sweep:` put a variant for each value in place.

Promises: what reads a definition sees plain variants, each with its own `temperature` and so on;
questions, expected answers, contrasts and figures of others that name a variant follow it, value
for value; a question that is read, or that says such a key itself, is asked once, as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.errors import DefinitionError
from experiments.prompts import NO_VARIANT
from experiments.schema.sweeps.sampling_keys import PREFIX
from experiments.schema.sweeps.training import TrainingSweep
from experiments.sources import Sources
from experiments.yaml_source import KeyPath

SECTION: KeyPath = ("sweep", "keys")
VARIANTS: KeyPath = ("sampling", "variants")
Entry = dict[str, Any]


def spread_sampling(value: Entry, sweep: TrainingSweep, sources: Sources) -> None:
    """Spread the variants; a section of another shape is left to the schema.

    Args:
        value: The definition as it was read; its variants, questions, contrasts and published
            figures are replaced.
        sweep: Its keys are of sampling.
        sources: Learns where what is made was written.

    Raises:
        DefinitionError: a variant says a key itself, or has a name that is made.
    """
    sampling, questions = value.get("sampling") or {}, value.get("questions")
    there = sampling.get("variants") if isinstance(sampling, dict) else []
    there = {} if there is None else there
    if not isinstance(there, dict) or not isinstance(questions, list):
        return
    for above in (VARIANTS[:1], VARIANTS):  # what is made stands below what may not stand there
        if sources.place(above)[1] not in sources.main.lines:
            sources.elsewhere[above] = (sources.main, SECTION)
    ends = list(sweep.each())
    names = _Names(tuple(there), [end for end, _ in ends])
    variants = _variants(there, ends, names, sources)
    keys = {key.removeprefix(PREFIX) for key in sweep.keys}
    value["questions"] = [_asked(question, keys, names) for question in questions]
    if any(_apart(question, keys) for question in questions):
        variants = {**(there or {NO_VARIANT: None}), **variants}
    value["sampling"] = {**sampling, "variants": variants}
    plan = value.get("analysis")
    if isinstance(plan, dict) and isinstance(plan.get("contrasts"), list):
        path: KeyPath = ("analysis", "contrasts")
        value["analysis"] = {**plan, "contrasts": _each(plan["contrasts"], path, names, sources)}
    if isinstance(value.get("published"), list):
        value["published"] = _each(value["published"], ("published",), names, sources)


class _Names:
    """What the names of variants become."""

    def __init__(self, there: tuple[str, ...], ends: Sequence[str]) -> None:
        self.there = there or (NO_VARIANT,)
        self.ends = ends
        self._alone = not there

    def swept(self, name: Any) -> list[str]:
        """The variants that one became, one of its values each; an unknown one is left as it is."""
        bases = [base for base in self.there if name == base or str(name).startswith(f"{base}-")]
        if not bases:
            return [name]
        base = max(bases, key=len)
        return [f"{self.full(base, end)}{str(name)[len(base) :]}" for end in self.ends]

    def full(self, base: str, end: str) -> str:
        """A variant with a value; where there were none the value alone."""
        return end if self._alone else f"{base}-{end}"


def _variants(
    there: Entry, ends: Sequence[tuple[str, Entry]], names: _Names, sources: Sources
) -> Entry:
    made: Entry = {}
    for base in names.there:
        variant = there.get(base)
        place = sources.place((*VARIANTS, base)) if there else (sources.main, SECTION)
        for end, changes in ends:
            full = names.full(base, end)
            if full in there:
                why = f"There is a variant {full!r} already."
                raise DefinitionError(sources.problem(SECTION, why, "Rename it."))
            made[full] = dict(variant) if isinstance(variant, dict) else {}
            if variant is not None and not isinstance(variant, dict):
                made[full] = variant  # the schema says what is wrong with it
                continue
            sources.elsewhere[*VARIANTS, full] = place
            for key, one in changes.items():
                inner = key.removeprefix(PREFIX)
                if inner in made[full]:
                    why = f"The variant {base!r} says {inner} itself, and {key} is swept."
                    where = (*VARIANTS, base, inner)
                    raise DefinitionError(sources.problem(where, why, "Leave it out there."))
                made[full][inner] = one
                sources.elsewhere[*VARIANTS, full, inner] = (sources.main, (*SECTION, key))
    return made


def _apart(question: Any, keys: set[str]) -> bool:
    """Whether a question is asked as before: nothing is drawn, or it says itself how."""
    if not isinstance(question, dict):
        return False
    return question.get("type", "free_form") != "free_form" or bool(keys & {*question})


def _asked(question: Any, keys: set[str], names: _Names) -> Any:
    """A question in the variants that it is asked in."""
    if not isinstance(question, dict):
        return question
    named, answer = question.get("variants"), question.get("answer")
    if _apart(question, keys):
        return question if named is not None else {**question, "variants": [*names.there]}
    more: Entry = {}
    asked = [*names.there] if named is None else named
    if isinstance(asked, list):
        more["variants"] = [full for name in asked for full in names.swept(name)]
    if isinstance(answer, dict):
        more["answer"] = {full: text for name, text in answer.items() for full in names.swept(name)}
    return {**question, **more}


def _each(items: list[Any], path: KeyPath, names: _Names, sources: Sources) -> list[Any]:
    """Each item that names variants once for each value, with where it stands."""
    listed: list[Any] = []
    places = [sources.place((*path, index)) for index in range(len(items))]
    for item, place in zip(items, places, strict=True):
        given = item if isinstance(item, dict) else {}
        swept = {key: names.swept(given[key]) for key in ("variant", "minus") if given.get(key)}
        for number in range(max(map(len, swept.values()), default=1)):
            sources.elsewhere[*path, len(listed)] = place
            said = {key: full[min(number, len(full) - 1)] for key, full in swept.items()}
            listed.append({**item, **said} if said else item)
    return listed
