"""Reading a foreign folder, and writing beside the place until all is there.

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
from wgen_tui.protocol.record import sync_folder
from wgen_tui.services.merge.merge_report import MergeConflict

PREFIX = ".merge-"
BLOCK = 1 << 20
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file that comes over.

    Attributes:
        place: Where it will stand, below the run, launch or experiment.
        source: The file there; None when `data` is the content.
        sha256: What it must be; None where nothing says.
        unit: The folder that is renamed as one, with all its pieces; "" for a file by itself.
    """

    place: str
    source: Path | None = None
    data: bytes = b""
    sha256: str | None = None
    unit: str = ""

    @property
    def renamed(self) -> str:
        return self.unit or self.place

    @property
    def bytes(self) -> int:
        return len(self.data) if self.source is None else size(self.source)


def component(name: str) -> str:
    """A foreign name, if it is safe as one component of a path.

    Raises:
        MergeConflict: it is not.
    """
    try:
        return checked_id(name)
    except UsageError as error:
        raise MergeConflict(f"{name!r} cannot be a file's name here") from error


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a foreign folder, by name, but for what is unfinished; nothing without it.

    Raises:
        MergeConflict: it, or something in it, is neither a folder nor a plain file, or cannot be read.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise MergeConflict(f"{folder} is no folder; symbolic links are not followed")
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MergeConflict(f"{folder} cannot be read: {error.strerror}") from error
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in entries:
        plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
        if not plain:
            what = "a symbolic link" if entry.is_symlink() else "no plain file"
            raise MergeConflict(f"{entry.path} is {what}")
    return entries


def tree(folder: Path) -> Iterator[Path]:
    """Every plain file below a foreign folder.

    Raises:
        MergeConflict: as `listed`.
    """
    for entry in listed(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from tree(Path(entry.path))
        else:
            yield Path(entry.path)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A foreign file, if it is a plain one.

    Raises:
        MergeConflict: it is not, or cannot be read.
    """
    try:
        # Without O_NONBLOCK a pipe that lies there would be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MergeConflict(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise MergeConflict(f"{path} is no plain file")
        yield stream


def content(path: Path) -> bytes:
    """A foreign file whole.

    Raises:
        MergeConflict: as `opened`.
    """
    with opened(path) as stream:
        return stream.read()


def content_if_there(path: Path) -> bytes | None:
    """A foreign file whole; None without it.

    Raises:
        MergeConflict: as `opened`.
    """
    return content(path) if os.path.lexists(path) else None


def size(path: Path) -> int:
    """The bytes of a foreign file.

    Raises:
        MergeConflict: it is gone.
    """
    try:
        return path.lstat().st_size
    except OSError as error:
        raise MergeConflict(f"{path} cannot be read: {error.strerror}") from error


def digest(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        MergeConflict: as `opened`.
    """
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stage(folder: Path, pieces: list[FileCopy]) -> None:
    """Write pieces into a folder that is in nobody's way, and bring them to disk.

    Raises:
        MergeConflict: a file there cannot be read, or is not what it should be.
        OSError: the disk here is full, or refuses.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for piece in pieces:
        target = folder / piece.place
        for parent in reversed(target.relative_to(folder).parents[:-1]):
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        _write(piece, target)
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _write(piece: FileCopy, target: Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        if piece.source is None:
            stream.write(piece.data)
        else:
            found = hashlib.sha256()
            with opened(piece.source) as there:
                while block := there.read(BLOCK):
                    found.update(block)
                    stream.write(block)
            if piece.sha256 not in (None, found.hexdigest()):
                raise MergeConflict(
                    f"{piece.source} is damaged: it is not the file that was written"
                )
        stream.flush()
        os.fsync(stream.fileno())


def publish(staged: Path, folder: Path, pieces: list[FileCopy]) -> None:
    """Give staged pieces their names in a folder that is there, one after the other."""
    for unit in dict.fromkeys(piece.renamed for piece in pieces):
        target = folder / unit
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if target.is_dir():  # a checkpoint without its manifest
            shutil.rmtree(target)
        (staged / unit).replace(target)
        sync_folder(target.parent)
    shutil.rmtree(staged)


def sweep(*folders: Path) -> None:
    """Remove what a merge that was killed has left; call it with the merge lock held."""
    for folder in folders:
        for path in folder.glob(f"{PREFIX}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
