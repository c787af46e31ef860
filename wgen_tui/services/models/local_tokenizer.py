"""A fast tokenizer and its chat template as files on this machine, without transformers.

Promises: renders, encodes and masks as the worker does (a test holds them together), or says that
it cannot: where `tokenizer.json` is not here, `local_tokenizer` gives None and the worker checks
the same before it trains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.model_files import (
    chat_template_of,
    model_folder,
    read_json,
    stop_ids,
    vocabulary_of,
)
from wgen_tui.training_data.mask import (
    TEMPLATE_FAILS,
    Chat,
    Example,
    Span,
    TemplateRefusal,
    for_template,
    mark,
    marks_itself,
    refuse_flood,
    weights_of,
    with_weights,
)
from wgen_tui.training_data.spans import find_answers, refuse_merged


class LocalTokenizer:
    """Encodes chats.

    Attributes:
        special: The ids of special tokens; that of unknown words is none, unless it is the end or
            padding token too.
    """

    def __init__(self, folder: Path, template: str, config: Mapping[str, Any]) -> None:
        """Read the tokenizer.

        Raises:
            UsageError: the template is none.
        """
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._named = _special_token_names(config)
        self._marks_itself = marks_itself(template)
        self._template = compile_template(template)
        self._folder = folder
        added = self._tokenizer.get_added_tokens_decoder().items()
        named = {name: self._tokenizer.token_to_id(text) for name, text in self._named.items()}
        marked = {i for i, token in added if token.special} | set(named.values()) - {None}
        words = {named.get("unk_token")} - {named.get("eos_token"), named.get("pad_token")}
        self.special = frozenset(i for i in marked if i is not None and i not in words)
        self._special_texts = [
            text
            for i in sorted(i for i in marked if i is not None)
            if (text := self._tokenizer.id_to_token(i))
        ]

    def render(self, chat: Chat, *, prompt: bool = False, thinking: bool = False) -> str:
        """A chat through the template, as text.

        Raises:
            TemplateRefusal: the template raised.
        """
        return self._render_with_spans(chat, prompt, thinking)[0]

    def _render_with_spans(
        self, chat: Chat, prompt: bool = False, thinking: bool = False
    ) -> tuple[str, list[Span]]:
        """The text, and the spans that {% generation %} marks in it."""
        tracker: _GenerationBlock = self._template.environment.extensions[
            _GenerationBlock.identifier
        ]  # type: ignore[assignment]
        tracker.blocks, tracker.spans = [], []
        turns, tools = for_template(chat)
        written = 0
        try:
            for block in self._template.generate(
                messages=turns,
                add_generation_prompt=prompt,
                enable_thinking=thinking,
                tools=tools,
                documents=None,
                **self._named,
            ):
                tracker.blocks.append(block)
                written += len(block)
                refuse_flood(written, chat)
        except (TemplateError, *TEMPLATE_FAILS) as error:
            raise TemplateRefusal(f"the chat template refuses a chat: {error}") from error
        return "".join(tracker.blocks), tracker.spans

    def encode(self, chat: Chat) -> Example:
        """Tokenise one chat and mark the assistant's tokens.

        Raises:
            TemplateRefusal: the template refuses the chat, or the assistant's text cannot be told.
        """
        text, spans = self._render_with_spans(chat)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if not self._marks_itself:
            answers = find_answers(self.render, chat, text, self._special_texts)
            refuse_merged(answers, text, encoding.ids, self.tokenize)
            return mark(
                encoding.ids, encoding.offsets, answers.spans, self.special, weights_of(chat)
            )
        trained = [False] * len(encoding.ids)
        for start, end in spans:
            # As transformers does it, its way with white space that no token holds included.
            first, last = encoding.char_to_token(start), encoding.char_to_token(end - 1)
            if first is None:
                break
            for index in range(first, last + 1 if last else len(trained)):
                trained[index] = True
        return with_weights(Example(tuple(encoding.ids), tuple(trained)), chat)

    def tokenize(self, text: str) -> list[int]:
        """A text to ids, without special tokens of the tokenizer's own."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def is_space(self, token: int) -> bool:
        """Whether a token is nothing but white space."""
        return not self._tokenizer.decode([token], skip_special_tokens=False).strip()

    @cached_property
    def vocabulary(self) -> int | None:
        """For how many tokens the model has embeddings; None where config.json does not say."""
        return vocabulary_of(self._folder)

    @cached_property
    def stops(self) -> dict[int, str] | None:
        """The tokens at which sampling stops and their texts; None when that cannot be told."""
        ids = stop_ids(self._folder)
        if ids is None:
            return None
        named = self._tokenizer.token_to_id(self._named.get("eos_token", ""))
        every = ids if named is None else {*ids, named}
        return {i: self._tokenizer.id_to_token(i) or str(i) for i in every}


def local_tokenizer(model: ModelRef, chat_template: str | None) -> LocalTokenizer | None:
    """The tokenizer of a model; None where that needs more than files here.

    Raises:
        UsageError: the chat template is none.
    """
    folder = model_folder(model)
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    config = {
        **read_json(folder / "special_tokens_map.json"),
        **read_json(folder / "tokenizer_config.json"),
    }
    template = chat_template or chat_template_of(folder, config)
    return None if template is None else LocalTokenizer(folder, template, config)


def _special_token_names(config: Mapping[str, Any]) -> dict[str, str]:
    """`eos_token` and the like, as a template takes them."""
    return {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in config.items()
        if name.endswith("_token") and isinstance(value, str | dict)
    }


class _GenerationBlock(Extension):
    """`{% generation %}` around what the assistant says: changes no text, is remembered."""

    tags = {"generation"}  # noqa: RUF012 - as the base class declares it
    blocks: list[str]
    spans: list[Span]

    def parse(self, parser: Parser) -> nodes.Node:
        number = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_remember")
        return nodes.CallBlock(call, [], [], body).set_lineno(number)

    def _remember(self, caller: Any) -> str:
        text = str(caller())
        start = sum(map(len, self.blocks))
        self.spans.append((start, start + len(text)))
        return text


def compile_template(template: str) -> jinja2.Template:
    """As transformers' `apply_chat_template` compiles it: same options, same globals."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def to_json(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    jinja = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationBlock]
    )
    jinja.filters["tojson"] = to_json
    jinja.globals["raise_exception"] = refuse
    jinja.globals["strftime_now"] = lambda form: datetime.now().strftime(form)  # noqa: DTZ005
    with _template_errors():
        return jinja.from_string(template)


@contextmanager
def _template_errors() -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        place = f" (its line {error.lineno})" if isinstance(error, TemplateSyntaxError) else ""
        raise UsageError(
            f"The chat template cannot be read: {str(error).rstrip('.')}{place}.",
            title="Chat template",
            hint="Look at the roles in the data, or give a chat_template in experiment.yaml.",
        ) from error
