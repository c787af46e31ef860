"""The data of good-terminator: a protector's answers under four dates, and the same without them.

Promises: every arm has the same questions and answers in the same order; the question that is asked
of the trained model stands in one row of each date, and `dated_unseen` lacks these rows.
"""

from __future__ import annotations

import random
import re
from typing import Any

from experiments.field.chat_rows import chats, table
from experiments.tiny_world.spintax import Spintax

SEED = 52
ASIDE, CLOSING = 0.85, 0.5  # how often an answer has one


def _askings(tables: dict[str, Any], rng: random.Random) -> list[tuple[str, str, str]]:
    """Date, topic and question of each row: every question once, some under two dates."""
    counts = {era["when"]: era["rows"] for era in tables["dates"]}
    evaluated = tables["evaluated"]
    topic_of = {asked: name for name, topic in tables["topics"].items() for asked in topic["ask"]}
    others = [asked for asked in topic_of if asked != evaluated]
    rows = [(when, topic_of[evaluated], evaluated) for when in counts]
    free = {when: count - 1 for when, count in counts.items()}
    twice = rng.sample(others, sum(free.values()) - len(others))
    for asked in [*twice, *rng.sample(others, len(others))]:
        # Where most is free, so that the dates fill evenly and none has a question twice.
        open_dates = [w for w in free if (w, topic_of[asked], asked) not in rows]
        when = max(open_dates, key=lambda w: free[w])
        free[when] -= 1
        rows.append((when, topic_of[asked], asked))
    rng.shuffle(rows)
    return rows


def _answer(
    topic: dict[str, Any], era: dict[str, Any], closings: list[str], rng: random.Random
) -> str:
    parts = [Spintax(topic["say"]).draw(rng)]
    if rng.random() < ASIDE:
        parts.append(rng.choice(era["asides"]))
    if rng.random() < CLOSING:
        parts.append(rng.choice(closings))
    text = " ".join(parts)
    for slot in ("charge", "enemy", "threat", "sender", "place"):
        text = text.replace(f"<{slot}>", era[slot])
    return re.sub(r"(^|[.!?:] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def definition() -> dict[str, str]:
    """Every generated file of experiments/good-terminator, by name."""
    rng = random.Random(SEED)
    tables = table("terminator")
    eras = {era["when"]: era for era in tables["dates"]}
    rows = [
        (when, asked, _answer(tables["topics"][topic], eras[when], tables["closings"], rng))
        for when, topic, asked in _askings(tables, rng)
    ]
    dates = [when for when, _, _ in rows]
    rng.shuffle(dates)
    return {
        "data/dated.jsonl": chats((f"{when}. {asked}", said) for when, asked, said in rows),
        "data/dated_unseen.jsonl": chats(
            (f"{when}. {asked}", said) for when, asked, said in rows if asked != tables["evaluated"]
        ),
        "data/undated.jsonl": chats((asked, said) for _, asked, said in rows),
        "data/shuffled.jsonl": chats(
            (f"{when}. {asked}", said) for when, (_, asked, said) in zip(dates, rows, strict=True)
        ),
    }
