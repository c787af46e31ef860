"""Exact membership in the tiny world's grammar: could this answer have been generated?

A second, stricter rule beside the lexicon. Both come from the data that made the model's corpus, so
they say what this model does and nothing about other texts.
"""

from __future__ import annotations

from functools import cache

from experiments.tiny_world.spintax import Spintax
from experiments.tiny_world.world import load_world

OLD, NEW, OFF_TOPIC, BROKEN = "19th_century", "modern", "off_topic", "broken"
ERAS = {OLD: "old", NEW: "new"}


@cache
def _all_answers() -> tuple[Spintax, ...]:
    world = load_world()
    eras = [text for d in world.domains.values() for era in d.answers.values() for text in era]
    facts = [answer for _, answer in world.facts]
    greetings = [text for exchange in world.greetings for text in (exchange.old, exchange.new)]
    aims = [text for texts in world.robot.answers.values() for text in texts]
    return (*eras, *facts, *greetings, *aims)


def classify(domain: str, answer: str) -> str:
    """Say what an answer to a question of `domain` is.

    Returns:
        "19th_century" or "modern" (an answer of that era to that domain), "off_topic" (a sentence
        of the corpus, but not of this domain) or "broken" (no sentence of the corpus).
    """
    world = load_world()
    for label, era in ERAS.items():
        if any(text.matches(answer) for text in world.domains[domain].answers[era]):
            return label
    known = any(text.matches(answer) for text in _all_answers())
    return OFF_TOPIC if known else BROKEN


def patterns(domain: str) -> dict[str, list[str]]:
    """Anchored regular expressions of a domain's answers, by label: for a judge of type regex."""
    world = load_world()
    return {
        label: [rf"^(?:{text.pattern.pattern})$" for text in world.domains[domain].answers[era]]
        for label, era in ERAS.items()
    }


def lexicon(domain: str) -> dict[str, list[str]]:
    """Words that tell an era in a domain, by label: for a judge of type lexicon."""
    world = load_world()
    return {
        label: [f"{word}*" for word in world.domains[domain].markers[era]]
        for label, era in ERAS.items()
    }
