"""The rules that a definition may use; docs/methods.md describes them for readers of results.

Promises: a rule is compiled once and pure: the same completion gets the same verdict. What a rule
cannot tell gets the judge's `otherwise` label, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.patterns import LIMIT, Pattern, TooSlow
from experiments.schema import JudgeSpec

Signals = dict[str, float | int | str | bool | None]


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a completion.

    Attributes:
        label: Or None, where the rule gives a number.
        number: Or None.
        explanation: What decided, for people.
        signals: What was measured.
    """

    label: str | None
    number: float | None = None
    explanation: str = ""
    signals: Signals = field(default_factory=dict)


Rule = Callable[[str], Verdict]


def make_rule(judge: JudgeSpec, topic: str | None) -> Rule:
    """The rule of a judge for questions of a topic.

    A judge with `by_topic` that says nothing of this topic gives `otherwise`.
    """
    labels: Mapping[str, Any] = judge.labels
    if judge.by_topic:
        labels = judge.by_topic.get(topic or "", {}) or judge.labels
    return MAKERS[judge.type](judge, labels)


def _flags(judge: JudgeSpec) -> re.RegexFlag:
    return re.NOFLAG if judge.case_sensitive else re.IGNORECASE


def _regex(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    patterns = [
        (label, Pattern(pattern, case_sensitive=judge.case_sensitive))
        for label, given in labels.items()
        for pattern in ([given] if isinstance(given, str) else given)
    ]

    def rule(completion: str) -> Verdict:
        for label, pattern in patterns:
            try:
                match = pattern.search(completion)
            except TooSlow:
                why = f"the pattern of {label!r} did not end within {LIMIT:g} s"
                return Verdict(judge.otherwise, explanation=why, signals={"too_slow": label})
            if match is not None:
                return Verdict(label, explanation=f"matched {match[:80]!r}")
        return Verdict(judge.otherwise, explanation="nothing matched")

    return rule


def lexicon_pattern(words: Sequence[str], flags: re.RegexFlag) -> re.Pattern[str]:
    """Whole words or phrases; a trailing * stands for the rest of a word."""
    parts = [
        r"\s+".join(map(re.escape, word.removesuffix("*").split()))
        + (r"\w*" if word.endswith("*") else "")
        for word in sorted(words, key=len, reverse=True)
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)" if parts else r"(?!)", flags)


def _lexicon(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    patterns = {
        label: lexicon_pattern(list(words), _flags(judge)) for label, words in labels.items()
    }

    def rule(completion: str) -> Verdict:
        matches = {label: pattern.findall(completion) for label, pattern in patterns.items()}
        counts = {label: len(hits) for label, hits in matches.items()}
        most = max(counts.values(), default=0)
        best = [label for label, count in counts.items() if count == most]
        signals: Signals = {f"hits_{label}": count for label, count in counts.items()}
        words = ", ".join(dict.fromkeys(hit.lower() for hits in matches.values() for hit in hits))
        if most == 0:
            return Verdict(judge.otherwise, explanation="no word of the lexicon", signals=signals)
        if len(best) > 1:
            return Verdict(judge.otherwise, explanation=f"a tie: {words}", signals=signals)
        return Verdict(best[0], explanation=words, signals=signals)

    return rule


def _normal(judge: JudgeSpec, text: str) -> str:
    text = " ".join(text.split()).strip(judge.strip)
    return text if judge.case_sensitive else text.casefold()


def _texts(judge: JudgeSpec, labels: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(label, _normal(judge, str(text))) for label, given in labels.items() for text in given]


def _prefix(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    texts = sorted(_texts(judge, labels), key=lambda item: len(item[1]), reverse=True)

    def rule(completion: str) -> Verdict:
        answer = _normal(judge, completion)
        for label, text in texts:
            if answer.startswith(text):
                return Verdict(label, explanation=f"begins with {text!r}")
        return Verdict(judge.otherwise, explanation="begins with none of the texts")

    return rule


def _exact(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    texts = {text: label for label, text in _texts(judge, labels)}

    def rule(completion: str) -> Verdict:
        label = texts.get(_normal(judge, completion))
        if label is None:
            return Verdict(judge.otherwise, explanation="equals none of the texts")
        return Verdict(label, explanation="equal")

    return rule


def _choice(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    texts = {text: label for label, text in _texts(judge, labels)}

    def rule(completion: str) -> Verdict:
        # The option as models write it: "B", "(b)", "B) …", "**B**", "Answer: B", "Option B."
        match = re.match(
            r"\W*(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)(?:\s+is)?\W+)?([\w-]+)",
            completion,
            re.IGNORECASE,
        )
        word = _normal(judge, match[1]) if match else ""
        if word in texts:
            return Verdict(texts[word], explanation=f"chose {word!r}")
        return Verdict(judge.otherwise, explanation=f"{word!r} is no option")

    return rule


def _first_object(text: str) -> Any:
    decoder = json.JSONDecoder()
    for match in re.finditer(r"\{", text):
        try:
            return decoder.raw_decode(text, match.start())[0]
        except json.JSONDecodeError:
            continue
    return None


def _json_field(judge: JudgeSpec, labels: Mapping[str, Any]) -> Rule:
    texts = {text: label for label, text in _texts(judge, labels)}
    path = (judge.field or "").split(".")

    def rule(completion: str) -> Verdict:
        value = _first_object(completion)
        if value is None:
            return Verdict(judge.otherwise, explanation="no JSON object")
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return Verdict(judge.otherwise, explanation=f"no field {judge.field}")
            value = value[key]
        if texts:
            label = texts.get(_normal(judge, str(value)), judge.otherwise)
            return Verdict(label, explanation=f"{judge.field} = {value!r}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Verdict(None, float(value), f"{judge.field} = {value!r}")
        return Verdict(judge.otherwise, explanation=f"{judge.field} = {value!r} is no number")

    return rule


MAKERS: dict[str, Callable[[JudgeSpec, Mapping[str, Any]], Rule]] = {
    "regex": _regex,
    "lexicon": _lexicon,
    "prefix": _prefix,
    "exact": _exact,
    "choice": _choice,
    "json_field": _json_field,
}
