"""The filter line of the samples screen, such as `arm=old_birds label=era:19th_century aligned<30`.

A key that is given twice lets through either value: `arm=old_birds arm=base`.

Promises: `parse` understands what `write` gives; a wrong key or value names the nearest right one,
also where it is only that nothing has the value (`nothing_has`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.suggest import nearest, nearest_name
from wgen_tui.errors import UsageError

if TYPE_CHECKING:
    from store.samples.unknown import Unknown

KEYS = {
    "experiment": "experiment",
    "run": "run_id",
    "model": "model",
    "arm": "arm",
    "seed": "seed",
    "step": "step",
    "question": "question",
    "variant": "variant",
    "label": "label",
    "graded": "graded_by",
    "tag": "tag",
    "note": "note",
    "text": "text",
    "completion": "completion",
    "id": "ids",
}
NUMBERS = ("seed", "step", "id")
ONCE = ("graded", "note", "text", "completion")  # of which a second value stands for the first
BOUND = re.compile(r"(?P<judge>[A-Za-z0-9][\w.-]*)(?P<bound><=|>=|<|>)(?P<number>[-+]?[0-9.]+)")
WORD = re.compile(
    r"""(?P<text>/(?:[^/\\]|\\.)+/i?(?=\s|$)|"[^"]+"(?=\s|$))"""  # as in store.samples.text_filter
    r"""|(?:[^\s'"\\]|\\.|'[^']*'|"[^"]*")+(?=\s|$)|\S+"""
)
SOME, MOST = 6, 120  # values that are listed where none is near, and their characters
EXAMPLE = 'arm=old_birds seed=1 label=era:19th_century aligned<30 words "a phrase" /regex/'


