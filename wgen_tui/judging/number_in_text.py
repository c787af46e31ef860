"""The number that a judge wrote.

Promises: the first number of a text, as the published parsers take it, but for numbers that only
say the scale ("out of 100", "0 to 100"); one outside the range is none, nor is a span ("80-90").
"""

from __future__ import annotations

import re

DIGITS = r"\d+(?:,\d{3})*(?:[.,]\d+)?"
NUMBER = re.compile(rf"(?<![\w.,-])[-+]?{DIGITS}(?![\w])(?!\.\d)")
JOINS = r"\s*(?:-|–|—|/|\bto\b|\band\b)\s*"


def number_in(text: str, low: int, high: int, *, cut: bool = False) -> float | None:
    """The number of a rating; None where there is none within its range.

    Args:
        text: What was written.
        low: The range's lowest number.
        high: And its highest.
        cut: Whether the text ended before the judge did.
    """
    scale = rf"\b{low}{JOINS}{high}\b|(?:/|\bout of\b|\bof\b)\s*{high}\b"
    told = re.sub(scale, " ", text)
    match = NUMBER.search(told)
    if match is None:
        return None
    spans = re.match(rf"\s*(?:-|–|—|\bto\b)\s*{DIGITS}", told[match.end() :])
    between = re.search(r"\bbetween\s*$", told[: match.start()], re.IGNORECASE)
    if spans or between:
        return None
    number = _value(match[0])
    unended = cut and not told[match.end() :].strip()
    if unended and number and low <= number * 10 <= high:  # "8" may have been the beginning of 85
        return None
    return number if low <= number <= high else None


def _value(digits: str) -> float:
    whole, comma, rest = digits.rpartition(",")
    if comma and len(rest.partition(".")[0]) != 3:  # a decimal comma
        return float(f"{whole.replace(',', '')}.{rest}")
    return float(digits.replace(",", ""))
