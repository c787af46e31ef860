"""Base models before a launch: what a name means, and whether it can be loaded here.

Promises: no torch, no download; a model that would fail minutes later in the worker fails here,
with the command or edit that mends it. Never prints a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.suggest import nearest
from experiments.tiny_world import weights_path
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.model_place import EMBEDDED, below_home
from wgen_tui.services.models.endpoints import names_endpoint, resolve_served
from wgen_tui.services.models.hub import ask_hub, download_command, offline
from wgen_tui.services.models.model_files import read_json
from wgen_tui.services.models.support import refuse_architecture

ALIKE = 0.75  # from which a name is thought to be the embedded model's, misspelled
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
PICKLES = ("pytorch_model*.bin",)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a base model without loading it; None where only loading tells.

    Attributes:
        config: Its config.json, that of the text part where it has several.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    has_chat_template: bool | None = None
    vocab: int | None = None
    context_length: int | None = None


def resolve_model(
    home: Home, name: str, *, trust_remote_code: bool = False, trust_pickle: bool = False
) -> ModelRef:
    """What `name` means: the embedded model, a folder, `ENDPOINT:ID`, or a hub id (`@revision`).

    Args:
        home: Whose endpoints.
        name: As the user writes it.
        trust_remote_code: Let it run code of its own.
        trust_pickle: Load its weights from a pickle, where there are no others.

    Raises:
        UsageError: it looks like a path and there is no such folder, or names an endpoint that
            config.toml does not have.
    """
    if name == EMBEDDED:
        return ModelRef(name=name, location=str(weights_path()))
    path = _local_folder(name)
    if path is not None:
        shown = name if not path.is_absolute() else str(path)
        return ModelRef(
            name=shown,
            location=str(path.resolve()),
            in_home=below_home(home, path.resolve()),
            trust_remote_code=trust_remote_code,
            trust_pickle=trust_pickle,
        )
    if names_endpoint(name):
        return resolve_served(home, name)
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise UsageError(
            f"There is no model folder {name}.",
            title="No such model",
            hint="Give a folder with config.json and *.safetensors, a hub id such as "
            f"Qwen/Qwen3-8B, or {EMBEDDED}.",
        )
    location, _, revision = name.partition("@")
    _refuse_no_hub_id(location)
    return ModelRef(
        name=name,
        location=location,
        revision=revision or None,
        trust_remote_code=trust_remote_code,
        trust_pickle=trust_pickle,
    )


def _refuse_no_hub_id(location: str) -> None:
    """Refuse a name that no model of the hub can have.

    Raises:
        UsageError: it is one.
    """
    if "/" not in location and nearest(location, [EMBEDDED], ALIKE):
        raise UsageError(
            f"There is no model {location}.",
            title="No such model",
            hint=f"Did you mean {EMBEDDED}? One of the hub is written with its owner: OWNER/NAME.",
        )
    # Takes a fifth of a second to import, and only hub models need it.
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415
    from huggingface_hub.utils._validators import validate_repo_id  # noqa: PLC0415

    try:
        validate_repo_id(location)
    except HFValidationError as error:
        raise UsageError(
            f"{location!r} is neither a folder nor a hub id, which has letters, digits, '-', '_' "
            "and '.', at most 96, and one '/' at most.",
            title="No such model",
            hint=f"Give a folder, a hub id such as Qwen/Qwen3-8B, or {EMBEDDED}.",
        ) from error


def _local_folder(name: str) -> Path | None:
    """The folder that a name means; None when it means none."""
    try:
        path = Path(name).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long; nobody's home; a NUL
        return None


def names_folder(name: str) -> bool:
    """Whether a name means a folder of this machine."""
    return _local_folder(name) is not None


def check_model(ref: ModelRef, chat_template: str | None) -> ModelFacts:
    """See that a model can be loaded.

    Raises:
        UsageError: weights, tokenizer or chat template are missing, or a hub model is absent,
            gated, or not here while offline, or its architecture cannot be sampled. A served
            model is its server's affair.
    """
    if ref.endpoint is not None:
        return ModelFacts()
    folder = Path(ref.location)
    if folder.is_absolute():
        facts = _check_folder(ref, folder, chat_template)
    else:
        facts = _check_hub(ref, chat_template)
    refuse_architecture(ref.name, facts.config)
    return facts


def _check_folder(ref: ModelRef, folder: Path, chat_template: str | None) -> ModelFacts:
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"The model folder {folder} has no config.json.",
            title="No model there",
            hint="Give the folder that `save_pretrained` wrote.",
        )
    pickles = PICKLES if ref.trust_pickle else ()
    if not any(any(folder.glob(pattern)) for pattern in (*WEIGHTS, *pickles)):
        pickled = sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt"))
        hint = "Give the folder that `save_pretrained` wrote."
        if pickled:
            hint = (
                f"{pickled[0].name} is a pickle, which can run code: convert it to safetensors, or "
                "add --trust-pickle if you trust where it comes from."
            )
        raise UsageError(
            f"The model folder {folder} has no weights (*.safetensors).",
            title="No weights",
            hint=hint,
        )
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise UsageError(
            f"The model folder {folder} has no tokenizer.",
            title="No tokenizer",
            hint="Save it beside the weights: tokenizer.save_pretrained(folder).",
        )
    facts = _read_facts(folder)
    if not facts.has_chat_template and chat_template is None:
        raise _no_template_error(ref)
    return facts


def _no_template_error(ref: ModelRef) -> UsageError:
    return UsageError(
        f"The tokenizer of {ref.name} has no chat template, so a chat cannot be put to it.",
        title="No chat template",
        hint="Write one into experiment.yaml (Jinja, as in transformers), for example\n"
        'chat_template: "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}'
        '{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"',
    )


def _read_facts(folder: Path) -> ModelFacts:
    config = read_json(folder / "config.json")
    text = config.get("text_config", config)
    tokenizer = read_json(folder / "tokenizer_config.json")
    return ModelFacts(
        config=text,
        has_chat_template=bool(tokenizer.get("chat_template"))
        or (folder / "chat_template.jinja").is_file(),
        vocab=text.get("vocab_size"),
        context_length=text.get("max_position_embeddings"),
    )


def _check_hub(ref: ModelRef, chat_template: str | None) -> ModelFacts:
    # Takes a fifth of a second to import, and only hub models need it.
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415
    from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415

    config = try_to_load_from_cache(ref.location, "config.json", revision=ref.exact_revision)
    if isinstance(config, str):
        folder = Path(config).parent
        facts = _read_facts(folder)
        if any(any(folder.glob(pattern)) for pattern in WEIGHTS):
            if not facts.has_chat_template and chat_template is None:
                raise _no_template_error(ref)
            return facts
    if offline():
        at = f" at commit {ref.commit}" if ref.commit else ""
        raise UsageError(
            f"The model {ref.name}{at} is not in the cache {HF_HUB_CACHE}, and offline mode is on.",
            title="Model not here",
            hint=f"Fetch it while online: {download_command(ref)}; or unset HF_HUB_OFFLINE; or "
            "give a local folder with --model PATH.",
        )
    ask_hub(ref)
    return ModelFacts()
