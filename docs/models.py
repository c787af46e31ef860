"""Write the tables of models.md from what the code does with stock templates.

Promises: nothing in a table is written by hand; each list is computed by the code that it is about,
and prose outside the marks is left alone. `python docs/models.py` writes; with `--check` it exits 1
if the page is not up to date. The table of architectures takes minutes, and is written with
`--architectures` only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tables are the tests' own; they are not installed

from tests.stock import template_table  # noqa: E402

TARGET = ROOT / "docs" / "models.md"
MARK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
LISTS: dict[str, Callable[[], Iterator[str]]] = {"templates": template_table.lines}


def architectures() -> Iterator[str]:
    """The table that takes minutes, since each architecture is built, trained and sampled."""
    from tests.zoo import architecture_table  # noqa: PLC0415  torch

    return architecture_table.lines()


def render(page: str) -> str:
    """The page with its lists written anew; those that are not known here stay."""

    def fill(match: re.Match[str]) -> str:
        if match[2] not in LISTS:
            return match[0]
        return match[1] + "\n".join(LISTS[match[2]]()) + "\n" + match[3]

    return MARK.sub(fill, page)


def main(words: list[str]) -> int:
    """Write the page, or check it; the exit code."""
    if "--architectures" in words:
        LISTS["architectures"] = architectures
    page = TARGET.read_text(encoding="utf-8")
    fresh = render(page)
    if "--check" not in words:
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    if page == fresh:
        return 0
    print(f"{TARGET.name} is not up to date: python docs/models.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
