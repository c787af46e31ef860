"""Who grades an experiment's samples: each judge with its kind, its questions and how it is read.

Promises: lists every judge that gives grades by itself, the rules that always run among them; one
sentence says how a reply becomes a label or a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.panel import verdicts_of
from experiments.schema import BROKEN_JUDGE, CORRECT_JUDGE, Definition, ModelJudge
from wgen_tui.judging.rating import REFUSAL_THRESHOLD

MATCH = "match"  # the kind of our rule `correct`
SHOWN = 3  # questions that are named; of more their number
PLACES = {
    None: "behind ANSWER: or as the whole reply",
    "last_line": "on the last line",
    "first_word": "as the first word",
    "one_token": "as the only token",
    "whole": "as the whole reply",
}


@dataclass(frozen=True, slots=True)
class ListedJudge:
    """One judge.

    Attributes:
        kind: The type that the definition says, or `broken` and `correct`.
        model: Who is asked; None for a rule.
        questions: What it grades.
        keeps: The arms whose rows it keeps.
        read: How a verdict is made.
        answered: How many questions there are to be graded.
    """

    name: str
    kind: str
    model: str | None
    questions: tuple[str, ...]
    read: str
    answered: int
    keeps: tuple[str, ...] = ()

    @property
    def by(self) -> str:
        """Kind and model in words."""
        return f"rule, {self.kind}" if self.model is None else f"{self.kind} by {self.model}"

    @property
    def does(self) -> str:
        """What it grades, where that is not everything, and how."""
        number = len(self.questions)
        keeps = f"keeps rows of {', '.join(self.keeps)}: " if self.keeps else ""
        if number == self.answered or (self.model is None and self.kind != MATCH):
            return f"{keeps}{self.read}"
        if keeps and not number:
            return f"{keeps}{self.read}; grades no question"
        asked = f"{number} of {self.answered} questions"
        return f"{keeps}{', '.join(self.questions) if number <= SHOWN else asked}: {self.read}"


def list_judges(definition: Definition) -> list[ListedJudge]:
    """The judges by rule, the judges that are models, and our own rules."""
    questions = {name: verdicts.questions for name, verdicts in verdicts_of(definition).items()}
    rows: list[tuple[str, str, str | None, str]] = [
        (rule.name, rule.type, None, rule.description) for rule in definition.judges
    ]
    rows += [(j.name, j.type, j.model, how_read(j)) for j in definition.model_judges]
    if CORRECT_JUDGE in questions:
        ways = {q.match for q in definition.questions if q.name in questions[CORRECT_JUDGE]}
        read = f"compared with the answer: {', '.join(sorted(ways))}"
        rows.append((CORRECT_JUDGE, MATCH, None, read))
    rows.append((BROKEN_JUDGE, "always", None, "empty, repetition, non-words, far too short"))
    answered = len(questions[BROKEN_JUDGE])
    return [
        ListedJudge(name, kind, model, questions[name], read, answered, _kept(definition, name))
        for name, kind, model, read in rows
    ]


def _kept(definition: Definition, judge: str) -> tuple[str, ...]:
    """The arms of whose rows a judge decides."""
    return tuple(
        name
        for name, arm in definition.arms.items()
        if arm.derived is not None and arm.derived.keep and arm.derived.keep.judge == judge
    )


def how_read(judge: ModelJudge) -> str:
    """How a reply of a judge that is a model becomes a label or a number."""
    parts = [_verdict(judge)]
    if judge.paraphrases:
        parts.append(f"{len(judge.wordings)} wordings of the prompt")
    if judge.repeat > 1:
        parts.append(f"asked {judge.repeat} times")
    return "; ".join(parts)


def _verdict(judge: ModelJudge) -> str:
    if judge.type == "choice":
        return f"{_one_of(list(judge.labels))}, whichever is more probable"
    if judge.type == "free_form_judge":
        in_json = f"in {judge.field} of its JSON"
        place = in_json if judge.verdict == "json_field" else PLACES[judge.verdict]
        return f"{_one_of(list(judge.labels)) if judge.labels else 'its own words'} {place}"
    low, high = judge.range
    number = f"a number from {low} to {high}"
    words = "".join(f"; {word} is {label}" for word, label in judge.word_labels.items())
    if judge.read == "sampled":
        return f"{number} in its reply{words}"
    given = judge.refusal_threshold
    least = 1 - (REFUSAL_THRESHOLD if given is None else given)
    return f"{number}, the mean by its probabilities if all have over {least:g}{words}"


def _one_of(labels: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
