"""Which files the store reads and writes, told to it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The store's files in one home."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> StoreFiles:
        """The store of the home at `root`."""
        return cls(Path(root))

    @property
    def database(self) -> Path:
        return self.root / "wgen.duckdb"

    @property
    def ingest_lock(self) -> Path:
        return self.root / "ingest.lock"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def journal(self) -> Path:
        return self.root / "journal"
