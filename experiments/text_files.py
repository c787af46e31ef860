"""Files as a user names them: where one may lie, what stands there instead, and its text.

Promises: whatever a path leads to (nothing, a folder, a circle of links, a FIFO, a device, an
archive, another encoding) is one problem that says what it is; nothing that is no plain file is
opened, so that nothing waits for a writer.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from experiments.errors import DefinitionError, Problem

# How files begin that are no plain text: what they are, and what to do about it.
BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Run `git lfs pull`."),
    (b"\x1f\x8b", "a gzip file", "Unpack it with `gunzip`."),
    (b"PK\x03\x04", "a zip archive", "Unpack it with `unzip`."),
    (b"PAR1", "a Parquet file", ""),
    (b"ARROW1", "an Arrow file", ""),
    (b"BZh", "a bzip2 file", "Unpack it with `bunzip2`."),
    (b"\xfd7zXZ\x00", "an xz file", "Unpack it with `unxz`."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "Unpack it with `unzstd`."),
    (b"%PDF", "a PDF", ""),
    (b"SQLite format 3", "an SQLite database", ""),
)
NEAR = 4096  # bytes around a wrong one that tell what the file is
UTF16 = (b"\xff\xfe", b"\xfe\xff")
NOTHING = "There is no such file"
KINDS = (
    (stat.S_ISDIR, "It is a folder"),
    (stat.S_ISFIFO, "It is a FIFO"),
    (stat.S_ISSOCK, "It is a socket"),
    (stat.S_ISCHR, "It is a device"),
    (stat.S_ISBLK, "It is a device"),
)


def inside(folder: Path, name: str) -> Path | None:
    """Where `name` is in a definition's folder; None when it leads out of it, or is no name.

    What is not there, and links in a circle, count as inside; `missing` says what is wrong.
    """
    path = folder / name
    if "\0" in name:
        return None
    if _without_links(folder, name):
        return path
    # Not Path.resolve(): on a circle of links it raises in some versions of Python and not others.
    real, root = os.path.realpath(path), os.path.realpath(folder)
    return path if os.path.commonpath([real, root]) == root else None


def _without_links(folder: Path, name: str) -> bool:
    """Whether a name goes down only, and over no link: one call for each part of it.

    To resolve a path costs one for each part from the root on, twice.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        return False
    try:
        return not any(
            folder.joinpath(*parts[:end]).is_symlink() for end in range(1, len(parts) + 1)
        )
    except OSError:  # of names that are too long, resolving tells
        return False


def missing(path: Path) -> str:
    """Why `path` is no file to be read, as a clause; empty when it is one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "It is a link that leads in a circle"
        if error.errno == errno.ENAMETOOLONG:
            return "The name is too long"
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return "It is a link to nothing" if path.is_symlink() else NOTHING
        return f"It cannot be read: {error.strerror or error}"
    except ValueError:
        return "The name has a NUL"
    if stat.S_ISREG(mode):
        return ""
    return next((words for known, words in KINDS if known(mode)), "It is no plain file")


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """A plain file, open to be read.

    Raises:
        DefinitionError: it is absent, unreadable, or something else.
    """
    if why := missing(path):
        raise DefinitionError(Problem(f"{why}.", "", path))
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DefinitionError(_unreadable(error, path)) from error
    with stream:
        yield stream


def _unreadable(error: OSError, path: Path) -> Problem:
    return Problem(f"The file cannot be read: {error.strerror or error}.", "", path)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        DefinitionError: it is absent, unreadable, or not UTF-8 (with what it is instead).
    """
    with open_bytes(path) as stream:
        try:
            data = stream.read()
        except OSError as error:
            raise DefinitionError(_unreadable(error, path)) from error
    return "".join(text_lines(io.BytesIO(data), path))


def text_lines(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    """The lines of a file as UTF-8, without a byte-order mark at the start; one is held.

    Raises:
        DefinitionError: they are something else; what they look like is said.
    """
    following = iter(lines)
    for number, data in enumerate(following, start=1):
        if number == 1:
            if named := what_begins(data):
                what, hint = named
                raise DefinitionError(Problem(f"This is {what}.", hint, path))
            data = data.removeprefix(codecs.BOM_UTF8)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            near = data[max(0, error.start - NEAR) : error.start + NEAR]
            while len(near) < NEAR and (more := next(following, b"")):
                near += more[:NEAR]
            message = f"The file is not UTF-8: byte 0x{data[error.start]:02x} in line {number}."
            problem = Problem(message, _encoding(near, path), path, number)
            raise DefinitionError(problem) from error
        if "\0" in text:
            message = f"There is a NUL byte in line {number}: this is no text."
            raise DefinitionError(Problem(message, "", path, number))
        yield text


def what_begins(data: bytes) -> tuple[str, str] | None:
    """What a file is that is no UTF-8 text, by its first bytes, and what to do about it."""
    if data.startswith(UTF16):
        return "UTF-16, not UTF-8", "Save it as UTF-8: `iconv -f utf-16 -t utf-8 OLD > NEW`."
    for first, what, hint in BEGINNINGS:
        if data.startswith(first):
            return what, hint
    return None


def _encoding(data: bytes, path: Path) -> str:
    """What a text looks like that is not UTF-8, by some of it, and how to convert it."""
    high = [byte for byte in data if byte > 0x7F]
    if any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in data):
        return "It does not look like text."
    windows = any(0x80 <= byte < 0xA0 for byte in high)
    name, code = ("Windows-1252", "cp1252") if windows else ("Latin-1", "latin1")
    return f"It looks like {name}: `iconv -f {code} -t utf-8 {path.name} > NEW` converts it."
