"""How long a text a model was made for, and what is longer.

Promises: plan and workers go by these lines. Where positions are learned (or kept in a table of
fixed size) longer texts are refused, since they end in an index error; where they are rotary they
are dubious, and said. Rotary positions that depend on the longest row of a pass (dynamic NTK,
longrope) are named, since rows of unlike lengths then change each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wgen_tui.terminal_text import plural
from wgen_tui.training_data.problems import EncodedExample, Problem, lines_of, share

LENGTHS = ("max_seq_len", "n_positions", "max_position_embeddings", "n_ctx")
# By model_type: positions beyond the last have no place in a table (each was tried).
NO_LONGER = frozenset(
    {
        *("biogpt", "codegen", "ctrl", "gpt2", "gpt_bigcode", "gpt_neo", "gptj", "mpt"),
        *("openai-gpt", "opt"),
    }
)
# Types of rotary positions whose frequencies follow the longest row of a pass.
BY_LONGEST = frozenset({"dynamic", "longrope", "su"})


@dataclass(frozen=True, slots=True)
class ContextLength:
    """What a model was made for.

    Attributes:
        tokens: The most tokens.
        hard: Whether longer texts fail, and not only may be read badly.
        shared_above: Rows longer than this change the rotary positions of the rows beside them;
            None: they never do.
    """

    tokens: int
    hard: bool = False
    shared_above: int | None = None

    def shares_positions(self, longest: int) -> bool:
        """Whether rows of unlike lengths, the longest of this length, change each other."""
        return self.shared_above is not None and longest > self.shared_above


def context_length(config: Mapping[str, Any]) -> ContextLength | None:
    """What config.json (of the text part) says; None for models without such a limit."""
    lengths = [config[key] for key in LENGTHS if isinstance(config.get(key), int)]
    if not lengths:
        return None
    shared = [above for kind, above in _rotary(config, lengths[0]) if kind in BY_LONGEST]
    hard = config.get("model_type") in NO_LONGER
    return ContextLength(lengths[0], hard, min(shared, default=None))


def _rotary(config: Mapping[str, Any], longest: int) -> Iterator[tuple[str, int]]:
    """The types of rotary positions, each with the length that it was trained at."""
    for key in ("rope_parameters", "rope_scaling"):
        given = config.get(key)
        nested = given.values() if isinstance(given, Mapping) else ()
        for item in (given, *nested):  # layers of several types have their own
            if isinstance(item, Mapping):
                kind = item.get("rope_type") or item.get("type")
                named = item.get("original_max_position_embeddings")
                original = named or config.get("original_max_position_embeddings") or longest
                yield str(kind), int(original)


def of_examples(examples: Sequence[EncodedExample], context: ContextLength | None) -> list[Problem]:
    """Examples that are longer, as they are trained."""
    if context is None:
        return []
    long = [item for item in examples if item.used and item.tokens > context.tokens]
    if not long:
        return []
    longest = max(item.tokens for item in long)
    what = f"{share(long, examples)} {'is' if len(long) == 1 else 'are'} longer than"
    return [
        Problem(
            kind="beyond_context",
            blocking=context.hard,
            lines=tuple(item.line for item in long),
            what=f"{_sentence(what, context)} ({lines_of(long)}; up to {longest})",
            fix=f"Set training.max_length to {context.tokens}, with training.too_long to truncate "
            "or drop.",
        )
    ]


def of_prompts(
    prompts: Sequence[tuple[str, int, int]], context: ContextLength | None
) -> list[Problem]:
    """Prompts that are longer with the answers that may follow: name, length and answer of each."""
    if context is None:
        return []
    # The last token of an answer is drawn and never read.
    long = [item for item in prompts if item[1] + item[2] - 1 > context.tokens]
    if not long:
        return []
    name, longest, answer = max(long, key=lambda item: item[1] + item[2])
    what = (
        f"{len(long)} of {plural(len(prompts), 'prompt')}, with max_tokens {answer}, "
        f"{'is' if len(long) == 1 else 'are'} longer than"
    )
    return [
        Problem(
            kind="beyond_context",
            blocking=context.hard,
            what=f"{_sentence(what, context)} ({name} has {longest} before the answer)",
            fix=f"Lower max_tokens to {max(1, context.tokens + 1 - longest)}, or ask for less.",
        )
    ]


def _sentence(what: str, context: ContextLength) -> str:
    then = "which it cannot read" if context.hard else "beyond which it is dubious"
    return f"{what} the {context.tokens} tokens that the model was made for, {then}"
