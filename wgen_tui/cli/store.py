"""`wgen-tui store`: the database that is derived from the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wgen_tui.cli.output import (
    emit_json,
    json_option,
    pass_home,
    pass_writable_home,
    refuse_readonly,
    say,
    table,
)
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from wgen_tui.services.merge.merge_report import MergedItem, MergeReport

LEFTOVERS_NAMED = 3


@click.group()
def command() -> None:
    """Check, rebuild and describe the database; merge another home.

    The database is derived from the files of runs and graders; losing it loses no data.
    """


@command.command()
@json_option
@pass_writable_home
def verify(home: Home, as_json: bool) -> int:
    """Ingest what is new and compare every row with the files; exit 1 if any differs."""
    from wgen_tui.services.data import storage
    from wgen_tui.services.supervisor.leftovers import leftovers

    problems = storage.verify(home)
    left = leftovers(home)
    if as_json:
        from wgen_tui.cli.shapes.store import StoreProblem, StoreVerified

        shown = [StoreProblem.model_validate(problem) for problem in problems]
        emit_json(StoreVerified(ok=not problems, problems=shown, leftovers=left))
    elif problems:
        table(("what", "where", "detail"), [(p.what, p.where, p.detail) for p in problems])
        if any(storage.of_a_file(problem) for problem in problems):
            say("Files are damaged or missing. `wgen-tui run start` with the same experiment draws")
            say("their samples again; a rebuild keeps aside what the database still has of them.")
        say("`wgen-tui store rebuild` rebuilds the database from the files.")
    else:
        say("The database matches the files.")
    if left and not as_json:
        what = "file was" if len(left) == 1 else "files were"
        more = ", …" if len(left) > LEFTOVERS_NAMED else ""
        say(f"{len(left)} temporary {what} left by killed processes. A supervisor that has nothing")
        say("else to do removes those that no process can want; all can be removed by hand from")
        say(f"{home.root}: {', '.join(left[:LEFTOVERS_NAMED])}{more}")
    return ExitCode.FAILED if problems else ExitCode.OK


@command.command()
@json_option
@pass_writable_home
def rebuild(home: Home, as_json: bool) -> int:
    """Rebuild the database from the files; exit 1 if a file is damaged."""
    from wgen_tui.services.data import storage

    report = storage.rebuild(home)
    if as_json:
        from wgen_tui.cli.shapes.store import StoreRebuilt

        emit_json(StoreRebuilt.model_validate(report))
    else:
        counts = ", ".join(f"{count:,} of {name}" for name, count in report.rows.items())
        say(f"Rebuilt from {report.parts:,} files; rows: {counts or 'none'}.")
        for name, why in report.damaged.items():
            say(f"Damaged: {name}: {why}")
        if report.kept:
            say(
                "The old database may have the only copy of their rows; it is kept as "
                f"{report.kept}."
            )
    return ExitCode.FAILED if report.damaged else ExitCode.OK


@command.command()
@json_option
@pass_home
def info(home: Home, as_json: bool) -> None:
    """Show where the database is, its size and how many rows it has."""
    from wgen_tui.services import doctor
    from wgen_tui.services.data import storage

    stored = storage.info(home)
    if as_json:
        from wgen_tui.cli.shapes.store import StoreInfo

        emit_json(StoreInfo(file=home.database, bytes=stored.bytes, rows=stored.rows))
        return
    where = f"{home.database} ({doctor.size(stored.bytes)})" if stored.bytes else "none yet"
    table(("what", "found"), [("file", where), *stored.rows.items()])


@command.command()
@click.argument("other_home", metavar="OTHER_HOME", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would be merged; write nothing.")
@json_option
@pass_home
def merge(home: Home, other_home: Path, dry_run: bool, as_json: bool) -> int:
    """Merge the runs, grades and experiments of another home into this one; exit 1 on a conflict.

    OTHER_HOME is a folder, copied from another machine or mounted; it is only read. Merging again
    brings only what is new there. Live runs of either home, and whatever the homes disagree on, are
    left out and named; everything else is merged.
    """
    from wgen_tui.services.merge.merge import merge as merge_home

    if not dry_run:
        refuse_readonly("Leave out --readonly, or add --dry-run.")
    report = merge_home(home, other_home, dry_run=dry_run, on_run=_tell)
    if as_json:
        from wgen_tui.cli.shapes.store import Merged

        emit_json(Merged.model_validate(report))
    else:
        _show_merge(report)
    return ExitCode.FAILED if report.conflicts else ExitCode.OK


def _tell(item: MergedItem) -> None:
    if item.status in ("new", "updated"):
        say(f"{item.name}: {item.status}")


def _show_merge(report: MergeReport) -> None:
    from wgen_tui.services.doctor import size

    rows: list[tuple[object, ...]] = [
        ("experiment", item.name, item.status, None, None, None, item.why)
        for item in report.experiments
    ]
    rows += [
        (
            *("run", run.name, run.status),
            ", ".join(map(str, run.checkpoints)) or None,
            run.samples or None,
            size(run.bytes) if run.bytes else None,
            run.why,
        )
        for run in report.runs
    ]
    shown = [row for row in rows if row[2] != "same"]
    if shown:
        table(("", "name", "what", "checkpoints", "samples", "size", "why"), shown)
    for conflict in report.conflicts:
        say(f"Conflict: {conflict.kind} {conflict.name}: {conflict.why}.")
    if any(run.status == "live" for run in report.runs):
        say("Live runs were left out: merge again when they have ended.")
    if report.grades:
        say(f"{report.grades:,} lines of people's grades, tags and notes.")
    if report.nothing_new:
        say(f"Nothing new in {report.other}.")
    elif report.dry_run:
        say("Nothing was written: this was a dry run.")
    if not report.ingested:
        say("The database is busy; what was merged is ingested as soon as it is free.")
