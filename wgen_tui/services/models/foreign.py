"""Adapters that were trained elsewhere: a folder or a repository of the hub, as PEFT wrote it.

Promises: no torch, no weights fetched; what PEFT could not put on a base without running code, or
not as a LoRA, is refused before anything is written; a repository is pinned to its commit, a folder
to the hash of its files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.schema import LoraConfig
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import AdapterRef, ModelRef, RunSpec
from wgen_tui.run_files.model_place import below_home
from wgen_tui.services.models.architecture import tensor_shapes
from wgen_tui.services.models.hub import commit_of, offline

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# PEFT's keys that say the shape of a LoRA.
SHAPE = ("r", "lora_alpha", "target_modules", "layers_to_transform", "use_rslora", "use_dora")
TITLE = "No such adapter"
LORA_TENSOR = "lora_A"  # in the names of those that PEFT writes


def resolve_adapter(
    home: Home, experiment: str, folder: Path, text: str
) -> tuple[AdapterRef, LoraConfig]:
    """What `adapter:` of an arm means, and the shape of it.

    Args:
        home: Whose runs keep to the commit that they were planned with.
        experiment: The definition's slug.
        folder: Of the definition: what is no absolute path may lie in it.
        text: As the definition says it: a folder, or a repository of the hub with `@revision`.

    Raises:
        UsageError: there is none, or it is no LoRA in safetensors.
    """
    there = _folder(folder, text)
    if there is not None:
        return _in_folder(home, there, text)
    if text.startswith(("/", "./", "../", "~")) or text.count("/") != 1:
        raise UsageError(
            f"There is no adapter folder {text!r}.",
            title=TITLE,
            hint=f"Give a folder with {CONFIG} and {WEIGHTS}, as PEFT's save_pretrained writes it, "
            "or a repository of the hub: org/name, or org/name@revision.",
        )
    return _on_hub(home, experiment, text)


def _folder(folder: Path, text: str) -> Path | None:
    try:
        paths = (folder / text, Path(text).expanduser())
        return next((path.resolve() for path in paths if path.is_dir()), None)
    except (OSError, RuntimeError, ValueError):  # too long; nobody's home; a NUL
        return None


def _in_folder(home: Home, folder: Path, text: str) -> tuple[AdapterRef, LoraConfig]:
    config, weights = folder / CONFIG, folder / WEIGHTS
    if not config.is_file():
        raise UsageError(
            f"{folder} has no {CONFIG}.", title=TITLE, hint="PEFT's save_pretrained writes it."
        )
    if not weights.is_file():
        raise UsageError(
            f"{folder} has no {WEIGHTS}.",
            title="No safetensors",
            hint="A pickled adapter can run code and is not loaded: save it as safetensors.",
        )
    said = _read(config, config.read_bytes())
    shape = _shape(text, said)
    _has_lora(weights)
    ref = AdapterRef(
        name=text,
        location=str(folder),
        in_home=below_home(home, folder),
        sha256=_hash(config, weights),
        trained_on=_base(said),
    )
    return ref, shape


def _has_lora(weights: Path) -> None:
    """Look into the head of an adapter's weights.

    Raises:
        UsageError: it is not safetensors, or has no LoRA's tensors.
    """
    try:
        names = [*tensor_shapes(weights)]
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{weights} is no safetensors file, or a part of one.",
            title="Broken adapter",
            hint="Copy it again; one of 132 bytes is a Git LFS pointer: git lfs pull",
        ) from error
    if not any(LORA_TENSOR in name for name in names):
        raise UsageError(
            f"{weights} has no tensor of a LoRA among its {len(names):,}.",
            title="Broken adapter",
            hint="PEFT's save_pretrained writes them.",
        )


def _on_hub(home: Home, experiment: str, text: str) -> tuple[AdapterRef, LoraConfig]:
    location, _, revision = text.partition("@")
    repo = ModelRef(name=text, location=location, revision=revision or None)
    kept = [one.commit for one in _earlier(home, experiment) if one.name == text and one.commit]
    commit = kept[0] if kept else commit_of(repo)[0]
    if commit is None:
        raise UsageError(
            f"The adapter {text} is not in the cache, and which commit it stands for cannot be "
            "asked.",
            title="Adapter not here",
            hint=f"Fetch it while online: hf download {location}; or give its folder.",
        )
    said = _read(CONFIG, _hub_config(repo, commit))
    ref = AdapterRef(
        name=text,
        location=location,
        revision=revision or None,
        commit=commit,
        trained_on=_base(said),
    )
    return ref, _shape(text, said)


def _earlier(home: Home, experiment: str) -> Iterator[AdapterRef]:
    """The adapters of an experiment's runs that are planned already."""
    for path in sorted(home.runs.glob(f"{experiment}-*/spec.json")):
        try:
            spec = RunSpec.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # told where runs are listed
        if spec.experiment == experiment and spec.adapter is not None:
            yield spec.adapter


def _hub_config(repo: ModelRef, commit: str) -> bytes:
    """adapter_config.json of a commit, out of the cache or from the hub.

    Raises:
        UsageError: it is in neither.
    """
    # Takes a fifth of a second to import, and only adapters of the hub need it.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache  # noqa: PLC0415

    cached = try_to_load_from_cache(repo.location, CONFIG, revision=commit)
    if isinstance(cached, str):
        return Path(cached).read_bytes()
    why = "offline mode is on"
    if not offline():
        try:
            return Path(hf_hub_download(repo.location, CONFIG, revision=commit)).read_bytes()
        except Exception as error:  # whose it is depends on huggingface_hub's HTTP library
            why = str(error).strip().split("\n")[0] or type(error).__name__
    raise UsageError(
        f"The {CONFIG} of {repo.name} at commit {commit} is not in the cache: {why}.",
        title="Adapter not here",
        hint=f"Fetch it while online: hf download {repo.location} --revision {commit}",
    )


def _read(path: Path | str, data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.", title="Broken adapter") from error
    return said if isinstance(said, dict) else {}


def _shape(text: str, said: dict[str, Any]) -> LoraConfig:
    """The shape of a LoRA by its configuration.

    Raises:
        UsageError: it is another kind of adapter, or says no shape.
    """
    kind = said.get("peft_type")
    if kind != "LORA":
        raise UsageError(
            f"The adapter {text} is of the kind {kind}; only LORA is applied here.",
            title="Another kind of adapter",
        )
    own = {key: said[key] for key in SHAPE if said.get(key) is not None}
    if isinstance(own.get("target_modules"), list):
        own["target_modules"] = sorted(own["target_modules"])
    if isinstance(own.get("layers_to_transform"), int):
        own["layers_to_transform"] = [own["layers_to_transform"]]
    if said.get("modules_to_save"):
        own["modules_to_save"] = said["modules_to_save"]
    try:
        return LoraConfig.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"The {CONFIG} of {text} says {key} as no LoRA has it: {first['msg']}.",
            title="Broken adapter",
        ) from error


def _base(said: dict[str, Any]) -> str | None:
    base = said.get("base_model_name_or_path")
    return base if isinstance(base, str) and base else None


def _hash(*files: Path) -> str:
    """One hash of several files' contents."""
    whole = sha256()
    for path in files:
        with path.open("rb") as stream:
            whole.update(file_digest(stream, "sha256").digest())
    return whole.hexdigest()
