"""Make few part files of many small ones, in a home where nothing is at work.

Promises: a kill at any moment loses nothing and doubles nothing for any reader: the whole is
complete on disk before the database knows it in its parts' stead, and it does before these go.
What a kill left is brought to its end the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING

from wgen_tui.paths import Home

if TYPE_CHECKING:
    from wgen_tui.run_files.compaction import Group

AT_ONCE = 8  # groups: readers wait for one transaction, and a new launch for so many files


def compact(
    home: Home, may_continue: Callable[[], bool], alone: Callable[[], AbstractContextManager[None]]
) -> int:
    """Make few parts of many.

    Args:
        home: Its workers have all ended, and none is started meanwhile.
        may_continue: Asked before every few files; False ends it for now.
        alone: Keeps out who would write parts of runs or queue launches.

    Returns:
        How many part files there are fewer.

    Raises:
        BusyError: another program holds the database.
        OSError: the disk refuses.
    """
    fewer = 0
    todo = _groups(home)
    while may_continue() and (some := list(islice(todo, AT_ONCE))):
        with alone():
            fewer += _compact_some(home, some)
    return fewer


def _groups(home: Home) -> Iterator[Group]:
    from store.parts import FOLDERS  # noqa: PLC0415  the supervisor starts its first worker sooner
    from wgen_tui.run_files.compaction import groups  # noqa: PLC0415

    for run in sorted(home.runs.iterdir()) if home.runs.is_dir() else ():
        if not run.name.startswith("."):
            for folder in FOLDERS:
                yield from groups(run / folder)


def _compact_some(home: Home, some: list[Group]) -> int:
    from store.standing_in import stand_in  # noqa: PLC0415
    from wgen_tui.run_files.compaction import Unfit, remove_parts, write_whole  # noqa: PLC0415
    from wgen_tui.services.data.database import files_of, store_errors  # noqa: PLC0415

    sizes: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    written: dict[str, Group] = {}
    for group in some:
        try:
            size = write_whole(group)
        except Unfit:
            continue
        below = str(group.folder.relative_to(home.root))
        whole = f"{below}/{group.whole}"
        sizes[whole], written[whole] = size, group
        names[whole] = [f"{below}/{name}" for name in group.parts]
    if not written:
        return 0
    with store_errors():
        standing = stand_in(files_of(home), sizes, names)
    fewer = 0
    for whole in standing:
        remove_parts(written[whole])
        fewer += len(written[whole].parts) - (not written[whole].written)
    return fewer
