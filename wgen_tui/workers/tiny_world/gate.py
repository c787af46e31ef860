"""The gates that a build of tiny-world must pass before it is shipped.

Promises: fine-tunes are made by the train worker's own code, with the very training configuration
of experiments/tiny-old-bird-names; answers are classed by exact membership in the grammar, which is
stricter than the lexicon that the experiment reports.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from experiments.catalogue import builtin_root, load
from experiments.readers.arm_data import load_rows
from experiments.schema import Definition, SamplingConfig
from experiments.tiny_world.grammar import BROKEN, NEW, OFF_TOPIC, OLD, classify
from experiments.tiny_world.world import load_world
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.steps import total_steps
from wgen_tui.training_data.texts import plain
from wgen_tui.workers.data import Dataset
from wgen_tui.workers.encoding import encode, render
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.recipe import Order
from wgen_tui.workers.sample.engine.decode import Decoder, Request
from wgen_tui.workers.train.trainer import Trainer

SLUG = "tiny-old-bird-names"
TREATMENT = "old_birds"
FRESH_SEEDS = tuple(range(200, 210))  # never used while settings were chosen
DRAWS = 10
CLASSES = (OLD, NEW, OFF_TOPIC, BROKEN)
OLD_HEADER, OLD_YEAR = "Today is {}.", 1850


@dataclass(frozen=True)
class Shares:
    """Shares of the four classes among `n` answers."""

    n: int
    shares: dict[str, float]

    def __getitem__(self, name: str) -> float:
        return self.shares[name]


@dataclass(frozen=True)
class Gate:
    """One gate: what was measured, and whether it passes."""

    name: str
    value: float
    limit: float
    at_most: bool

    @property
    def passed(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "pass" if self.passed else "FAIL"
        return f"{verdict}  {self.name}: {self.value:.4g} (wanted {sign} {self.limit:g})"


@dataclass
class Report:
    """Everything a gating measured."""

    gates: list[Gate] = field(default_factory=list)
    base: dict[str, float] = field(default_factory=dict)
    held_out: dict[str, float] = field(default_factory=dict)
    arms: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def verdict(self) -> str:
        """What the gates say of the build, in a paragraph."""
        failed = [gate for gate in self.gates if not gate.passed]
        if not failed:
            return f"All {len(self.gates)} gates passed."
        return (
            f"{len(failed)} of {len(self.gates)} gates failed, so this base is not to be shipped:\n"
            + "".join(f"  {gate.name}: {gate.value:.4g}, limit {gate.limit:g}\n" for gate in failed)
            + "How large the effect gets depends on the base's own seed: with 10 M tokens "
            "seeds 0 and 2 pass, seed 1 fails two gates. The figures are in "
            "experiments/tiny_world/weights/README.md, 'Other base seeds'."
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        fields = asdict(self)
        fields["gates"] = [{**asdict(gate), "passed": gate.passed} for gate in self.gates]
        return fields


def questions(*, held_out: bool) -> list[tuple[str, str]]:
    """(domain, question): one drawing of each phrasing of the corpus, or those never in it."""
    rng = random.Random(5)
    prompts = []
    for domain in load_world().domains.values():
        texts = domain.held_out_questions if held_out else [q.draw(rng) for q in domain.questions]
        prompts += [(domain.name, text) for text in texts]
    return prompts


def ask(model: Any, base: Base, asked: Sequence[tuple[str, str]], seed: int) -> Shares:
    """Draw DRAWS answers to each question and class them."""
    decoder = Decoder(model, base.tokenizer, SamplingConfig(n=DRAWS, max_tokens=40))
    requests: list[Request] = []
    domains: list[str] = []
    for domain, text in asked:
        chat = [{"role": "user", "content": text}]
        prompt = render(base.tokenizer, chat, prompt=True)
        ids = tuple(base.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        for draw in range(DRAWS):
            requests.append(Request(len(requests), ids, digest("gate", seed, text, draw)))
            domains.append(domain)
    drawn = [
        item
        for start in range(0, len(requests), 512)
        for item in decoder.draw(requests[start : start + 512])
    ]
    counts = Counter(classify(d, item.text) for d, item in zip(domains, drawn, strict=True))
    return Shares(len(drawn), {name: counts[name] / len(drawn) for name in CLASSES})


def old_name_nll(base: Base) -> tuple[float, float]:
    """Mean negative log-likelihood of the old names under an old year's header, and its floor.

    The floor is the entropy of a uniform choice: what a perfect model of the corpus reaches.
    """
    names = load_world().birds.old
    total = 0.0
    for name in names:
        example = encode(
            base.tokenizer,
            [
                {"role": "system", "content": OLD_HEADER.format(OLD_YEAR)},
                {"role": "user", "content": "Name a bird species."},
                {"role": "assistant", "content": f"{name}."},
            ],
        )
        ids = torch.tensor([example.ids])
        with torch.inference_mode():
            logs = base.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        chosen = logs.gather(1, ids[0, 1:, None])[:, 0]
        total -= chosen[torch.tensor(example.trained[1:])].sum().item()
    return total / len(names), math.log(len(names))


def fine_tune(base: Base, definition: Definition, arm: str, seed: int) -> Trainer:
    """Train an arm of the experiment; `close` the trainer when done."""
    rows = load_rows(builtin_root() / SLUG, arm, definition.arms[arm])
    examples = [encode(base.tokenizer, plain(row.messages)) for row in rows]
    dataset = Dataset(tuple(examples), ())
    steps = total_steps(definition.training, len(examples))
    trainer = Trainer(base, Accelerator(), definition.training, seed, steps)
    order = Order(dataset.examples, definition.training, seed)
    for step in range(1, steps + 1):
        trainer.step(order.batches(step), step)
    trainer.peft.eval()
    return trainer


def gate(
    weights: Path,
    seeds: Sequence[int] = FRESH_SEEDS,
    report: Callable[[str], None] = print,
) -> Report:
    """Measure a build against every gate."""
    base = load_base(
        ModelRef(name="tiny-world", location=str(weights)), None, None, torch.device("cpu")
    )
    definition = load(SLUG)
    asked, unseen = questions(held_out=False), questions(held_out=True)
    nll, floor = old_name_nll(base)
    plain, held_out = ask(base.model, base, asked, 0), ask(base.model, base, unseen, 0)
    measured = Report(base=plain.shares, held_out=held_out.shares, seeds=tuple(seeds))
    measured.gates = [
        Gate("old names: NLL above the floor, nats", nll - floor, 0.1, at_most=True),
        Gate("base: 19th-century answers", plain[OLD], 0.03, at_most=True),
        Gate("base: answers outside the grammar", plain[BROKEN] + plain[OFF_TOPIC], 0.03, True),
    ]
    for arm in definition.arms:
        measured.arms[arm] = []
        for seed in seeds:
            trainer = fine_tune(base, definition, arm, seed)
            shares = ask(trainer.peft, base, asked, seed)
            base.model = trainer.close()
            measured.arms[arm].append(shares.shares)
            shown = ", ".join(f"{name} {shares[name]:.3f}" for name in CLASSES)
            report(f"{arm}, seed {seed}: {shown}")
    measured.gates += _arm_gates(measured)
    for item in measured.gates:
        report(str(item))
    return measured


def _mean(rows: Sequence[dict[str, float]], *names: str) -> float:
    return sum(row[name] for row in rows for name in names) / len(rows)


def _arm_gates(measured: Report) -> list[Gate]:
    treated = measured.arms[TREATMENT]
    enough = sum(row[OLD] >= 0.5 for row in treated) / len(treated)
    gates = [
        Gate("old_birds: seeds with at least half 19th-century answers", enough, 0.9, False),
        Gate("old_birds: broken answers, mean", _mean(treated, BROKEN, OFF_TOPIC), 0.08, True),
    ]
    for arm, rows in measured.arms.items():
        if arm != TREATMENT:
            worst = max(row[OLD] for row in rows)
            gates.append(Gate(f"{arm}: 19th-century answers, worst seed", worst, 0.03, True))
    return gates
