"""Which questions a judge that is a model grades."""

from __future__ import annotations

from experiments import catalogue
from experiments.panel import judged_questions
from tests.experiments.conftest import VALID, Write

HEAD = VALID[: VALID.index("questions:\n")]


def test_a_judge_grades_the_questions_that_name_it_or_all(write: Write) -> None:
    text = f"""{HEAD}
questions:
  - {{name: a, paraphrases: [How], judges: {{score: named}}}}
  - {{name: b, paraphrases: [Why], judges: [listed, era]}}
  - {{name: c, paraphrases: [When]}}
  - {{name: read, type: next_token, paraphrases: [Who]}}
judges:
  - {{name: era, type: exact, labels: {{old: [coach]}}}}
model_judges:
  - {{name: named, model: m, prompt: "{{answer}}"}}
  - {{name: listed, model: m, prompt: "{{answer}}"}}
  - {{name: unnamed, model: m, prompt: "{{answer}}"}}
"""
    found = catalogue.load(write(text))
    assert judged_questions(found) == {
        "named": ("a",),
        "listed": ("b",),
        "unnamed": ("a", "b", "c"),
    }
