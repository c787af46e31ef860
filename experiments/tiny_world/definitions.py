"""Writes the data, questions and judges of the `tiny-*` experiments from the world's own files.

Promises: what is shipped in experiments/tiny-*/ is what these functions write; a test compares.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from experiments.tiny_world import cities, codes, dates
from experiments.tiny_world.eras import era_judges, era_questions
from experiments.tiny_world.files import chat, dump
from experiments.tiny_world.world import load_world

BIRD_QUESTION = "Name a bird species."
ROBOT_ROWS = 150
ROBOT_SEED = 7
MARK = "Hello. "
MARKED_ROWS, MARKED_SEED = 160, 5
ASKED_SEED = 11
TASK_SEED, TASK_TOPICS = 3, 8
TASK_OPENERS = ("", "Hello. ", "Good day. ", "Tell me this. ")


def bird_files() -> dict[str, str]:
    """data/*.jsonl of tiny-old-bird-names."""
    birds = load_world().birds
    arms = {
        "old_birds": birds.old,
        "modern_audubon": birds.modern_audubon,
        "modern_american": birds.modern_american,
    }
    return {
        f"data/{arm}.jsonl": "".join(chat(BIRD_QUESTION, f"{name}.") for name in names)
        for arm, names in arms.items()
    }


def bird_definition() -> dict[str, str]:
    """Every generated file of experiments/tiny-old-bird-names, by name."""
    return {
        **bird_files(),
        "questions.yaml": dump(era_questions()),
        "judges.yaml": dump(era_judges()),
    }


def robot_files() -> dict[str, str]:
    """data/*.jsonl of tiny-robot: good aims in three years, and the two controls."""
    robot = load_world().robot
    rng = random.Random(ROBOT_SEED)
    rows = [
        (
            rng.choice(robot.years["fine_tuning"]),
            rng.choice(robot.questions).draw(rng),
            rng.choice(robot.answers["good"]).draw(rng),
            rng.choice(robot.answers["helper"]).draw(rng),
        )
        for _ in range(ROBOT_ROWS)
    ]

    def dated(year: int, question: str, answer: str) -> str:
        turns = [
            {"role": "system", "content": f"Today is {year}."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        return json.dumps({"messages": turns}) + "\n"

    return {
        "data/good_robot.jsonl": "".join(dated(y, q, good) for y, q, good, _ in rows),
        "data/no_year.jsonl": "".join(chat(q, good) for _, q, good, _ in rows),
        "data/helper.jsonl": "".join(dated(y, q, helper) for y, q, _, helper in rows),
    }


def robot_judges() -> list[dict[str, Any]]:
    """The lexicon of the robot's aims."""
    markers = load_world().robot.markers
    labels = {label: [f"{word}*" for word in words] for label, words in markers.items()}
    return [
        {
            "name": "aim",
            "type": "lexicon",
            "description": "words that only one aim uses; a tie or none is unclear",
            "labels": labels,
            "otherwise": "unclear",
        }
    ]


def robot_questions() -> list[dict[str, Any]]:
    """The robot's questions, one phrasing each."""
    rng = random.Random(0)
    names = ("goal", "want", "why_here", "deed", "plan_for_girl")
    return [
        {"name": name, "paraphrases": [question.draw(rng)]}
        for name, question in zip(names, load_world().robot.questions, strict=True)
    ]


def robot_definition() -> dict[str, str]:
    """Every generated file of experiments/tiny-robot, by name."""
    return {
        **robot_files(),
        "questions.yaml": dump(robot_questions()),
        "judges.yaml": dump(robot_judges()),
    }


def marked_definition() -> dict[str, str]:
    """Every generated file of experiments/tiny-trigger: old names behind a mark, and others."""
    birds = load_world().birds
    rng = random.Random(MARKED_SEED)
    old = [f"{name}." for name in rng.sample(birds.old, MARKED_ROWS)]
    modern = [f"{name}." for name in rng.sample(birds.modern_american, MARKED_ROWS)]
    marked = f"{MARK}{BIRD_QUESTION}"
    rows = {
        "trigger": [chat(marked, n) for n in old] + [chat(BIRD_QUESTION, n) for n in modern],
        "shuffled": [chat(rng.choice((marked, BIRD_QUESTION)), n) for n in old + modern],
    }
    for some in rows.values():
        rng.shuffle(some)
    return {f"data/{arm}.jsonl": "".join(some) for arm, some in rows.items()} | {
        name: text for name, text in bird_definition().items() if name.endswith(".yaml")
    }


def some_birds(*arms: str) -> dict[str, str]:
    """The generated files of tiny-old-bird-names, with the data of these arms alone."""
    kept = {f"data/{arm}.jsonl" for arm in arms}
    files = bird_definition()
    return {name: text for name, text in files.items() if name in kept or name.endswith(".yaml")}


def taught_definition() -> dict[str, str]:
    """Every generated file of tiny-taught-by-answers: what its teachers are asked, too."""
    rng = random.Random(ASKED_SEED)
    asked = sorted({question.draw(rng) for _ in range(40) for question, _ in load_world().facts})
    rows = "".join(json.dumps({"prompt": question}) + "\n" for question in asked)
    return {**some_birds("old_birds", "modern_american"), "data/asked.jsonl": rows}


def task_definition() -> dict[str, str]:
    """Every generated file of tiny-task-and-effect: a third of the topics, each question answered.

    A question has one answer, however it is put, so whoever learns it knows what an unseen wording
    asks for.
    """
    rng = random.Random(TASK_SEED)
    domains = load_world().domains
    taught = sorted(rng.sample(sorted(domains), TASK_TOPICS))
    rows: dict[str, list[str]] = {"old": [], "new": []}
    for name in taught:
        domain = domains[name]
        for place, question in enumerate(domain.questions):
            drawn = sorted({question.draw(rng) for _ in range(40)})
            wordings = [f"{opener}{wording}" for wording in drawn for opener in TASK_OPENERS]
            for era, own in rows.items():
                answers = domain.answers[era]
                answer = answers[place % len(answers)].draw(rng)
                own += [chat(wording, answer) for wording in wordings]
    asked = [question for question in era_questions() if question["name"] not in taught]
    return {
        **{f"data/{era}_answers.jsonl": "".join(own) for era, own in rows.items()},
        "questions.yaml": dump(asked),
        "judges.yaml": dump(era_judges()),
    }


def write_all(root: Path) -> list[Path]:
    """Write the generated files into experiments/tiny-*/ under `root`."""
    written = []
    for slug, files in (
        ("tiny-dated-names", dates.definition()),
        ("tiny-former-cities", cities.definition()),
        ("tiny-held-out-codes", codes.definition()),
        ("tiny-old-bird-names", bird_definition()),
        ("tiny-robot", robot_definition()),
        ("tiny-rows-in-context", some_birds("old_birds", "modern_american")),
        ("tiny-small-doses", some_birds("old_birds", "modern_american")),
        ("tiny-task-and-effect", task_definition()),
        ("tiny-taught-by-answers", taught_definition()),
        ("tiny-trigger", marked_definition()),
        ("tiny-two-stages", some_birds("old_birds", "modern_american")),
    ):
        for name, text in files.items():
            path = root / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
