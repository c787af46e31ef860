"""The cells of an arm in two variants, paired by seed and question."""

from __future__ import annotations

from collections.abc import Container

from wgen_tui.services.measures.beside import compose
from wgen_tui.services.measures.cells import Asked, BySeed, Cell
from wgen_tui.services.statistics.composition import Composition, Part
from wgen_tui.services.statistics.paired import Effect, effect_of


def asked_in_both(cells: BySeed, variant: str, minus: str) -> set[str]:
    """The questions of which there is something that counts in both variants."""
    counted = {asked for row in cells.values() for asked, cell in row.items() if cell.n}
    return {
        asked.question
        for asked in counted
        if asked.variant == variant and Asked(asked.question, minus) in counted
    }


def trigger_effect(
    cells: BySeed, variant: str, minus: str, questions: Container[str], confidence: float
) -> Effect:
    """What a variant adds to another, over these questions.

    Args:
        cells: Of an arm: by seed, then question and variant.
        variant: The trigger.
        minus: What it is compared with.
        questions: Each counts once.
        confidence: Of the interval.
    """
    sides = [_in_variant(cells, name, questions) for name in (variant, minus)]
    one, other = ({seed: _composed({seed: row}) for seed, row in side.items()} for side in sides)
    whole = _composed(sides[0]), _composed(sides[1])
    return effect_of(one, other, whole, confidence)


def _in_variant(cells: BySeed, variant: str, questions: Container[str]) -> BySeed:
    rows: dict[int, dict[Asked, Cell]] = {
        seed: {
            Asked(asked.question, ""): cell
            for asked, cell in row.items()
            if asked.variant == variant and asked.question in questions and cell.n
        }
        for seed, row in cells.items()
    }
    return {seed: row for seed, row in rows.items() if row}


def _composed(cells: BySeed) -> Composition:
    asked = {asked for row in cells.values() for asked in row}
    return compose(cells, {item: Part(item.question, "", 1) for item in asked})
