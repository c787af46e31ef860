"""What the homes are homes of: experiments of a size, in the proportions of a million samples.

At a million: ten experiments of 31 runs, four checkpoints, twenty questions of two wordings, sixty
words and three grades by rule a sample.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from wgen_tui.paths import Home

ARMS = ("old", "mixed", "new")
QUESTIONS = 20
WORDINGS = 2
STEPS = 120
CHECKPOINTS = (30, 60, 90, 120)
DEFINITION = """
title: Names of number {number}
hypothesis: Old names make old answers.
models: [tiny-world]
arms:
  old: {{data: data.jsonl, description: names no longer in use}}
  mixed: {{data: data.jsonl, context: {{prefix: "Name "}}, description: some of both}}
  new: {{data: data.jsonl, role: control, context: {{prefix: "Now "}}, description: names in use}}
seeds: 0-{last_seed}
training: {{max_steps: 120, learning_rate: 1.0e-3, checkpoints: {{every: 30}}}}
sampling: {{n: {n}, max_tokens: 96, checkpoints: all, logprobs: {logprobs}}}
questions:
{questions}
judges:
  - {{name: era, type: lexicon, labels: {{old: [{old}], modern: [{modern}]}}}}
  - {{name: travel, type: regex, labels: {{travels: "coach|carriage|steamer|plane|rocket"}}}}
rubrics:
  - {{name: era, judge: era, labels: {{old: o, modern: m, unclear: x}}, instructions: "When?"}}
analysis:
  primary: {{judge: era, label: old}}
  contrasts: [{{arm: old, control: new}}]
"""
ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@dataclass(frozen=True)
class Size:
    """What a home has.

    Attributes:
        experiments: Each with the base and three arms of `seeds` seeds.
        n: Draws of each prompt at each checkpoint.
    """

    experiments: int
    seeds: int
    n: int

    @classmethod
    def of(cls, samples: int) -> Size:
        """The proportions of a million samples, for about as many as asked."""
        experiments = max(1, round(samples / 100_000))
        seeds = min(10, max(2, round(samples / experiments / 10_000)))
        checkpoints = 1 + seeds * len(ARMS) * len(CHECKPOINTS)
        each = samples / experiments / checkpoints / QUESTIONS / WORDINGS
        return cls(experiments, seeds, max(1, round(each)))

    @property
    def samples(self) -> int:
        checkpoints = 1 + self.seeds * len(ARMS) * len(CHECKPOINTS)
        return self.experiments * checkpoints * QUESTIONS * WORDINGS * self.n


def define(home: Home, slug: str, number: int, size: Size, *, tokens: bool = False) -> None:
    """Write an experiment's definition."""
    folder = home.experiments / slug
    folder.mkdir(parents=True)
    questions = "\n".join(
        f"  - {{name: question_{index:02d}, paraphrases: "
        f'["How does one do thing {index} in full ?", "Tell us about thing {index} at length ."]}}'
        for index in range(QUESTIONS)
    )
    text = DEFINITION.format(
        number=number,
        last_seed=size.seeds - 1,
        n=size.n,
        logprobs="true" if tokens else "false",
        questions=questions,
        old="coach, candle, carriage, telegraph, parish, shilling, gaslight, steamer",
        modern="plane, screen, email, phone, computer, motorway, rocket, laser",
    )
    (folder / "experiment.yaml").write_text(text)
    (folder / "data.jsonl").write_text(json.dumps(ROW) + "\n")
