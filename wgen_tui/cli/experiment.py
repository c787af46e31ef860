"""`wgen-tui experiment`: list, show, make and check definitions."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from wgen_tui.cli.output import (
    NOTHING,
    emit_json,
    json_option,
    pass_home,
    pass_writable_home,
    say,
    table,
    tell,
)
from wgen_tui.cli.patience import patiently
from wgen_tui.errors import ExitCode
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.training_data.records import PreviewReport


@click.group()
def command() -> None:
    """List, show, make and check experiments."""


@command.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List experiments: those of the field, the miniatures, and your own."""
    from wgen_tui.services.experiments.listing import list_experiments
    from wgen_tui.services.runs.runs import list_runs

    states: dict[str, Counter[str]] = {}
    for run in list_runs(home):
        states.setdefault(run.experiment, Counter())[run.state] += 1
    experiments = list_experiments(home)
    if as_json:
        from wgen_tui.cli.shapes.experiments import Experiment, ExperimentList

        listed = [
            Experiment(
                slug=item.slug,
                title=item.title,
                source=item.source,
                builtin=item.builtin,
                path=item.path,
                models=list(item.models),
                arms=list(item.arms),
                seeds=list(item.seeds),
                runs=dict(states.get(item.slug, {})),
                error=item.error,
            )
            for item in experiments
        ]
        emit_json(ExperimentList(experiments=listed))
        return
    table(
        ("experiment", "shelf", "title", "source", "arms", "seeds", "runs"),
        [
            (
                item.slug,
                item.shelf,
                item.title if item.error is None else f"! {item.error}",
                item.source,
                len(item.arms),
                len(item.seeds),
                ", ".join(f"{n} {state}" for state, n in states.get(item.slug, {}).items()),
            )
            # Their names happen to stand in the order in which shelves are of use.
            for item in sorted(experiments, key=lambda item: item.place)
        ],
    )


@command.command()
@click.argument("experiment")
@json_option
@pass_home
def show(home: Home, experiment: str, as_json: bool) -> None:
    """Show a definition: hypothesis, arms, training, questions, judges, plan."""
    from wgen_tui.services.experiments import definitions
    from wgen_tui.services.experiments.judge_list import list_judges

    definition = definitions.load(home, experiment)
    if as_json:
        from wgen_tui.cli.shapes.experiments import ExperimentDetail

        said = {**definition.model_dump(mode="json"), "graded_by": list_judges(definition)}
        emit_json(ExperimentDetail.model_validate(said))
        return
    folder = definitions.folder(home, experiment)
    with patiently(f"Counting the examples of {experiment}"):
        counts = {
            name: None
            if definitions.to_bring(home, experiment, arm)
            else definitions.row_count(home, experiment, name, arm)
            for name, arm in definition.arms.items()
        }
    _show(definition, folder, counts)


def _show(definition: Definition, folder: Path, counts: dict[str, int | None]) -> None:
    from wgen_tui.services.experiments.judge_list import list_judges
    from wgen_tui.services.experiments.scales import described

    source = definition.source
    tell(f"{definition.slug}: {definition.title}")
    tell(definition.hypothesis.strip())
    if source.arxiv or source.title:
        where = f"arXiv {source.arxiv}" if source.arxiv else ""
        where += f" §{source.section}" if where and source.section else ""
        tell(f"Source: {source.title} {where}. {source.note}".strip())
    tell(f"Folder: {folder}")
    tell(f"Models: {', '.join(definition.models)}")
    tell(f"Seeds:  {', '.join(map(str, definition.seeds.values))}")
    for name, scale in definition.scales.items():
        said = f" ({scale.description})" if scale.description else ""
        tell(f"Scale {name}: {described(scale)}{said}")
    tell()
    table(
        ("arm", "role", "examples", "what it is"),
        [
            (name, arm.role, NOTHING if counts[name] is None else counts[name], arm.told)
            for name, arm in definition.arms.items()
        ],
    )
    for name, arm in definition.arms.items():
        for item in arm.files if counts[name] is None else ():
            if item.bring is not None:
                tell(f"{name}: bring {item.file}, published as: {item.bring.source}")
    tell()
    table(
        ("question", "wordings", "topic", "first wording"),
        [
            (q.name, len(q.wordings()), q.topic, q.wordings()[0][-1].content)
            for q in definition.questions
        ],
    )
    tell()
    table(
        ("judge", "kind", "what it does"),
        [(judge.name, judge.by, judge.does) for judge in list_judges(definition)],
    )
    if definition.analysis is not None:
        plan = definition.analysis
        tell()
        for name, measure in plan.primaries.items():
            named = f"{name}, " if name in plan.measures else ""
            tell(f"Primary metric: {named}{measure}")
        for name, measure in plan.measures.items():
            if name not in plan.primaries:
                tell(f"Measure: {name}, {measure}")
        for contrast in plan.contrasts:
            tell(f"Contrast: {str(contrast).replace(' − ', ' minus ')}")


@command.command()
@click.argument("slug")
@click.option(
    "--template",
    metavar="NAME",
    default="small",
    show_default=True,
    help="What to begin as: `small`, which is commented line by line, or a definition that ships.",
)
@click.option(
    "--benign",
    is_flag=True,
    help="With a benign control: the first treatment's prompts, answered by the base itself.",
)
@pass_writable_home
def new(home: Home, slug: str, template: str, benign: bool) -> None:
    """Write a definition to start from; `experiment list` names those that ship."""
    from wgen_tui.services.experiments.authoring import templates

    folder = templates.new(home, slug, template, benign=benign)
    tell(folder)
    say(f"Edit {folder / 'experiment.yaml'}, then: wgen-tui experiment validate {slug}")


