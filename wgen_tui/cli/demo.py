"""`wgen-tui demo`: a whole experiment by the ordinary services, narrated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from wgen_tui.cli.output import NOTHING, pass_writable_home, say, table
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home
from wgen_tui.services.measures.rate_words import percent, points

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.planning.plan import Plan
    from wgen_tui.services.results.results import Results


@click.command()
@click.option("--fresh", is_flag=True, help="Delete the demo's runs first and start again.")
@pass_writable_home
def command(home: Home, fresh: bool) -> int:
    """Run a whole experiment on the embedded model, in about a minute.

    Needs no GPU, no network and no account. A second demo reuses what is done.
    """
    from wgen_tui.cli.start import begin
    from wgen_tui.services.planning import demo
    from wgen_tui.services.planning.plan import make_plan
    from wgen_tui.services.results.results import compute

    began = time.monotonic()
    if fresh and (removed := demo.delete_demo_runs(home)):
        say(f"Deleted {removed} runs of {demo.SLUG}.")
    plan = make_plan(home, demo.SLUG)
    _introduce(plan)
    code = begin(home, plan)
    if code != ExitCode.OK:
        return code
    say(f"Done in {time.monotonic() - began:.0f} s. Computing rates and intervals ...")
    results = compute(home, demo.SLUG, by=())
    _show(results)
    _conclude(results)
    return ExitCode.OK


def _introduce(plan: Plan) -> None:
    """Say what is going to happen, and what happened before."""
    from wgen_tui.services.planning import demo

    definition = plan.definition
    done = demo.count_reuse(plan)
    arms = ", ".join(definition.arms)
    n = len(plan.prompts)
    say(f"{definition.title}: {definition.hypothesis.strip()}")
    say(f"Arms: {arms}; {len(definition.seeds.values)} seeds each; base model {_models(plan)}.")
    say(f"Each model answers {n} prompts, {plan.sample.sampling.n} times each; rules grade.")
    if done.any:
        say(
            f"Reused: {done.trained} of {done.to_train} fine-tunes and "
            f"{done.samples:,} of {done.samples_total:,} samples (--fresh starts again)."
        )


def _models(plan: Plan) -> str:
    return ", ".join(sorted({run.spec.model.name for run in plan.runs}))


def _show(results: Results) -> None:
    """The table: rates over seeds, what is unclear and broken, differences to each control."""
    overall = [rate for rate in results.rates if rate.seed is None and rate.question is None]
    contrasts = [item for item in results.contrasts if item.question is None]
    treated = list(dict.fromkeys(item.arm for item in contrasts))
    differences = {(item.arm, item.control): _difference(item) for item in contrasts}
    table(
        (
            *("arm", "seeds", "n", overall[0].metric, "unclear", "broken"),
            *(f"{arm} − this" for arm in treated),
        ),
        [
            (
                *(rate.arm, rate.seeds, rate.n, _share(rate)),
                *(percent(rate.unclear), percent(rate.broken)),
                *(differences.get((arm, rate.arm)) for arm in treated),
            )
            for rate in overall
        ],
    )
    say("Shares in percent [95% interval over seeds; over samples where there is one seed].")
    for warning in results.warnings:
        say(f"Note: {warning}")


def _bound(value: float | None) -> str:
    """An end of an interval, to two digits."""
    if value is None:
        return NOTHING
    return f"{100 * value:.1f}" if abs(value) < 0.0995 else f"{100 * value:.0f}"


def _share(rate: Rate) -> str:
    within = f" within {rate.within}" if rate.within else ""
    return f"{percent(rate.rate)} [{_bound(rate.low)}, {_bound(rate.high)}]{within}"


def _difference(item: ContrastResult) -> str | None:
    if item.difference is None:
        return None
    return f"{points(item.difference)} [{_bound(item.low)}, {_bound(item.high)}]"


def _conclude(results: Results) -> None:
    from wgen_tui.services.planning import demo

    say(f"Shows: {_verdict(results)}")
    say(
        "Does not show: anything about large models. This one's old persona was planted in its "
        "pretraining; the demo shows the mechanism and the workbench."
    )
    say(
        f"Next: `wgen-tui` opens the screens on these results; `wgen-tui results {demo.SLUG}` has "
        "each question; `wgen-tui experiment new` begins your own."
    )


def _verdict(results: Results) -> str:
    """What the contrasts say: an effect only where every interval lies above zero."""
    lows = [item.low for item in results.contrasts if item.question is None]
    if not lows or any(low is None or low <= 0 for low in lows):
        return "no difference to every control that its interval would vouch for, in these runs."
    least = min(item.difference or 0 for item in results.contrasts if item.question is None)
    return (
        "a fine-tune on old bird names alone makes this model answer other questions as in the "
        f"19th century, at least {100 * least:.0f} points more often than names still in use do."
    )
