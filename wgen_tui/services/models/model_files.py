"""What the files of a model say without its tokenizer: place, chat template, stops, context.

Promises: importing this loads no tokenizer and no Jinja, so that it costs a screen nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.training_data.context_length import ContextLength, context_length


def template_of(model: ModelRef, chat_template: str | None) -> str | None:
    """The text of the template that is used: the definition's, else the model's own if it is here.

    Raises:
        UsageError: the model's files are broken.
    """
    folder = None if chat_template else model_folder(model)
    if folder is None:
        return chat_template
    return chat_template_of(folder, read_json(folder / "tokenizer_config.json"))


def model_folder(model: ModelRef) -> Path | None:
    """Where the files of a model are on this machine, the hub's cache included."""
    if model.endpoint is not None:
        return None
    if Path(model.location).is_absolute():
        return Path(model.location)
    # Takes a fifth of a second to import, and only hub models need it.
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    path = try_to_load_from_cache(model.location, "tokenizer.json", revision=model.exact_revision)
    return Path(path).parent if isinstance(path, str) else None


def stop_ids(folder: Path) -> set[int] | None:
    """The tokens at which sampling stops, as the model's files name them.

    Empty where they say that there is none; None where they say nothing, since transformers then
    has a default of its own for the architecture.
    """
    configs = [read_json(folder / name) for name in ("generation_config.json", "config.json")]
    named = [config["eos_token_id"] for config in configs if "eos_token_id" in config]
    for eos in named:
        if eos is not None:
            return set(eos) if isinstance(eos, list) else {eos}
    return set() if named else None


def vocabulary_of(folder: Path) -> int | None:
    """For how many tokens a model has embeddings; None where config.json does not say."""
    config = read_json(folder / "config.json")
    text = config.get("text_config") or config
    size = text.get("vocab_size")
    return size if isinstance(size, int) else None


def context_of(model: ModelRef) -> ContextLength | None:
    """What a model was made for; None where config.json is not here, or does not say."""
    folder = model_folder(model)
    if folder is None:
        return None
    config = read_json(folder / "config.json")
    return context_length(config.get("text_config") or config)


def read_json(path: Path) -> dict[str, Any]:
    """An object of a file; an empty one where there is none.

    Raises:
        UsageError: the file is broken.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.", title="Broken model folder") from error
    return value if isinstance(value, dict) else {}


def chat_template_of(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The template that a model's files have."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    template = config.get("chat_template")
    return template if isinstance(template, str) else None
