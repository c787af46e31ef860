"""`wgen-tui sample`: list, show, search and export samples, and draw more of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from wgen_tui.cli.options import (
    checkpoints_option,
    detach_option,
    dry_run_option,
    form_of,
    output_option,
    page_options,
    split_names,
    trust_option,
)
from wgen_tui.cli.output import emit_json, json_option, pass_home, say, table, tell
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.terminal_text import are, plural

if TYPE_CHECKING:
    from store.samples.filters import Filter
    from wgen_tui.services.data.sql import Format

F = TypeVar("F", bound=Callable[..., Any])
FIRST = 10_000  # samples; a page up to here is shown before all are counted
TEXT = 48  # cells of the completion in a table
TEXT_HELP = 'With these words in the completion, in any order; "a phrase"; /a regex/, /…/i.'


@click.group()
def command() -> None:
    """List, show, search and export samples, and draw more."""


def filter_options(function: F) -> F:
    """The options that choose samples."""
    options = [
        click.option("--experiment", metavar="SLUG", help="Of this experiment."),
        click.option("--run", "run_id", metavar="RUN", help="Of this run."),
        click.option("--model", metavar="NAME", help="Of this base model."),
        click.option("--arm", metavar="ARM", help="Of this arm."),
        click.option("--seed", type=int, help="Of this seed."),
        click.option("--checkpoint", "step", type=int, metavar="STEP", help="Of this checkpoint."),
        click.option("--question", metavar="NAME", help="For this question."),
        click.option("--variant", metavar="NAME", help="For this variant."),
        click.option("--label", metavar="JUDGE=LABEL", help="With this label by a judge."),
        click.option(
            "--number",
            "numbers",
            metavar="'JUDGE<30'",
            multiple=True,
            callback=lambda _ctx, _param, given: given or None,
            help="With such a number by a judge (<, <=, >, >=); may be given more than once.",
        ),
        click.option(
            "--graded",
            "graded_by",
            metavar="GRADER",
            help="Graded by this grader, such as human:ada or rule:era.",
        ),
        click.option("--tag", metavar="TAG", help="With this tag; a bookmark is `bookmark`."),
        click.option("--note", metavar="TEXT", help="With these words in a note beside it."),
        click.option("--text", metavar="TEXT", help=TEXT_HELP),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def make_filter(
    home: Home,
    label: str | None = None,
    numbers: Sequence[str] | None = None,
    run_id: str | None = None,
    **values: Any,
) -> Filter:
    """The filter that the options stand for.

    Raises:
        UsageError: a label or a bound is none; several runs end like the one that is named.
    """
    from store.samples.filters import Filter
    from wgen_tui.ui.state.filters import number_bound

    pair: tuple[str, str] | None = None
    if label is not None:
        judge, sign, name = label.partition("=")
        if not sign:
            judge, colon, name = label.partition(":")  # as the filter of the screen has it
            raise UsageError(
                f"{label!r} is not a label.",
                title="Bad label",
                hint=f"Write --label {judge}={name if colon else 'LABEL'}",
            )
        pair = (judge, name)
    bounds = []
    for text in numbers or ():
        bound = number_bound("".join(text.split()))
        if bound is None:
            raise UsageError(
                f"{text!r} is no bound of a judge's number.",
                title="Bad number",
                hint="Write --number 'aligned<30', in quotes: the shell reads < and > itself.",
            )
        bounds.append(bound)
    if run_id is not None:
        from wgen_tui.services.runs.runs import get_run, ids_named

        if ids_named(home, run_id):  # of a run that is gone there may be samples
            run_id = get_run(home, run_id).run_id
    return Filter(label=pair, numbers=tuple(bounds) or None, run_id=run_id, **values)


def _option(field: str, value: Any) -> str:
    """How a value of a filter is given here."""
    if field == "numbers":
        judge, bound, number = value
        return f"--number '{judge}{bound}{number:g}'"
    shown = "=".join(value) if field == "label" else str(value)
    names = {"run_id": "run", "step": "checkpoint", "graded_by": "graded"}
    return f"--{names.get(field, field)} {shlex.quote(shown)}"


def say_unknown(home: Home, chosen: Filter) -> bool:
    """Say which values of a filter no sample has; whether there were any."""
    from wgen_tui.services.data import samples
    from wgen_tui.ui.state.filters import nothing_has

    sentences = nothing_has(samples.unknown(home, chosen)[1], _option)
    for sentence in sentences:
        say(sentence)
    return bool(sentences)


def _listed(
    home: Home, label: str | None, limit: int, offset: int, as_json: bool, **values: Any
) -> None:
    from wgen_tui.services.data import samples
    from wgen_tui.terminal_text import one_line

    chosen = make_filter(home, label, **values)
    if chosen.scans and offset + limit <= FIRST:
        listing = samples.first(home, chosen, offset + limit, ahead=(offset, limit))
    else:
        listing = samples.search(home, chosen, ahead=(offset, limit))
    rows = samples.page(home, listing, offset, limit)

    def total() -> int:
        return len(listing) if listing.counted else samples.count(home, chosen)

    if as_json:
        from wgen_tui.cli.shapes.samples import Sample, SampleList

        shown = [Sample.model_validate(row) for row in rows]
        emit_json(SampleList(total=total(), offset=offset, samples=shown))
        if not len(listing):
            say_unknown(home, chosen)
        return
    if not rows:
        if number := len(listing):
            there = f"There {are(number)} {plural(number, 'sample')}"
            say(f"{there}; --offset {offset} is past the last.")
        elif label is not None or any(value is not None for value in values.values()):
            if not say_unknown(home, chosen):
                say("No sample matches these filters. `wgen-tui sample list` shows all.")
        else:
            say("No samples. `wgen-tui run start EXPERIMENT` makes some.")
        return
    table(
        ("sample", "arm", "seed", "step", "question", "labels", "completion"),
        [
            (
                *(str(row.sample_id), row.arm, row.seed, row.step, row.question),
                " ".join(
                    [
                        *(f"{judge}={name}" for judge, name in row.labels.items()),
                        *(f"{judge}={number:g}" for judge, number in row.numbers.items()),
                    ]
                ),
                one_line(row.completion, TEXT),
            )
            for row in rows
        ],
    )
    sys.stdout.flush()  # the rows are there while the rest is counted
    say(f"{offset + 1} to {offset + len(rows)} of {total():,}")


@command.command("list")
@filter_options
@page_options
@json_option
@pass_home
def list_(home: Home, /, limit: int, offset: int, as_json: bool, **values: Any) -> None:
    """List samples, in the order of arm, seed, checkpoint and question."""
    _listed(home, values.pop("label"), limit, offset, as_json, **values)


@command.command()
@click.argument("words")
@filter_options
@page_options
@json_option
@pass_home
def search(
    home: Home, /, words: str, limit: int, offset: int, as_json: bool, **values: Any
) -> None:
    """List the samples whose completion contains all WORDS, in any order.

    A phrase stands in double quotes: 'coach "by the sea"'. /…/ is a regular expression (RE2), as
    in '/coach(es|men)?/i', where i means in any case.
    """
    values["text"] = words
    _listed(home, values.pop("label"), limit, offset, as_json, **values)


@command.command()
@click.argument("sample_id", type=int)
@json_option
@pass_home
def show(home: Home, sample_id: int, as_json: bool) -> None:
    """Show one sample: its whole prompt, completion, parameters and grades."""
    from wgen_tui.services.data import samples
    from wgen_tui.ui.state.answers.verdicts import transcript_text, verdict_text

    sample = samples.detail(home, sample_id)
    if as_json:
        from wgen_tui.cli.shapes.samples import SampleDetail

        emit_json(SampleDetail.model_validate(asdict(sample.row) | asdict(sample)))
        return
    row = sample.row
    say(f"{row.model} · {row.arm} · seed {row.seed} · checkpoint {row.step}")
    say(f"{row.question} (wording {row.paraphrase}, variant {row.variant}), draw {row.draw}")
    say(f"{sample.engine}; {sample.sampling}; {row.finish_reason}, {row.tokens} tokens")
    say()
    for message in sample.messages:
        tell(f"[{message['role']}] {message['content']}")
    if sample.reasoning:
        tell(f"[reasoning] {sample.reasoning}")
    tell(f"[completion] {row.completion}")
    say()
    for grade in sample.grades:
        why = f"  ({grade.explanation})" if grade.explanation else ""
        say(f"{grade.judge}: {verdict_text(grade)}  by {grade.grader}{why}")
        if grade.transcript is not None:
            for line in transcript_text(grade.transcript).splitlines():
                say(f"  {line}")


@command.command()
@filter_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "parquet"]),
    help="Default: as the file's name ends, else csv.",
)
@output_option
@pass_home
def export(home: Home, /, form: str | None, output: Path | None, **values: Any) -> None:
    """Write samples with their labels to a file or to stdout."""
    from wgen_tui.services.data import samples

    chosen = cast("Format", form_of(output, form, "csv"))
    criteria = make_filter(home, **values)
    number = samples.export(home, criteria, output, chosen)
    if output is not None:
        say(f"Wrote {plural(number, 'sample')} to {output}.")
    if not number:
        say_unknown(home, criteria)


@command.command("top-up")
@click.argument("experiment", metavar="SLUG|PATH")
@click.option(
    "--n",
    type=click.IntRange(1),
    required=True,
    help="Draws of each prompt, existing ones included.",
)
@click.option("--questions", metavar="A,B", help="Only of these questions.")
@click.option("--runs", metavar="RUN,RUN", help="Only of these runs; all trained ones otherwise.")
@checkpoints_option
@trust_option
@detach_option
@dry_run_option
@json_option
@pass_home
def top_up(
    home: Home,
    experiment: str,
    n: int,
    questions: str | None,
    runs: str | None,
    checkpoints: str | None,
    trust_remote_code: bool,
    detach: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Draw more samples from existing runs, until each prompt has N draws.

    Existing samples stay: a longer series begins with the shorter one. Nothing is trained.
    """
    from wgen_tui.cli.start import begin, show_plan
    from wgen_tui.services.planning.top_up import plan_top_up

    plan = plan_top_up(
        home,
        experiment,
        n,
        questions=split_names(questions),
        runs=split_names(runs),
        checkpoints=checkpoints,
        trust_remote_code=trust_remote_code,
    )
    for warning in plan.warnings:
        say(f"Note: {warning}.")
    if dry_run:
        show_plan(plan, as_json)
        return 0
    return begin(home, plan, detach=detach, as_json=as_json)
