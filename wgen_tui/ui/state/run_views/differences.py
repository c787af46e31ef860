"""What two runs' settings have in common and what not: one line for each key that differs.

Promises: every key of both specs is compared, also those that only one of them has; what names a
run and is never a setting (its id, when it was planned) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM

if TYPE_CHECKING:
    from wgen_tui.protocol.runs import RunSpec

NAMES = ("run_id", "created_at", "schema_version")
ABSENT = "–"
GAP = 2


class Difference(NamedTuple):
    """A key with the value that each of two runs has."""

    key: str
    one: str
    other: str


def differences(one: RunSpec, other: RunSpec) -> tuple[list[Difference], int]:
    """What differs by key, in the order of the spec; and how many keys are equal."""
    first, second = _flat(one), _flat(other)
    every = dict.fromkeys([*first, *second])
    listed = [
        Difference(key, _shown(first, key), _shown(second, key))
        for key in every
        if first.get(key, ABSENT) != second.get(key, ABSENT)
    ]
    return listed, len(every) - len(listed)


def _flat(spec: RunSpec) -> dict[str, Any]:
    record = spec.model_dump(mode="json")
    return {key: value for key, value in _leaves(record, "") if key not in NAMES}


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _shown(flat: Mapping[str, Any], key: str) -> str:
    if key not in flat:
        return ABSENT
    value = flat[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def described(one: RunSpec, other: RunSpec, width: int) -> Text:
    """The differences of two runs in this many columns: in columns where they fit, else whole."""
    listed, equal = differences(one, other)
    text = Text()
    for letter, spec in (("a", one), ("b", other)):
        text.append(f"{letter} ", BOLD).append(f"{printable(spec.run_id)}\n")
    same = f"{show.plural(equal, 'setting')} equal"
    if not listed:
        return text.append(f"No setting differs: {same}.\n")
    text.append(f"{show.plural(len(listed), 'setting')} differ, {same}.\n", DIM)
    key_width = max(cell_len(item.key) for item in listed)
    free = (width - key_width - 2 * GAP) // 2
    for key, *values in listed:
        shown = [printable(value, keep_newlines=False) for value in values]
        if free >= 8 and all(cell_len(value) <= free for value in shown):
            text.append(key + " " * (key_width - cell_len(key) + GAP), BOLD)
            text.append(shown[0] + " " * (free - cell_len(shown[0]) + GAP) + f"{shown[1]}\n")
            continue
        text.append(f"{key}\n", BOLD)
        for letter, value in zip("ab", shown, strict=True):
            text.append(f"  {letter} ", DIM).append(f"{value}\n")
    return text
