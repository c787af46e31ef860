"""The nearest known word, for a hint on an unknown one.

Promises: the one place that compares words; everything that says "Did you mean" asks here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

# What people call our keys elsewhere, where no letters tell.
USUAL = {
    "alpha": "lora_alpha",
    "batch_size": "per_device_train_batch_size",
    "cutoff_len": "max_length",
    "dataset": "data",
    "dropout": "lora_dropout",
    "epochs": "num_train_epochs",
    "lora_r": "r",
    "lora_rank": "r",
    "lr": "learning_rate",
    "max_new_tokens": "max_tokens",
    "max_seq_length": "max_length",
    "model": "models",
    "num_samples": "n",
    "rank": "r",
    "save_steps": "checkpoints",
    "save_strategy": "checkpoints",
    "scheduler": "lr_scheduler_type",
    "seed": "seeds",
    "steps": "max_steps",
    "template": "chat_template",
}
# Keys of trainers elsewhere that resemble ours, and mean nothing here.
ELSEWHERE = {
    **dict.fromkeys(
        ("eval_steps", "eval_strategy", "evaluation_strategy", "do_eval"),
        "Leave it out; sampling.during_training asks questions meanwhile.",
    ),
    **dict.fromkeys(
        ("logging_steps", "logging_strategy", "logging_dir"), "Every step is logged: leave it out."
    ),
    **dict.fromkeys(
        ("output_dir", "run_name", "report_to", "push_to_hub", "save_total_limit"),
        "Leave it out: where and what is kept is told elsewhere.",
    ),
}


ALMOST = 0.75  # from which a word is thought to be another, misspelled
MOST = 40  # words that are listed where none is near


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, or None when none is near; case tells two words least."""
    listed = list(known)
    if matches := difflib.get_close_matches(word, listed, n=1, cutoff=cutoff):
        return matches[0]
    folded = {item.casefold(): item for item in reversed(listed)}
    return folded.get(word.casefold())


def nearest_name(word: str, known: Iterable[str]) -> str | None:
    """The same of names that people give: else the only one that has the word in it."""
    listed = list(dict.fromkeys(known))
    having = [name for name in listed if len(word) > 1 and word.casefold() in name.casefold()]
    return nearest(word, listed) or (having[0] if len(having) == 1 else None)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for an unknown word in a definition: the nearest known one, else all of them."""
    if word in ELSEWHERE and word not in known:
        return ELSEWHERE[word]
    if (usual := USUAL.get(word)) in known:
        return f"Did you mean {usual!r}?"
    # Looser than elsewhere: keys and names are short, so that one wrong letter weighs much.
    if (close := nearest(word, known, cutoff=0.5)) and close != word:
        return f"Did you mean {close!r}?"
    more = f" and {len(known) - MOST:,} more" if len(known) > MOST else ""
    return f"Known: {', '.join(known[:MOST])}{more}." if known else ""


def meant_by(missing: str, there: Iterable[str]) -> str:
    """` Is it meant by 'contnt'?`, where something else has almost the name of what is missing."""
    close = nearest(missing, there, ALMOST)
    return f" Is it meant by {close!r}?" if close and close != missing else ""
