"""Which keys of sampling `sweep:` may say: how answers are drawn, which a variant may say too.

Promises: each is named as it stands in a definition, `sampling.temperature`.
"""

from __future__ import annotations

from experiments.schema.sampling import DRAWING

PREFIX = "sampling."
COUNT = "n"  # more of the same draws, which is no other way of drawing


def sweepable_of_sampling() -> list[str]:
    """Every such key."""
    return [f"{PREFIX}{key}" for key in DRAWING if key != COUNT]


def is_of_sampling(key: str) -> bool:
    """Whether it is a key of sampling, known or not."""
    return key.startswith(PREFIX)


def meant(key: str) -> str:
    """What to write for a key of sampling that was written otherwise; empty where it is none.

    Models and seeds are lists as they stand, and `n` is how many draws there are.
    """
    inner = key.removeprefix(PREFIX)
    if f"{PREFIX}{inner}" in sweepable_of_sampling():
        return f"Write {PREFIX}{inner}."
    told = {
        "n": "n is how many answers of one kind are drawn: run start --n, or n of a question.",
        "samples_per_paraphrase": "It is how many answers of one kind are drawn: run start --n.",
        "stop": "Give variants or questions of their own; stop is one for all answers.",
        "variants": "Variants are several as they are: values: [1850, 1984] in one of them.",
        "prefix": "sampling: {variants: {day: {prefix: '{value} ', values: [1850, 1984]}}}",
        "system": "sampling: {variants: {who: {system: '{value}', values: {a: …, b: …}}}}",
        "wrap": "sampling: {variants: {json: {format: json}, code: {format: code}}}",
        "alpha": "sampling: {variants: {scaled: {alpha: [0, 0.5, 1]}}}",
        "seeds": "seeds: 0-9 is a list already, beside sweep and not in it.",
        "models": "models: [A, B] is a list already, beside sweep and not in it.",
        "arms": "sweep: {arms: [old], keys: {…}} says which arms.",
        "checkpoints": "sampling: {checkpoints: all}, or run start --checkpoints 10,20",
        "questions": "Questions are a list already; wordings are paraphrases of one.",
        "judges": "Judges are a list already: every one of them grades.",
    }
    return told.get(inner, "")
