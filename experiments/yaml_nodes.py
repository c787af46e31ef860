"""Text to a tree of YAML nodes, each with its place; YAML 1.2's idea of booleans and numbers.

Promises: a file is composed by libyaml where PyYAML has it (thirteen times faster); wherever that
reads otherwise than PyYAML itself, PyYAML has the word, so that a definition is the same, and is
wrong in the same words, on every machine.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import yaml

YAML = "tag:yaml.org,2002:"
MOST_NODES = 200_000  # that aliases may add; what is written out may be of any size
Resolvers = dict[str | None, list[tuple[str, re.Pattern[str]]]]


def _resolvers() -> Resolvers:
    """What a plain scalar is taken for, by its first letter: YAML 1.2's booleans and numbers."""
    resolvers: Resolvers = {
        letter: [
            (tag, pattern)
            for tag, pattern in listed
            if tag.rpartition(":")[2] not in {"bool", "timestamp", "float", "int"}
        ]
        for letter, listed in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for kind, pattern, letters in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
        (
            "float",
            r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf)$",
            "-+.0123456789",
        ),
    ):
        for letter in letters:
            resolvers.setdefault(letter, []).append((YAML + kind, re.compile(pattern)))
    return resolvers


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of booleans and numbers."""

    yaml_implicit_resolvers = _resolvers()


DEEPEST = 100  # nested collections that libyaml is asked to compose: it would take any stack
# Where libyaml takes what PyYAML refuses: tabs and byte-order marks, a tag of nothing, a comment
# right behind | or >, directives. A question mark in brackets is looked for in the tree.
DIALECT = {
    "\t": re.compile(r"\t"),
    "\ufeff": re.compile(r"\ufeff"),
    "!": re.compile(r"(?:^|[\s\[\]{},])!", re.MULTILINE),
    "#": re.compile(r"[|>][-+0-9]*#"),
    "%": re.compile(r"^%", re.MULTILINE),
}

if yaml.__with_libyaml__:

    class _FastLoader(yaml.CSafeLoader):
        """The same by libyaml; what it asks of Python for every node is kept short."""

        yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
        _depth = 0
        asks = False  # whether a plain text has a question mark

        def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
            if kind is yaml.ScalarNode:
                if implicit[0]:
                    if "?" in value:
                        self.asks = True
                    for tag, pattern in self.yaml_implicit_resolvers.get(value[:1], ()):
                        if pattern.match(value):
                            return tag
                return f"{YAML}str"
            return f"{YAML}seq" if kind is yaml.SequenceNode else f"{YAML}map"

        def descend_resolver(self, current_node: Any, current_index: Any) -> None:
            self._depth += 1
            if self._depth > DEEPEST:
                raise yaml.YAMLError("nested too deeply")

        def ascend_resolver(self) -> None:
            self._depth -= 1


def compose(text: str) -> yaml.Node | None:
    """The node tree of a text; None for an empty one.

    Raises:
        yaml.YAMLError: it is no YAML.
        RecursionError: it is nested too deeply.
    """
    if yaml.__with_libyaml__ and not any(
        mark in text and pattern.search(text) for mark, pattern in DIALECT.items()
    ):
        fast = _FastLoader(text)
        try:
            root = fast.get_single_node()
            if root is not None and not (fast.asks and _asks_in_brackets(root)):
                return root
        except yaml.YAMLError:
            pass  # said below, in PyYAML's words
        finally:
            fast.dispose()
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _asks_in_brackets(root: yaml.Node) -> bool:
    """Whether a plain text in [] or {} has a question mark, as in `[Why?]`."""
    left, seen = [root], set[int]()
    while left:
        node = left.pop()
        if isinstance(node, yaml.ScalarNode) or id(node) in seen:
            continue
        seen.add(id(node))
        inner = [*chain(*node.value)] if isinstance(node, yaml.MappingNode) else node.value
        in_brackets = getattr(node, "flow_style", False)
        if in_brackets and any(
            isinstance(item, yaml.ScalarNode) and not item.style and "?" in item.value
            for item in inner
        ):
            return True
        left += inner
    return False


def too_many_nodes(root: yaml.Node) -> yaml.Node | None:
    """The first node that aliases make larger than `MOST_NODES`, or None.

    Counted without following an alias twice, so that a ladder of aliases costs nothing.

    Raises:
        RecursionError: it is nested too deeply.
    """
    sizes: dict[int, int] = {}
    written = 0

    def size(node: yaml.Node) -> int:
        nonlocal written
        if id(node) in sizes:
            return sizes[id(node)]
        sizes[id(node)] = 1  # of an alias inside itself, which its reader names
        written += 1
        if isinstance(node, yaml.MappingNode):
            sizes[id(node)] += sum(size(key) + size(value) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            sizes[id(node)] += sum(map(size, node.value))
        if sizes[id(node)] - written > MOST_NODES and not grown:
            grown.append(node)
        return sizes[id(node)]

    grown: list[yaml.Node] = []
    size(root)
    return grown[0] if grown else None