def parse(text: str, labels: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The fields of a `Filter` that `text` sets; the words left over are text.

    Args:
        text: What was typed.
        labels: Judges and labels that there are, for the hint on a label that is given otherwise.

    Raises:
        UsageError: an unknown key, a seed or step that is no number, a label without a judge.
    """
    fields: dict[str, Any] = {}
    free: list[str] = []
    for part in WORD.finditer(text):
        if (bound := number_bound(part[0])) is not None:
            fields["numbers"] = (*fields.get("numbers", ()), bound)
            continue
        key, equals, value = _unquoted(part).partition("=")
        if not equals or not key.isidentifier():
            free.append(part[0])
            continue
        field = _field(key, value, labels)
        _add(fields, field, _value(key, value, labels), once=key in ONCE)
    if free:
        fields["text"] = " ".join([*([fields["text"]] if "text" in fields else []), *free])
    return fields


def _add(fields: dict[str, Any], field: str, value: Any, *, once: bool) -> None:
    """Set a field; a second value stands beside the first."""
    if once or field not in fields:
        fields[field] = (value,) if field == "ids" else value
        return
    before = several(fields, field)
    fields[field] = tuple(before) if value in before else (*before, value)


def several(fields: Mapping[str, Any], field: str) -> list[Any]:
    """The values of a field, one or several; none where it is open."""
    value = fields.get(field)
    if value is None:
        return []
    if field == "label":
        return [value] if isinstance(value[0], str) else list(value)
    return list(value) if isinstance(value, tuple) else [value]


def with_values(fields: Mapping[str, Any], field: str, values: Sequence[Any]) -> dict[str, Any]:
    """The filter with these values of a field; none leave it open."""
    rest = {name: value for name, value in fields.items() if name != field}
    if not values:
        return rest
    return {**rest, field: values[0] if len(values) == 1 and field != "ids" else tuple(values)}


def number_bound(word: str) -> tuple[str, str, float] | None:
    """Judge, bound and number of a word such as `aligned<30`; None where it is no such."""
    match = BOUND.fullmatch(word)
    try:
        return (match["judge"], match["bound"], float(match["number"])) if match else None
    except ValueError:  # 1.2.3
        return None


def _unquoted(part: re.Match[str]) -> str:
    """A word without its quotes; what is text as it stands stays so."""
    if part["text"] is not None:
        return ""
    try:
        return "".join(shlex.split(part[0]))
    except ValueError:  # a quote that is not closed
        return part[0]


def _field(key: str, value: str, labels: Sequence[tuple[str, str]]) -> str:
    if key in KEYS:
        return KEYS[key]
    if (given := _label_meant(key, value, labels)) is not None:
        hint = f"Did you mean {_quoted(f'label={given}')}?"
    elif near := nearest(key, KEYS):
        hint = f"Did you mean {near}=…?"
    else:
        hint = f"Keys: {', '.join(KEYS)}."
    raise UsageError(f"There is no filter key {key!r}.", title="Filter", hint=hint)


def _label_meant(key: str, value: str, labels: Sequence[tuple[str, str]]) -> str | None:
    """The judge and label that `grade=modern`, `label=modern` or `era=modern` means, if any."""
    if key not in ("grade", "label", *(judge for judge, _ in labels)):
        return None
    own = [(judge, label) for judge, label in labels if key in ("grade", "label", judge)]
    _, colon, after = value.partition(":")
    near = nearest(after if colon else value, [label for _, label in own])
    for judge, label in own:
        if label == near:
            return f"{judge}:{label}"
    return ":".join(own[0]) if own else "era:modern"


def _value(key: str, value: str, labels: Sequence[tuple[str, str]]) -> Any:
    if key in NUMBERS:
        try:
            return int(value)
        except ValueError as error:
            raise UsageError(
                f"{key}={value} is not a whole number.", title="Filter", hint=f"As in {key}=1."
            ) from error
    if key == "label":
        judge, colon, label = value.partition(":")
        if not (judge and colon and label):
            raise UsageError(
                f"label={value}: give a judge and its label.",
                title="Filter",
                hint=f"As in label={_label_meant('label', value, labels)}.",
            )
        return (judge, label)
    return value


def as_typed(field: str, value: Any) -> str:
    """`key=value` for a value of a field; of a judge's number `judge<30`."""
    if field == "numbers":
        judge, bound, number = value
        return f"{judge}{bound}{number:g}"
    key = next(key for key, name in KEYS.items() if name == field)
    return _quoted(f"{key}={_shown(field, value)}")


def nothing_has(
    unknown: Iterable[Unknown], typed: Callable[[str, Any], str] = as_typed
) -> list[str]:
    """A sentence for each value that no sample has, with the nearest one that some have.

    Args:
        unknown: The values.
        typed: How a field and its value are written where they were given.
    """
    every = list(unknown)
    said = [
        f"No sample has {typed(one.field, one.value)}. {_instead(one, typed)}".rstrip()
        for one in every[:SOME]
    ]
    more = len(every) - len(said)
    return [*said, f"{more:,} more values that no sample has."] if more else said


def _instead(one: Unknown, typed: Callable[[str, Any], str]) -> str:
    if one.between is not None:
        return "Its numbers go from {:g} to {:g}.".format(*one.between)
    meant: dict[str, Any] = {_shown(one.field, value): value for value in one.listed}
    word = _shown(one.field, one.value)
    if one.field == "numbers":
        word, *bound = one.value
        meant = {judge: (judge, *bound) for judge in one.listed}
    if near := nearest_name(word, meant):
        return f"Did you mean {typed(one.field, meant[near])}?"
    if not meant:
        return "" if one.field == "ids" else "There are none."
    some = ", ".join(list(meant)[:SOME])
    if len(some) > MOST or len(meant) > SOME:
        some = f"{some[:MOST].rpartition(', ')[0] or some} …"
    return f"There are: {some}."


def _shown(field: str, value: Any) -> str:
    return ":".join(value) if field == "label" else str(value)


def write(fields: Mapping[str, Any]) -> str:
    """The line that `parse` reads as `fields`."""
    parts = []
    for name in KEYS.values():
        for value in several(fields, name):
            is_text = name == "text" and _is_text(value)
            parts.append(value if is_text else as_typed(name, value))
    parts += [as_typed("numbers", bound) for bound in fields.get("numbers") or ()]
    return " ".join(parts)


def _is_text(text: str) -> bool:
    """Whether `parse` takes it as text, all of it and as it stands."""
    try:
        return parse(text) == {"text": text}
    except UsageError:
        return False


def _quoted(word: str) -> str:
    return shlex.quote(word) if set(word) & set(" '\"\\\n\t") else word


def neighbour(values: list[str], current: Any, step: int) -> str | None:
    """The value `step` places on, round the end; None means all, and stands before the first."""
    if not values:
        return None
    choices: list[str | None] = [None, *values]
    index = choices.index(current) if current in choices else 0
    return choices[(index + step) % len(choices)]
