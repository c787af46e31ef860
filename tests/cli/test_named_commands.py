"""Every command that a page, a message or a hint names is one that there is, options and all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from wgen_tui.cli.group import NOUNS, group

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "experiments").rglob("*.md")),
]
SOURCES = [
    path
    for folder in ("wgen_tui", "experiments", "store")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
PROGRAM = "wgen-tui"
VALUE = "VALUE"  # what stands for a filled-in part of a message
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(rf"(?<![\w/-]){PROGRAM} +((?:{'|'.join(NOUNS)}|-)[^`\n]*)")
ENDS = re.compile(r"\s[#|>&…]|[;,)]|\.(?:\s|$)")
QUOTED = re.compile(r"\"[^\"]*(?:\"|$)|'[^']*(?:'|$)")


def in_page(text: str) -> Iterator[str]:
    """Commands of a page: lines of its blocks, and code within its text."""
    for block in FENCE.findall(text):
        joined = re.sub(r"\\\n\s*", " ", block)
        yield from re.findall(rf"^[ $]*{PROGRAM}( .*)?$", joined, re.MULTILINE)
    prose = " ".join(FENCE.sub("", text).split())  # a command may be broken over two lines
    yield from in_code(prose)


def in_code(text: str) -> Iterator[str]:
    """Commands between backticks, with the program's name before them or not."""
    for code in re.findall(r"`([^`]+)`", text):
        first, _, rest = code.partition(" ")
        found = command(first)
        verb = isinstance(found, click.Group) and re.match(r"[a-z]+", rest)
        if first == PROGRAM:
            yield rest
        elif verb or (found is not None and re.match(r"--?[a-z]", rest)):
            yield code


def in_source(path: Path) -> Iterator[str]:
    """Commands in a module's texts; what a message fills in is VALUE."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else VALUE for p in node.values)
            text = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        yield from NAMED.findall(text)
        yield from in_code(" ".join(text.split()))


def command(name: str) -> click.Command | None:
    return group.get_command(click.Context(group), name) if name in NOUNS else None


def fault(said: str) -> str | None:
    """What is wrong with the words behind the program's name; None: nothing."""
    words = ENDS.split(f" {QUOTED.sub(VALUE, said)}", maxsplit=1)[0].split()
    now: click.Command = group
    named = PROGRAM
    options = {flag for p in group.params for flag in p.opts}
    places = 0
    while words:
        word = words.pop(0)
        if word.startswith("-") and word != "-":
            flag = word.partition("=")[0]
            known = {o: p for p in now.params for o in (*p.opts, *p.secondary_opts)}
            if flag not in known and flag not in options | {"-h", "--help", "--version"}:
                return f"{named} has no {flag}"
            takes = known.get(flag)
            valued = isinstance(takes, click.Option) and not takes.is_flag and "=" not in word
            if (valued or flag == "--home") and words:
                words.pop(0)
        elif isinstance(now, click.Group):
            try:
                several = [now.resolve_command(click.Context(now), [w]) for w in word.split("|")]
            except click.UsageError:
                return f"{named} has no {word}"
            name, found, rest = several[0]
            now, named = found or now, f"{named} {name}"
            places += len(rest)
        else:
            places += 1
    takes_all = [p.nargs for p in now.params if isinstance(p, click.Argument)]
    if -1 not in takes_all and places > sum(takes_all):
        return f"{named} takes {sum(takes_all)} words, not {places}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_commands_that_there_are(page: Path) -> None:
    faults = {said: why for said in in_page(page.read_text()) if (why := fault(said))}
    assert not faults


def test_messages_name_commands_that_there_are() -> None:
    named = [(path, said) for path in SOURCES for said in in_source(path)]
    assert len(named) > 60
    faults = [(str(path), said, why) for path, said in named if (why := fault(said))]
    assert not faults


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("run strat X", "wgen-tui run has no strat"),
        ("run start X --dry", "wgen-tui run start has no --dry"),
        ("run start X Y", "wgen-tui run start takes 1 words, not 2"),
        ("report X", "wgen-tui has no report"),
        ("grade judge", None),
        ("grade old-bird-names", None),
        ("results X --by judge --json, or", None),
        ('sql "select 1, 2" --format csv > x', None),
        ("--home DIR run list", None),
    ],
)
def test_what_there_is_not_is_seen(said: str, why: str | None) -> None:
    assert fault(said) == why
