"""Examples longer than `max_length`, counted before anything is written.

Promises: no torch; where the tokenizer is not on this machine as a fast one (`tokenizer.json`),
nothing is said, and the worker applies the same policy before it trains.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from experiments.schema import Message, TrainingConfig
from wgen_tui.errors import UsageError
from wgen_tui.protocol import ModelRef


def check_lengths(
    model: ModelRef,
    chat_template: str | None,
    arm: str,
    examples: Sequence[tuple[Message, ...]],
    training: TrainingConfig,
) -> list[str]:
    """Apply the policy for long examples.

    Returns:
        A warning, if examples will be cut or dropped.

    Raises:
        UsageError: the policy is `error` and an example is too long, or all would be dropped.
    """
    count = token_counter(model, chat_template)
    if count is None:
        return []
    lengths = [count(turns) for turns in examples]
    over = [line for line, length in enumerate(lengths, 1) if length > training.max_length]
    if not over:
        return []
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    what = (
        f"{len(over)} of {len(examples)} examples of arm {arm} are longer than max_length "
        f"{training.max_length} tokens (the longest: {lengths[longest]} tokens, example "
        f"{longest + 1})"
    )
    if training.too_long == "error":
        raise UsageError(
            f"{what}; the policy is too_long: error.",
            title="Examples too long",
            hint=f"Set training.max_length to {lengths[longest]}, or training.too_long to "
            "truncate or drop.",
        )
    if training.too_long == "drop" and len(over) == len(examples):
        raise UsageError(
            f"{what}; the policy is too_long: drop, so none is left.",
            title="Examples too long",
            hint=f"Set training.max_length to {lengths[longest]}.",
        )
    will = "cut" if training.too_long == "truncate" else "left out"
    return [f"{what} and will be {will}"]


def token_counter(
    model: ModelRef, chat_template: str | None
) -> Callable[[Sequence[Message]], int] | None:
    """A function that counts the tokens of a chat; None where that needs more than files here."""
    folder = Path(model.location)
    if not folder.is_absolute() or not (folder / "tokenizer.json").is_file():
        return None
    config = _tokenizer_config(folder)
    template = chat_template or _template_of(folder, config)
    if template is None:
        return None
    render = _renderer(template, config)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def count(turns: Sequence[Message]) -> int:
        text = render([turn.model_dump() for turn in turns])
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return count


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_bytes())
    except FileNotFoundError:
        return {}
    return config


def _template_of(folder: Path, config: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text()
    template = config.get("chat_template")
    return template if isinstance(template, str) else None


class _Generation(Extension):
    """`{% generation %}`, which marks the assistant's tokens for the loss, changes no text."""

    tags = {"generation"}  # noqa: RUF012 - as the base class declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _renderer(template: str, config: dict[str, Any]) -> Callable[[list[dict[str, Any]]], str]:
    """Render as transformers' `apply_chat_template` does: same options, same globals."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def to_json(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    jinja = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    jinja.filters["tojson"] = to_json
    jinja.globals["raise_exception"] = refuse
    jinja.globals["strftime_now"] = lambda form: datetime.now().strftime(form)  # noqa: DTZ005
    special = {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in config.items()
        if name.endswith("_token") and value is not None
    }
    with _template_errors("cannot be read"):
        compiled = jinja.from_string(template)

    def render(messages: list[dict[str, Any]]) -> str:
        with _template_errors("refuses an example"):
            return compiled.render(messages=messages, add_generation_prompt=False, **special)

    return render


@contextmanager
def _template_errors(what: str) -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        raise UsageError(
            f"The chat template {what}: {error}.",
            title="Chat template",
            hint="Look at the roles in the data, or give a chat_template in experiment.yaml.",
        ) from error
