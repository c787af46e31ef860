"""What a YAML parser ran into, in the words of somebody who looks at the file.

Promises: the commonest slips (a tab, a colon in a text, a bracket or a quote that does not end, a
text that begins with a sign of YAML's) are told by what stands there and what to write; of the
others the parser's own words are shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

QUOTE = 'Quote texts with ?, :, # or quotation marks: "Why?"'
SIGNS = {
    "\t": ("a tab stands in the indentation", "YAML is indented with spaces: replace the tab."),
    "*": ("* begins the name of an alias", 'Quote a text that begins with it: "*so*"'),
    "&": ("& begins the name of an anchor", 'Quote a text that begins with it: "& so"'),
}
ENDLESS = {
    "flow sequence": "the list that begins here with [ does not end",
    "flow mapping": "the mapping that begins here with { does not end",
    "quoted scalar": "the text that begins here with a quotation mark does not end",
}


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong, where, and what to write."""

    what: str
    hint: str
    line: int | None
    column: int | None


def slip(error: yaml.MarkedYAMLError, text: str) -> Slip:
    """Say what a parser's error is about."""
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    if mark is None:
        return Slip(str(error), "", None, None)
    problem, context = error.problem or "", error.context or ""
    lines = text.split("\n")
    here = lines[mark.line] if mark.line < len(lines) else ""
    what, hint = _words(problem, context, here[mark.column : mark.column + 1])
    if began is not None and what in ENDLESS.values():
        mark = began
    elif "mapping values are not allowed" in problem and (told := _colon(lines, mark.line)):
        line, what, hint = told
        return Slip(what, hint, line, None)
    return Slip(what, hint, mark.line + 1, mark.column + 1)


def _words(problem: str, context: str, sign: str) -> tuple[str, str]:
    own = ", ".join(part for part in (context, problem) if part)
    if "cannot start any token" in problem:
        return SIGNS.get(sign, (f"a text cannot begin with {sign}", QUOTE))
    if "alias" in own or "anchor" in context:
        return SIGNS["&" if "anchor" in context else "*"]
    if "escape character" in problem:
        return "in double quotes a backslash begins an escape", "Use single quotes, or write \\\\."
    if "another document" in problem:
        return "--- begins a second document", "A file holds one: take the line out."
    if "expected <block end>" in problem:
        if "'<scalar>'" in problem:
            return "something follows a text that ended", QUOTE
        return "the line begins in another column than those of its level", "Align them."
    if "but found '-'" in problem:
        return "items in brackets have no dash", "[one, two]"
    return _endless(problem, context, own)


def _endless(problem: str, context: str, own: str) -> tuple[str, str]:
    """The message for something that should have ended; else the parser's own words."""
    kind = next((words for known, words in ENDLESS.items() if known in context), "")
    asks = "'?'" in problem or "'<scalar>'" in problem
    if kind and ("end of stream" in problem or "but got" in problem) and not asks:
        return kind, ""
    return own, QUOTE if asks else ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _colon(lines: list[str], number: int) -> tuple[int, str, str] | None:
    """Line, message and hint where a colon is one too many, or one is missing above it."""
    above = next((n for n in range(number - 1, -1, -1) if lines[n].strip()), None)
    if above is not None and _indent(lines[above]) == _indent(lines[number]):
        key = re.match(r"\s*[\w-]+(:)?(\s|\S|$)", lines[above])
        if ":" not in lines[above]:
            return above + 1, "there is no colon behind the key", "key: value"
        if key is not None and key[1] and key[2].strip() and ": " not in lines[above]:
            return above + 1, "there is no space behind the colon", "key: value"
    what = "a second colon stands in the line, or the line is indented too far"
    return number + 1, what, f"{QUOTE}; or indent the line as those beside it."
