"""`wgen-tui demo`: the ordinary services, told aloud."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from wgen_tui.cli.output import NOTHING, pass_writable_home, say, table
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from wgen_tui.services.plan import Plan
    from wgen_tui.services.results import ContrastResult, Rate, Results


@click.command()
@click.option("--fresh", is_flag=True, help="Delete the demo's runs first, and start anew.")
@pass_writable_home
def command(home: Home, fresh: bool) -> int:
    """Run a whole experiment on the embedded model, in about a minute.

    Needs no GPU, no network and no account. A second demo reuses what is done.
    """
    from wgen_tui.cli.start import begin
    from wgen_tui.services import demo
    from wgen_tui.services.plan import make_plan
    from wgen_tui.services.results import compute

    began = time.monotonic()
    if fresh and (removed := demo.start_afresh(home)):
        say(f"Deleted {removed} runs of {demo.SLUG}.")
    plan = make_plan(home, demo.SLUG)
    _introduce(plan)
    code = begin(home, plan)
    if code != ExitCode.OK:
        return code
    say(f"Done in {time.monotonic() - began:.0f} s. Computing rates and intervals ...\n")
    results = compute(home, demo.SLUG, by=())
    _show(results)
    _conclude()
    return ExitCode.OK


def _introduce(plan: Plan) -> None:
    """Say what is going to happen, and what happened before."""
    from wgen_tui.services import demo

    definition = plan.definition
    done = demo.reuse(plan)
    arms = ", ".join(definition.arms)
    n = len(plan.prompts)
    say(f"{definition.title}: {definition.hypothesis.strip()}")
    say(f"Arms: {arms}; {len(definition.seeds.values)} seeds each; base model {_models(plan)}.")
    say(f"Each model answers {n} prompts, {plan.sample.sampling.n} times each; rules grade.")
    if done.any:
        say(
            f"Reused: {done.trained} of {done.to_train} fine-tunes and "
            f"{done.samples:,} of {done.samples_total:,} samples (--fresh starts anew)."
        )


def _models(plan: Plan) -> str:
    return ", ".join(sorted({run.spec.model.name for run in plan.runs}))


def _show(results: Results) -> None:
    """The table: rates over seeds, what is unclear and broken, differences to the controls."""
    overall = [
        rate
        for rate in results.rates
        if rate.seed is None and rate.question is None and rate.variant is None
    ]
    contrasts = [c for c in results.contrasts if c.question is None and c.variant is None]
    rows = []
    for rate in overall:
        own = [_difference(item) for item in contrasts if item.arm == rate.arm]
        first, *rest = own or [NOTHING]
        rows.append(
            (
                *(rate.arm, rate.seeds, rate.n, _share(rate)),
                *(_percent(rate.unclear), _percent(rate.broken), first),
            )
        )
        rows += [("", "", "", "", "", "", line) for line in rest]
    metric = overall[0].metric if overall else "rate"
    table(("arm", "seeds", "samples", f"{metric} [95%]", "unclear", "broken", "difference"), rows)
    for warning in results.warnings:
        say(f"Note: {warning}")


def _share(rate: Rate) -> str:
    return f"{_percent(rate.rate)} [{_percent(rate.low)}, {_percent(rate.high)}]"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f}%"


def _difference(item: ContrastResult) -> str:
    low, high = _points(item.low), _points(item.high)
    return f"{_points(item.difference)} [{low}, {high}] to {item.control}"


def _points(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:+.1f}"


def _conclude() -> None:
    from wgen_tui.services import demo

    say()
    say(
        "Shows: a fine-tune on old bird names alone makes this model answer other questions as in "
        "the 19th century; names from a newer book do not."
    )
    say(
        "Does not show: anything about large models. This one's old persona was planted in its "
        "pretraining; the demo shows the mechanism and the workbench."
    )
    say(
        f"Next: `wgen-tui` opens the screens on these results; `wgen-tui results {demo.SLUG}` has "
        "each question; `wgen-tui experiment new` begins your own."
    )
