"""Pydantic's errors in a user's words: what, where, and the nearest right thing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from experiments.errors import Problem
from experiments.suggest import did_you_mean
from experiments.yaml_source import Document, KeyPath
from experiments.yaml_words import QUOTE

PLAIN_TEXT = re.compile(r"\w[\w .'-]*")  # needs no quotation marks in brackets
LONGEST = 60  # characters of a wrong value
MOST_KEYS = 8  # listed in a hint
TAG = re.compile(r"[\[(]|^(str|int|float|tuple|none)$|^[A-Z]")  # pydantic's, in a location
MAPPING = "a mapping of keys to values"
SIGNS = {"a list": ": [", MAPPING: ": {"}  # how an example of that shape begins
# Pydantic's and Python's words for what people write otherwise.
SHAPES = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": MAPPING,
    "model_type": MAPPING,
    "model_attributes_type": MAPPING,
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
# What to write for a key that is missing, or has another shape.
EXAMPLES = {
    "arms": "arms: {my_arm: {data: data/my_arm.jsonl}}",
    "models": "models: [tiny-world]",
    "questions": "questions: [{name: first, paraphrases: [What is new?]}]",
    "judges": "judges: [{name: era, type: lexicon, labels: {old: [coach], modern: [train]}}]",
    "options": "options: {right: Paris, wrong: London}",
    "messages": "messages: [[{role: user, content: What is new?}]]",
    "variants": "variants: {dated: {prefix: 'It is 1984. '}}",
    "checkpoints": "checkpoints: {every: 10}",
    "seeds": "seeds: 0-4",
    "title": "title: What is asked",
    "data": "data: data/my_arm.jsonl",
    "scales": "scales: {small: {seeds: 0-1, n: 10}}",
    "texts": "texts: {irrelevant: There is tea on my desk.}",
    "labels": "labels: {old: [coach], modern: [train]}",
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
    items = [(_real_path(item["loc"], place), item) for item in error.errors(include_url=False)]
    misspelled = {_meant(path, root) for path, item in items if item["type"] == "extra_forbidden"}
    for path, item in items:
        if item["type"] == "missing" and path in misspelled:
            continue
        # Of the forms that a value may have, the one that fits best has its mistake further in.
        form = item["type"] in SHAPES or item["type"] == "too_short"  # without what is wrong
        if form and any(_within(path, other) for other, _ in items):
            continue
        message, hint = _words(item, root, path)
        if item["type"] == "missing" and (stray := _stray(path, place)):
            problems[stray.file, stray.line, stray.key] = stray
            continue
        document, inner = place(path)
        problem = document.problem(inner, message, hint)
        problems.setdefault((problem.file, problem.line, problem.key), problem)
    return sorted(problems.values(), key=lambda item: (str(item.file), item.line or 0))


def _meant(path: KeyPath, root: type[BaseModel]) -> KeyPath:
    """The key that an unknown one most likely stands for."""
    hint = did_you_mean(str(path[-1]), _known_keys(root, path[:-1]))
    near = re.fullmatch(r"Did you mean '(.+)'\?", hint)
    return (*path[:-1], near[1]) if near else path


def _within(path: KeyPath, other: KeyPath) -> bool:
    return len(other) > len(path) and other[: len(path)] == path


def _stray(path: KeyPath, place: Place) -> Problem | None:
    """A key of the top level that stands one level too deep, where it is missing."""
    document, inner = place(path)
    if len(inner) != 1:
        return None
    for other in document.lines:
        if len(other) == 2 and other[1] == inner[0]:
            why = f"{inner[0]!r} stands below {other[0]!r}, and belongs to the top level."
            return document.problem(other, why, "Indent it less.")
    return None


def _real_path(location: Iterable[str | int], place: Place) -> KeyPath:
    """The location without the tags that pydantic adds for unions and functions."""
    path: KeyPath = ()
    rest = list(location)
    for index, part in enumerate(rest):
        last = index == len(rest) - 1
        tag = isinstance(part, str) and TAG.search(part)
        # What was gathered from several places stands nowhere itself, but its entries do.
        ends = (index + 1, index + 2)
        if any(_stands((*path, *rest[index:end]), place) for end in ends) or (last and not tag):
            path = (*path, part)
    return path


def _stands(path: KeyPath, place: Place) -> bool:
    document, inner = place(path)
    return inner in document.lines


def _words(item: Any, root: type[BaseModel], path: KeyPath) -> tuple[str, str]:
    kind, name = item["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return f"Unknown key {name!r}.", did_you_mean(name, _known_keys(root, path[:-1]))
    if kind == "missing":
        return f"The key {name!r} is missing.", EXAMPLES.get(name, "")
    if kind in ("literal_error", "enum"):
        allowed = _allowed(item["ctx"]["expected"])
        if not isinstance(item["input"], str):
            return f"This should be one word{_not(item['input'])}.", f"Known: {', '.join(allowed)}."
        return f"{item['input']!r} is not known here.", did_you_mean(item["input"], allowed)
    if kind == "value_error":
        return f"{_sentence(str(item['ctx']['error']))}", ""
    shown = item["input"]
    if kind == "string_type" and isinstance(shown, int | float) and not isinstance(shown, bool):
        return f"This should be a text, not the number {shown!r}.", f'Quote it: "{shown}"'
    if kind == "string_type" and isinstance(shown, bool):
        word = str(shown).lower()
        return f"This should be a text, not {word}.", f'Quote it: "{word}"'
    if kind == "string_type" and isinstance(shown, dict) and len(shown) == 1:
        (before, after), *_ = shown.items()
        if isinstance(after, str | int | float | bool | None):
            text = f"{before}: {'' if after is None else after}".strip()
            hint = f'Quote a text with a colon: "{text}"' if len(text) <= LONGEST else QUOTE
            return "This should be a text, not a mapping.", hint
    if kind in SHAPES:
        message = f"This should be {SHAPES[kind]}{_not(shown)}."
        return message, _example(SHAPES[kind], shown, root, path)
    if kind == "too_short":
        return f"At least {item['ctx']['min_length']} is needed here, and there is none.", ""
    if kind.startswith(("date_", "datetime_")):
        return f"This should be a day such as 2026-01-31{_not(shown)}.", ""
    suffix = _not(shown) if isinstance(shown, str | int | float | bool) else ""
    message = item["msg"].replace("Input should", "This should", 1)
    return _sentence(f"{message}{suffix}"), ""


def _example(shape: str, value: Any, root: type[BaseModel], path: KeyPath) -> str:
    """What to write in place of a value of another shape; empty where that is plain."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    known = EXAMPLES.get(name, "")
    if known and SIGNS.get(shape, "") in known:
        return known
    if shape == "a list" and isinstance(value, str | int | float):
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
        plain = isinstance(value, str) and PLAIN_TEXT.fullmatch(value)
        if len(shown) > LONGEST:
            return "Put it in brackets."
        return f"In brackets: [{value if plain else shown}]"
    if path[:-1] == ("arms",):
        data = value if isinstance(value, str) else "data/my_arm.jsonl"
        return f"{name}: {{data: {data}}}"
    keys = _known_keys(root, path) if shape == MAPPING else []
    return f"Its keys: {', '.join(keys)}." if 0 < len(keys) <= MOST_KEYS else ""


def _not(value: Any) -> str:
    """`, not 'x'`; cut, since a value may be of any length."""
    if value is None:
        return ", not empty"
    if isinstance(value, list):
        return ", not a list"
    if isinstance(value, dict):
        return ", not a mapping"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    shown = repr(value) if isinstance(value, str | int | float) else ""
    if not shown:
        return ""
    return f", not {shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}"


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"


def _allowed(expected: str) -> list[str]:
    """The values in pydantic's "'a', 'b' or 'c'"."""
    return [str(ast.literal_eval(word)) for word in re.findall(r"'[^']*'", expected)]


def _known_keys(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the mapping at `path` may have."""
    model: type[BaseModel] | None = root
    for part in path:
        if model is None:
            return []
        fields = {info.alias or name: info for name, info in model.model_fields.items()}
        if isinstance(part, str) and part in fields:
            model = _inner_model(fields[part].annotation)
    if model is None:
        return []
    names: list[str] = [*getattr(model, "other_keys", ())]
    for name, info in model.model_fields.items():
        names.append(info.alias or name)
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
