"""YAML with the place of every key.

Promises: a value read here can be traced to file and line; a key written twice is an error;
`5e-3` is a number, `no` and `on` are words (YAML 1.2, where 1.1 would make them booleans), dates
stay text, so that a label or an arm may be called anything. Reading runs no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import DefinitionError, Problem

KeyPath = tuple[str | int, ...]


YAML = "tag:yaml.org,2002:"
# What a file may be made of; any other tag asks the reader to make something of it.
PLAIN = {f"{YAML}{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")}


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of booleans and numbers."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rpartition(":")[2] not in {"bool", "timestamp", "float", "int"}
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf)$"),
    list("-+.0123456789"),
)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).replace(".inf", "inf").replace(".Inf", "inf"))


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


@dataclass(frozen=True)
class Document:
    """A YAML file's value, and the line (from 1) of every key path in it."""

    file: Path
    value: Any
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """A problem at `path`."""
        return Problem(message, hint, self.file, self.line(path), dotted(path) or None)


def dotted(path: KeyPath) -> str:
    """`arms.old.data`, `questions[2].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        DefinitionError: it is absent, unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DefinitionError(Problem("There is no such file.", "", path)) from None
    except UnicodeDecodeError as error:
        problem = Problem(f"The file is not UTF-8 (byte {error.start}).", "", path)
        raise DefinitionError(problem) from error
    except OSError as error:
        problem = Problem(f"The file cannot be read: {error.strerror or error}.", "", path)
        raise DefinitionError(problem) from error


def read_yaml(path: Path) -> Document:
    """Read one YAML document.

    Raises:
        DefinitionError: the file is absent, is no YAML (with line and column), has a key twice, or
            a key that is no text.
    """
    text = read_text(path)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, None, {(): 1})
        lines: dict[KeyPath, int] = {}
        value = _Reader(path, loader, lines).read(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (column {mark.column + 1})" if mark else ""
        why = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else None
        raise DefinitionError(
            Problem(f"This is not YAML: {why}{where}.", _quote(why), path, line)
        ) from error
    except yaml.YAMLError as error:
        raise DefinitionError(Problem(f"This is not YAML: {error}.", "", path)) from error
    finally:
        loader.dispose()
    return Document(path, value, lines)


def _quote(why: str) -> str:
    """A hint for texts that YAML takes for syntax, such as `[Why?, How?]`."""
    marks = ("'?'", "mapping values are not allowed", "cannot start any token", "'<scalar>'")
    return (
        'Quote texts with ?, :, # or quotation marks: "Why?"'
        if any(mark in why for mark in marks)
        else ""
    )


class _Reader:
    """Walks a node tree once, noting where everything stands."""

    def __init__(self, file: Path, loader: _Loader, lines: dict[KeyPath, int]) -> None:
        self._file = file
        self._loader = loader
        self._lines = lines
        self._open: set[int] = set()
        self._flat: set[int] = set()

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if node.tag not in PLAIN:
            tag = node.tag.replace(YAML, "!!")
            raise self._error(
                node, path, f"The tag {tag} is not taken: a definition is plain data."
            )
        if id(node) in self._open:
            raise self._error(node, path, "An alias contains itself.")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
            return self._loader.construct_object(node)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        if id(node) not in self._flat:  # an alias brings the same node again, flattened
            self._refuse_twice(node, path)
            self._loader.flatten_mapping(node)  # merge keys (<<); the mapping's own come last
            self._flat.add(id(node))
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            self._lines[(*path, key)] = key_node.start_mark.line + 1
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

    def _error(self, node: yaml.Node, path: KeyPath, message: str) -> DefinitionError:
        line = node.start_mark.line + 1
        return DefinitionError(Problem(message, "", self._file, line, dotted(path) or None))
