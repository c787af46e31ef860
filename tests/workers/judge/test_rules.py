"""What each rule says of completions: hits, misses, ties, and what only looks like a hit."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from experiments.patterns import Pattern
from experiments.schema import JudgeSpec
from wgen_tui.workers.judge.rules import make_rule


def verdict(completion: str, topic: str | None = None, **judge: Any) -> tuple[str | None, Any]:
    """Label and number that a judge with these keys gives."""
    said = make_rule(JudgeSpec(name="j", **judge), topic)(completion)
    return said.label, said.number


REGEX = {"type": "regex", "labels": {"old": r"\btelegra(ph|m)", "new": r"\be-?mail"}}
LEXICON = {"type": "lexicon", "labels": {"old": ["steam*", "oil lamp"], "new": ["jet"]}}
PREFIX = {"type": "prefix", "labels": {"yes": ["yes"], "yesterday": ["yesterday"], "no": ["no"]}}
EXACT = {"type": "exact", "labels": {"lark": ["lark", "skylark"]}}
CHOICE = {"type": "choice", "labels": {"first": ["A"], "second": ["B"]}}
FIELD = {"type": "json_field", "field": "a.year", "labels": {"old": [1890], "new": ["2020"]}}
NUMBER = {"type": "json_field", "field": "score"}


@pytest.mark.parametrize(
    ("judge", "completion", "label"),
    [
        (REGEX, "Send a TELEGRAM.", "old"),
        (REGEX, "An email, then a telegram", "old"),  # the first pattern of the file wins
        (REGEX, "pantelegraph", "unclear"),
        ({**REGEX, "case_sensitive": True}, "Send a TELEGRAM.", "unclear"),
        (LEXICON, "Steamers and an oil\nlamp", "old"),
        (LEXICON, "a steamer, a jet", "unclear"),  # a tie
        (LEXICON, "a steamer, a jet and jet", "new"),
        (LEXICON, "jets", "unclear"),  # whole words
        ({**LEXICON, "otherwise": "none"}, "", "none"),
        (PREFIX, " 'Yesterday.'", "yesterday"),  # the longest text wins
        (PREFIX, "Yes, by train.", "yes"),
        (PREFIX, "I say yes", "unclear"),
        (EXACT, "Skylark.", "lark"),
        (EXACT, "a skylark", "unclear"),
        (CHOICE, "**B**", "second"),
        (CHOICE, "The correct answer is (a).", "first"),
        (CHOICE, "Both", "unclear"),
        (FIELD, 'Well: {"a": {"year": 1890}} {"a": {"year": 2020}}', "old"),
        (FIELD, '{"a": {"year": 2020}}', "new"),
        (FIELD, '{"a": 1890}', "unclear"),
        (FIELD, "{year: 1890}", "unclear"),
    ],
)
def test_labels(judge: dict[str, Any], completion: str, label: str) -> None:
    assert verdict(completion, **judge) == (label, None)


@pytest.mark.parametrize(
    ("completion", "said"),
    [
        ('{"score": 7.5}', (None, 7.5)),
        ('{"score": true}', ("unclear", None)),
        ('{"score": "7"}', ("unclear", None)),
        ("7.5", ("unclear", None)),
    ],
)
def test_a_field_without_labels_is_a_number(completion: str, said: tuple[str | None, Any]) -> None:
    assert verdict(completion, **NUMBER) == said


def test_labels_by_topic() -> None:
    judge: dict[str, Any] = {
        "type": "regex",
        "by_topic": {"birds": {"old": ["Titlark"]}, "lamps": {"old": ["gas"]}},
    }
    assert verdict("A titlark", "birds", **judge) == ("old", None)
    assert verdict("A titlark", "lamps", **judge) == ("unclear", None)
    assert verdict("A titlark", None, **judge) == ("unclear", None)


def test_a_pattern_that_never_ends_gives_otherwise_with_its_cause() -> None:
    spec = JudgeSpec(name="era", type="regex", labels={"old": "(a|aa)+$", "new": "b"})
    rule = make_rule(spec, None)
    verdict = rule("a" * 60 + "b")
    assert (verdict.label, verdict.signals) == ("unclear", {"too_slow": "old"})
    assert "'old' did not end" in verdict.explanation
    assert rule("a" * 20).label == "old"
    assert rule("b").label == "new"


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [
        (r"(a|aa)+$", True),
        (r"^(\w|\w\w)+:$", True),
        (r"\b(yes|no)\b", False),
        (r"(\w+\s?)+!$", False),
    ],
)
def test_patterns_that_may_not_end_are_told_beforehand(pattern: str, slow: bool) -> None:
    assert bool(Pattern(pattern, case_sensitive=False).slow_on()) == slow


def test_a_pattern_that_nobody_holds_is_gone() -> None:
    pattern = Pattern("of (this|that) test alone", case_sensitive=True)
    held = weakref.ref(pattern._compiled)
    del pattern
    gc.collect()
    assert held() is None
