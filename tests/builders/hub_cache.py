"""A cache of the Hugging Face hub as `hf download` lays it: snapshots by commit, refs by name."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

MODEL = "aviary/wren"
OLD, NEW = "1" * 40, "2" * 40


@dataclass(frozen=True)
class HubCache:
    """The cache of one model."""

    root: Path

    @property
    def repo(self) -> Path:
        return self.root / f"models--{MODEL.replace('/', '--')}"

    def snapshot(self, commit: str, model: Path) -> Path:
        """Have the files of a commit."""
        return Path(shutil.copytree(model, self.repo / "snapshots" / commit))

    def point(self, name: str, commit: str) -> None:
        """Have a branch or tag stand for a commit, as when it was last fetched."""
        ref = self.repo / "refs" / name
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)


def offline_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> HubCache:
    """An empty cache in which this process looks, and nowhere else."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    return HubCache(root)
