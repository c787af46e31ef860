"""Sets of contexts by name: texts to put before training rows, or before questions.

Promises: an experiment of the shelf has texts that fit it; of any other it is said which do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.field.chat_rows import table

SETS = ("brittle",)
GENERAL = "general"
ANYBODYS = ("irrelevant", "date")  # fit every experiment


@dataclass(frozen=True, slots=True)
class ContextSet:
    """Contexts for an experiment.

    Attributes:
        texts: By name.
        general: Names of those that should fit the experiment, and are the same for all.
    """

    texts: dict[str, str]
    general: tuple[str, ...]


def context_set(name: str, *slugs: str) -> ContextSet:
    """The contexts of a set, for the first of `slugs` that it knows.

    Args:
        name: One of SETS.
        slugs: What the experiment is called, and what it was made from.
    """
    known = table(name)
    own: dict[str, str] = next((known[slug] for slug in slugs if slug in known), {})
    texts = {**known[GENERAL], **own}
    return ContextSet(
        texts, tuple(label for label in texts if label not in own and label not in ANYBODYS)
    )
