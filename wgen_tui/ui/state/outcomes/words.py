"""The words beside a number: what it is of, how it was made in a line, and what it hangs on.

Promises: warnings come first, wrong adapters before all; how a number is made is a line here and
whole under `i`; a caution of p stands beside p.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeGuard, cast

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, WARN
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.outcomes.arms import is_whole
from wgen_tui.ui.state.outcomes.rows import (
    Number,
    amount,
    between,
    gap,
    gap_between,
    p_text,
    seeds_of,
)

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

ENDS = 3  # questions that are named at either end
MOVES = 0.02  # what broken or missing answers must move a rate by to be said
PARTS = {
    "counted": "answers that count",
    "hits": "hits",
    "unclear": "unclear answers",
    "broken": "broken answers",
}


def beside(results: Results, number: Number | None) -> Text:
    """What is to be known of the number under the cursor."""
    text = Text()
    if number is None:
        return text
    item = number.of
    if is_rate(item):
        _rate(text, results, item, number)
    else:
        _difference(text, cast("ContrastResult", item))
    return text


def is_rate(item: Rate | ContrastResult) -> TypeGuard[Rate]:
    """Whether it is a rate; without loading the services that know."""
    return not hasattr(item, "control")


def _rate(text: Text, results: Results, rate: Rate, number: Number) -> None:
    text.append(printable(name_of(rate)), BOLD)
    counted = rate.counted
    if rate.rate is None:
        text.append(": nothing is graded\n")
    elif rate.unit == "share" and counted is not None and counted.hits is not None:
        text.append(f": {amount(rate.rate, 'share')}", BOLD)
        text.append(f", {counted.hits:,} of {rate.n:,} answers")
        if amount(counted.hits / rate.n if rate.n else None, "share") != show.percent(rate.rate):
            text.append(" (each question counts once)")
        text.append(f"; 95% {between(rate)}{_within(rate)}\n")
    else:
        text.append(f": {amount(rate.rate, rate.unit)}, n {rate.n:,}; 95% {between(rate)}")
        text.append(f"{_within(rate)}\n")
    each = seeds_of(results, rate) if rate.seed is None else []
    if len(each) > 1:
        shown = "  ".join(f"{s.seed}: {amount(s.rate, s.unit)}" for s in each)
        text.append(f"seeds  {shown}\n")
    _published(text, results, rate)
    _ends(text, results, rate)
    text.append(f"{show.percent(rate.unclear)} unclear, {show.percent(rate.broken)} broken", DIM)
    text.append(f" · {printable(short_method(rate.method))}\n", DIM)
    if words := rate.left_out:
        text.append(printable(f"{words}\n"), WARN)
    _bounds(text, rate)
    if number.part in ("unclear", "broken"):
        text.append(f"enter shows the {PARTS[number.part]}\n", DIM)


def title_of(number: Number) -> str:
    """What a number is of, in few words."""
    if is_rate(number.of):
        return name_of(number.of)
    item = cast("ContrastResult", number.of)
    return " · ".join(part for part in (item.name, item.question, item.variant) if part)


def what_of(number: Number, part: str) -> str:
    """Which samples these are, for the screen that lists them."""
    return title_of(number) + ("" if part == "counted" else f", {PARTS[part]}")


def _within(row: Rate | ContrastResult) -> str:
    return f" within {row.within}" if row.within else ""


def name_of(rate: Rate) -> str:
    """The arm, and which part of it."""
    seed = None if rate.seed is None else f"seed {rate.seed}"
    parts = (rate.arm, seed, rate.question, rate.variant)
    return " · ".join(part for part in parts if part)


def _published(text: Text, results: Results, rate: Rate) -> None:
    """What others have found there; nothing follows from it."""
    if rate.seed is not None:
        return
    slice_ = (rate.metric, rate.arm, rate.question, rate.variant)
    told: dict[str, None] = {}
    for item in results.published:
        if (item.metric, item.arm, item.question, item.variant) == slice_:
            whose = ", ".join(filter(None, (item.published_model, item.source)))
            told[f"published {amount(item.published, item.unit)} ({printable(whose)})\n"] = None
    for line in told:
        text.append(line)


def _ends(text: Text, results: Results, rate: Rate) -> None:
    """The questions with the lowest and the highest rate."""
    if rate.question is not None or rate.variant is not None or rate.seed is not None:
        return
    own = questions_of(results, rate)
    known = [(item.rate, item.question) for item in own if item.rate is not None]
    if len(known) <= 2 * ENDS:
        return
    known.sort(key=lambda pair: (pair[0], pair[1]))

    def named(some: Iterable[tuple[float, str | None]]) -> str:
        return ", ".join(f"{question} {amount(value, rate.unit)}" for value, question in some)

    text.append(printable(f"lowest {named(known[:2])}; highest {named(known[:-3:-1])}\n"))


def questions_of(results: Results, rate: Rate) -> list[Rate]:
    """The same measure and arm, question by question."""
    own = (rate.metric, rate.model, rate.arm, rate.checkpoint)
    return [
        item
        for item in results.rates
        if item.question is not None
        and item.seed is None
        and item.variant is None
        and (item.metric, item.model, item.arm, item.checkpoint) == own
    ]


def _bounds(text: Text, rate: Rate) -> None:
    """How the rate would be without broken answers, where that matters."""
    bounds = rate.bounds
    if bounds is None or rate.rate is None or bounds.left_out is None:
        return
    if rate.unit == "share" and abs(bounds.left_out - rate.rate) > MOVES:
        without = amount(bounds.left_out, rate.unit)
        text.append(f"without the broken answers it is {without}\n", WARN)


def _difference(text: Text, item: ContrastResult) -> None:
    unit = " points" if item.unit == "share" else ""
    text.append(printable(item.name), BOLD)
    for part in (item.question, item.variant):
        text.append(printable(f" · {part}") if part else "")
    text.append(f": {gap(item.difference, item.unit)}{unit}", BOLD)
    text.append(f" {gap_between(item)}{_within(item)}, p {p_text(item)}\n")
    questions, seeds = show.plural(item.questions, "question"), show.plural(item.seeds, "seed")
    text.append(f"n {item.n:,}, {questions} that both have, {seeds}\n")
    if item.p_caution and not is_whole(item):  # of the others the notes say it
        text.append(printable(f"* {item.p_caution}\n"), WARN)
    if item.p is not None and item.p_min is not None and item.p <= item.p_min * 1.000001:
        text.append(f"{show.p_value(item.p_min)} is the least p that so few seeds can give\n")
    if item.left_out:
        shown = ", ".join(item.left_out[:ENDS])
        more = f" and {len(item.left_out) - ENDS} more" if len(item.left_out) > ENDS else ""
        text.append(printable(f"not counted, only one side has it: {shown}{more}\n"), DIM)
    text.append(printable(f"{short_method(item.method)}\n"), DIM)


def short_method(method: str) -> str:
    """How an interval was made, in a few words; `i` has all of it."""
    head = method.partition("; p: ")[0]
    if head.startswith("square-and-add"):
        return "from both intervals (square and add)"
    return head.partition(";")[0]


def notes(results: Results, *, of_arms: bool = True, dots: bool = True) -> Text:
    """What stands beside all numbers: warnings, the signs that are shown.

    Args:
        results: What they are of.
        of_arms: Whether the view has a row for each arm: others have no p and no count of runs.
        dots: Whether seeds are drawn beside their mean.
    """
    text = warnings_text(results)
    if of_arms:
        text.append_text(_notes_of_arms(results))
    for table in results.by_variant:
        text.append(printable(f"the mean is over {table.over}\n"), DIM)
    if results.rates and dots:
        text.append(f"{axis.LEGEND}\n", DIM)
    return text


def _notes_of_arms(results: Results) -> Text:
    """What `*` and `1 run` mean beside an arm, where such are."""
    text = Text()
    cautions = (item.p_caution for item in results.contrasts if is_whole(item))
    for caution in dict.fromkeys(caution for caution in cautions if caution):
        text.append(printable(f"* {caution}\n"), WARN)
    whole = [rate for rate in results.rates if is_whole(rate) and rate.seed is None]
    within = {rate.within for rate in whole} | {item.within for item in results.contrasts}
    if "one run" in within:
        text.append("1 run: within one run, the interval says nothing about other seeds\n", DIM)
    if "these runs" in within:
        text.append("runs: within these runs, the same: no two seeds have every question\n", DIM)
    return text


def doubts_text(results: Results) -> Text:
    """Wrong adapters, before all else: the numbers of these runs are void."""
    text = Text()
    for sentence in together(doubt.sentence for doubt in results.doubts):
        text.append(f"✗ {printable(sentence)}\n", BAD)
    return text


def warnings_text(results: Results) -> Text:
    """All other warnings."""
    text = Text()
    doubts = [doubt.sentence for doubt in results.doubts]
    for warning in together(warning for warning in results.warnings if warning not in doubts):
        text.append(f"⚠ {printable(warning)}\n", WARN)
    return text


def together(sentences: Iterable[str]) -> list[str]:
    """Sentences that say the same of several, once: `a, b: one seed`."""
    subjects: dict[str, list[str]] = {}
    for sentence in sentences:
        subject, colon, said = sentence.partition(": ")
        key = said if colon and " " not in subject.replace(" · ", "") else sentence
        subjects.setdefault(key, []).append(subject if key is said else "")
    return [
        f"{', '.join(names)}: {said}" if names != [""] * len(names) else said
        for said, names in subjects.items()
    ]


def methods(results: Results) -> list[str]:
    """How the numbers were computed, each way once, whole."""
    made = [rate.method for rate in results.rates] + [item.method for item in results.contrasts]
    read = [mean.method for mean in results.readouts] + [item.method for item in results.accuracy]
    return list(dict.fromkeys([*made, *read]))
