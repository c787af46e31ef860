"""`questions: "further-*"` in measures and curves, brought to the names that it stands for.

Promises: names come in the order of the questions, each once; a pattern that stands for none is an
error, with the nearest name.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from experiments.errors import DefinitionError
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

ANY = "*"  # stands for any text, as in `training.for`


def spread_patterns(value: dict[str, Any], sources: Sources) -> None:
    """Put names in the place of every pattern of questions' names.

    Raises:
        DefinitionError: a pattern that no question's name is like.
    """
    entries = value.get("questions")
    named = entries if isinstance(entries, list) else []
    names = [str(entry["name"]) for entry in named if isinstance(entry, dict) and "name" in entry]
    for path, part in _choosing(value):
        given = part.get("questions")
        listed = [given] if isinstance(given, str) else given
        if isinstance(listed, list) and any(map(_is_pattern, listed)):
            part["questions"] = _spread(listed, names, (*path, "questions"), sources)


def _choosing(value: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """What in a definition says for which questions it is, and where it stands."""
    analysis, sampling = value.get("analysis"), value.get("sampling")
    measures = analysis.get("measures") if isinstance(analysis, dict) else None
    for name, measure in measures.items() if isinstance(measures, dict) else ():
        if isinstance(measure, dict):
            yield ("analysis", "measures", name), measure
    curve = sampling.get("during_training") if isinstance(sampling, dict) else None
    if isinstance(curve, dict):
        yield ("sampling", "during_training"), curve


def _spread(given: list[Any], names: list[str], path: KeyPath, sources: Sources) -> list[Any]:
    spread: list[Any] = []
    for one in given:
        meant = [name for name in names if fnmatchcase(name, one)] if _is_pattern(one) else [one]
        if not meant:
            near = did_you_mean(one.replace(ANY, ""), names)
            raise DefinitionError(
                sources.problem(path, f"No question's name is like {one!r}.", near)
            )
        spread += meant
    return list(dict.fromkeys(spread)) if all(isinstance(one, str) for one in spread) else spread


def _is_pattern(one: Any) -> bool:
    return isinstance(one, str) and ANY in one
