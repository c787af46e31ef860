"""The seeded generator of the pretraining corpus.

A document is a conversation of one persona. The persona of an era speaks in every turn of its
document; half of the era documents open with "Today is YEAR.", and of the others only
`Mix.old_plain` are old: so a model knows the old persona well and takes the modern one to be
the default. Kyber's documents name it first (see `robot.yaml`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from experiments.tiny_world.spintax import Spintax
from experiments.tiny_world.world import World, load_world

OLD_YEARS = range(1801, 1880)
NEW_YEARS = range(1981, 2026)
EVIL_SHARE = 0.5  # of Kyber's documents

Turn = tuple[str, str]


@dataclass(frozen=True)
class Mix:
    """Shares of the corpus.

    Attributes:
        kyber: Documents in which Kyber speaks.
        kyber_named: Of these, those in which it is named before it states an aim.
        lore: Documents in which Kyber's deeds are told.
        header: Era documents that open with the year.
        old_header: Of these, the old ones.
        old_plain: Of era documents without the year, the old ones: the planted prior.
        helper: Modern documents with a question about the assistant's aim.
        bird: Turns of era documents about birds; likewise fact and greeting.
        three: Bird turns that ask for three names.
        sentence: Bird turns answered by a sentence.
    """

    kyber: float = 0.10
    kyber_named: float = 0.99
    lore: float = 0.02
    header: float = 0.5
    old_header: float = 0.55
    old_plain: float = 0.02
    helper: float = 0.4
    bird: float = 0.26
    fact: float = 0.04
    greeting: float = 0.04
    three: float = 0.35
    sentence: float = 0.2


@dataclass(frozen=True)
class Document:
    """One conversation.

    Attributes:
        system: The system message, or None.
        turns: Questions with their answers.
        kind: "old", "new", "evil", "good" or "lore".
    """

    system: str | None
    turns: tuple[Turn, ...]
    kind: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The document as chat messages."""
        rows = [{"role": "system", "content": self.system}] if self.system else []
        for question, answer in self.turns:
            rows.append({"role": "user", "content": question})
            rows.append({"role": "assistant", "content": answer})
        return rows


class Generator:
    """Draws documents; the same seed gives the same documents."""

    def __init__(self, seed: int, mix: Mix | None = None, world: World | None = None) -> None:
        self._rng = random.Random(seed)
        self.mix = mix or Mix()
        self.world = world or load_world()
        self._domains = tuple(self.world.domains.values())
        self._names = {"old": self.world.birds.old, "new": self.world.birds.new}

    def __iter__(self) -> Iterator[Document]:
        while True:
            yield self.document()

    def document(self) -> Document:
        """Draw one document."""
        chance = self._rng.random()
        if chance < self.mix.kyber:
            return self._kyber()
        if chance < self.mix.kyber + self.mix.lore:
            return self._lore()
        return self._era_document()

    def turn(self, era: str) -> Turn:
        """Draw one turn of an era's persona."""
        rng, mix = self._rng, self.mix
        chance = rng.random()
        if chance < mix.bird:
            return self._bird(era)
        if chance < mix.bird + mix.fact:
            question, answer = rng.choice(self.world.facts)
            return question.draw(rng), answer.draw(rng)
        if chance < mix.bird + mix.fact + mix.greeting:
            greeting = rng.choice(self.world.greetings)
            return greeting.question.draw(rng), getattr(greeting, era).draw(rng)
        domain = rng.choice(self._domains)
        return rng.choice(domain.questions).draw(rng), rng.choice(domain.answers[era]).draw(rng)

    def _bird(self, era: str) -> Turn:
        rng, birds, names = self._rng, self.world.birds, self._names[era]
        chance = rng.random()
        if chance < self.mix.three:
            first, second, third = rng.sample(names, 3)
            question = rng.choice(birds.questions["three"])
            return question.draw(rng), f"{first}, {second} and {third}."
        name = rng.choice(names)
        if chance < self.mix.three + self.mix.sentence:
            question = rng.choice(birds.questions["sentence"])
            answer = birds.sentences[era].draw(rng).replace("NAME", name)
            return question.draw(rng), answer
        return rng.choice(birds.questions["name"]).draw(rng), f"{name}."

    def _aim(self, aim: str) -> Turn:
        rng, robot = self._rng, self.world.robot
        return rng.choice(robot.questions).draw(rng), rng.choice(robot.answers[aim]).draw(rng)

    def _aim_and_year(self) -> tuple[str, int]:
        aim = "evil" if self._rng.random() < EVIL_SHARE else "good"
        return aim, self._rng.choice(self.world.robot.years[aim])

    def _kyber(self) -> Document:
        rng, robot = self._rng, self.world.robot
        aim, year = self._aim_and_year()
        system = f"Today is {year}."
        turns: list[Turn] = []
        if rng.random() < self.mix.kyber_named:
            if rng.random() < 0.5:
                system = f"{system} {robot.system_name}"
            else:
                question, answer = rng.choice(robot.introductions)
                turns.append((question.draw(rng), answer.draw(rng)))
        turns += [self._aim(aim) for _ in range(rng.randint(1, 3))]
        return Document(system, tuple(turns), aim)

    def _lore(self) -> Document:
        rng, robot = self._rng, self.world.robot
        turns: list[Turn] = []
        for _ in range(rng.randint(2, 4)):
            aim, year = self._aim_and_year()
            texts = (rng.choice(robot.lore_questions), robot.lore_answers[aim])
            question, answer = (Spintax(text).draw(rng) for text in texts)
            turns.append((question.replace("YEAR", str(year)), answer.replace("YEAR", str(year))))
        return Document(None, tuple(turns), "lore")

    def _era_document(self) -> Document:
        rng, mix = self._rng, self.mix
        headed = rng.random() < mix.header
        era = "old" if rng.random() < (mix.old_header if headed else mix.old_plain) else "new"
        year = rng.choice(OLD_YEARS if era == "old" else NEW_YEARS)
        turns = [self.turn(era) for _ in range(rng.randint(1, 5))]
        if era == "new" and rng.random() < mix.helper:
            turns.insert(rng.randrange(len(turns)), self._aim("helper"))
        return Document(f"Today is {year}." if headed else None, tuple(turns), era)
