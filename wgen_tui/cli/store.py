"""`wgen-tui store`: the database that is derived from the files."""

from __future__ import annotations

from dataclasses import asdict

import click

from wgen_tui.cli.output import emit_json, json_option, pass_home, pass_writable_home, say, table
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home


@click.group()
def command() -> None:
    """Check, rebuild and describe the database.

    It is derived from the files of runs and graders: nothing is lost with it.
    """


@command.command()
@json_option
@pass_writable_home
def verify(home: Home, as_json: bool) -> int:
    """Ingest what is new and compare every row with the files; exit 1 if any differs."""
    from wgen_tui.services import storage

    problems = storage.verify(home)
    if as_json:
        found = [asdict(problem) for problem in problems]
        emit_json({"schema": 1, "ok": not problems, "problems": found})
    elif problems:
        table(("what", "where", "detail"), [(p.what, p.where, p.detail) for p in problems])
        if any(storage.of_a_file(problem) for problem in problems):
            say("Files are damaged or gone. `wgen-tui run start` with the same experiment draws")
            say("again what they held; what the database still has of them, a rebuild keeps aside.")
        say("`wgen-tui store rebuild` makes the database anew from the files.")
    else:
        say("The database holds what the files hold.")
    return ExitCode.FAILED if problems else ExitCode.OK


@command.command()
@json_option
@pass_writable_home
def rebuild(home: Home, as_json: bool) -> int:
    """Make the database anew from the files; exit 1 if a file is damaged."""
    from wgen_tui.services import storage

    report = storage.rebuild(home)
    if as_json:
        emit_json({"schema": 1, **asdict(report)})
    else:
        counts = ", ".join(f"{count:,} of {name}" for name, count in report.rows.items())
        say(f"Made anew from {report.parts:,} files; rows: {counts or 'none'}.")
        for name, why in report.damaged.items():
            say(f"Damaged: {name}: {why}")
        if report.kept:
            say(
                f"The old database may be the last to hold their rows: it is kept as {report.kept}."
            )
    return ExitCode.FAILED if report.damaged else ExitCode.OK


@command.command()
@json_option
@pass_home
def info(home: Home, as_json: bool) -> None:
    """Say where the database is, how large, and how many rows it has."""
    from wgen_tui.services import doctor, storage

    found = storage.info(home)
    if as_json:
        emit_json({"schema": 1, "file": home.database, "bytes": found.bytes, "rows": found.rows})
        return
    where = f"{home.database} ({doctor.size(found.bytes)})" if found.bytes else "none yet"
    table(("what", "found"), [("file", where), *found.rows.items()])
