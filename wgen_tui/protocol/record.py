"""What every record is, and how one is written.

Promises: a file is there complete or not at all, survives power loss, and is its owner's alone.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

SCHEMA = 1


class Record(BaseModel):
    """Base of every record: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def now() -> datetime:
    """The time now, UTC, to the microsecond."""
    return datetime.now(UTC)


def write_record(path: Path, record: Record) -> None:
    """Write a record so that it is there complete or not at all, and survives power loss."""
    write_durably(path, record.model_dump_json(indent=2).encode() + b"\n")


def write_durably(path: Path, data: bytes) -> None:
    """Write under a temporary name, fsync, rename, fsync the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        try:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:  # a full disk
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
