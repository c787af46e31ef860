"""Options that several commands have, said once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wgen_tui.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

checkpoints_option = click.option(
    "--checkpoints", metavar="WHICH", help="Sample final, all, or steps such as 10,20."
)
trust_option = click.option(
    "--trust-remote-code", is_flag=True, help="Let the model's own code run."
)
detach_option = click.option(
    "--detach", "--no-watch", "detach", is_flag=True, help="Do not follow the runs."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done; write nothing."
)


judge_model_option = click.option(
    "--judge-model",
    "judge_models",
    multiple=True,
    metavar="NAME=MODEL",
    help="Which model a judge's model stands for; repeatable.",
)


ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


def _destination(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    """Where to; `-` is stdout, as elsewhere."""
    if value is not None and str(value) == ".":  # what an empty name becomes
        raise click.BadParameter("a file has a name.")
    return None if value is not None and str(value) == "-" else value


output_option = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_destination,
    help="Default: stdout.",
)


def form_of(output: Path | None, form: str | None, usual: str) -> str:
    """The format: what `--format` says, else what the file's name ends in, else the usual one.

    Raises:
        UsageError: the two disagree, or the name ends in something that is not written here.
    """
    # A FIFO is named anyhow. Path.exists raises where a name is too long.
    if output is None or (os.path.exists(output) and not output.is_file()):  # noqa: PTH110
        return form or usual
    ending = output.suffix.lower()
    named = ENDINGS.get(ending)
    if form is None and ending and named is None:
        raise UsageError(
            f"{output.name} does not say which format.",
            title="Which format?",
            hint=f"End it in {', '.join(ENDINGS)}, or give --format.",
        )
    if form is not None and named not in (None, form):
        raise UsageError(
            f"{output.name} ends in {ending}, and --format is {form}.",
            title="Which format?",
            hint="Let them say the same.",
        )
    return form or named or usual


def runs_options(which: str) -> Callable[[F], F]:
    """Runs by name, or all of a kind: of an experiment, or everywhere.

    Args:
        which: The kind, in the plural, such as "live runs".
    """
    return _all(
        click.argument("run_ids", metavar="[RUN]...", nargs=-1),
        click.option("--experiment", metavar="SLUG", help=f"All {which} of this experiment."),
        click.option("--all", "everything", is_flag=True, help=f"All {which}."),
    )


def page_options(function: F) -> F:
    """Which part of a long list."""
    return _all(
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True),
        click.option("--offset", type=click.IntRange(0), default=0, show_default=True),
    )(function)


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several decorators as one, the first outermost."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def split_names(text: str | None) -> list[str] | None:
    """The names in "A,B"; None when nothing was given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
