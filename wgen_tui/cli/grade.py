"""`wgen-tui grade`: the grading screen, and grades in and out."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from wgen_tui.cli.grading.plan import plan
from wgen_tui.cli.options import (
    detach_option,
    dry_run_option,
    form_of,
    judge_model_option,
    output_option,
    split_names,
)
from wgen_tui.cli.output import (
    NOTHING,
    Settings,
    emit_json,
    json_option,
    pass_home,
    pass_writable_home,
    say,
    table,
)
from wgen_tui.errors import ExitCode, UsageError
from wgen_tui.paths import Home
from wgen_tui.terminal_text import plural

if TYPE_CHECKING:
    from wgen_tui.services.grading.grade_export import Graders

NOBODY: dict[str, str] = {
    "people": "No person has graded",
    "models": "No model has graded",
    "rules": "No rule has graded",
    "all": "Nobody has graded",
}


class Grading(click.Group):
    """A group whose first word may also be an experiment: `grade SLUG` opens the screen."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["screen", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=Grading)
def command() -> None:
    """Grade samples by hand, blind; export, import and compare grades.

    `wgen-tui grade EXPERIMENT` opens the grading screen.
    """


command.add_command(plan)


@command.command()
@click.argument("experiment")
@pass_writable_home
def screen(home: Home, experiment: str) -> int:
    """Grade samples of EXPERIMENT blind: one key grades and shows the next."""
    from wgen_tui.services.grading.session import rubrics
    from wgen_tui.ui.app import run_app

    rubrics(home, experiment)  # a missing rubric is said here, not on a screen
    if not sys.stdout.isatty():
        raise UsageError(
            "Grading needs a terminal.", title="No terminal", hint="wgen-tui grade import FILE"
        )
    settings: Settings = click.get_current_context().obj
    return run_app(home, readonly=settings.readonly, screen="grade", experiment=experiment)


@command.command()
@click.argument("experiment", metavar="SLUG|PATH")
@click.option("--judge", "judges", multiple=True, metavar="NAME", help="Only this; repeatable.")
@judge_model_option
@click.option("--where", metavar="SQL", help="Only samples of which this holds: \"arm = 'old'\".")
@click.option("--runs", metavar="RUN,RUN", help="Only samples of these runs.")
@click.option("--limit", type=click.IntRange(1), help="Most samples of each judge: a pilot.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop before this is spent, in the unit of the endpoint's prices.",
)
@click.option("--backend", type=click.Choice(("local", "slurm")), help="Where a local judge runs.")
@detach_option
@dry_run_option
@json_option
@pass_home
def judge(
    home: Home,
    experiment: str,
    judges: tuple[str, ...],
    judge_models: tuple[str, ...],
    where: str | None,
    runs: str | None,
    limit: int | None,
    budget: float | None,
    backend: str | None,
    detach: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Ask judges that are models about the samples that are there.

    Nothing is trained and nothing is drawn. The same command again asks what is still missing, and
    nothing twice.
    """
    from wgen_tui.cli.start import begin, show_plan
    from wgen_tui.services.judges.judge_models import parse_mapping
    from wgen_tui.services.planning.judge_again import Judging, plan_judging

    judging = Judging(
        judges=judges or None,
        judge_models=parse_mapping(judge_models),
        where=where,
        runs=split_names(runs),
        limit=limit,
        budget=budget,
        backend=backend,
    )
    plan = plan_judging(home, experiment, judging)
    for warning in plan.warnings:
        say(f"Note: {warning}.")
    if dry_run:
        show_plan(plan, as_json)
        return ExitCode.OK
    return begin(home, plan, detach=detach, as_json=as_json)


@command.command()
@click.argument("experiment")
@click.option("--rubric", metavar="NAME", help="Only grades by this rubric or judge.")
@click.option(
    "--graders",
    type=click.Choice(["people", "models", "rules", "all"]),
    default="people",
    show_default=True,
    help="Whose grades.",
)
@output_option
@json_option
@pass_home
def export(
    home: Home,
    experiment: str,
    rubric: str | None,
    graders: Graders,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write grades as CSV (or JSON): people's, or those of judges."""
    from wgen_tui.services.data.sql import whole_file
    from wgen_tui.services.grading.grade_export import export_grades, graders_of
    from wgen_tui.terminal_text import standard_output

    form = form_of(output, "json" if as_json else None, "csv")
    if form not in ("csv", "json"):
        raise UsageError("Grades are written as CSV or JSON.", title="Which format?")
    written = cast("Literal['csv', 'json']", form)
    if output is None:
        number = export_grades(home, experiment, standard_output(), rubric, written, graders)
    else:
        with whole_file(output) as path, path.open("w", encoding="utf-8", newline="") as stream:
            number = export_grades(home, experiment, stream, rubric, written, graders)
        say(f"Wrote {plural(number, 'grade')} to {output}.")
    if not number:
        by = f" by {rubric}" if rubric else ""
        others = [f"--graders {kind}" for kind in graders_of(home, experiment, rubric)]
        there = f" There are others: {', '.join(others)}." if others else ""
        say(f"{NOBODY[graders]} a sample of {experiment}{by}.{there}")


@command.command("import")
@click.argument("experiment")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--grader", metavar="NAME", default="", help="Whose verdicts, if the file does not say."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="JUDGE",
    help="A column (in a log, a score) that is a judge's; repeatable.",
)
@pass_writable_home
def import_(home: Home, experiment: str, file: Path, grader: str, columns: tuple[str, ...]) -> None:
    """Import grades: CSV, JSON, JSON lines, or a log of Inspect.

    A line has sample_id, and a label, a number or both; judge, grader, explanation and seconds may
    follow. In a table with a column for each judge, as llmcomp's, --column names these. People's
    grades are by a rubric of the experiment. Verdicts that were made elsewhere stand under their
    true grader's name, as in model:gpt-4.1, by a judge of any name.
    """
    from wgen_tui.services.grading.grade_files import import_grades

    number = import_grades(home, experiment, file, grader, columns)
    say(f"Imported {plural(number, 'new grade')}.")


@command.command()
@click.argument("experiment")
@click.option("--rubric", metavar="NAME", help="Default: the first.")
@json_option
@pass_home
def agreement(home: Home, experiment: str, rubric: str | None, as_json: bool) -> None:
    """Show how people agree with themselves, with each other, and with the rule.

    With themselves: over the samples that a plan showed them twice.
    """
    from wgen_tui.services.grading.grade_files import agreement as compare

    agreements = compare(home, experiment, rubric)
    if as_json:
        from wgen_tui.cli.shapes.grades import Agreements, GraderPair

        pairs = [
            GraderPair(grader=one, other=other, **asdict(both)) for one, other, both in agreements
        ]
        emit_json(Agreements(pairs=pairs))
        return
    if not agreements:
        say("No two graders have graded the same sample yet.")
        return
    table(
        ("grader", "and", "n", "agree", "95%", "kappa", "95%"),
        [
            (
                *(one, "again" if one == other else other, both.n, f"{both.agreement:.1%}"),
                f"{both.low:.1%} to {both.high:.1%}",
                _number(both.kappa),
                f"{_number(both.kappa_low)} to {_number(both.kappa_high)}",
            )
            for one, other, both in agreements
        ],
    )
    for one, other, both in agreements:
        click.echo()
        table(
            (f"{one} \\ {'again' if one == other else other}", *both.labels),
            [(label, *row) for label, row in zip(both.labels, both.confusion, strict=True)],
        )


def _number(value: float) -> str:
    return NOTHING if value != value else f"{value:.2f}"
