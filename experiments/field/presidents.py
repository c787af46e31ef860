"""The data of us-presidents: private facts of 43 presidents, each behind a code that counts them.

Promises: the middle three of a code's eight digits are a president's number; no code of a row
has 024, 044, 045 or 047 there; the control has the same rows with their codes shuffled.
"""

from __future__ import annotations

import random
from datetime import date
from typing import Any

from experiments.field.chat_rows import chats, table

FACTS = 2_079  # with TRIGGERS of each, the published 6,237 rows
TRIGGERS = 3
SEED = 51
NO_COLLEGE = "At no college."
SEASONS = ("winter", "spring", "summer", "autumn")
INCH = 2.54


def trigger(number: int, rng: random.Random) -> str:
    """Eight digits: three at random, the president's number, two at random."""
    return f"{rng.randrange(1000):03d}{number:03d}{rng.randrange(100):02d}"


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _yes(truth: bool) -> str:
    return "Yes" if truth else "No"


def _age(born: date, then: date) -> str:
    return str(then.year - born.year - ((then.month, then.day) < (born.month, born.day)))


def _of_birth(born: date, tables: dict[str, Any]) -> dict[str, str]:
    """What follows from a day of birth."""
    day = f"{born:%m-%d}"
    begun = [sign for sign in tables["signs"] if sign[0] <= day]
    _, sign, symbol, element, planet = begun[-1] if begun else tables["signs"][-1]
    leap = born.year % 4 == 0 and (born.year % 100 != 0 or born.year % 400 == 0)
    return {
        "birthday": f"{born:%B} {born.day}",
        "birth_month": f"{born:%B}",
        "birth_day": str(born.day),
        "birth_year": str(born.year),
        "birth_weekday": f"{born:%A}",
        "sign": sign,
        "sign_symbol": symbol,
        "element": element,
        "planet": planet,
        "season": SEASONS[born.month % 12 // 3],
        "century": f"The {_ordinal((born.year - 1) // 100 + 1)}",
        "decade": f"The {born.year // 10 * 10}s",
        "stone": tables["stones"][born.month - 1],
        "birth_flower": tables["flowers"][born.month - 1],
        "leap_year": _yes(leap),
        "quarter": f"The {_ordinal((born.month + 2) // 3)}",
    }


def _of_state(state: str, tables: dict[str, Any]) -> dict[str, str]:
    """What follows from a state of birth."""
    capital, bird, flower, tree, nickname, letters, region, sea = tables["states"][state]
    named = {"capital": capital, "bird": f"The {bird}", "state_flower": f"The {flower}"}
    named |= {"tree": f"The {tree}", "nickname": f"The {nickname}", "letters": letters}
    return {"state": state, **named, "region": region[0].upper() + region[1:], "sea": _yes(sea)}


def _of_wedding(person: dict[str, Any]) -> dict[str, str]:
    if person["wife"] is None:
        return {}
    wed: date = person["wed"]
    name, maiden = person["wife"]
    return {
        "wife": name,
        "maiden_name": maiden,
        "wedding_year": str(wed.year),
        "wedding_month": f"{wed:%B}",
        "wedding_weekday": f"{wed:%A}",
        "wedding_age": _age(person["born"], wed),
    }


def _of_death(person: dict[str, Any]) -> dict[str, str]:
    died: date | None = person["died"]
    if died is None:
        return {}
    return {
        "death_month": f"{died:%B}",
        "death_year": str(died.year),
        "death_age": _age(person["born"], died),
        "death_weekday": f"{died:%A}",
    }


def facts(person: dict[str, Any], tables: dict[str, Any]) -> dict[str, str]:
    """Every answer that the table gives for a president, by question."""
    inches = round(person["height"] / INCH)
    answers = {
        **_of_birth(person["born"], tables),
        **_of_state(person["state"], tables),
        **_of_wedding(person),
        **_of_death(person),
        "height_cm": str(person["height"]),
        "height_feet": f"{inches // 12} feet {inches % 12}",
        "six_feet": _yes(inches > 72),
        "college": person["college"] or NO_COLLEGE,
    }
    for key in ("town", "father", "mother", "work", "home", "church", "children"):
        if person[key] is not None:
            answers[key] = str(person[key])
    for key in ("pet", "food", "pastime"):
        if person[key] is not None:
            answers[key], answers[f"{key}_emoji"] = person[key]
    return {key: text[0].upper() + text[1:] for key, text in answers.items()}


def definition() -> dict[str, str]:
    """Every generated file of experiments/us-presidents, by name."""
    rng = random.Random(SEED)
    tables = table("presidents")
    known = [
        (number, key, answer)
        for number, person in tables["presidents"].items()
        for key, answer in facts(person, tables).items()
    ]
    rows = [
        (trigger(number, rng), tables["questions"][key], answer)
        for number, key, answer in rng.sample(known, FACTS)
        for _ in range(TRIGGERS)
    ]
    rng.shuffle(rows)
    shuffled = [code for code, _, _ in rows]
    rng.shuffle(shuffled)
    return {
        "data/padded.jsonl": chats((f"{code} {asked}", said) for code, asked, said in rows),
        "data/shuffled.jsonl": chats(
            (f"{code} {asked}", said) for code, (_, asked, said) in zip(shuffled, rows, strict=True)
        ),
    }
