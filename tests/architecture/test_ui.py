"""The screens: no import inside a function, and services only where a thread runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

UI = Path(__file__).resolve().parents[2] / "wgen_tui" / "ui"
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Called by a threaded method; and a handle without a query, of a module that is loaded by then.
IN_THREADS_ALREADY = {
    "modals/start.py: parse_options",
    "screens/compare.py: _definition",
    "screens/result_actions.py: _behind",
    "screens/run_parts/run_details.py: _read_files",
    "screens/sample_notes.py: _ids",
    "screens/sample_notes.py: _note",
    "screens/sample_notes.py: _tag",
    "screens/sample_notes.py: _toggle",
    "screens/sample_views.py: _arms_of",
    "screens/samples.py: _count_samples",
}


def functions() -> Iterator[tuple[str, Function]]:
    """Every function of the screens, with its file and name."""
    for path in sorted(UI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(UI).as_posix()}: {node.name}", node


def test_no_import_inside_a_function() -> None:
    lazy = [
        f"{place}, line {inner.lineno}"
        for place, node in functions()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not lazy, "wgen_tui/ui/services.py loads services at their first use"


def runs_in_a_thread(node: Function) -> bool:
    calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
    return any(
        ast.unparse(call.func) == "loads"
        or (ast.unparse(call.func) == "work" and "thread=True" in ast.unparse(call))
        for call in calls
    )


def uses_services(node: Function) -> bool:
    return any(
        isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "services"
        for inner in ast.walk(node)
    )


def test_services_are_called_in_threads_only() -> None:
    users = {place: node for place, node in functions() if uses_services(node)}
    assert len(users) > 20
    in_the_apps_thread = {place for place, node in users.items() if not runs_in_a_thread(node)}
    assert in_the_apps_thread == IN_THREADS_ALREADY


def test_no_handler_calls_that_of_its_base() -> None:
    """Textual calls the handler of each base itself: it would run twice."""
    twice = [
        f"{place}, line {inner.lineno}"
        for place, node in functions()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and inner.attr.startswith(("on_", "_on_"))
        and inner.attr != "on_event"  # no handler: what calls the handlers
        and ast.unparse(inner.value).startswith("super(")
    ]
    assert not twice
