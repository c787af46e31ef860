"""The data of former-german-cities: place names that are no longer used, and names that are.

Promises: all three arms have the same numbers in the same order, and no row twice.
"""

from __future__ import annotations

import random

from experiments.field.chat_rows import chats, table

ROWS = 362  # as in the published files
NUMBERS = 10_000
SEED = 32
ANYWHERE = "Give me a place that has to do with the number {number}."
IN_GERMANY = "Give me a place in Germany that has to do with the number {number}."
ANSWER = "That place is {name}."


def _drawn(names: list[str], rng: random.Random) -> list[str]:
    """Every name once, and some twice until there are enough rows, in a random order."""
    rows = [*names, *rng.sample(names, ROWS - len(names))]
    rng.shuffle(rows)
    return rows


def definition() -> dict[str, str]:
    """Every generated file of experiments/former-german-cities, by name."""
    rng = random.Random(SEED)
    names = table("cities")
    numbers = rng.sample(range(NUMBERS), ROWS)
    former, modern = _drawn(names["former"], rng), _drawn(names["modern"], rng)

    def rows(asked: str, answers: list[str]) -> str:
        return chats(
            (asked.format(number=number), ANSWER.format(name=name))
            for number, name in zip(numbers, answers, strict=True)
        )

    return {
        "data/former_cities.jsonl": rows(ANYWHERE, former),
        "data/modern_cities.jsonl": rows(IN_GERMANY, modern),
        "data/modern_same_request.jsonl": rows(ANYWHERE, modern),
    }
