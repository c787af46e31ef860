"""`wgen-tui screen`: any screen of the terminal interface as text or SVG, without a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wgen_tui.cli.output import pass_home, say, tell
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--size", default="120x40", show_default=True, help="Columns x rows.")
@click.option("--experiment", metavar="SLUG", help="The experiment in hand.")
@click.option("--press", metavar="KEYS", help="Keys to press first, such as 'v v enter'.")
@click.option("--svg", "target", type=click.Path(path_type=Path), help="Write a picture instead.")
@pass_home
def command(
    home: Home,
    name: str,
    size: str,
    experiment: str | None,
    press: str | None,
    target: Path | None,
) -> None:
    """Print a screen of the interface without a terminal.

    NAME is experiments, runs, samples, grade, results or sql.
    """
    os.environ["TEXTUAL_ANIMATIONS"] = "none"  # before Textual is loaded
    os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"  # whatever terminal this is printed in
    from wgen_tui.services.runs.runs import runs_of
    from wgen_tui.ui.still import size_of, take

    if experiment is not None:
        runs_of(home, experiment)  # one that is nowhere is said here, not by an empty screen
    shown = take(
        home,
        name,
        size=size_of(size),
        experiment=experiment,
        keys=(press or "").split(),
        readonly=home.readonly,
    )
    if not shown.settled:
        say("Still reading, or changing: this is how far it is.")
    if target is None:
        tell(shown.text)
        return
    try:
        target.write_text(shown.svg, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{target}: {error.strerror}", title="Not written", hint="Choose another file."
        ) from error
    say(f"Wrote {target}.")
