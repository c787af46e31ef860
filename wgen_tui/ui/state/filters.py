"""The filter line of the samples screen, such as `arm=old_birds label=era:19th_century aligned<30`.

Promises: `parse` understands what `write` gives; a wrong key or value names the nearest right one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from experiments.suggest import nearest
from wgen_tui.errors import UsageError

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
    "text": "text",
}
NUMBERS = ("seed", "step")
BOUND = re.compile(r"(?P<judge>[A-Za-z0-9][\w.-]*)(?P<bound><=|>=|<|>)(?P<number>[-+]?[0-9.]+)")
WORD = re.compile(
    r"""(?P<text>/(?:[^/\\]|\\.)+/i?(?=\s|$)|"[^"]+"(?=\s|$))"""  # as in store.samples.text_filter
    r"""|(?:[^\s'"\\]|\\.|'[^']*'|"[^"]*")+(?=\s|$)|\S+"""
)
EXAMPLE = 'arm=old_birds seed=1 label=era:19th_century aligned<30 words "a phrase" /regex/'


def parse(text: str) -> dict[str, Any]:
    """The fields of a `Filter` that `text` sets; the words left over are text.

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
        fields[_field(key)] = _value(key, value)
    if free:
        fields["text"] = " ".join([*([fields["text"]] if "text" in fields else []), *free])
    return fields


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


def _field(key: str) -> str:
    if key in KEYS:
        return KEYS[key]
    near = nearest(key, KEYS)
    hint = f"Did you mean {near}=…?" if near else f"Keys: {', '.join(KEYS)}."
    raise UsageError(f"There is no filter key {key!r}.", title="Filter", hint=hint)


def _value(key: str, value: str) -> Any:
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
                hint="As in label=era:19th_century.",
            )
        return (judge, label)
    return value


def write(fields: Mapping[str, Any]) -> str:
    """The line that `parse` reads as `fields`."""
    parts = []
    for key, name in KEYS.items():
        value = fields.get(name)
        if value is None:
            continue
        shown = ":".join(value) if name == "label" else str(value)
        if name == "text" and _is_text(shown):
            parts.append(shown)
        else:
            parts.append(_quoted(f"{key}={shown}"))
    bounds = fields.get("numbers") or ()
    parts += [f"{judge}{bound}{number:g}" for judge, bound, number in bounds]
    return " ".join(parts)


def _is_text(text: str) -> bool:
    """Whether `parse` takes it as text, all of it and as it stands."""
    try:
        return parse(text) == {"text": text}
    except UsageError:
        return False


def _quoted(word: str) -> str:
    return shlex.quote(word) if set(word) & set(" '\"\\") else word


def neighbour(values: list[str], current: str | None, step: int) -> str | None:
    """The value `step` places on, round the end; None means all, and stands before the first."""
    if not values:
        return None
    choices: list[str | None] = [None, *values]
    index = choices.index(current) if current in choices else 0
    return choices[(index + step) % len(choices)]
