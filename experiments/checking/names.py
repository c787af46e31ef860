"""Names that are used twice, cannot be names, or are one name to a file system or a reader.

Promises: two names that differ only by case, by Unicode form or by white space are one name: files,
tables and people would take one for the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from experiments.prompts import spread_variants
from experiments.schema import NAME, Definition
from experiments.suggest import did_you_mean

Finding = tuple[tuple[str | int, ...], str, str]
SPELLING = "Use letters, digits, '.', '_' and '-'."


def unknown(path: tuple[str | int, ...], what: str, name: str, known: Iterable[str]) -> Finding:
    """A name that stands for nothing, with the nearest."""
    return path, f"Unknown {what} {name!r}.", did_you_mean(name, list(known))


def name_findings(section: str, names: Sequence[str]) -> Iterator[Finding]:
    """Names of a list's entries that are used twice or cannot be names."""
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        path = (section, index, "name")
        if (before := seen.setdefault(_alike(name), name)) != name:
            yield path, _same(before, name), "Change one."
        elif name in names[:index]:
            yield path, f"The name {name!r} stands twice.", "Change one."
        if not NAME.match(name):
            yield path, f"{name!r} cannot be a name.", SPELLING


def arm_and_variant_findings(definition: Definition) -> Iterator[Finding]:
    """Models, arms and variants that are one to a file system; values that are one, or none."""
    for index, model in enumerate(definition.models):
        if model in definition.models[:index]:
            yield ("models", index), f"The model {model!r} stands twice.", "Leave one out."
    seen: dict[str, str] = {}
    for name in definition.arms:
        if (before := seen.setdefault(_alike(name), name)) != name:
            yield ("arms", name), _same(before, name), "Rename one."
    spread: dict[str, tuple[str, str]] = {}
    for name, contexts in spread_variants(definition.sampling).items():
        for full in contexts:
            before, of = spread.setdefault(_alike(full), (full, name))
            if (before, of) != (full, name):
                place = ("sampling", "variants", name)
                yield place, _same(before, full), "Rename one, or change its values."
        if len(contexts) < _count(definition, name):
            variant = definition.sampling.variants[name]
            key = "values" if variant is None or variant.values is not None else "alpha"
            values = ("sampling", "variants", name, key)
            if contexts:
                yield values, "A value stands twice.", "Leave one out."
            else:
                yield values, "There is no value, so nothing is asked.", "values: [1850, 1984]"


def _count(definition: Definition, name: str) -> int:
    variant = definition.sampling.variants.get(name)
    return 1 if variant is None else variant.spread or 1


def _same(first: str, second: str) -> str:
    if first == second:
        return f"The name {first!r} stands twice."
    return f"{second!r} and {first!r} are one name where case, form and spaces do not count."


def _alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()
