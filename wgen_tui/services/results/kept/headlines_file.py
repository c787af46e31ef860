"""The headlines that were computed, in a file of the home, so that the next start has them at once.

Promises: one that is given is of what is on disk now: data, definition and version are compared by
stat, and one that differs in any of them is passed over. The file may go at any time; nothing is
written under --readonly; several programs may write it; it stays below a few MB.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from experiments.seen_files import Stamp, stamp
from wgen_tui import __version__
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain, read_plain
from wgen_tui.protocol.record import Record
from wgen_tui.services.results.kept import stamps

WAY = f"{__version__} 1"  # how one is made; the number goes up where the same data give another
TRIMMED_AT = 2_000_000  # bytes


class Headline(Record):
    """What a list says of an experiment.

    Attributes:
        name: What is compared, or the arm.
        arm: Whose it is.
        metric: Of what.
        value: A difference or a rate, with its interval where it has one.
        is_difference: Which of the two.
        unit: `share` or `mean`.
    """

    name: str
    arm: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    is_difference: bool
    unit: str


class Made(Record):
    """A headline, or that there is none, and what it was made of.

    Attributes:
        way: What made it.
        folder: Of the definition.
        data: Stands for what stat said of the experiment's data.
        files: Of the definition, each with what stat said.
    """

    way: str
    experiment: str
    folder: str
    data: str
    files: tuple[tuple[str, Stamp | None], ...]
    headline: Headline | None


_seen: dict[tuple[Path, str], Made] = {}  # of this process, also where nothing can be written


def current(home: Home, experiments: Iterable[tuple[str, Path]]) -> dict[str, Headline | None]:
    """Of these experiments (slug and folder), those whose headline is known as things are now."""
    wanted = dict(experiments)
    lines = _lines(home) | {slug: made for (root, slug), made in _seen.items() if root == home.root}
    return {
        slug: lines[slug].headline
        for slug, folder in wanted.items()
        if slug in lines and _holds(home, lines[slug], folder)
    }


def data_of(home: Home, slug: str) -> str:
    """What stands for the data of an experiment as they are now."""
    return hashlib.sha256(repr(stamps.stamp(home, slug)).encode()).hexdigest()[:32]


def keep(home: Home, made: Made) -> None:
    """Keep one for this process, and in the home for the next."""
    _seen[home.root, made.experiment] = made
    if home.readonly or not home.root.is_dir():
        return
    try:
        with append_plain(home.headlines) as stream:
            stream.write(f"{made.model_dump_json()}\n".encode())
            size = stream.tell()
        if size > TRIMMED_AT:
            _trim(home)
    except OSError:
        return  # the next process computes it


def _holds(home: Home, made: Made, folder: Path) -> bool:
    return (
        (made.way, made.folder) == (WAY, str(folder))
        and all(stamp(Path(path)) == before for path, before in made.files)
        and made.data == data_of(home, made.experiment)
    )


def _lines(home: Home) -> dict[str, Made]:
    """The newest of each experiment."""
    try:
        lines = read_plain(home.headlines).splitlines()
    except OSError:
        return {}
    newest: dict[str, Made] = {}
    for line in lines:
        try:
            made = Made.model_validate_json(line)
        except ValidationError:
            continue  # torn, or of another version
        newest[made.experiment] = made
    return newest


def _trim(home: Home) -> None:
    """Write the file anew with the newest of each."""
    text = "".join(f"{made.model_dump_json()}\n" for made in _lines(home).values())
    temporary = home.headlines.with_name(f".{home.headlines.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(home.headlines)
