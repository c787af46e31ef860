"""Chat templates that ask what day it is: their text with one day in the place of the clock.

Promises: what is frozen renders the same on every day and machine; a template that asks in a way
that cannot be frozen is refused.
"""

from __future__ import annotations

import re
from datetime import date

CLOCK = "strftime_now"
CALL = re.compile(rf"""\b{CLOCK}\(\s*(?P<quote>['"])(?P<form>.*?)(?P=quote)\s*\)""")
DEFINED = re.compile(rf"\b{CLOCK}\s+is\s+(?P<no>not\s+)?defined\b")


class Unfreezable(Exception):
    """The template asks the clock for something that is not written in it."""


def asks_clock(template: str) -> bool:
    """Whether a template asks what day it is."""
    return CLOCK in template


def has_own_date(template: str) -> bool:
    """Whether a template has a date of its own for machines without a clock."""
    return DEFINED.search(template) is not None


def with_own_date(template: str) -> str:
    """The template as on a machine without a clock."""
    return DEFINED.sub(lambda match: "true" if match["no"] else "false", template)


def frozen(template: str, day: date) -> str:
    """The template with `day` (at midnight) in the place of the clock.

    Raises:
        Unfreezable: it makes the form of the date itself.
    """
    text = CALL.sub(lambda match: repr(day.strftime(match["form"])), template)
    if f"{CLOCK}(" in text:
        raise Unfreezable
    return text
