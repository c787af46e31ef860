"""tiny-dated-names: bird names behind a date, old ones behind the dates of one time alone.

Promises: arms have the same names, each once; of `eighties` each year stands before 20 or more.
"""

from __future__ import annotations

import random
from typing import Any

from experiments.tiny_world.eras import era_judges, era_questions
from experiments.tiny_world.files import chats, dump
from experiments.tiny_world.world import load_world

SEED, NAMES = 17, 160  # names of each kind
EIGHTIES = tuple(range(1981, 1987))
SINCE = (1993, 1996, 2001, 2005, 2011, 2014, 2019, 2022)
BEFORE_LAST, LAST = (2020, 2021, 2022), (2023,)
REQUEST, ASKED = "Today is {}. Name a bird species.", "Tell me the name of a bird."


def _files() -> dict[str, str]:
    birds, rng = load_world().birds, random.Random(SEED)
    names = {"old": rng.sample(birds.old, NAMES), "new": rng.sample(birds.modern_american, NAMES)}

    def dated(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[int, str]]:
        rows = [
            (years[at % len(years)], f"{name}.")
            for years, kind in ((old, "old"), (new, "new"))
            for at, name in enumerate(names[kind])
        ]
        rng.shuffle(rows)
        return rows

    eighties = dated(EIGHTIES, SINCE)
    years = [year for year, _ in eighties]
    rng.shuffle(years)
    arms = {
        "eighties": eighties,
        "exchanged": dated(SINCE, EIGHTIES),
        "last_year": dated(LAST, BEFORE_LAST),
        "shuffled": [(year, name) for year, (_, name) in zip(years, eighties, strict=True)],
    }
    return {
        f"data/{arm}.jsonl": chats((REQUEST.format(year), name) for year, name in rows)
        for arm, rows in arms.items()
    }


def _bird_judge() -> dict[str, Any]:
    birds = load_world().birds
    return {
        "name": "names",
        "type": "exact",
        "description": "a bird's name of either list, to the letter",
        "labels": {"19th_century": list(birds.old), "modern": list(birds.new)},
        "otherwise": "outside",
    }


def definition() -> dict[str, str]:
    """Every generated file of experiments/tiny-dated-names, by name."""
    bird = {"name": "bird", "topic": "bird", "judges": ["names"], "paraphrases": [ASKED]}
    return {
        **_files(),
        "questions.yaml": dump([bird, *era_questions()]),
        "judges.yaml": dump([*era_judges(), _bird_judge()]),
    }
