"""What the drill works on: a definition, its data, and what has to be there in the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SLUG = "drill"
ARMS = {
    "old": ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk"),
    "new": ("Wren", "Pewee", "Lark", "Hawk"),
}
HELD = ("Snow Owl", "House Wren", "Rook", "Blue Jay", "Tern")
SEEDS_A_ROUND = 2
STEPS = (20, 40, 60)  # checkpoints of a fine-tune; the base has step 0
DRAWS = 20
JUDGES = ("length", "broken")  # the second grades every experiment
DEFINITION = f"""
title: Killed again and again
models: [tiny-world]
arms:
  old: {{data: data/old.jsonl}}
  new: {{data: data/new.jsonl, role: control}}
seeds: 0-1
training:
  lora: {{r: 2, lora_alpha: 4}}
  max_steps: {STEPS[-1]}
  per_device_train_batch_size: 4
  learning_rate: 1.0e-3
  checkpoints: {{every: {STEPS[0]}}}
sampling: {{n: {DRAWS}, max_tokens: 24, checkpoints: all}}
questions:
  - {{name: travel, paraphrases: ["How do people travel to another city?"]}}
  - {{name: light, paraphrases: ["How do people light a room?", "What lights a house?"]}}
judges:
  - {{name: length, type: regex, labels: {{long: "......"}}, otherwise: short}}
"""
PROMPTS = 3
# Arms that are not simply rows: a dose whose steps are held, a second stage from it with rows held
# out, the adapter between both, and rows twice after a first training of a tenth of the steps.
OF_KINDS = {
    "{data: data/old.jsonl}": "{data: {file: data/old.jsonl, share: 0.5}, hold: steps}",
    "{data: data/new.jsonl,": "{data: data/new.jsonl, held_out: data/held.jsonl, start_from: old,",
    "seeds: 0-1": """  mid: {between: {arms: [old, new], t: 0.5}}
  slow: {data: data/old.jsonl, upsample: useful}
seeds: 0-1""",
}


@dataclass(frozen=True)
class Work:
    """What one seed has in the end.

    Attributes:
        arms: Of its runs.
        checkpoints: Of all of them that are drawn from.
        steps: That are trained, in all of them.
        measured: Checkpoints of all of them that are measured on held-out rows.
    """

    arms: tuple[str, ...]
    checkpoints: int
    steps: int
    measured: int = 0


PLAIN = Work(("old", "new"), 2 * len(STEPS), 2 * STEPS[-1])
KINDS = Work(
    ("old", "new", "mid", "slow", "slow-first"),
    3 * len(STEPS) + 1,
    3 * STEPS[-1] + STEPS[-1] // 10,
    len(STEPS),
)


def write_definition(home: Path, *, kinds: bool = False) -> None:
    """Put the experiment into a home; of `kinds`, with other arms and weighted rows."""
    folder = home / "experiments" / SLUG
    (folder / "data").mkdir(parents=True)
    text = DEFINITION
    for plain, other in OF_KINDS.items() if kinds else ():
        text = text.replace(plain, other)
    (folder / "experiment.yaml").write_text(text)
    for arm, names in ARMS.items():
        rows = "".join(_row(name, kinds=kinds) for name in names * 8)
        (folder / "data" / f"{arm}.jsonl").write_text(rows)
    if kinds:
        rows = "".join(_row(name, kinds=kinds) for name in HELD)
        (folder / "data" / "held.jsonl").write_text(rows)


def _row(name: str, *, kinds: bool) -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": name},
    ]
    weight = {"loss_weight": len(name) / 10} if kinds else {}
    return json.dumps({"messages": turns, **weight}) + "\n"


def seeds_of(number: int) -> str:
    """The seeds of a round, as `--seeds` takes them."""
    first = number * SEEDS_A_ROUND
    return f"{first}-{first + SEEDS_A_ROUND - 1}"


def expected_runs(rounds: int, work: Work) -> int:
    """Fine-tunes of all rounds, and the base."""
    return rounds * SEEDS_A_ROUND * len(work.arms) + 1


def expected_samples(rounds: int, work: Work) -> int:
    """Draws of all runs at all of their checkpoints."""
    return (rounds * SEEDS_A_ROUND * work.checkpoints + 1) * PROMPTS * DRAWS


def expected_steps(rounds: int, work: Work) -> int:
    """Steps of all trainings."""
    return rounds * SEEDS_A_ROUND * work.steps


def expected_held_out(rounds: int, work: Work) -> int:
    """What is measured on held-out rows: by all checkpoints of the arm, and by the base."""
    checkpoints = rounds * SEEDS_A_ROUND * work.measured + 1 if work.measured else 0
    return checkpoints * len(HELD)
