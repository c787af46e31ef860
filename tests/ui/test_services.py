"""What the screens load lazily: what a type checker sees of it is what is loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from wgen_tui.ui import later, services, state

NAMES = [(package, name) for package in (services, state, later) for name in package.__all__]


def checked_imports(package: ModuleType) -> dict[str, str]:
    """Name → module, of the imports that only a type checker sees."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (branch,) = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(branch.test) == "TYPE_CHECKING"
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", [services, state, later])
def test_every_name_has_its_import_and_its_module(package: ModuleType) -> None:
    assert set(package.__all__) == set(checked_imports(package)) == set(package.MODULES)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_name_loads_the_module_that_is_checked(package: ModuleType, name: str) -> None:
    assert getattr(package, name) is import_module(checked_imports(package)[name])


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        services.nonsense  # noqa: B018


def test_a_service_is_loaded_at_its_first_use_and_not_before() -> None:
    code = """
import sys
from wgen_tui.ui import services
def loaded():
    return {n for n in sys.modules if n.startswith("wgen_tui.services.")}
before = loaded()
services.samples.search
print(before, "wgen_tui.services.data.samples" in loaded(), "wgen_tui.services.results" in loaded())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True False\n"
