"""Bring a database to the present version: numbered SQL files, each in one transaction."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import duckdb

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views.sql"


class NewerDatabase(Exception):
    """The database was made by a newer version; the message says what to do."""


def migrations() -> dict[int, Path]:
    """Every migration by its number, ascending."""
    by_number = {int(path.name[:4]): path for path in MIGRATIONS.glob("[0-9]*_*.sql")}
    return dict(sorted(by_number.items()))


@lru_cache(maxsize=1)
def newest_version() -> int:
    """The version that this program makes."""
    return max(migrations())


def version(con: duckdb.DuckDBPyConnection, schema: str = "main") -> int:
    """The database's version: 0 is an empty one."""
    where = "" if schema == "main" else f"{schema}.main."
    try:
        rows = con.execute(f"select max(version) from {where}schema_version").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):  # a tenth of asking the catalog
        return 0
    return int(rows[0][0] or 0)


@lru_cache(maxsize=1)
def views_text() -> str:
    """views.sql, whole."""
    return VIEWS.read_text(encoding="utf-8")


def is_current(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the database that a connection attaches as `home` needs no migration."""
    if version(con, "home") != newest_version():
        return False
    rows = con.execute("select views from home.main.schema_version").fetchall()
    return bool(rows == [(views_text(),)])


def migrate(con: duckdb.DuckDBPyConnection) -> None:
    """Apply missing migrations, then recreate the views if anything changed.

    Raises:
        NewerDatabase: the database knows migrations that this version does not.
    """
    steps, now = migrations(), version(con)
    refuse_newer(now)
    views = views_text()
    if now == max(steps) and _views_of(con) == views:
        return
    con.execute("begin")
    try:
        con.execute("create table if not exists schema_version (version integer, views varchar)")
        for number, path in steps.items():
            if number > now:
                con.execute(path.read_text(encoding="utf-8"))
        con.execute(views)
        con.execute("delete from schema_version")
        con.execute("insert into schema_version values (?, ?)", [max(steps), views])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


def refuse_newer(stored: int) -> None:
    """Raise NewerDatabase if `stored` is beyond what this version knows."""
    newest = newest_version()
    if stored > newest:
        raise NewerDatabase(
            f"The database is of version {stored}; this program knows {newest}. Upgrade wgen-tui, "
            "or rebuild the database from the files: wgen-tui store rebuild"
        )


def _views_of(con: duckdb.DuckDBPyConnection) -> str:
    if version(con) == 0:
        return ""
    rows = con.execute("select views from schema_version").fetchall()
    return str(rows[0][0]) if rows else ""


def _statements() -> list[str]:
    text = re.sub(r"^--.*$", "", views_text(), flags=re.MULTILINE)
    return [part.strip() for part in text.split(";\n") if part.strip()]


def view_statements() -> list[str]:
    """The `create` statements of views.sql, to be run over other base tables of the same names."""
    return [part for part in _statements() if part.startswith("create")]


def view_comments() -> list[str]:
    """The `comment on` statements of views.sql."""
    return [part for part in _statements() if part.startswith("comment")]
