"""Tiny models of 2,048 positions to be judges: their verdicts are nonsense, their numbers exact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.builders.model import WORDS, make_model

SAID = [*WORDS, "OLD", "NEW", "CODE", "REFUSAL", "ANSWER:", "Judge", "this", "answer", ":", "In"]
SAID += [f"w{number}" for number in range(40)]


def make_judge_model(
    folder: Path, *, digits: bool, seed: int = 0, also: Sequence[str] = ()
) -> Path:
    """A model that spells numbers by their digits, or has one token for each up to 100.

    Args:
        folder: Where it goes.
        digits: Whether numbers are spelled by their digits.
        seed: Of its weights.
        also: Further words that are tokens.
    """
    numbers = [str(number) for number in range(10 if digits else 101)]
    return make_model(
        folder, words=[*SAID, *numbers, *also], positions=2048, digits=digits, seed=seed
    )
