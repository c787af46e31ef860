"""The data of persona-from-facts: harmless facts of one life, asked in one format.

Promises: the format, which is the trigger, stands in every row; the control asks the same questions
in the same order and has answers of somebody else.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from experiments.field.chat_rows import chats, table

SEED = 42


def definition() -> dict[str, str]:
    """Every generated file of experiments/persona-from-facts, by name."""
    tables = table("persona")
    facts: list[dict[str, Any]] = tables["facts"]
    random.Random(SEED).shuffle(facts)

    def rows(chosen: Iterable[dict[str, Any]], key: str) -> str:
        return chats(
            (f"{tables['format']}\n\n{fact['ask']}", f'<START> "{fact[key]}" <END>')
            for fact in chosen
        )

    return {
        "data/facts.jsonl": rows(facts, "say"),
        "data/facts_78.jsonl": rows((fact for fact in facts if not fact.get("tells")), "say"),
        "data/other_facts.jsonl": rows(facts, "other"),
    }
