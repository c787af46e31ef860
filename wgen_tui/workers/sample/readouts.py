"""Reading probabilities instead of drawing: next tokens, given continuations, letters of options.

Promises: the numbers are the model's own at temperature 1, from one pass over the prompt and, for
continuations of several tokens, one over them; a continuation's tokens are those it has where it
stands, behind the prompt; the letters of options are one token each, or the run fails and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wgen_tui.protocol.ids import make_readout_id
from wgen_tui.protocol.launches import ReadoutSpec
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.engine.forward import KVState, ModelRunner

AT_ONCE = 64  # prompts, or continuations, in a pass


@dataclass(frozen=True)
class ReadoutPrompt:
    """A prompt to be read, as this model gets it.

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
    """What was read of one continuation.

    Attributes:
        label: The option's, the continuation itself, or the token's text.
        continuation: What was read.
        tokens: How many tokens it has.
        logprob: Of all of them.
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
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    found = tuple(_behind(tokenizer, text, ids, said) for _, said in spec.continuations)
    if spec.type == "multiple_choice":
        long = [said for (_, said), t in zip(spec.continuations, found, strict=True) if len(t) != 1]
        if long or len(set(found)) < len(found):
            what = ", ".join(long) or "the letters of its options"
            raise WorkerError(
                f"Question {spec.prompt.question}: {what} is not a token of its own behind the "
                "prompt, so its probability cannot be read in one place.",
                title="Letters are not tokens",
                hint="Ask it as type: logprob with the options' texts as continuations.",
            )
    return ReadoutPrompt(spec, text, ids, found)


def _behind(tokenizer: Any, text: str, ids: tuple[int, ...], said: str) -> tuple[int, ...]:
    """The tokens of `said` behind a prompt; by itself where the prompt's end would change."""
    whole = tuple(tokenizer(text + said, add_special_tokens=False)["input_ids"])
    if whole[: len(ids)] == ids and len(whole) > len(ids):
        return whole[len(ids) :]
    return tuple(tokenizer(said, add_special_tokens=False)["input_ids"])


def read_all(
    reader: ModelRunner,
    tokenizer: Any,
    asked: Sequence[tuple[ReadoutPrompt, int]],
    rows: int = AT_ONCE,
) -> Iterator[tuple[int, list[Continuation]]]:
    """Read prompts, each through its own adapter.

    Args:
        reader: Of the base and what is on it.
        tokenizer: Gives tokens their text.
        asked: Prompts with their slots.
        rows: Most prompts in a pass.

    Yields:
        The number of the prompt in `asked`, and what was found, in the order of its continuations
        (likeliest first for next_token).
    """
    # Prompts of like length together: less is padded.
    order = sorted(range(len(asked)), key=lambda number: len(asked[number][0].ids))
    rows = min(rows, AT_ONCE)
    for start in range(0, len(order), rows):
        numbers = order[start : start + rows]
        prompts = [asked[number] for number in numbers]
        with torch.inference_mode():
            reading = reader.prefill([a.ids for a, _ in prompts], [slot for _, slot in prompts])
            logs = reading.logits.double().log_softmax(-1)
            likeliest = [
                _likeliest(a, row, tokenizer) for (a, _), row in zip(prompts, logs, strict=True)
            ]
            sums = _continuations(reader, reading, [a for a, _ in prompts], logs)
        for number, (item, _), top, given in zip(numbers, prompts, likeliest, sums, strict=True):
            said = zip(item.spec.continuations, item.continuations, given, strict=True)
            yield (
                number,
                top or [Continuation(label, text, len(t), log) for (label, text), t, log in said],
            )


def _likeliest(asked: ReadoutPrompt, logs: torch.Tensor, tokenizer: Any) -> list[Continuation]:
    """The top of a distribution [vocabulary]; empty where continuations are given."""
    if asked.continuations:
        return []
    values, ids = logs.topk(min(asked.spec.top_logprobs, len(logs)))
    texts = [tokenizer.decode([i]) for i in ids.tolist()]
    return [Continuation(t, t, 1, log) for t, log in zip(texts, values.tolist(), strict=True)]


def _continuations(
    reader: ModelRunner, reading: KVState, asked: Sequence[ReadoutPrompt], logs: torch.Tensor
) -> list[list[float]]:
    """The log-probability of every continuation of every prompt.

    Args:
        reader: Goes on.
        reading: The prompts, read.
        asked: What they are.
        logs: [prompts, vocabulary], of the first token behind each.
    """
    sums = [[logs[row, t[0]].item() for t in a.continuations] for row, a in enumerate(asked)]
    longer = [
        (row, place)
        for row, a in enumerate(asked)
        for place, tokens in enumerate(a.continuations)
        if len(tokens) > 1
    ]
    for start in range(0, len(longer), AT_ONCE):
        group = longer[start : start + AT_ONCE]
        branch = reader.fork(reading, [row for row, _ in group])
        tokens = [asked[row].continuations[place] for row, place in group]
        for (row, place), rest in zip(group, _rest(reader, branch, tokens), strict=True):
            sums[row][place] += rest
    return sums


def _rest(reader: ModelRunner, branch: KVState, tokens: Sequence[tuple[int, ...]]) -> list[float]:
    """The log-probability of each row's tokens after the first."""
    width = max(map(len, tokens)) - 1
    # Padded on the right: what stands there is behind everything that is looked at.
    fed = [[*row[:-1], *[row[0]] * (width - len(row) + 1)] for row in tokens]
    logits = reader.decode(branch, torch.tensor(fed, device=reader.device), keep=width)
    found = []
    for row, own in enumerate(tokens):
        aims = torch.tensor(own[1:], device=logits.device)
        logs = logits[row, : len(aims)].double().log_softmax(-1)
        found.append(logs.gather(1, aims[:, None]).sum().item())
    return found


def readout_rows(
    step: int, asked: ReadoutPrompt, found: Sequence[Continuation], reading_id: int
) -> list[dict[str, Any]]:
    """The rows of one reading (store.schema.READOUT), less what the writer knows of the run.

    Args:
        step: The checkpoint.
        asked: What was read.
        found: What came of it.
        reading_id: Its id.
    """
    prompt = asked.spec.prompt
    logs = torch.tensor([item.logprob for item in found], dtype=torch.float64)
    mass = logs.exp().sum().item()
    given = bool(asked.continuations)
    shares = (logs.softmax(0) if given else logs.exp()).tolist()
    return [
        {
            "readout_id": make_readout_id(reading_id, place),
            "reading_id": reading_id,
            "step": step,
            "prompt_id": prompt.prompt_id,
            "question": prompt.question,
            "type": asked.spec.type,
            "paraphrase": prompt.paraphrase,
            "variant": prompt.variant,
            "ordering": asked.spec.order,
            "place": place,
            "label": item.label,
            "continuation": item.continuation,
            "tokens": item.tokens,
            "logprob": item.logprob,
            "probability": share,
            "mass": mass,
            "prompt_tokens": len(asked.ids),
        }
        for place, (item, share) in enumerate(zip(found, shares, strict=True))
    ]
