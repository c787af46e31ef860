"""The tables of `results` on demand: `--by judge` (each, and how they agree) and `--details`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.output import NOTHING, table, tell
from wgen_tui.services.measures.rate_words import amount, chance, percent, points, signed

if TYPE_CHECKING:
    from wgen_tui.services.measures.details import Details
    from wgen_tui.services.rates.by_judge import JudgeHeadline
    from wgen_tui.services.rates.headline_under import HeadlineLine, HeadlineUnder
    from wgen_tui.services.rates.self_agreement import SelfAgreement


SIGNIFICANT = 0.05


def show_judges(judges: list[JudgeHeadline]) -> None:
    """Print the headline by each judge, then how each agrees with the first, by arm."""
    table(
        ["judge", "grader", "version", "of", "n", "rate", "95%"],
        [
            (judge.judge, judge.grader, judge.rubric or NOTHING, *cells)
            for judge in judges
            for cells in _cells(judge)
        ],
    )
    compared = [(judge, item) for judge in judges for item in judge.agreement]
    if not compared:
        return
    first = judges[0]
    tell()
    tell(f"Agreement with {first.grader} on what is a hit:")
    table(
        ["grader", "version", "arm", "n", "agree", "kappa", "only first", "only other", "points"],
        [
            (
                *(judge.grader, judge.rubric or NOTHING, item.arm, item.n),
                percent(item.agreement),
                NOTHING if item.kappa is None else f"{item.kappa:.2f}",
                *(item.only_first, item.only_other, points(item.shift)),
            )
            for judge, item in compared
        ],
    )
    for judge in judges:
        for model, p in judge.differs_p.items():
            where = f"{model}: " if len(judge.differs_p) > 1 else ""
            differs = (
                f"that {judge.grader} errs differently between arms, as {first.grader} sees it"
            )
            sign = "a sign" if p < SIGNIFICANT else "no sign"
            tell(f"{where}there is {sign} {differs}: p {chance(p)}")


def _cells(judge: JudgeHeadline) -> list[tuple[str | int, ...]]:
    """A line for each arm, then for each difference."""
    lines: list[tuple[str | int, ...]] = []
    for rate in judge.rates:
        shown = amount(rate.unit)
        lines.append(
            (rate.arm, rate.n, shown(rate.rate), f"{shown(rate.low)} to {shown(rate.high)}")
        )
    for item in judge.contrasts:
        gap = signed if item.unit == "mean" else points
        between = f"{gap(item.low)} to {gap(item.high)}"
        lines.append((item.name, item.n, gap(item.difference), between))
    return lines


def show_self_agreement(judges: list[SelfAgreement]) -> None:
    """Print how each judge agrees with itself, all arms together and each."""
    labels = any(item.kappa is not None for item in judges)
    numbers = any(item.apart is not None for item in judges)
    lacks = any(item.incomplete for item in judges)
    models = ["model"] if len({item.model for item in judges if item.model}) > 1 else []
    table(
        [
            *(
                "judge",
                "grader",
                "agrees over",
                *models,
                "arm",
                "n",
                *(["lacking"] if lacks else []),
            ),
            *("equal", "95%", *(["kappa", "95%"] if labels else [])),
            *(["apart", "95%"] if numbers else []),
        ],
        [
            (
                *(item.judge, item.grader, _over(item), *([item.model or "all"] if models else [])),
                *(item.arm or "all", item.n, *([item.incomplete] if lacks else [])),
                *(percent(item.equal), f"{percent(item.low)} to {percent(item.high)}"),
                *(_three(item.kappa, item.kappa_low, item.kappa_high) if labels else []),
                *(_three(item.apart, item.apart_low, item.apart_high) if numbers else []),
            )
            for item in judges
        ],
    )


def _over(item: SelfAgreement) -> str:
    """Such as: 5 repeats of wording 2."""
    of = f" of wording {item.wording}" if (item.wording or 1) > 1 else ""
    return f"{item.verdicts} {item.over}{of}"


def _three(value: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    if value is None:
        return NOTHING, NOTHING
    ends = NOTHING if low is None or high is None else f"{low:.3g} to {high:.3g}"
    return f"{value:.3g}", ends


def show_under(under: list[HeadlineUnder]) -> None:
    """Print each rate and difference of the headline, under each filter and by each judge."""
    by_name: dict[tuple[str, str], list[tuple[str, HeadlineLine]]] = {}
    for item in under:
        for line in item.lines:
            by_name.setdefault((line.model, line.of), []).append((item.name, line))
    models = ["model"] if len({model for model, _ in by_name}) > 1 else []
    table(
        [*models, "headline of", "under", "n", "rate", "95%"],
        [
            (*([model] if models else []), of, name, line.n, *_shown(line))
            for (model, of), lines in by_name.items()
            for name, line in lines
        ],
    )


def _shown(line: HeadlineLine) -> tuple[str, str]:
    shown = amount(line.unit)
    if line.is_difference:
        shown = signed if line.unit == "mean" else points
    within = f" within {line.within}" if line.within else ""
    return shown(line.value), f"{shown(line.low)} to {shown(line.high)}{within}"


def show_details(details: Details) -> None:
    """Print rate@k and what the draws of each arm are worth, then runs that are copies."""
    tries = sorted({k for arm in details.arms for k in arm.at_k})
    table(
        ["model", "arm", "prompts", "n", "effective n", "length", *(f"rate@{k}" for k in tries)],
        [
            (
                *(arm.model, arm.arm, arm.prompts, arm.n),
                NOTHING if arm.effective_n is None else f"{arm.effective_n:.0f}",
                NOTHING if arm.median_length is None else f"{arm.median_length:.0f}",
                *(percent(arm.at_k.get(k)) for k in tries),
            )
            for arm in details.arms
        ],
    )
    for pair in details.matched:
        outside = f"{pair.outside:.0%} and {pair.control_outside:.0%} of the answers have no match"
        if pair.rate is None or pair.control_rate is None:
            tell(f"At equal length: {pair.arm} and {pair.control} have no length in common")
            continue
        shown = amount(pair.unit)
        rates = f"{pair.arm} {shown(pair.rate)}, {pair.control} {shown(pair.control_rate)}"
        tell(f"At equal length: {rates}; {outside}")
    for same in details.copies:
        tell(f"Copies: all {same.samples} samples are the same in {', '.join(same.runs)}")
