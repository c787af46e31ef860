"""Options that several commands have, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
