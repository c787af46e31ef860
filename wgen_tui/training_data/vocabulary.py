"""Tokens that a model has no embedding for, and models that name no end token.

Promises: both are told before anything is trained or drawn; the first would end in an index error
in the middle of the work, or on a GPU in an assertion that names nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wgen_tui.terminal_text import are, plural
from wgen_tui.training_data.problems import EncodedExample, Problem, lines_of, share

FIX = (
    "Use the tokenizer that belongs to the model; or, where tokens were added to it, resize the "
    "model (resize_token_embeddings(len(tokenizer))) and save both."
)


def of_examples(examples: Sequence[EncodedExample], vocabulary: int | None) -> list[Problem]:
    """Examples with tokens beyond the model's embedding; none where its size is not known."""
    beyond = [item for item in examples if vocabulary is not None and item.highest >= vocabulary]
    if not beyond:
        return []
    what = f"{share(beyond, examples)} {are(len(beyond), 'has', 'have')}"
    return [
        Problem(
            kind="beyond_vocabulary",
            blocking=True,
            lines=tuple(item.line for item in beyond),
            what=_sentence(what, max(item.highest for item in beyond), vocabulary)
            + f" ({lines_of(beyond)})",
            fix=FIX,
        )
    ]


def of_prompts(highest: Sequence[tuple[str, int]], vocabulary: int | None) -> list[Problem]:
    """The same of prompts: the name and the highest token of each."""
    beyond = [(name, token) for name, token in highest if vocabulary and token >= vocabulary]
    if not beyond:
        return []
    what = f"{len(beyond)} of {plural(len(highest), 'prompt')} {are(len(beyond), 'has', 'have')}"
    token = max(token for _, token in beyond)
    return [
        Problem(
            kind="beyond_vocabulary",
            blocking=True,
            what=f"{_sentence(what, token, vocabulary)} ({beyond[0][0]} first)",
            fix=FIX,
        )
    ]


def _sentence(what: str, token: int, vocabulary: int | None) -> str:
    return f"{what} tokens up to {token}, and the model has embeddings for {vocabulary} alone"


def without_end(stops: Mapping[int, str] | None) -> list[Problem]:
    """A model whose files and tokenizer name no end token; none where that is not known."""
    if stops is None or stops:
        return []
    return [
        Problem(
            kind="no_end",
            blocking=False,
            what="neither the model nor its tokenizer names an end token, so answers run to "
            "sampling.max_tokens or to a stop text",
            fix="Set eos_token_id in generation_config.json, or give sampling.stop the text that "
            "ends a turn.",
        )
    ]
