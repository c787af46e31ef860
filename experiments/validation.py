"""Pydantic's errors in a user's words: what, where, and the nearest right thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from experiments.errors import Problem
from experiments.suggest import did_you_mean
from experiments.yaml_source import Document, KeyPath

LONGEST = 60  # characters of a wrong value
# Pydantic's and Python's words for what people write otherwise.
SHAPES = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
Place = Callable[[KeyPath], tuple[Document, KeyPath]]


def explain(error: ValidationError, root: type[BaseModel], place: Place) -> list[Problem]:
    """One problem for each place that is wrong, in the order of the files.

    Args:
        error: What pydantic found.
        root: The model that was validated.
        place: Gives the document and the path in it for a path of the value.
    """
    problems: dict[tuple[Any, ...], Problem] = {}
    for item in error.errors(include_url=False):
        path = _real_path(item["loc"], place)
        message, hint = _words(item, root, path)
        document, inner = place(path)
        problem = document.problem(inner, message, hint)
        problems.setdefault((problem.file, problem.line, problem.key), problem)
    return sorted(problems.values(), key=lambda item: (str(item.file), item.line or 0))


def _real_path(location: Iterable[str | int], place: Place) -> KeyPath:
    """The location without the tags that pydantic adds for unions and functions."""
    path: KeyPath = ()
    rest = list(location)
    for index, part in enumerate(rest):
        document, inner = place((*path, part))
        last = index == len(rest) - 1
        tag = isinstance(part, str) and re.search(r"[\[(]|^(str|int|float|tuple|none)$", part)
        if inner in document.lines or (last and not tag):
            path = (*path, part)
    return path


def _words(item: Any, root: type[BaseModel], path: KeyPath) -> tuple[str, str]:
    kind, name = item["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return f"Unknown key {name!r}.", did_you_mean(name, _known_keys(root, path[:-1]))
    if kind == "missing":
        return f"The key {name!r} is missing.", ""
    if kind in ("literal_error", "enum"):
        allowed = _allowed(item["ctx"]["expected"])
        return f"{item['input']!r} is not known here.", did_you_mean(str(item["input"]), allowed)
    if kind == "value_error":
        return f"{_sentence(str(item['ctx']['error']))}", ""
    shown = item["input"]
    if kind == "string_type" and isinstance(shown, int | float) and not isinstance(shown, bool):
        return f"This should be a text, not the number {shown!r}.", f'Quote it: "{shown}"'
    if kind in SHAPES:
        return f"This should be {SHAPES[kind]}{_not(shown)}.", ""
    suffix = _not(shown) if isinstance(shown, str | int | float | bool) else ""
    return _sentence(f"{item['msg'].removeprefix('Input ')}{suffix}"), ""


def _not(value: Any) -> str:
    """`, not 'x'`; cut, since a value may be of any length."""
    if value is None:
        return ", not empty"
    if isinstance(value, list):
        return ", not a list"
    if isinstance(value, dict):
        return ", not a mapping"
    shown = repr(value) if isinstance(value, str | int | float | bool) else ""
    if not shown:
        return ""
    return f", not {shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}"


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _allowed(expected: str) -> list[str]:
    """The values in pydantic's "'a', 'b' or 'c'"."""
    return [str(ast.literal_eval(word)) for word in re.findall(r"'[^']*'", expected)]


def _known_keys(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the mapping at `path` may have."""
    model: type[BaseModel] | None = root
    for part in path:
        if model is None:
            return []
        if isinstance(part, str) and part in model.model_fields:
            model = _inner_model(model.model_fields[part].annotation)
    if model is None:
        return []
    names: list[str] = []
    for name, info in model.model_fields.items():
        names.append(name)
        if isinstance(info.validation_alias, AliasChoices):
            names += [str(choice) for choice in info.validation_alias.choices if choice != name]
    return names


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `dict[str, Arm]` or `Variant | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if inner := _inner_model(part):
            return inner
    return None
