"""Adapters trained elsewhere: what a definition's text means, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders.adapter_files import weights_of
from tests.builders.hub_cache import MODEL, NEW, OLD, offline_cache
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.models.foreign import resolve_adapter

SAID: dict[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": "aviary/lark",
    "r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "target_modules": ["v_proj", "q_proj"],
    "layers_to_transform": 2,
    "use_rslora": False,
    "bias": "none",
}


def adapter(folder: Path, weights: str = "adapter_model.safetensors", **other: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({**SAID, **other}))
    (folder / weights).write_bytes(weights_of())
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def test_a_folder_is_known_by_its_files(home: Home, tmp_path: Path) -> None:
    adapter(tmp_path / "exp" / "theirs")
    ref, lora = resolve_adapter(home, "x", tmp_path / "exp", "theirs")
    assert (lora.r, lora.lora_alpha, lora.target_modules) == (4, 8, ("q_proj", "v_proj"))
    assert lora.layers_to_transform == (2,)
    assert lora.lora_dropout == 0
    assert ref.trained_on == "aviary/lark"
    assert not ref.from_hub
    moved = adapter(tmp_path / "elsewhere")
    again, _ = resolve_adapter(home, "x", tmp_path, str(moved))
    assert again.key == ref.key
    (moved / "adapter_model.safetensors").write_bytes(weights_of("other.lora_A.weight"))
    changed, _ = resolve_adapter(home, "x", tmp_path, str(moved))
    assert changed.key != ref.key


def test_a_repository_is_pinned_to_its_commit(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = offline_cache(tmp_path / "hub", monkeypatch)
    for commit in (OLD, NEW):
        cache.snapshot(commit, adapter(tmp_path / commit))
    cache.point("main", NEW)
    ref, lora = resolve_adapter(home, "x", tmp_path, MODEL)
    assert (ref.location, ref.revision, ref.commit, lora.r) == (MODEL, None, NEW, 4)
    assert str(ref) == f"{MODEL} (commit {NEW[:12]})"
    older, _ = resolve_adapter(home, "x", tmp_path, f"{MODEL}@{OLD}")
    assert older.commit == OLD
    assert older.key != ref.key


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is no safetensors file"),
        (b"", "is no safetensors file"),
        (weights_of("model.embed_tokens.weight"), "no tensor of a LoRA among its 1"),
    ],
)
def test_weights_that_are_none_are_refused(
    home: Home, tmp_path: Path, weights: bytes, why: str
) -> None:
    (adapter(tmp_path / "theirs") / "adapter_model.safetensors").write_bytes(weights)
    with pytest.raises(UsageError, match=why):
        resolve_adapter(home, "x", tmp_path, "theirs")


@pytest.mark.parametrize(
    ("text", "weights", "other", "message"),
    [
        ("gone", "adapter_model.safetensors", {}, "no adapter folder 'gone'"),
        ("theirs", "adapter_model.bin", {}, "has no adapter_model.safetensors"),
        ("theirs", "adapter_model.safetensors", {"peft_type": "IA3"}, "of the kind IA3"),
        ("theirs", "adapter_model.safetensors", {"r": 0}, "says r as no LoRA has it"),
        ("nobody/nothing", "adapter_model.safetensors", {}, "is not in the cache"),
    ],
)
def test_what_cannot_be_applied_is_refused(
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    weights: str,
    other: dict[str, Any],
    message: str,
) -> None:
    offline_cache(tmp_path / "hub", monkeypatch)
    adapter(tmp_path / "exp" / "theirs", weights, **other)
    with pytest.raises(UsageError, match=message):
        resolve_adapter(home, "x", tmp_path / "exp", text)
