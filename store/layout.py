"""Which files the store reads and writes, told to it from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The store's files in one home.

    Attributes:
        root: The home.
        readonly: Whether reading may write nothing, the database included.
    """

    root: Path
    readonly: bool = field(default=False, kw_only=True)

    @classmethod
    def of(cls, root: Path, *, readonly: bool = False) -> StoreFiles:
        """The store of the home at `root`."""
        return cls(Path(root), readonly=readonly)

    @property
    def database(self) -> Path:
        return self.root / "wgen.duckdb"

    @property
    def ingest_lock(self) -> Path:
        return self.root / "ingest.lock"

    @property
    def readers_lock(self) -> Path:
        return self.root / "readers.lock"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def journal(self) -> Path:
        return self.root / "journal"
