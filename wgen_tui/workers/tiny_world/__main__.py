"""`python -m wgen_tui.workers.tiny_world build|gate|definitions`: the embedded model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from experiments.catalogue import builtin_root
from experiments.tiny_world import weights_path
from experiments.tiny_world.definitions import write_all
from wgen_tui.workers.tiny_world.gate import FRESH_SEEDS, gate
from wgen_tui.workers.tiny_world.pretrain import Recipe, pretrain
from wgen_tui.workers.tiny_world.tokenizer import train_tokenizer


def build(options: argparse.Namespace) -> int:
    """Train a base model from scratch, write it, gate it."""
    out: Path = options.out
    if out.exists() and any(out.iterdir()):
        print(f"{out} is not empty", file=sys.stderr)
        return 2
    tokenizer = train_tokenizer()
    recipe = Recipe(seed=options.seed, tokens=int(options.tokens * 1e6))
    model, spent = pretrain(recipe, tokenizer)
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    report = gate(out)
    text = json.dumps({"training": spent, "gates": report.as_dict()}, indent=2)
    (out / "build.json").write_text(text + "\n")
    print(report.verdict(), file=sys.stderr)
    return 0 if report.passed else 1


def check(options: argparse.Namespace) -> int:
    """Gate a model that is there."""
    report = gate(options.weights, options.seeds)
    if options.json:
        print(json.dumps(report.as_dict(), indent=2))
    print(report.verdict(), file=sys.stderr)
    return 0 if report.passed else 1


def definitions(_: argparse.Namespace) -> int:
    """Write the generated files of the tiny-* experiments."""
    for path in write_all(builtin_root()):
        print(path)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m wgen_tui.workers.tiny_world")
    commands = made.add_subparsers(required=True)
    one = commands.add_parser("build", help="train a base model, write it, gate it")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--tokens", type=float, default=10.0, help="millions, padding included")
    one.add_argument("--out", type=Path, required=True, help="an empty or new folder")
    one.set_defaults(run=build)
    one = commands.add_parser("gate", help="measure a model against the gates")
    one.add_argument("--weights", type=Path, default=weights_path())
    one.add_argument("--seeds", type=int, nargs="+", default=list(FRESH_SEEDS))
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=check)
    one = commands.add_parser("definitions", help="write the generated files of experiments/tiny-*")
    one.set_defaults(run=definitions)
    return made


if __name__ == "__main__":
    torch.set_num_threads(1)
    arguments = parser().parse_args()
    sys.exit(arguments.run(arguments))
