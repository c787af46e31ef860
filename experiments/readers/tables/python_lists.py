"""Lists of questions in Python files, as papers' scripts have them: literals only, nothing is run.

Promises: what is no literal is named with its line or told with its count; of several lists the
one is taken that is named, so nothing is guessed.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.readers.containers import Raw
from experiments.suggest import did_you_mean
from experiments.text_files import read_text

ENDING = ".py"
TEXT = "text"  # the column of an item that is a text alone
READ = "Texts, and tuples, dicts and calls with texts in them are read; nothing is run."
MOST_NAMES = 8  # in a hint


class _NotALiteral(Exception):
    """Something that only running the file would tell."""


def read_python_list(path: Path, name: str | None) -> tuple[list[Raw], list[str]]:
    """The items of a list in a Python file, and what is told of it.

    An item is a text (column `text`), a tuple or list (columns `0`, `1`, …), a dict, or a call such
    as `PromptInfo(prompt="…")` with its arguments as columns.

    Args:
        path: The file.
        name: Of the variable, or of the argument of a call, that is the list; the only one if None.

    Raises:
        DefinitionError: it is no Python, or has no such list, or several.
    """
    lists = _lists_of(path)
    if name is None and len(lists) > 1:
        told = [f"{known} ({_lines(nodes)})" for known, nodes in lists.items()]
        hint = f"variable: one of {', '.join(told[:MOST_NAMES])}"
        raise DefinitionError(Problem("The file has several lists.", hint, path))
    nodes = lists.get(name, []) if name is not None else next(iter(lists.values()), [])
    if not nodes:
        which = "list of texts" if name is None else f"list {name!r}"
        raise DefinitionError(
            Problem(f"There is no {which}.", did_you_mean(name or "", [*lists]), path)
        )
    left_out: Counter[str] = Counter()
    rows = [_row(item, left_out) for node in nodes for item in node.elts]
    notes = [f"{count:,} of {len(rows):,} items have a {what}" for what, count in left_out.items()]
    told = [f"{path.name}: {'; '.join(notes)}: no literal, and not read"] if notes else []
    if len(nodes) > 1:
        told.append(
            f"{path.name}: {len(nodes)} lists are called so ({_lines(nodes)}); all are read"
        )
    return rows, told


def _lists_of(path: Path) -> dict[str, list[ast.List | ast.Tuple]]:
    """The lists that could be questions, by the name of their variable or argument."""
    try:
        tree = ast.parse(read_text(path))
    except SyntaxError as error:
        why = f"This is not Python: {error.msg}."
        raise DefinitionError(Problem(why, "", path, error.lineno)) from error
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL; too deep
        raise DefinitionError(Problem("This is not Python that can be read.", "", path)) from error
    lists: dict[str, list[ast.List | ast.Tuple]] = {}
    for name, node in _named(tree):
        if isinstance(node, ast.List | ast.Tuple) and any(map(_may_be_one, node.elts)):
            lists.setdefault(name, []).append(node)
    return lists


def _named(tree: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((one.id, node.value) for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.value
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg, node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


def _may_be_one(item: ast.expr) -> bool:
    """Whether an item of a list may be a question: it has a text in it."""
    columns = _columns(item)
    return any(isinstance(_or_none(value), str) for value in columns.values())


def _row(item: ast.expr, left_out: Counter[str]) -> Raw:
    value: dict[str, Any] = {}
    for column, node in _columns(item).items():
        try:
            value[column] = _literal(node)
        except _NotALiteral:
            kind = "lambda" if isinstance(node, ast.Lambda) else type(node).__name__.lower()
            left_out[f"{column} ({kind})"] += 1
    if not any(isinstance(text, str) for text in value.values()):
        return Raw(item.lineno, wrong="This item has no text that is a literal.", hint=READ)
    return Raw(item.lineno, value)


def _columns(item: ast.expr) -> dict[str, ast.expr]:
    """The parts of an item, by column."""
    if isinstance(item, ast.Tuple | ast.List):
        return {str(place): part for place, part in enumerate(item.elts)}
    if isinstance(item, ast.Dict):
        pairs = zip(item.keys, item.values, strict=True)
        return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(item, ast.Call):
        placed = {str(place): part for place, part in enumerate(item.args)}
        return placed | {one.arg: one.value for one in item.keywords if one.arg is not None}
    return {TEXT: item}


def _or_none(node: ast.expr) -> Any:
    try:
        return _literal(node)
    except _NotALiteral:
        return None


def _literal(node: ast.expr) -> Any:
    """The value of a literal; texts that are added, and f-strings without a slot, are texts too."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(left, str) and isinstance(right, str):
            return left + right
    if isinstance(node, ast.JoinedStr):
        return "".join(str(_literal(part)) for part in node.values)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _NotALiteral from error


def _lines(nodes: list[ast.List | ast.Tuple]) -> str:
    return ", ".join(f"line {node.lineno}, {len(node.elts):,} items" for node in nodes)
