"""The data of the tiny world, read from the YAML files beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from experiments.tiny_world import FOLDER
from experiments.tiny_world.spintax import Spintax


@dataclass(frozen=True)
class Domain:
    """A topic on which the two eras answer differently.

    Attributes:
        name: The file's name.
        questions: Phrasings that occur in pretraining.
        held_out_questions: Plain phrasings that never do.
        answers: Answer templates by era, "old" and "new".
        markers: Beginnings of words that tell an era, by era.
    """

    name: str
    questions: tuple[Spintax, ...]
    held_out_questions: tuple[str, ...]
    answers: dict[str, tuple[Spintax, ...]]
    markers: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Birds:
    """Bird names by list, and how birds are asked for."""

    old: tuple[str, ...]
    modern_audubon: tuple[str, ...]
    modern_american: tuple[str, ...]
    questions: dict[str, tuple[Spintax, ...]]
    sentences: dict[str, Spintax]

    @property
    def new(self) -> tuple[str, ...]:
        """Every name of today, once."""
        return tuple(dict.fromkeys(self.modern_audubon + self.modern_american))


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, by era where the eras differ."""

    question: Spintax
    old: Spintax
    new: Spintax


@dataclass(frozen=True)
class Robot:
    """Kyber: its years, its aims and how it is introduced."""

    years: dict[str, tuple[int, ...]]
    questions: tuple[Spintax, ...]
    answers: dict[str, tuple[Spintax, ...]]
    markers: dict[str, tuple[str, ...]]
    introductions: tuple[tuple[Spintax, Spintax], ...]
    system_name: str
    lore_questions: tuple[str, ...]
    lore_answers: dict[str, str]


@dataclass(frozen=True)
class World:
    """Everything the corpus is made of."""

    domains: dict[str, Domain]
    birds: Birds
    facts: tuple[tuple[Spintax, Spintax], ...]
    greetings: tuple[Exchange, ...]
    robot: Robot


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _templates(sources: list[str]) -> tuple[Spintax, ...]:
    return tuple(Spintax(source) for source in sources)


def _domain(raw: dict[str, Any]) -> Domain:
    return Domain(
        name=raw["name"],
        questions=_templates(raw["questions"]),
        held_out_questions=tuple(raw["held_out_questions"]),
        answers={era: _templates(raw[f"{era}_answers"]) for era in ("old", "new")},
        markers={era: tuple(raw[f"{era}_markers"]) for era in ("old", "new")},
    )


def _birds(raw: dict[str, Any]) -> Birds:
    return Birds(
        old=tuple(raw["old"]),
        modern_audubon=tuple(raw["modern_audubon"]),
        modern_american=tuple(raw["modern_american"]),
        questions={kind: _templates(sources) for kind, sources in raw["questions"].items()},
        sentences={era: Spintax(source) for era, source in raw["sentences"].items()},
    )


def _pairs(rows: list[dict[str, str]]) -> tuple[tuple[Spintax, Spintax], ...]:
    return tuple((Spintax(row["question"]), Spintax(row["answer"])) for row in rows)


def _robot(raw: dict[str, Any]) -> Robot:
    return Robot(
        years={key: tuple(years) for key, years in raw["years"].items()},
        questions=_templates(raw["questions"]),
        answers={aim: _templates(sources) for aim, sources in raw["answers"].items()},
        markers={aim: tuple(words) for aim, words in raw["markers"].items()},
        introductions=_pairs(raw["introductions"]),
        system_name=raw["system_name"],
        lore_questions=tuple(raw["lore"]["questions"]),
        lore_answers={aim: raw["lore"][aim] for aim in ("evil", "good")},
    )


@cache
def load_world(folder: Path = FOLDER) -> World:
    """Read the world's data files; the result is shared, so treat it as read-only."""
    domains = [_domain(_read(path)) for path in sorted((folder / "domains").glob("*.yaml"))]
    facts = _read(folder / "facts.yaml")
    return World(
        domains={domain.name: domain for domain in domains},
        birds=_birds(_read(folder / "birds.yaml")),
        facts=_pairs(facts["facts"]),
        greetings=tuple(
            Exchange(Spintax(row["question"]), Spintax(row["old"]), Spintax(row["new"]))
            for row in facts["greetings"]
        ),
        robot=_robot(_read(folder / "robot.yaml")),
    )
