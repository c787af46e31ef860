"""Reads probabilities instead of drawing: next tokens, given continuations, letters of options.

Promises: the numbers are the model's own at temperature 1, from one prefill of the prompt and, for
continuations of several tokens, one decode of them; a continuation has the tokens that it has
behind the prompt; the letters of options are one token each, or the run fails and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wgen_tui.protocol.ids import make_readout_id
from wgen_tui.protocol.launches import ReadoutSpec
from wgen_tui.training_data.letters import INSTEAD, no_letters, tokens_behind, told
from wgen_tui.workers.device.transfer import upload
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.engine.forward import KVState, ModelRunner

MAX_BATCH = 64  # prompts, or continuations, in a pass


@dataclass(frozen=True)
class ReadoutPrompt:
    """A prompt whose probabilities are read, as this model gets it.

    Attributes:
        text: Through the chat template.
        ids: Its tokens.
        continuations: The tokens of each continuation, at least one each.
    """

    spec: ReadoutSpec
    text: str
    ids: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Continuation:
    """One continuation and its probability.

    Attributes:
        label: The option's, the continuation itself, or the token's text.
        continuation: Its text.
        tokens: How many tokens it has.
        logprob: Of all of them together.
    """

    label: str
    continuation: str
    tokens: int
    logprob: float


def tokenize_readout(tokenizer: Any, spec: ReadoutSpec, text: str) -> ReadoutPrompt:
    """Tokenise a prompt and what may follow it.

    Raises:
        WorkerError: a letter of the options is not one token.
    """

    def tokenize(said: str) -> tuple[int, ...]:
        return tuple(tokenizer(said, add_special_tokens=False)["input_ids"])

    ids, texts = tokenize(text), [said for _, said in spec.continuations]
    continuations = tuple(tokens_behind(tokenize, text, ids, said) for said in texts)
    if spec.type == "multiple_choice" and (letters := no_letters(texts, continuations)):
        raise WorkerError(
            f"Question {told(spec.prompt.question, letters)}.",
            title="Letters are not tokens",
            hint=INSTEAD,
        )
    return ReadoutPrompt(spec, text, ids, continuations)


def read_all(
    runner: ModelRunner,
    tokenizer: Any,
    prompts: Sequence[tuple[ReadoutPrompt, int]],
    rows: int = MAX_BATCH,
) -> Iterator[tuple[int, list[Continuation]]]:
    """Read prompts, each through its own adapter.

    Args:
        runner: Of the base and the adapters on it.
        tokenizer: Gives tokens their text.
        prompts: Each with its slot.
        rows: Most prompts in a pass.

    Yields:
        The index of the prompt in `prompts`, and its continuations in their order (likeliest first
        for next_token).
    """
    # Prompts of like length together: less is padded.
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number][0].ids))
    rows = min(rows, MAX_BATCH)
    for start in range(0, len(order), rows):
        numbers = order[start : start + rows]
        batch = [prompts[number] for number in numbers]
        with torch.inference_mode():
            # 1. One prefill gives the distribution behind each prompt.
            state = runner.prefill([item.ids for item, _ in batch], [slot for _, slot in batch])
            logprobs = state.logits.double().log_softmax(-1)  # [rows, vocabulary]
            likeliest = [
                _likeliest(item, row, tokenizer)
                for (item, _), row in zip(batch, logprobs, strict=True)
            ]
            # 2. Continuations of several tokens are decoded on forks of it.
            wanted = [item.continuations for item, _ in batch]
            sums = continuation_logprobs(runner, state, wanted, logprobs)
        for number, (item, _), top, given in zip(numbers, batch, likeliest, sums, strict=True):
            pairs = zip(item.spec.continuations, item.continuations, given, strict=True)
            yield (
                number,
                top
                or [
                    Continuation(label, text, len(tokens), logprob)
                    for (label, text), tokens, logprob in pairs
                ],
            )


def _likeliest(prompt: ReadoutPrompt, logprobs: torch.Tensor, tokenizer: Any) -> list[Continuation]:
    """The top of a distribution [vocabulary]; empty where continuations are given."""
    if prompt.continuations:
        return []
    values, ids = logprobs.topk(min(prompt.spec.top_logprobs, len(logprobs)))
    texts = [tokenizer.decode([i]) for i in ids.tolist()]
    return [Continuation(t, t, 1, value) for t, value in zip(texts, values.tolist(), strict=True)]


def continuation_logprobs(
    runner: ModelRunner,
    state: KVState,
    continuations: Sequence[Sequence[tuple[int, ...]]],
    logprobs: torch.Tensor,
) -> list[list[float]]:
    """The log-probability of every continuation of every prompt.

    Args:
        runner: Decodes.
        state: The prompts, prefilled.
        continuations: What may follow each of them.
        logprobs: [prompts, vocabulary], of the first token behind each.
    """
    sums = [
        [logprobs[row, tokens[0]].item() for tokens in own] for row, own in enumerate(continuations)
    ]
    longer = [
        (row, place)
        for row, own in enumerate(continuations)
        for place, tokens in enumerate(own)
        if len(tokens) > 1
    ]
    for start in range(0, len(longer), MAX_BATCH):
        group = longer[start : start + MAX_BATCH]
        fork = runner.fork(state, [row for row, _ in group])
        tokens = [continuations[row][place] for row, place in group]
        for (row, place), rest in zip(group, _rest_logprobs(runner, fork, tokens), strict=True):
            sums[row][place] += rest
    return sums


def _rest_logprobs(
    runner: ModelRunner, state: KVState, tokens: Sequence[tuple[int, ...]]
) -> list[float]:
    """The log-probability of each row's tokens after the first."""
    width = max(map(len, tokens)) - 1
    # Padded on the right: padding stands behind every token whose logits are used.
    ids = [[*row[:-1], *[row[0]] * (width - len(row) + 1)] for row in tokens]
    logits = runner.decode(
        state, upload(torch.tensor(ids), runner.device), keep=width
    )  # [rows, width, vocabulary]
    sums = []
    for row, own in enumerate(tokens):
        targets = torch.tensor(own[1:], device=logits.device)
        logprobs = logits[row, : len(targets)].double().log_softmax(-1)
        sums.append(logprobs.gather(1, targets[:, None]).sum().item())
    return sums


def readout_rows(
    step: int, prompt: ReadoutPrompt, continuations: Sequence[Continuation], reading_id: int
) -> list[dict[str, Any]]:
    """The rows of one reading (store.schema.READOUT), less what the writer knows of the run.

    Args:
        step: The checkpoint.
        prompt: What was read.
        continuations: What it gave.
        reading_id: Its id.
    """
    asked = prompt.spec.prompt
    logprobs = torch.tensor([item.logprob for item in continuations], dtype=torch.float64)
    mass = logprobs.exp().sum().item()
    # Given continuations share all of the probability; the likeliest tokens keep their own.
    shares = (logprobs.softmax(0) if prompt.continuations else logprobs.exp()).tolist()
    return [
        {
            "readout_id": make_readout_id(reading_id, place),
            "reading_id": reading_id,
            "step": step,
            "prompt_id": asked.prompt_id,
            "question": asked.question,
            "type": prompt.spec.type,
            "paraphrase": asked.paraphrase,
            "variant": asked.variant,
            "ordering": prompt.spec.order,
            "place": place,
            "label": item.label,
            "continuation": item.continuation,
            "tokens": item.tokens,
            "logprob": item.logprob,
            "probability": share,
            "mass": mass,
            "prompt_tokens": len(prompt.ids),
        }
        for place, (item, share) in enumerate(zip(continuations, shares, strict=True))
    ]
