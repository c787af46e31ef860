"""The floor plan holds: small folders and files, unique names, the field's words, no circles."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("wgen_tui", "experiments", "store")
MOST_LINES = 400
# The private dialect that the house once spoke, where the field has terms.
WORDS = {
    "look", "looks", "looked", "desk", "room", "rooms", "care", "mate", "mates", "lighter", "rack",
    "sit", "sits", "wholly", "found",
}  # fmt: skip
PHRASES = ("go_on", "goes_on", "see_to", "sees_to", "begin_again", "begins_again")


def modules(folder: Path) -> list[str]:
    """The modules of a folder; a package's face and its entry point have no name of their own."""
    return [p.stem for p in folder.glob("*.py") if p.stem not in ("__init__", "__main__")]


def folders() -> Iterator[Path]:
    for package in PRODUCT:
        yield from sorted({path.parent for path in (ROOT / package).rglob("*.py")})


def is_tight(folder: Path) -> bool:
    """Whether a folder is one of the services or the workers."""
    return folder.relative_to(ROOT).parts[:2] in (("wgen_tui", "services"), ("wgen_tui", "workers"))


def test_no_folder_is_crowded() -> None:
    sizes = {folder: len(modules(folder)) for folder in folders()}
    assert len(sizes) > 30
    assert not {
        str(folder.relative_to(ROOT)): size
        for folder, size in sizes.items()
        if size > (12 if is_tight(folder) else 20)
    }


def test_no_module_name_stands_twice_in_the_services() -> None:
    services = ROOT / "wgen_tui" / "services"
    names = Counter(name for folder in folders() if services in (folder, *folder.parents)
                    for name in modules(folder))  # fmt: skip
    assert names["placement"] == 1
    assert not [name for name, number in names.items() if number > 1]


def test_no_file_over_the_stop() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in (*PRODUCT, "tests", "docs")
        for pattern in ("*.py", "*.tcss", "*.sql")
        for path in (ROOT / package).rglob(pattern)
    }
    assert lengths
    assert not {path: lines for path, lines in lengths.items() if lines > MOST_LINES}


def names_of(tree: ast.AST) -> Iterator[str]:
    """What a module calls things: classes, functions, arguments, variables, attributes it sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def coined(name: str) -> bool:
    """Whether a name has a coined word in it, in snake_case or CamelCase."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    lower = "_".join(words).lower()
    return bool(WORDS & set(lower.split("_"))) or any(
        f"_{phrase}_" in f"_{lower}_" for phrase in PHRASES
    )


@pytest.mark.parametrize("name", ["look", "_look_at", "StatusDesk", "no_room", "go_on", "Found"])
def test_coined_words_are_noticed(name: str) -> None:
    assert coined(name)


@pytest.mark.parametrize("name", ["lookup", "careful", "Foundation", "site", "tracker", "go_one"])
def test_other_words_are_not(name: str) -> None:
    assert not coined(name)


def test_names_are_the_fields() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in PRODUCT
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in [path.stem, *names_of(ast.parse(path.read_text(encoding="utf-8")))]
        if coined(name)
    ]
    assert not wrong


def test_no_circle_of_imports_at_run_time() -> None:
    graph = grimp.build_graph(*PRODUCT, exclude_type_checking_imports=True, cache_dir=None)
    circles = [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if graph.chain_exists(importer=imported, imported=importer)
    ]
    assert not circles


@pytest.mark.parametrize("words", [["docs/architecture.py"], ["-m", "store.docs"]], ids=str)
def test_generated_pages_are_up_to_date(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *words, "--check"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
