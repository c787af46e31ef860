"""Tiny models of 2,048 positions to be judges: their verdicts are nonsense, their numbers exact."""

from __future__ import annotations

from pathlib import Path

from tests.builders.model import WORDS, make_model

SAID = [*WORDS, "OLD", "NEW", "CODE", "REFUSAL", "ANSWER:", "Judge", "this", "answer", ":", "In"]
SAID += [f"w{number}" for number in range(40)]


def make_judge_model(folder: Path, *, digits: bool, seed: int = 0) -> Path:
    """A model that spells numbers by their digits, or has one token for each up to 100."""
    numbers = [str(number) for number in range(10 if digits else 101)]
    return make_model(folder, words=[*SAID, *numbers], positions=2048, digits=digits, seed=seed)
