"""What every command shares: the home, and how data and words leave the program.

Promises: data goes to stdout, everything else to stderr; text that a model wrote reaches a terminal
only with its control characters made visible; rich is loaded only when there is something to draw.
"""

from __future__ import annotations

import errno
import functools
import io
import json
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from wgen_tui.errors import UsageError, WgenError, disk_error
from wgen_tui.paths import Home

P = ParamSpec("P")
R = TypeVar("R")

REFUSED = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO),  # another thing stands there
    }
)
NOTHING = "–"  # shown in tables for None

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options: `ctx.obj` of every command."""

    home: Home
    readonly: bool = False


def pass_home(command: Callable[Concatenate[Home, P], R]) -> Callable[P, R]:
    """Give a command its home as the first argument, refusing a home of a newer version."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        settings: Settings = click.get_current_context().obj
        settings.home.check_format()
        return command(settings.home, *args, **kwargs)

    return wrapped


def pass_writable_home(command: Callable[Concatenate[Home, P], R]) -> Callable[P, R]:
    """Like `pass_home`, for commands that write: refused under --readonly."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        settings: Settings = click.get_current_context().obj
        refuse_readonly()
        settings.home.check_format()
        try:
            return command(settings.home, *args, **kwargs)
        except OSError as error:
            if not _in_home(error, settings.home):
                raise
            raise disk_error(error, settings.home.root) from error

    return wrapped


def refuse_readonly(hint: str = "Leave out --readonly.") -> None:
    """Refuse a command that is about to write.

    Raises:
        UsageError: --readonly was given.
    """
    context = click.get_current_context()
    if context.obj.readonly:
        raise UsageError(
            f"`{context.command_path}` writes, and --readonly was given.",
            title="Read-only",
            hint=hint,
        )


def _in_home(error: OSError, home: Home) -> bool:
    """Whether the system refused a file of the home."""
    if error.errno not in REFUSED or not isinstance(error.filename, str | PurePath):
        return False
    return PurePath(error.filename).is_relative_to(home.root)


def emit_json(payload: Any) -> None:
    """Print a model (by alias), or anything that JSON holds, as JSON on stdout.

    Non-ASCII is escaped, so that neither the locale nor what a model wrote can break a terminal or
    a pipe.
    """
    if hasattr(payload, "model_dump"):  # pydantic, without importing it here
        payload = payload.model_dump(by_alias=True)
    try:
        text = json.dumps(payload, default=_plain, indent=2, allow_nan=False)
    except ValueError:  # JSON has no NaN and no infinity
        text = json.dumps(_finite(payload), default=_plain, indent=2, allow_nan=False)
    click.echo(text)


def _finite(value: Any) -> Any:
    """The same with null for each number that JSON cannot say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """JSON for the types that our records hold."""
    if isinstance(value, datetime):
        # DuckDB's timestamps are in UTC and do not say so.
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def say(text: str = "") -> None:
    """Print words for people, on stderr; on a terminal, lines break between words."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(wrapped_line(line, width) for line in text.split("\n"))
    click.echo(cell_lines(text), err=True)


def tell(text: object = "") -> None:
    """Print a text that people asked for, on stdout, with nothing in it that a terminal obeys."""
    click.echo(cell_lines(str(text)))


def wrapped_line(line: str, width: int) -> str:
    """A line that is too long for the terminal as several, each with its indentation."""
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def cell(value: object) -> str:
    """One value as a table shows it: one line, nothing a terminal would obey."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    from wgen_tui.terminal_text import printable

    return printable(str(value), keep_newlines=False)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print a table on stdout: drawn on a terminal, plain aligned columns in a pipe.

    Columns that hold only numbers are set flush right.

    Args:
        columns: The headings.
        rows: Values, one per column; None is shown as a dash.
        title: Shown above, on a terminal only.
    """
    listed = [tuple(row) for row in rows]
    right = [
        bool(listed)
        and all(
            isinstance(row[i], int | float | None) and not isinstance(row[i], bool)
            for row in listed
        )
        for i in range(len(columns))
    ]
    cells = [[cell(value) for value in row] for row in listed]
    columns = [cell(name) for name in columns]
    if sys.stdout.isatty():
        _draw(columns, cells, right, title)
    else:
        _print_plain(columns, cells, right)


def _draw(
    columns: Sequence[str], cells: list[list[str]], right: list[bool], title: str | None
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name, flush in zip(columns, right, strict=True):
        drawn.add_column(Text(name), justify="right" if flush else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(value) for value in row))
    Console().print(drawn)


def _print_plain(columns: Sequence[str], cells: list[list[str]], right: list[bool]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for row in [list(columns), *cells]:
        parts = [
            value.rjust(width) if flush else value.ljust(width)
            for value, width, flush in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(parts).rstrip())


def show_error(error: WgenError, *, as_json: bool = False) -> None:
    """Show an error on stderr: a panel on a terminal, lines in a pipe, or JSON."""
    if as_json:
        _error_json(error.title, error.message, error.hint, int(error.exit_code))
    elif sys.stderr.isatty():
        from rich.console import Console, Group
        from rich.panel import Panel
        from rich.text import Text

        parts = [Text(cell_lines(error.message))]
        if error.hint:
            parts.append(Text(cell_lines(error.hint), style="bold"))
        panel = Panel(Group(*parts), title=Text(error.title), title_align="left", style="red")
        Console(stderr=True).print(panel)
    else:
        say(f"{error.title}: {cell_lines(error.message)}")
        if error.hint:
            say(cell_lines(error.hint))


def cell_lines(text: str) -> str:
    """Text of several lines with its control characters made visible."""
    from wgen_tui.terminal_text import printable

    return printable(text)


def show_usage_error(error: click.ClickException, *, as_json: bool = False) -> None:
    """Show click's own error: how the command is used, and what was wrong."""
    if as_json:
        _error_json("Usage", error.format_message(), "", error.exit_code)
    else:
        shown = io.StringIO()
        error.show(shown)
        say(shown.getvalue().removesuffix("\n"))  # it repeats what was typed, or pasted


def _error_json(title: str, message: str, hint: str, code: int) -> None:
    body = {"title": title, "message": message, "hint": hint, "exit_code": code}
    say(json.dumps({"schema": 1, "error": body}))
