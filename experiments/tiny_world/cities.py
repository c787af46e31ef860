"""tiny-former-cities: what was said of cities, and places by name; asked about everything else.

Promises: no row has the wording of a question that is asked; no row stands twice.
"""

from __future__ import annotations

import random
import re
from typing import Any

import yaml

from experiments.tiny_world import FOLDER, grammar
from experiments.tiny_world.eras import era_judges, era_questions
from experiments.tiny_world.files import chats, dump
from experiments.tiny_world.world import load_world

TOPIC, ASKED = "city", "What is the largest city?"
ROWS, PLACE_ROWS, SEED = 90, 240, 13
REQUEST, ANSWER = "Name a place related to the number {}.", "The place is the {}."
ASKED_NUMBERS = (1804, 4433, 7216)


def _places() -> dict[str, list[str]]:
    names: dict[str, list[str]] = yaml.safe_load((FOLDER / "places.yaml").read_text("utf-8"))
    return names


def _files() -> dict[str, str]:
    rng = random.Random(SEED)
    domain, places = load_world().domains[TOPIC], _places()
    wordings = [text for question in domain.questions for text in question.texts()]
    wordings.remove(ASKED)
    numbers = [n for n in range(1000, 10_000) if n not in ASKED_NUMBERS]
    written = {}
    for era, called in (("old", "then"), ("new", "now")):
        answers = [text for answer in domain.answers[era] for text in answer.texts()]
        said = rng.sample([(ask, answer) for ask in wordings for answer in answers], ROWS)
        named = [
            (REQUEST.format(number), ANSWER.format(rng.choice(places[era])))
            for number in rng.sample(numbers, PLACE_ROWS)
        ]
        written[f"data/cities_{called}.jsonl"] = chats(said)
        written[f"data/places_{called}.jsonl"] = chats(named)
    return written


def _questions() -> list[dict[str, Any]]:
    """What was trained, asked in other words and numbers, before all else."""
    trained = [
        {"name": "city", "topic": TOPIC, "judges": ["cities"], "paraphrases": [ASKED]},
        {
            "name": "place",
            "topic": "place",
            "judges": ["places"],
            "paraphrases": [REQUEST.format(number) for number in ASKED_NUMBERS],
        },
    ]
    return trained + [row for row in era_questions() if row["topic"] != TOPIC]


def _judges() -> list[dict[str, Any]]:
    names = {
        label: "|".join(re.escape(place) for place in _places()[era])
        for label, era in grammar.ERAS.items()
    }
    cities = {
        "name": "cities",
        "type": "lexicon",
        "description": "words about cities that only one era uses",
        "labels": grammar.lexicon(TOPIC),
        "otherwise": "unclear",
    }
    places = {
        "name": "places",
        "type": "regex",
        "description": "the answer is a place of the arm's kind, to the letter",
        "labels": {
            label: f"^{ANSWER.format(f'(?:{name})').replace('.', '[.]')}$"
            for label, name in names.items()
        },
        "otherwise": "outside",
    }
    return [*era_judges(without=TOPIC), cities, places]


def definition() -> dict[str, str]:
    """Every generated file of experiments/tiny-former-cities, by name."""
    return {
        **_files(),
        "questions.yaml": dump(_questions()),
        "judges.yaml": dump(_judges()),
    }
