"""What every record is, how one is written, and how it is read.

Promises: a file is there complete or not at all, survives power loss, and is its owner's alone;
what cannot be read says why, in words.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from wgen_tui.plain_files import parse, read_plain, why_not

SCHEMA = 1


class Record(BaseModel):
    """Base of every record: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Kind = TypeVar("Kind", bound=Record)


class Unreadable(Exception):
    """A record is there and cannot be read; the message says which and why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}")
        self.path = path
        self.why = why


def read_record(path: Path, kind: type[Kind]) -> Kind | None:
    """A record; None where there is none.

    Raises:
        Unreadable: it is no plain file, damaged, or of another version.
    """
    try:
        data = read_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise Unreadable(path, "it is a link to nothing") from None
        return None
    except OSError as error:
        raise Unreadable(path, why_not(error)) from error
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise Unreadable(path, _what_is_wrong(data, error)) from error


def _what_is_wrong(data: bytes, error: ValidationError) -> str:
    """What is wrong with the bytes of a record, as a clause."""
    if not data.strip():
        return "it is empty"
    try:
        fields = parse(data)
    except ValueError as refusal:
        return why_not(refusal)
    if not isinstance(fields, dict):
        return "it is no record"
    if (version := fields.get("schema_version", SCHEMA)) != SCHEMA:
        return f"another version of wgen-tui wrote it (schema {version}; this one reads {SCHEMA})"
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(map(str, first["loc"]))
    missing = first["type"] == "missing"
    return f"{key!r} is missing" if missing else f"{key!r} is not as it should be"


def now() -> datetime:
    """The time now, UTC, to the microsecond."""
    return datetime.now(UTC)


def write_record(path: Path, record: Record) -> None:
    """Write a record so that it is there complete or not at all, and survives power loss."""
    write_durably(path, record.model_dump_json(indent=2).encode() + b"\n")


def write_durably(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write, whole or piece by piece, under a temporary name, fsync, rename, fsync the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        try:
            stream.writelines([data] if isinstance(data, bytes) else data)
            stream.flush()
            os.fsync(stream.fileno())
        except BaseException:  # a full disk, or what gives the pieces
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