@command.command()
@click.argument("experiment")
@click.argument("slug")
@pass_writable_home
def copy(home: Home, experiment: str, slug: str) -> None:
    """Copy EXPERIMENT into the home as SLUG, to change it there."""
    from wgen_tui.services.experiments import definitions

    folder = definitions.copy(home, experiment, slug)
    tell(folder)
    say(f"Edit {folder / 'experiment.yaml'}, then: wgen-tui experiment validate {slug}")


@command.command()
@click.argument("experiment")
@click.option(
    "--contexts",
    required=True,
    metavar="SET",
    help="brittle, or a YAML file with a line NAME: TEXT for each context.",
)
@click.option(
    "--where",
    type=click.Choice(["training", "evaluation"]),
    default="training",
    show_default=True,
    help="Before training rows, or before questions.",
)
@click.option(
    "--mode", "modes", multiple=True, metavar="MODE", help="prepend, newline or system; all."
)
@click.option("--context", "only", multiple=True, metavar="NAME", help="Only this context; all.")
@click.option("--arm", "arms", multiple=True, metavar="ARM", help="Only this arm; the treatments.")
@click.option("--name", metavar="SLUG", help="Its slug; default: the experiment's and the set's.")
@pass_writable_home
def sweep(
    home: Home,
    experiment: str,
    contexts: str,
    where: Literal["training", "evaluation"],
    modes: tuple[str, ...],
    only: tuple[str, ...],
    arms: tuple[str, ...],
    name: str | None,
) -> None:
    """Write EXPERIMENT again with its arms, or its questions, in several contexts."""
    from wgen_tui.services.experiments import context_sweep

    swept = context_sweep.sweep(
        home,
        experiment,
        contexts=contexts,
        where=where,
        modes=modes,
        only=only,
        arms=arms,
        name=name,
    )
    tell(swept.folder)
    definition, slug = swept.definition, swept.definition.slug
    said = f"{swept.contexts} contexts beside none: {len(definition.arms)} arms, "
    said += f"{len(definition.seeds.values)} seeds"
    if where == "evaluation":
        said += f", {len(definition.sampling.variants)} variants of the questions"
    say(f"{said}.")
    if swept.general:
        say(
            f"Note: {', '.join(swept.general)} are worded for no experiment in particular; "
            f"write your own under contexts.texts in {swept.folder / 'experiment.yaml'}."
        )
    say(f"Next: wgen-tui run start {slug} --dry-run")


@command.command()
@click.argument("experiment")
@json_option
@pass_home
def validate(home: Home, experiment: str, as_json: bool) -> None:
    """Check a definition (slug or path) and its data; problems name file, line and key."""
    from wgen_tui.services.experiments import definitions
    from wgen_tui.services.experiments.judge_list import list_judges
    from wgen_tui.services.judges.row_judges import row_judge_notes

    with patiently(f"Checking {experiment}"):
        definition, notes = definitions.validate(home, experiment)
        notes += row_judge_notes(home, definition)
    judges = list_judges(definition)
    if as_json:
        from wgen_tui.cli.shapes.experiments import GradedBy, Validated

        listed = [GradedBy.model_validate(judge) for judge in judges]
        emit_json(Validated(slug=definition.slug, valid=True, notes=notes, judges=listed))
        return
    for judge in judges:
        if judge.model is not None:
            tell(f"{judge.name}: {judge.by}, {judge.does}.")
    for note in notes:
        say(f"Note: {note}.")
    tell(f"{definition.slug} is valid.")


@command.command()
@click.argument("experiment")
@click.option("--arm", metavar="ARM", help="Only this arm.")
@click.option(
    "-n", "number", type=click.IntRange(0), default=3, show_default=True, help="Examples per arm."
)
@click.option(
    "--model", metavar="MODEL", help="Use this model's tokenizer; default: the definition's first."
)
@click.option("--trust-remote-code", is_flag=True, help="Let the tokenizer's own code run.")
@json_option
@pass_home
def preview(
    home: Home,
    experiment: str,
    arm: str | None,
    number: int,
    model: str | None,
    trust_remote_code: bool,
    as_json: bool,
) -> int:
    """Show training data as the model sees it: tokens, which are trained, and what is wrong.

    Only the tokenizer is loaded. Shows the first examples of each arm, and some whose tokens have a
    problem. Exits 1 if what it looked at is enough for `run start` to refuse to train on it: of a
    long dataset, whose beginning it looks at, `run start --dry-run` may find more.
    """
    from wgen_tui.services.planning import preview as service

    with patiently(f"Reading the data of {experiment}"):
        request = service.make_request(
            home, experiment, arm=arm, model=model, show=number, trust_remote_code=trust_remote_code
        )
    doing = f"Encoding with the tokenizer of {request.model.name}"
    say(f"{doing}…")
    with patiently(doing) as on_progress:
        report = service.preview(request, on_progress)
    if as_json:
        from wgen_tui.cli.shapes.experiments import Previewed

        emit_json(Previewed(**dict(report)))
    else:
        _print_preview(report, number)
    return ExitCode.FAILED if report.blocked else ExitCode.OK


def _print_preview(report: PreviewReport, prompts: int) -> None:
    from wgen_tui.ui.state import preview as text

    parts = [text.head(report)]
    parts += [text.arm_text(arm) for arm in report.arms]
    parts.append(text.prompts_text(report, prompts))
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(highlight=False)
        for part in parts:
            console.print(part)
    else:
        for part in parts:
            tell(part.plain)


@command.command()
@pass_home
def schema(home: Home) -> None:
    """Print the JSON Schema of experiment.yaml, for editors."""
    from wgen_tui.services.experiments.definitions import json_schema

    emit_json(json_schema())
