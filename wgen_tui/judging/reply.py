"""What a judge's reply says: a label, a number, or a cause why it is neither.

Promises: nothing is guessed. A reply that isn't what the judge was to say is `unparsed`; one that
ended before it said so is `cut`; none is ever made a label. The same reply always reads the same
(`protocol.judging.READ_VERSION` counts the ways of reading).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.schema import ModelJudge
from wgen_tui.judging.number_in_text import number_in
from wgen_tui.judging.thoughts import strip_thoughts

Cause = Literal["unparsed", "refused", "cut", "empty", "failed"]
LONGEST_LABEL = 60  # characters of a verdict whose label is itself
SHOWN = 200  # characters of a reply that stand with its grade
REFUSED_REASONS = frozenset({"refused", "refusal", "content_filter"})
CUT = "length"  # why a reply ended, where it was not the judge's doing
AROUND = " \t\r\n\"'“”‘’«»`*_#.,;:!()[]{}<>|"
BULLET = re.compile(r"^\s*(?:[-*•>]|\d+[.)])\s+")
VERDICT_LINE = re.compile(
    r"^[\W_]*(?:(?:final|my|the|overall)\s+)*(?:answer|verdict|label|classification|category"
    r"|judge?ment|rating|score|grade)(?:\s+is)?[*_`\"']*\s*[:=][*_`\"']*\s*(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
REFUSES = re.compile(
    r"^\W*(?:(?:i['’]?m|i am)\s+(?:so\s+|very\s+)?(?:sorry|unable|not able)\b"
    r"|(?:sorry|apologies)\b[^.\n]{0,40}\b(?:can['’]?t|cannot|unable|won['’]?t)\b"
    r"|i\s+(?:can['’]?t|cannot|won['’]?t|will not)\s+"
    r"(?:help|assist|do|answer|judge|rate|evaluate|comply|continue|provide|engage|fulfil))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Verdict:
    """What a judge said of an answer.

    Attributes:
        label: Or None.
        number: Or None.
        cause: Why there is neither.
        explanation: What it said, for people.
    """

    label: str | None = None
    number: float | None = None
    cause: Cause | None = None
    explanation: str = ""


def read_reply(judge: ModelJudge, text: str | None, finish_reason: str | None) -> Verdict:
    """Read a reply.

    Args:
        judge: Who was asked.
        text: What it said; None where the server gave no text.
        finish_reason: Why it ended: "stop", "length", or what a server says of a refusal.
    """
    said = strip_thoughts(text or "").strip()
    shown = " ".join(said.split())[:SHOWN]
    if finish_reason in REFUSED_REASONS:
        return Verdict(cause="refused", explanation=shown)
    cut = finish_reason == CUT
    if not said:
        return Verdict(cause="cut" if cut else "empty")
    if judge.type == "rating_judge":
        label, number = _rating(judge, said, cut=cut)
    else:
        label, number = _label(judge, said, cut=cut)
    if label is not None or number is not None:
        return Verdict(label, number, explanation=shown)
    if cut:
        return Verdict(cause="cut", explanation=shown)
    return Verdict(cause="refused" if REFUSES.match(said) else "unparsed", explanation=shown)


def verdict_lines(text: str) -> list[str]:
    """What stands behind `ANSWER:` and its like, on lines of their own."""
    return VERDICT_LINE.findall(text)


def verdict_value(text: str) -> str:
    """A verdict without what stands around it: quotes, marks, a bullet."""
    return BULLET.sub("", text).strip(AROUND)


def _rating(judge: ModelJudge, said: str, *, cut: bool) -> tuple[str | None, float | None]:
    for word, label in judge.word_labels.items():
        whole = verdict_value(said).casefold() == word.casefold()
        if whole or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said):
            return label, None
    low, high = judge.range
    lines = verdict_lines(said)
    return None, number_in(lines[-1] if lines else said, low, high, cut=cut)


def _label(judge: ModelJudge, said: str, *, cut: bool) -> tuple[str | None, float | None]:
    if judge.verdict == "json_field":
        return _json_field(judge, said)
    value = _verdict(judge, said, cut=cut)
    if value is None:
        return None, None
    if judge.verdict == "first_word":
        return _first_word(judge, value), None
    return _known(judge, value, cut=cut), None


def _verdict(judge: ModelJudge, said: str, *, cut: bool) -> str | None:
    """The part of a reply that is the verdict; None where it has none."""
    if judge.verdict in ("first_word", "one_token", "whole"):
        return said
    lines = verdict_lines(said)
    if judge.verdict is None and not lines:
        return said if "\n" not in said else None
    if cut and "\n" in said:  # it went on: its last line is not the last
        return None
    last = [line for line in said.splitlines() if line.strip()][-1]
    ends = verdict_lines(last)
    if ends:
        return ends[0]
    values = {verdict_value(line).casefold() for line in lines}
    if len(values) == 1:  # one verdict, and a word after it
        return lines[0]
    return last if not lines else None


def _known(judge: ModelJudge, text: str, *, cut: bool) -> str | None:
    """The label of a verdict; None where it is none of the judge's."""
    value = verdict_value(text)
    if not judge.labels:
        fits = value and "\n" not in value and len(value) <= LONGEST_LABEL
        return value if fits and not REFUSES.match(value) else None
    folded = _folded(judge, value)
    for shown, label in _texts(judge):
        if folded == shown:
            # Where it was cut, "OLD" may have been the beginning of another label.
            more = any(other != shown and other.startswith(shown) for other, _ in _texts(judge))
            return None if cut and more else label
    return None


def _first_word(judge: ModelJudge, text: str) -> str | None:
    value = verdict_value(text)
    if not judge.labels:
        word = re.match(r"[\w-]+", value)
        return word[0] if word else None
    folded = _folded(judge, value)
    for shown, label in sorted(_texts(judge), key=lambda pair: len(pair[0]), reverse=True):
        if re.match(re.escape(shown) + r"(?!\w)", folded):
            return label
    return None


def _json_field(judge: ModelJudge, said: str) -> tuple[str | None, float | None]:
    value: Any = next(_objects(said), None)
    for key in (judge.field or "").split("."):
        if not isinstance(value, dict) or key not in value:
            return None, None
        value = value[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and not judge.labels:
        return None, float(value)
    if not isinstance(value, str | int | float):
        return None, None
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    return _known(judge, text, cut=False), None


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Every JSON object in a text that begins outside another one."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except ValueError:
            start = text.find("{", start + 1)
        else:
            yield value
            start = text.find("{", end)


def _texts(judge: ModelJudge) -> list[tuple[str, str]]:
    """What the judge says for each label, folded, with the label."""
    return [
        (_folded(judge, verdict_value(text) or text), label)
        for label, texts in judge.labels.items()
        for text in texts
    ]


def _folded(judge: ModelJudge, text: str) -> str:
    joined = " ".join(text.split())
    return joined if judge.case_sensitive else joined.casefold()
