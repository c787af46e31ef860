"""`wgen-tui results`: rates, intervals and contrasts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from wgen_tui.cli.output import (
    NOTHING,
    emit_json,
    json_option,
    pass_home,
    say,
    table,
    tell,
)
from wgen_tui.cli.result_tables.figures import check_figure, write_figure
from wgen_tui.cli.result_tables.layout import between, is_wide, models_of, tell_below
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.measures.rate_words import amount, chance, percent, points, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results
    from wgen_tui.services.statistics.intervals import Interval

BAR = 20  # cells from 0 to 1
NO_OTHER_SEEDS = "the interval is within {} and says nothing about other seeds"


@click.command()
@click.argument("experiment")
@click.option(
    "--by",
    type=click.Choice(["seed", "question", "variant", "judge"]),
    multiple=True,
    help="Add a line for each seed, question or variant; the headline under each judge.",
)
@click.option("--judge", metavar="NAME", help="Use this judge instead of the plan's.")
@click.option("--label", metavar="LABEL", help="Use this label instead of the plan's.")
@click.option("--measure", metavar="NAME", help="Show this measure of the plan instead.")
@click.option("--grader", metavar="NAME", help="Use this grader's grades, such as human:ada.")
@click.option(
    "--checkpoint",
    default="final",
    show_default=True,
    metavar="STEP",
    help="final, all, or a step.",
)
@click.option(
    "--interval",
    type=click.Choice(["t", "bootstrap", "nested"]),
    default="t",
    show_default=True,
    help="How to compute intervals over seeds (docs/methods.md).",
)
@click.option(
    "--details",
    is_flag=True,
    help="Also rate@k, effective n, copies of runs, and the headline under each filter and judge.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a figure, .svg or .csv: arms and differences, or what one --by asks for.",
)
@click.option("--sql", "show_sql", is_flag=True, help="Print the query behind the numbers instead.")
@json_option
@pass_home
def command(
    home: Home,
    experiment: str,
    by: tuple[str, ...],
    judge: str | None,
    label: str | None,
    measure: str | None,
    grader: str | None,
    checkpoint: str,
    interval: str,
    details: bool,
    figure: Path | None,
    show_sql: bool,
    as_json: bool,
) -> None:
    """Show rates, intervals and differences to the control."""
    from wgen_tui.run_files.run_folders import unreadable_specs
    from wgen_tui.services.results.results import compute

    if figure is not None:
        check_figure(figure)
    results = compute(
        home,
        experiment,
        judge=judge,
        label=label,
        measure=measure,
        grader=grader,
        checkpoint=_checkpoint(checkpoint),
        interval=cast("Interval", interval),
        by_judge="judge" in by,
        details=details,
    )
    if show_sql:
        tell(results.sql)
        return
    for why in unreadable_specs(home, experiment):
        say(f"Left out: {why}")
    if figure is not None:
        write_figure(home, results, figure, by)
    if as_json:
        emit_json(results)
        return
    show(results, by)


def _checkpoint(text: str) -> Literal["final", "all"] | int:
    if text in ("final", "all"):
        return cast("Literal['final', 'all']", text)
    if text.isdigit():
        return int(text)
    raise UsageError(
        f"{text!r} is not a checkpoint.", title="Bad checkpoint", hint="Give final, all, or a step."
    )


def show(results: Results, by: tuple[str, ...]) -> None:
    """Print rates, then contrasts, then what was read, then warnings."""
    rates = [rate for rate in results.rates if _wanted(rate, by)]
    extra = [name for name in ("seed", "question", "variant") if name in by]
    for place, metric in enumerate(dict.fromkeys(rate.metric for rate in results.rates)):
        if place:
            tell()
        _show_rates(results, metric, [rate for rate in rates if rate.metric == metric], extra)
        of_metric = [c for c in results.contrasts if _wanted(c, by) and c.metric == metric]
        if of_metric:
            tell()
            _show_contrasts(of_metric, [name for name in extra if name != "seed"])
        _show_variants(results, metric, by)
    if results.against_task:
        from wgen_tui.cli.result_tables.task import show_task

        show_task(results.against_task, amount(results.rates[0].unit if results.rates else "share"))
    if results.by_judge:
        tell()
        from wgen_tui.cli.result_tables.judges import show_judges

        show_judges(results.by_judge)
    if results.details is not None:
        from wgen_tui.cli.result_tables.judges import show_details, show_under

        tell()
        show_details(results.details)
        if results.headline_under:
            tell()
            show_under(results.headline_under)
    if results.self_agreement:
        from wgen_tui.cli.result_tables.judges import show_self_agreement

        tell()
        show_self_agreement(results.self_agreement)
    read = [item for item in results.readouts if item.seed is None or "seed" in by]
    if read:
        from wgen_tui.cli.result_tables.readings import show_readouts

        if rates:
            tell()
        show_readouts(read, seeds="seed" in by)
    right = [item for item in results.accuracy if item.seed is None or "seed" in by]
    if right:
        from wgen_tui.cli.result_tables.readings import show_accuracy

        tell()
        show_accuracy(right, seeds="seed" in by)
    methods = [item.method for item in rates] + [item.method for item in read]
    methods += [item.method for item in right]
    say()
    say(f"Intervals: {'; '.join(dict.fromkeys(methods))}.")
    for warning in results.warnings:
        say(f"Note: {warning}.")


def _show_rates(results: Results, metric: str, rates: list[Rate], extra: Sequence[str]) -> None:
    several = len({(rate.model, rate.checkpoint) for rate in rates}) > len(
        {rate.model for rate in rates} | {rate.arm for rate in rates}
    )
    from wgen_tui.services.measures.rate_words import left_out_lines

    models, wide = models_of(rates), is_wide()
    every = [rate for rate in results.rates if rate.metric == metric]
    first = every[0]
    share, shown = metric if wide else first.unit, amount(first.unit)
    lost = [name for name in ("refused", "missing") if any(getattr(r, name) for r in rates)]
    head = [*models, "arm", *(["step"] if several else []), *extra, "seeds", "n"]
    asked = _asked(every)
    drawn = wide and first.unit == "share"
    some = ["questions"] if any("of" in (asked(rate) or "") for rate in rates) else []
    table(
        [*head, *some, share, "95%", *(["0 to 1"] if drawn else []), "unclear", "broken", *lost],
        [
            (
                *(getattr(rate, name) for name in models),
                rate.arm,
                *([rate.checkpoint] if several else []),
                *(getattr(rate, name) for name in extra),
                rate.seeds if wide or not rate.within else _few(rate.within),
                *(rate.n, *([asked(rate)] if some else []), shown(rate.rate)),
                *([between(rate, shown)] if wide else [_short(rate, shown)]),
                *([bar(rate)] if drawn else []),
                *(percent(rate.unclear), percent(rate.broken)),
                *(percent(getattr(rate, name)) for name in lost),
            )
            for rate in rates
        ],
        title=f"{results.experiment}: {first.title}",
    )
    for line in left_out_lines(rates):
        tell_below(line)
    if not wide:
        for within in dict.fromkeys(rate.within for rate in rates if rate.within):
            tell_below(f"{_few(within)}: {NO_OTHER_SEEDS.format(within)}")


def _asked(rates: Sequence[Rate]) -> Callable[[Rate], str | None]:
    """How many questions a rate is over, `1 of 2` where others are over more; None of a slice."""
    whole = max(rate.questions for rate in rates)

    def asked(rate: Rate) -> str | None:
        if rate.question is not None or rate.variant is not None:
            return None
        return str(whole) if rate.questions == whole else f"{rate.questions} of {whole}"

    return asked


def _few(within: str) -> str:
    """In the place of a number of seeds, where the interval is not over seeds."""
    return "1 run" if within == "one run" else "runs"


def _short(rate: Rate, shown: Callable[[float | None], str]) -> str:
    """The interval in few cells."""
    if rate.low is None or rate.high is None:
        return NOTHING
    return f"{shown(rate.low).rstrip('%')}–{shown(rate.high)}"


def _show_variants(results: Results, metric: str, by: tuple[str, ...]) -> None:
    from wgen_tui.cli.result_tables.variants import show_value_curves, show_variants

    several = len({item.model for item in results.rates}) > 1
    for item in (item for item in results.by_variant if item.metric == metric):
        tell()
        if "variant" in by:
            tell_below(f"The mean over variants is over {item.over}")
        else:
            show_variants(item, several_models=several)
    for beside in (item for item in results.by_context if item.metric == metric):
        from wgen_tui.cli.result_tables.contexts import show_contexts

        tell()
        show_contexts(beside, several_models=several)
    curves = [curve for curve in results.value_curves if curve.metric == metric]
    for variant in dict.fromkeys(curve.variant for curve in curves):
        tell()
        show_value_curves([curve for curve in curves if curve.variant == variant])
    if figures := [item for item in results.published if item.metric == metric]:
        from wgen_tui.cli.result_tables.published import show_published

        tell()
        show_published(figures)


def _wanted(row: Rate | ContrastResult, by: tuple[str, ...]) -> bool:
    """Whether a line is for this table: at most one of seed, question, variant is set."""
    return all(
        getattr(row, name, None) is None or name in by for name in ("seed", "question", "variant")
    )


def _show_contrasts(contrasts: list[ContrastResult], extra: list[str]) -> None:
    """The differences; what a number must not be read without stands below them, numbered."""
    models, wide, below = models_of(contrasts), is_wide(), list[str]()
    is_mean = contrasts[0].unit == "mean"
    gap = signed if is_mean else points

    def marked(number: str, caution: str | None) -> str:
        if not caution:
            return number
        if caution not in below:
            below.append(caution)
        return f"{number} [{below.index(caution) + 1}]"

    def interval(item: ContrastResult) -> str:
        if wide or not item.within:
            return between(item, gap)
        shown = f"{gap(item.low)} to {gap(item.high)}"
        return marked(shown, NO_OTHER_SEEDS.format(item.within))

    table(
        [
            *(*models, "arm", "minus", *extra, *(["seeds", "n"] if wide else [])),
            *("difference" if is_mean else "points", "95%", "p", "least p", "Holm"),
        ],
        [
            (
                *(getattr(item, name) for name in models),
                *(*item.sides, *(getattr(item, name) for name in extra)),
                *([item.seeds, item.n] if wide else []),
                *(gap(item.difference), interval(item)),
                marked(chance(item.p), item.p_caution),
                *(chance(item.p_min), chance(item.p_holm)),
            )
            for item in contrasts
        ],
    )
    for number, caution in enumerate(below, 1):
        tell_below(f"[{number}] {caution}")


def bar(rate: Rate) -> str:
    """The interval and the rate on a line from 0 to 1: ` ├──●─┤ `."""
    if rate.rate is None or rate.low is None or rate.high is None:
        return ""
    low, middle, high = (min(BAR - 1, int(x * BAR)) for x in (rate.low, rate.rate, rate.high))
    cells = ["·"] * BAR
    for place in range(low, high + 1):
        cells[place] = "─"
    cells[low], cells[high] = "├", "┤"
    cells[middle] = "●"
    return "".join(cells)
