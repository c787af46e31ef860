"""Read files of another home, and write copies beside their place until all are there.

Promises: nothing but plain files is read, and no symbolic link is followed below the other home; a
copy is on disk, and has the hash it should have, before it gets its name; what a kill leaves behind
begins with `.merge-` and is removed by the next merge.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from wgen_tui.errors import UsageError
from wgen_tui.paths import checked_id
from wgen_tui.plain_files import read_plain, why_not
from wgen_tui.protocol.record import sync_folder
from wgen_tui.services.merge.merge_report import MergeConflict

PREFIX = ".merge-"
BLOCK = 1 << 20
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file that comes over.

    Attributes:
        target: Its path here, below the run, launch or experiment.
        source: The file in the other home; None when `data` is the content.
        sha256: The hash it must have; None where none is recorded.
        unit: The folder that is renamed as a whole; "" for a file by itself.
    """

    target: str
    source: Path | None = None
    data: bytes = b""
    sha256: str | None = None
    unit: str = ""

    @property
    def renamed_path(self) -> str:
        """What gets its name in one rename: the folder, or the file."""
        return self.unit or self.target

    @property
    def bytes(self) -> int:
        """How much is copied."""
        return len(self.data) if self.source is None else file_size(self.source)


def safe_name(name: str) -> str:
    """A name from the other home, if it is safe as one component of a path.

    Raises:
        MergeConflict: it is not.
    """
    try:
        return checked_id(name)
    except UsageError as error:
        raise MergeConflict(f"{name!r} cannot be a file name here") from error


def list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, by name, without hidden ones; empty when it is missing.

    Raises:
        MergeConflict: it is no folder, or cannot be read.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise MergeConflict(f"{folder} is not a folder (symbolic links are not followed)")
        with os.scandir(folder) as iterator:
            entries = sorted(iterator, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MergeConflict(f"{folder} cannot be read: {error.strerror}") from error
    return [entry for entry in entries if not entry.name.startswith(".")]


def what_odd(entry: os.DirEntry[str]) -> str:
    """What an entry is that is neither a folder nor a plain file; empty when it is one."""
    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False):
        return ""
    return "a symbolic link" if entry.is_symlink() else "not a plain file"


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """As `list_entries`, refusing the folder for one odd entry.

    Raises:
        MergeConflict: it, or an entry, is neither a folder nor a plain file, or cannot be read.
    """
    entries = list_entries(folder)
    for entry in entries:
        if what := what_odd(entry):
            raise MergeConflict(f"{entry.path} is {what}")
    return entries


def walk_files(folder: Path) -> Iterator[Path]:
    """Every plain file below a folder.

    Raises:
        MergeConflict: as `list_folder`.
    """
    for entry in list_folder(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from walk_files(Path(entry.path))
        else:
            yield Path(entry.path)


@contextmanager
def open_file(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading, if it is a plain one.

    Raises:
        MergeConflict: it is not, or cannot be read.
    """
    try:
        # O_NONBLOCK: opening a named pipe would otherwise wait for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MergeConflict(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise MergeConflict(f"{path} is not a plain file")
    with os.fdopen(handle, "rb") as stream:
        yield stream


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        MergeConflict: as `open_file`.
    """
    with open_file(path) as stream:
        return stream.read()


def read_here(path: Path) -> bytes:
    """The content of a file of this home; empty when it is missing.

    Raises:
        MergeConflict: it cannot be read.
    """
    try:
        return read_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise MergeConflict(f"{path} (here) cannot be read: {why_not(error)}") from error


def read_file_if_any(path: Path) -> bytes | None:
    """The content of a file; None when it is missing.

    Raises:
        MergeConflict: as `open_file`.
    """
    return read_file(path) if os.path.lexists(path) else None


def file_size(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        MergeConflict: it is gone.
    """
    try:
        return path.lstat().st_size
    except OSError as error:
        raise MergeConflict(f"{path} cannot be read: {error.strerror}") from error


def file_digest(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        MergeConflict: as `open_file`.
    """
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stage(folder: Path, files: list[FileCopy]) -> None:
    """Write files into a hidden folder, and bring them to disk.

    Raises:
        MergeConflict: a source cannot be read, or has another hash than it should.
        OSError: the disk here is full, or refuses.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for file in files:
        target = folder / file.target
        for parent in reversed(target.relative_to(folder).parents[:-1]):
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        _write(file, target)
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _write(file: FileCopy, target: Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        if file.source is None:
            stream.write(file.data)
        else:
            sha256 = hashlib.sha256()
            with open_file(file.source) as source:
                while block := source.read(BLOCK):
                    sha256.update(block)
                    stream.write(block)
            if file.sha256 not in (None, sha256.hexdigest()):
                raise MergeConflict(f"{file.source} is damaged: its hash is not the recorded one")
        stream.flush()
        os.fsync(stream.fileno())


def publish(staged: Path, folder: Path, files: list[FileCopy]) -> None:
    """Move staged files to their names in a folder that exists, one after the other."""
    for path in dict.fromkeys(file.renamed_path for file in files):
        target = folder / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if target.is_dir():  # a checkpoint without its manifest
            shutil.rmtree(target)
        (staged / path).replace(target)
        sync_folder(target.parent)
    shutil.rmtree(staged)


def sweep(*folders: Path) -> None:
    """Remove what a killed merge left behind; hold the merge lock."""
    for folder in folders:
        for path in folder.glob(f"{PREFIX}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
