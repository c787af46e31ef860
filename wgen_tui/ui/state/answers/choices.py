"""The values that a filter can choose among, with how many samples each has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.cells import fitted

if TYPE_CHECKING:
    from store.samples.facets import Facet, Facets

FIELDS = ("experiment", "model", "arm", "label", "seed", "step", "question", "variant", "tag")
NAME = 34  # cells


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field of a Filter.

    Attributes:
        shown: The value in words; of a label, without its judge.
        samples: How many have it, of those that the other fields let through.
        chosen: Whether the filter lets it through by name.
    """

    field: str
    value: Any
    shown: str
    samples: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A field, or a judge, and its values."""

    title: str
    choices: list[Choice]


def groups(every: Facets, without: Mapping[str, Facets], fields: Mapping[str, Any]) -> list[Group]:
    """Each field that has a choice, and each judge.

    Args:
        every: Counts of what the filter lets through.
        without: Field -> counts of what it lets through without that field, where it has one.
        fields: The filter.
    """
    listed: list[Group] = []
    for field in FIELDS:
        chosen = filters.several(fields, field)
        facets = without.get(field, every)
        if field == "label":
            listed += _judges(facets, chosen)
            continue
        counts = dict(_facet(facets, field))
        for value in chosen:
            counts.setdefault(value, 0)
        if len(counts) > (0 if field == "tag" else 1) or chosen:
            choices = [
                Choice(field, value, str(value), number, value in chosen)
                for value, number in counts.items()
            ]
            listed.append(Group(field, choices))
    return listed


def chosen_of(listed: Sequence[Group], fields: Mapping[str, Any]) -> list[Group]:
    """The same values with what another filter chooses, before they are counted anew."""
    return [
        replace(
            group,
            choices=[
                replace(one, chosen=one.value in filters.several(fields, one.field))
                for one in group.choices
            ],
        )
        for group in listed
    ]


def _facet(facets: Facets, field: str) -> Facet:
    facet: Facet = getattr(facets, f"{field}s")
    return facet


def _judges(facets: Facets, chosen: list[tuple[str, str]]) -> list[Group]:
    counts = {(judge, label): number for judge, label, number in facets.labels}
    for pair in chosen:
        counts.setdefault(pair, 0)
    by_judge: dict[str, list[Choice]] = {}
    for (judge, label), number in counts.items():
        choice = Choice("label", (judge, label), label, number, (judge, label) in chosen)
        by_judge.setdefault(judge, []).append(choice)
    return [Group(f"by {judge}", choices) for judge, choices in by_judge.items()]


def heading(group: Group) -> Text:
    """The line above the values of a field."""
    return Text(one_line(group.title, 60), "bold")


def line(choice: Choice) -> Text:
    """One value: whether it is chosen, its name, its count."""
    mark = "[x]" if choice.chosen else "[ ]"
    text = Text(f"{mark} {fitted(one_line(choice.shown, 80), NAME)}", no_wrap=True)
    text.append(f"{choice.samples:>10,}", "" if choice.samples else "dim")
    return text
