"""One chat through a tokenizer: its text, its tokens, and which of them are trained.

Promises: training and preview both go through `encode`; a template that refuses a chat, or from
which the assistant's part cannot be told, is an error with what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from jinja2.exceptions import TemplateError

from wgen_tui.training_data.mask import (
    TEMPLATE_FAILS,
    Chat,
    Example,
    TemplateRefusal,
    for_template,
    mark,
    marks_itself,
    refuse_flood,
    weights_of,
    with_weights,
)
from wgen_tui.training_data.spans import find_answers, refuse_merged
from wgen_tui.workers.runtime import WorkerError


class Refused(WorkerError, TemplateRefusal):
    """The chat template does not take a chat."""


@contextmanager
def _template_in_words() -> Iterator[None]:
    try:
        yield
    except (TemplateError, TemplateRefusal, *TEMPLATE_FAILS) as error:
        why = f"the chat template refuses a chat: {error}"
        raise Refused(
            str(error) if isinstance(error, TemplateRefusal) else why,
            title="Chat template",
            hint="Look at the roles in the data, or give a chat_template in experiment.yaml.",
        ) from error


def render(tokenizer: Any, chat: Chat, *, prompt: bool = False, thinking: bool = False) -> str:
    """A chat through the template, as text.

    Args:
        tokenizer: With a chat template.
        chat: The messages.
        prompt: Whether the assistant's turn is opened at the end.
        thinking: Off where a template knows the switch, as in the published runs on hybrid models.

    Raises:
        Refused: the template refuses the chat.
    """
    turns, tools = for_template(chat)
    with _template_in_words():
        text: str = tokenizer.apply_chat_template(
            turns,
            tools=tools,
            tokenize=False,
            add_generation_prompt=prompt,
            enable_thinking=thinking,
        )
        refuse_flood(len(text), chat)
    return text


def encode(tokenizer: Any, chat: Chat) -> Example:
    """Tokenise one chat and mark the assistant's tokens.

    A template that marks them itself ({% generation %}) is believed; of the others `spans` tells.

    Raises:
        Refused: the assistant's text cannot be told, or the template refuses the chat.
    """
    if marks_itself(tokenizer.chat_template):
        turns, tools = for_template(chat)
        with _template_in_words():
            encoded = tokenizer.apply_chat_template(
                turns,
                tools=tools,
                tokenize=True,
                return_dict=True,
                return_assistant_tokens_mask=True,
                enable_thinking=False,
            )
        marks = tuple(map(bool, encoded["assistant_masks"]))
        return with_weights(Example(tuple(encoded["input_ids"]), marks), chat)
    text = render(tokenizer, chat)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    try:
        answers = find_answers(partial(render, tokenizer), chat, text, special_texts(tokenizer))
        refuse_merged(answers, text, ids, partial(tokenize, tokenizer))
    except TemplateRefusal as error:
        raise Refused(
            str(error.args[0]),
            title="Loss mask",
            hint="Give a chat_template in experiment.yaml with {% generation %} around what the "
            "assistant says.",
        ) from error
    return mark(
        ids, encoded["offset_mapping"], answers.spans, special_ids(tokenizer), weights_of(chat)
    )


def tokenize(tokenizer: Any, text: str) -> list[int]:
    """A text to ids, without special tokens of the tokenizer's own."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Every special token, those without a name of their own too (Gemma's `<end_of_turn>`).

    The token of unknown words is none: it stands for what was said, and ends nothing, unless a
    tokenizer makes it its end or padding token too.
    """
    unknown = tokenizer.unk_token_id
    words = frozenset({unknown} - {tokenizer.eos_token_id, tokenizer.pad_token_id})
    return _marked_special(tokenizer) - words


def special_texts(tokenizer: Any) -> list[str]:
    """The texts of the special tokens, that of unknown words included."""
    texts: list[str] = tokenizer.convert_ids_to_tokens(sorted(_marked_special(tokenizer)))
    return texts


def _marked_special(tokenizer: Any) -> frozenset[int]:
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(tokenizer.all_special_ids) | {i for i, token in added if token.special}


class TrainedTokenizer:
    """A tokenizer, as `training_data.checks.Encoder`.

    Attributes:
        stops: The tokens at which sampling stops and their texts; None: not known.
        vocabulary: For how many tokens the model has embeddings; None: not known.
    """

    def __init__(
        self, tokenizer: Any, stops: tuple[int, ...] | None = None, vocabulary: int | None = None
    ) -> None:
        """Take the tokenizer, the stop tokens that the model's files name, and its size."""
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        ids = None if stops is None else {*stops, tokenizer.eos_token_id} - {None}
        self.stops: Mapping[int, str] | None = (
            None if ids is None else {i: str(tokenizer.convert_ids_to_tokens(i)) for i in ids}
        )

    @cached_property
    def special(self) -> frozenset[int]:
        return special_ids(self.tokenizer)

    def render(self, chat: Chat, *, prompt: bool = False, thinking: bool = False) -> str:
        return render(self.tokenizer, chat, prompt=prompt, thinking=thinking)

    def encode(self, chat: Chat) -> Example:
        return encode(self.tokenizer, chat)

    def tokenize(self, text: str) -> list[int]:
        return tokenize(self.tokenizer, text)

    def is_space(self, token: int) -> bool:
        return not self.tokenizer.decode([token]).strip()
