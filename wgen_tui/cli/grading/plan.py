"""`wgen-tui grade plan`: which samples a person grades, how many, and which of them twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wgen_tui.cli.options import dry_run_option
from wgen_tui.cli.output import emit_json, json_option, pass_home, refuse_readonly, say, tell
from wgen_tui.paths import Home
from wgen_tui.terminal_text import plural

if TYPE_CHECKING:
    from wgen_tui.services.grading.grading_plan import Draw
    from wgen_tui.services.grading.plan_progress import Standing


@click.command()
@click.argument("experiment")
@click.option("--rubric", metavar="NAME", help="Default: the first.")
@click.option("--grader", metavar="NAME", help="Whose plan. Default: who is logged in.")
@click.option("--samples", type=int, metavar="N", help="How many. Default: 120, or all there are.")
@click.option(
    "--draw",
    type=click.Choice(["balanced", "random"]),
    help="Equally many of each arm and question, or as they come. Default: balanced.",
)
@click.option(
    "--repeats", type=int, metavar="N", help="How many are shown twice. Default: a tenth."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Which of all such plans; graders of one seed share samples. Default: 0.",
)
@dry_run_option
@json_option
@pass_home
def plan(
    home: Home,
    experiment: str,
    rubric: str | None,
    grader: str | None,
    samples: int | None,
    draw: Draw | None,
    repeats: int | None,
    seed: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Plan what you grade, blind; without options, show the plan that you follow.

    A plan is drawn over what you have not graded yet, and takes the place of the one before; grades
    that were given stay. `wgen-tui grade EXPERIMENT` goes on in it.
    """
    from wgen_tui.services.grading.grading_plan import keep_plan
    from wgen_tui.services.grading.plan_progress import Standing, plan_anew, standing
    from wgen_tui.services.grading.session import grader_name, rubric_named

    chosen = rubric_named(home, experiment, rubric).name
    person = grader_name(grader)
    is_new = any(value is not None for value in (samples, draw, repeats, seed))
    if not is_new:
        _show(standing(home, experiment, chosen, person), as_json)
        return
    if not dry_run:
        refuse_readonly("Leave out --readonly, or add --dry-run.")
    planned = plan_anew(
        home,
        experiment,
        chosen,
        person,
        samples=samples,
        draw=draw or "balanced",
        repeats=repeats,
        seed=seed or 0,
    )
    if not dry_run:
        _tell_what_it_replaces(home, experiment, chosen, person)
        keep_plan(home, planned)
    _show(Standing(planned, not dry_run, 0), as_json)


def _tell_what_it_replaces(home: Home, experiment: str, rubric: str, person: str) -> None:
    """Say what ends with a new plan, and who does not know of it yet."""
    from wgen_tui.services.grading.grading_plan import plan_of
    from wgen_tui.services.grading.plan_progress import standing
    from wgen_tui.services.grading.unblinding import NameLock

    if plan_of(home, experiment, rubric, person) is not None:
        before = standing(home, experiment, rubric, person)
        say(
            f"Note: it takes the place of a plan of {plural(before.plan.samples, 'sample')}, "
            f"{before.graded:,} of {plural(len(before.plan.showings), 'showing')} graded; "
            "the grades stay."
        )
    session = NameLock(home, person)
    session.release()
    if session.shared:
        say(f"Note: a screen grades as {person} now; it takes this plan when it is opened again.")


def _show(standing: Standing, as_json: bool) -> None:
    plan = standing.plan
    if as_json:
        from wgen_tui.cli.shapes.grades import GradingPlanned

        shown = GradingPlanned(
            **plan.model_dump(exclude={"showings", "created_at"}),
            kept=standing.kept,
            created_at=plan.created_at if standing.kept else None,
            samples=plan.samples,
            repeats=plan.repeats,
            graded=standing.graded,
            left=standing.left,
            showings=[str(key) for key in plan.showings],
        )
        emit_json(shown)
        return
    from wgen_tui.ui.state.grading import plan_words
    from wgen_tui.ui.state.plan_form import points

    tell(f"{plan.experiment} · {plan.rubric} · {plan.grader}")
    when = f"{plan.created_at:%Y-%m-%d %H:%M} UTC" if standing.kept else "not written down"
    tell(f"{plan_words(plan)} · seed {plan.seed} · {when}")
    tell(f"{standing.graded:,} of {plural(len(plan.showings), 'showing')} graded")
    tell(f"a share of all is then known to ±{points(plan.samples)} points")
