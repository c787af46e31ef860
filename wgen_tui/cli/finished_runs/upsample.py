"""`wgen-tui run upsample`: slowly learned rows twice, with random rows twice as the control."""

from __future__ import annotations

from pathlib import Path

import click

from wgen_tui.cli.output import pass_writable_home, say, tell
from wgen_tui.cli.patience import patiently
from wgen_tui.paths import Home


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--step",
    type=click.IntRange(1),
    metavar="STEP",
    help="The checkpoint; default: the one nearest to a tenth of the steps.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the choice.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the files go; default: data of the experiment in this home.",
)
@pass_writable_home
def upsample(home: Home, run_id: str, step: int | None, seed: int, to: Path | None) -> None:
    """Write datasets in which the rows that RUN learns slowly stand twice, and random ones.

    An early checkpoint parts the rows in two (USEFUL, arXiv 2404.17768): two means over the mean
    last hidden state of each answer. The cluster of the higher mean loss is doubled; the control
    doubles as many rows at random. Prints the two arms for experiment.yaml.
    """
    from wgen_tui.services.control import upsample as service

    with patiently(f"Sorting the rows of {run_id}"):
        done = service.upsample(home, run_id, step=step, seed=seed, to=to)
    rows, slow = len(done.sorted.lines), len(done.sorted.slow)
    if done.sorted.fast_loss is None:
        say(f"Note: all {rows:,} rows are one cluster at step {done.sorted.step}: all stand twice.")
    else:
        say(
            f"Step {done.sorted.step} of {done.steps}: {slow:,} of {rows:,} rows are learned "
            f"slowly: mean loss {done.sorted.slow_loss:.3f}, the others "
            f"{done.sorted.fast_loss:.3f}."
        )
    say("Rows are as they were trained, the context with them. For experiment.yaml:")
    roles = {"slow": "", "random": ", role: control"}
    for (what, role), file in zip(roles.items(), done.files, strict=True):
        place = f"data/{file.name}" if file.parent.name == "data" else file
        tell(f"  {done.arm}_{what}_twice: {{data: {place}{role}}}")
