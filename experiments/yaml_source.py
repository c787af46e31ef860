"""YAML with the place of every key.

Promises: a value read here can be traced to file and line; a key written twice is an error;
`5e-3` is a number, `no` and `on` are words (YAML 1.2, where 1.1 would make them booleans), dates
stay text, so that a label or an arm may be called anything. Reading runs no code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import DefinitionError, Problem
from experiments.json_text import not_text
from experiments.text_files import read_text
from experiments.yaml_nodes import MOST_NODES, YAML, compose, too_many_nodes
from experiments.yaml_words import slip

KeyPath = tuple[str | int, ...]
SHOWN = 40  # characters of a wrong value


# What a file may be made of; any other tag asks the reader to make something of it.
PLAIN = {f"{YAML}{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")}


def _float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".Inf", "inf"))


SCALARS: dict[str, Callable[[str], Any]] = {
    f"{YAML}str": str,
    f"{YAML}int": int,
    f"{YAML}float": _float,
    f"{YAML}bool": lambda text: yaml.SafeLoader.bool_values[text.lower()],
    f"{YAML}null": lambda text: None,
}


@dataclass(frozen=True)
class Document:
    """A YAML file's value; the line (from 1) of every key path in it is looked up when needed."""

    file: Path
    value: Any
    _root: yaml.Node | None = field(default=None, repr=False, compare=False)

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """Where each key path stands; only what is wrong is asked for its place."""
        lines: dict[KeyPath, int] = {(): 1}
        if self._root is not None:
            lines.update(_places(self._root, ()))
        return lines

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """A problem at `path`."""
        place = self.line(path), dotted(path) or None, self._entry(path)
        return Problem(message, hint, self.file, *place[:2], entry=place[2])

    def _entry(self, path: KeyPath) -> str:
        """What the list's entry calls itself in which `path` lies: a number says little of it."""
        value, name = self.value, ""
        for index, part in enumerate(path):
            try:
                value = value[part]
            except (LookupError, TypeError):
                break
            if isinstance(part, int) and isinstance(value, dict):
                said = value.get("id", value.get("name"))
                name = said if isinstance(said, str) else ""
                if path[index + 1 :] in (("id",), ("name",)):
                    name = ""
        return name


def dotted(path: KeyPath) -> str:
    """`arms.old.data`, `questions[2].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: Path) -> Document:
    """Read one YAML document.

    Raises:
        DefinitionError: the file is absent, is no YAML (with line and column), has a key twice, or
            a key that is no text.
    """
    text = read_text(path)
    try:
        root = compose(text)
        # Without a mark of an alias, nothing is there twice.
        grown = too_many_nodes(root) if root is not None and "*" in text else None
        if grown is not None:
            why = f"Aliases repeat what stands here until it has over {MOST_NODES:,} values."
            line = grown.start_mark.line + 1
            raise DefinitionError(Problem(why, "Write it out, or repeat less.", path, line))
        value = None if root is None else _Reader(path).read(root, ())
    except yaml.MarkedYAMLError as error:
        told = slip(error, text)
        where = f" (column {told.column})" if told.column else ""
        why = f"This is not YAML: {told.what}{where}."
        raise DefinitionError(Problem(why, told.hint, path, told.line)) from error
    except yaml.YAMLError as error:
        raise DefinitionError(Problem(f"This is not YAML: {error}.", "", path)) from error
    except RecursionError as error:
        raise DefinitionError(Problem("The file is nested too deeply.", "", path)) from error
    return Document(path, value, root)


def _places(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    """The lines of what has been read: of a key its own, of an item the first of its value."""
    if not path or isinstance(path[-1], int):
        yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from _places(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _places(item, (*path, index))


class _Reader:
    """Walks a node tree once and makes the value of it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: set[int] = set()
        self._flat: set[int] = set()
        self._merger = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        tag = node.tag
        if isinstance(node, yaml.ScalarNode) and (make := SCALARS.get(tag)):
            if make is str:  # most are
                if why := not_text(node.value):
                    raise self._error(node, path, why)
                return node.value
            try:
                return make(node.value)
            except (ValueError, KeyError):
                shown = node.value if len(node.value) <= SHOWN else f"{node.value[:SHOWN]}…"
                raise self._error(node, path, f"{shown!r} is too long a number.") from None
        if tag not in PLAIN or isinstance(node, yaml.ScalarNode):
            shown = tag.replace(YAML, "!!")
            why = f"The tag {shown} is not taken: a definition is plain data."
            own = not shown.startswith("!!")
            hint = f'A text that begins with it is quoted: "{shown}"' if own else ""
            raise self._error(node, path, why, hint)
        if id(node) in self._open:
            raise self._error(node, path, "An alias contains itself.")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        if id(node) not in self._flat:  # an alias brings the same node again, flattened
            self._refuse_twice(node, path)
            self._merger.flatten_mapping(node)  # merge keys (<<); the mapping's own come last
            self._flat.add(id(node))
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            result[key] = self.read(value_node, (*path, key))
        return result

    def _refuse_twice(self, node: yaml.MappingNode, path: KeyPath) -> None:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self._key(key_node, path)
            if key in seen:
                first = seen[key]
                raise self._error(
                    key_node, (*path, key), f"The key stands twice (first in line {first})."
                )
            seen[key] = key_node.start_mark.line + 1

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, path, "A key must be a text or a number.")
        return str(node.value)

    def _error(
        self, node: yaml.Node, path: KeyPath, message: str, hint: str = ""
    ) -> DefinitionError:
        line = node.start_mark.line + 1
        return DefinitionError(Problem(message, hint, self._file, line, dotted(path) or None))
