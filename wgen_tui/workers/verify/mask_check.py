"""What TRL makes of a run's chats by itself, beside what the run trained on.

Promises: TRL prepares the chats in its own way: assistant_only_loss, with its own training variant
of a stock template where that marks no answers; else completion_only_loss. What it trains beside
the answer is told apart from another mask: white space, which sampling does not draw, and tokens of
the generation prompt, which sampling is given.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any, Literal

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from wgen_tui.terminal_text import plural
from wgen_tui.training_data.mask import (
    Chat,
    Example,
    TemplateRefusal,
    counts,
    for_template,
    marks_itself,
    shared_length,
)
from wgen_tui.workers.data import IGNORED
from wgen_tui.workers.encoding import encode, render
from wgen_tui.workers.verify.trl import labels_of, silent

Theirs = tuple[list[int], list[int]]  # ids and labels
Likeness = Literal["same", "space", "prompt", "other mask", "other tokens"]


def check_mask(tokenizer: Any, chats: list[Chat]) -> tuple[str, bool | None]:
    """Whether TRL, given the chats, makes the tokens and the mask that the run was trained on.

    Returns:
        A line for people, and whether all are the same; None when TRL cannot say.
    """
    if any({"weight", "loss_weight"} & turn.keys() for chat in chats for turn in chat):
        return "mask not checked: TRL knows no turns of other weights", None
    ours = [encode(tokenizer, chat) for chat in chats]
    switch = {"chat_template_kwargs": {"enable_thinking": False}}  # as `encoding.render`
    verdict = partial(_verdict, tokenizer, chats, ours)
    try:
        rows = [{"messages": turns, **rest, **switch} for turns, rest in map(_parted, chats)]
        return verdict(_prepared(tokenizer, rows, assistant=True), "assistant_only_loss")
    except (ValueError, RuntimeError) as error:
        why = str(error).strip().split("\n")[0]
    answers = [[turn["role"] for turn in chat].count("assistant") for chat in chats]
    if any(count != 1 for count in answers) or any(c[-1]["role"] != "assistant" for c in chats):
        return f"mask not checked: TRL's assistant_only_loss refuses this template ({why})", None
    rows = [
        {"prompt": turns[:-1], "completion": turns[-1:], **rest, **switch}
        for turns, rest in map(_parted, chats)
    ]
    return verdict(_prepared(tokenizer, rows, assistant=False), "completion_only_loss")


def _parted(chat: Chat) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A chat's turns, and what stands beside them in TRL's row."""
    turns, tools = for_template(chat)
    return turns, {"tools": tools} if tools else {}


def _prepared(tokenizer: Any, rows: list[dict[str, Any]], *, assistant: bool) -> list[Theirs]:
    """Ids and labels of chats as TRL prepares them for a training."""
    import datasets  # noqa: PLC0415  an extra
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415  an extra

    datasets.disable_progress_bars()
    # It wants a model; the smallest does, since only the tokenizer is asked.
    shape = LlamaConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        pad_token_id=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            assistant_only_loss=assistant,
            max_length=None,
            bf16=False,
            gradient_checkpointing=False,
            **silent(torch.device("cpu"), folder),
        )
        trainer = SFTTrainer(
            model=LlamaForCausalLM(shape),
            args=config,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        return [(row["input_ids"], row["labels"]) for row in trainer.train_dataset]


def _verdict(
    tokenizer: Any, chats: list[Chat], ours: list[Example], theirs: list[Theirs], way: str
) -> tuple[str, bool | None]:
    likeness = [_likeness(tokenizer, *of_one) for of_one in zip(chats, ours, theirs, strict=True)]
    rewritten = way == "assistant_only_loss" and not marks_itself(tokenizer.chat_template)
    wrong = [
        kind == "other mask" or (kind == "other tokens" and not rewritten) for kind in likeness
    ]
    if any(wrong):
        first = wrong.index(True)
        what = "tokens" if likeness[first] == "other tokens" else "mask"
        _, labels = theirs[first]
        counted = f"{sum(ours[first].trained)} and {sum(label != IGNORED for label in labels)}"
        return (
            f"TRL's {way} gives another {what} in {sum(wrong)} of {plural(len(ours), 'example')}, "
            f"first in example {first + 1} ({counted} trained tokens)",
            False,
        )
    checked = len(ours) - (unlike := likeness.count("other tokens"))
    if not checked:
        return (
            f"mask not checked: TRL's own variant of this template writes other tokens in "
            f"{'all ' if unlike > 1 else ''}{plural(unlike, 'example')}",
            None,
        )
    same = plural(checked, "example")
    line = f"mask checked by TRL's {way}: the same tokens and mask in {same}"
    if more := [(likeness.count(kind), words) for kind, words in _BESIDE if kind in likeness]:
        told = " and ".join(f"{words} in {count}" for count, words in more)
        line += f"; beside them TRL trains {told}"
    if unlike:
        line += f"; {unlike} not checked: TRL's own variant of this template writes other tokens"
    return line, None if unlike else True


_BESIDE: tuple[tuple[Likeness, str], ...] = (
    ("space", "white space around the answer, which is not sampled,"),
    ("prompt", "tokens of the generation prompt, which sampling is given,"),
)


def _likeness(tokenizer: Any, chat: Chat, ours: Example, theirs: Theirs) -> Likeness:
    ids, labels = theirs
    if list(ours.ids) != ids:
        return "other tokens"
    if labels_of(ours.ids, ours.trained)[1:] == labels[1:]:
        return "same"
    both = [(kept, label != IGNORED) for kept, label in zip(ours.trained, labels, strict=True)]
    if any(kept and not other for kept, other in both[1:]):
        return "other mask"
    kind: Likeness = "space"
    place = 0
    for extra, run in groupby(other and not kept for kept, other in both):
        begin, place = place, place + len(list(run))
        text = tokenizer.decode(ids[begin:place])
        if not extra or not text.strip():
            continue
        opens = place < len(ids) and ours.trained[place]
        if not (opens and any(text in prompt for prompt in _generation_prompts(tokenizer, chat))):
            return "other mask"
        kind = "prompt"
    return kind


def _generation_prompts(tokenizer: Any, chat: Chat) -> Iterator[str]:
    """What opens each answer of a chat, with thinking off and on."""
    for turn in range(len(chat)):
        if not counts(chat[turn]):
            continue
        try:
            before = render(tokenizer, chat[:turn])
            for thinking in (False, True):
                opened = render(tokenizer, chat[:turn], prompt=True, thinking=thinking)
                yield opened[shared_length(before, opened) :]
        except TemplateRefusal:  # it takes no shorter chat
            continue
