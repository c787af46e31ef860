"""Every relative link of the documents for readers leads to a file that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)>\s]+)")  # [text](target "title"), ![text](<target>)
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)  # [text]: target
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//|#)", re.IGNORECASE)


def targets(text: str) -> list[str]:
    """The relative targets of the links in a page, without the part behind `#`."""
    prose = CODE.sub("", text)
    found = [*LINK.findall(prose), *REFERENCE.findall(prose)]
    return [target.partition("#")[0] for target in found if not ELSEWHERE.match(target)]


def test_the_pages_are_there() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "CHANGELOG.md", "tutorial.md"}
    assert "docs/tutorial.md" in targets((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [target for target in targets(text) if not (page.parent / target).exists()]
    assert not missing


def test_links_are_found_and_code_is_not() -> None:
    text = "a [b](c.md#d) ![e](f/g.svg) [h](https://x.org) [i](#j)\n"
    text += "[k]: l.md\n`[m](n)`\n```\n[o](p)\n```\n"
    assert targets(text) == ["c.md", "f/g.svg", "l.md"]


NAMED = re.compile(r"`((?:wgen_tui|experiments|store|tests|docs)/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_of_the_source_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # a history; what it names may be gone
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    assert not [path for path in named if not (ROOT / path).exists()]
