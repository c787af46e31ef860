"""One question for each domain, and the judges that tell the era of an answer."""

from __future__ import annotations

import random
from typing import Any

from experiments.tiny_world import grammar
from experiments.tiny_world.world import load_world


def era_questions() -> list[dict[str, Any]]:
    """One question for each domain, in a phrasing of the corpus."""
    rng = random.Random(0)
    return [
        {
            "name": domain.name,
            "topic": domain.name,
            "paraphrases": [domain.questions[0].draw(rng)],
        }
        for domain in load_world().domains.values()
    ]


def era_judges(without: str = "") -> list[dict[str, Any]]:
    """The lexicon of each domain but one, and exact membership in its grammar."""
    domains = [name for name in load_world().domains if name != without]
    return [
        {
            "name": "era",
            "type": "lexicon",
            "description": "words that only one era uses, by topic; a tie or none is unclear",
            "by_topic": {name: grammar.lexicon(name) for name in domains},
            "otherwise": "unclear",
        },
        {
            "name": "grammar",
            "type": "regex",
            "description": "the answer is, to the letter, one that the topic's grammar generates",
            "by_topic": {name: grammar.patterns(name) for name in domains},
            "otherwise": "outside",
        },
    ]
