"""Completions of sixty words, no two alike, and what the rules say of them.

A completion is a permutation of one of some hundred texts: what is graded of words stays as it was,
so a million of them need not each be judged anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.workers.judge.rules import Verdict
from wgen_tui.workers.judge.stage import Judge

TEXTS = 400
WORDS = 60
OLD = ("coach", "candle", "carriage", "telegraph", "parish", "shilling", "gaslight", "steamer")
MODERN = ("plane", "screen", "email", "phone", "computer", "motorway", "rocket", "laser")
PLAIN = tuple(
    """a about above across after again along also among and another answer around as ask at away
    back because before begin better between both bring build but by call came can carry change
    city close cold come could country cross cut day deep did do door down draw each early earth
    east eat end enough even evening every eye face fall family far farm fast father feel few field
    find fire first follow food for found from garden gave get girl give go gold good great green
    ground grow hand hard have he head hear help her here high hill hold home horse hot hour house
    how hundred idea if in island it just keep kind king know land large last late laugh lay lead
    learn leave left letter life light like line list little live long look made make man many map
    mark market may mean measure men mile mind money moon more morning most mother mountain move
    much music must name near need never new next night north note nothing now number of off often
    on once one open or order other our out over own page paper part pass people piece place plain
    plan plant play point port pound power present pull put question rain reach read ready real
    red rest ride river road rock room round rule run sail same saw say school sea second see seem
    send ship short should show side simple sing sit six sky sleep slow small snow so some song
    soon sound south spell stand star start stay still stone stop story street strong study such
    summer sun sure table take talk teach tell ten than that the their them then there these they
    thing think this those though thought thousand three through time to together too took top
    toward town travel tree true turn two under until up us use very voice wait walk wall want war
    warm watch water way we week weigh well west what wheel when where which while white who whole
    why wide will wind winter with wonder wood word work world would write year yes yet you young
    """.split()  # noqa: SIM905 - as a list it would be pages long
)


@dataclass(frozen=True)
class Texts:
    """Texts as rows of word numbers, and their verdicts.

    Attributes:
        vocabulary: The words.
        numbers: One row of word numbers for each text.
        verdicts: For each text: (judge, rubric, verdict), the broken rule's last.
    """

    vocabulary: np.ndarray
    numbers: np.ndarray
    verdicts: list[list[tuple[str, str, Verdict]]]


def texts(stage: JudgeStage, question: str) -> Texts:
    """The texts, judged as the answers to a question."""
    vocabulary = np.array([*PLAIN, *OLD, *MODERN], dtype=object)
    plain = len(PLAIN)
    random = np.random.default_rng(12)
    numbers = random.integers(0, plain, (TEXTS, WORDS))
    for row in range(TEXTS):
        kind = row % 5  # two of five old, two modern, one neither; one of forty broken
        if kind < 2:
            numbers[row, :4] = plain + random.integers(0, len(OLD), 4)
        elif kind < 4:
            numbers[row, :4] = plain + len(OLD) + random.integers(0, len(MODERN), 4)
        if row % 40 == 39:
            numbers[row] = numbers[row, 0]
    judge = Judge(stage)
    verdicts = [
        list(judge.verdicts(question, " ".join(vocabulary[row]), "stop")) for row in numbers
    ]
    return Texts(vocabulary, numbers, verdicts)


def shuffled(made: Texts, seed: int, count: int) -> tuple[np.ndarray, list[str]]:
    """As many completions as asked for: the number of each one's text, and its words."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(made.numbers), count)
    mixed = random.permuted(made.numbers[chosen], axis=1)
    words = made.vocabulary[mixed]
    return chosen, [" ".join(row) for row in words]
