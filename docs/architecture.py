"""Write the lists of architecture.md from what they are lists of.

Promises: layers come from the import contracts in pyproject.toml, the rooms from the folders and
the first lines of their docstrings, the files of a home from wgen_tui/paths.py; prose outside the
marks is left alone. `python docs/architecture.py` writes; with `--check` it exits 1 if the page is
not up to date.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from wgen_tui.paths import Home, LaunchPaths, RunPaths

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "architecture.md"
MARK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
FOLDERS = ("wgen_tui", "experiments", "store")


def layers() -> Iterator[str]:
    """Every layers contract, from the top to the bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in settings["contracts"]:
        if contract["type"] == "layers":
            inside = "".join(f" inside `{name}`" for name in contract.get("containers", ()))
            order = " → ".join(f"`{layer}`" for layer in contract["layers"])
            yield f"- **{contract['name']}**{inside}: {order}"
    yield ""
    for contract in settings["contracts"]:
        if contract["type"] == "forbidden":
            yield f"- {contract['name']}."


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def rooms() -> Iterator[str]:
    """Every folder of the product with its modules."""
    for package in FOLDERS:
        for face in sorted((ROOT / package).rglob("__init__.py")):
            folder = face.parent
            names = [path.stem for path in sorted(folder.glob("*.py")) if path != face]
            place = folder.relative_to(ROOT).as_posix()
            depth = "  " * (len(folder.relative_to(ROOT).parts) - 1)
            yield f"{depth}- `{place}/`: {first_line(face)}" + (
                f" *{', '.join(name for name in names if name != '__main__')}*" if names else ""
            )


def files() -> Iterator[str]:
    """Every file and folder that a home, a launch and a run may have."""
    yield "| path | what |"
    yield "|---|---|"
    kinds: tuple[tuple[type, str], ...] = (
        (Home, ""),
        (LaunchPaths, "launches/<launch-id>/"),
        (RunPaths, "runs/<run-id>/"),
    )
    for kind, place in kinds:
        paths = kind(Path())
        for name, member in vars(kind).items():
            if isinstance(member, property):
                relative = getattr(paths, name).as_posix()
                yield f"| `{place}{relative}` | {(member.__doc__ or '').partition(chr(10))[0]} |"


LISTS = {"layers": layers, "rooms": rooms, "files": files}


def render(page: str) -> str:
    """The page with its lists written anew."""

    def fill(match: re.Match[str]) -> str:
        return match[1] + "\n".join(LISTS[match[2]]()) + "\n" + match[3]

    return MARK.sub(fill, page)


def main(words: list[str]) -> int:
    """Write the page, or check it; the exit code."""
    page = TARGET.read_text(encoding="utf-8")
    fresh = render(page)
    if "--check" not in words:
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    if page == fresh:
        return 0
    print(f"{TARGET.name} is not up to date: python docs/architecture.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
