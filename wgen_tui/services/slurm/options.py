"""Where the launches of a plan run: on this box, or in Slurm and with what is asked of it.

Promises: a definition overrides config.toml key by key, and the command line both; what is missing
or would be refused is said before anything is written.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from pydantic import ValidationError

from experiments.schema import Backend
from wgen_tui.errors import BusyError, UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.services.settings import read_settings
from wgen_tui.services.slurm import commands
from wgen_tui.services.suggest import unknown

BACKENDS = ("local", "slurm")
INSTALL = "pip install 'wgen-tui[slurm]'"
# sbatch's options that are taken over as they are.
OPTIONS = (
    *("partition", "account", "qos", "time", "gres", "constraint", "exclude"),
    *("cpus_per_task", "mem"),
)


def chosen(home: Home, backend: Backend, option: str | None = None) -> SlurmSettings | None:
    """What is asked of Slurm; None when launches run on this machine.

    Args:
        home: The home, for `[slurm]` of its config.toml.
        backend: The definition's.
        option: `--backend`: local or slurm, whatever the definition says.

    Raises:
        UsageError: there is no such back end; config.toml is wrong, or contradicts the definition.
    """
    if option is not None and option not in BACKENDS:
        raise unknown("back end", option, BACKENDS)
    if (option or ("local" if backend.slurm is None else "slurm")) == "local":
        return None
    own = {} if backend.slurm is None else backend.slurm.model_dump(exclude_unset=True)
    general = read_settings(home).slurm.model_dump(exclude_unset=True)
    try:
        return SlurmSettings(**{**general, **own})
    except ValidationError as error:  # each is right by itself: of time and signal_seconds
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        hint = f"[slurm] of {home.config} and the definition's backend say this together."
        raise UsageError(f"{what}.", title="Wrong backend", hint=hint) from error


def sbatch_options(settings: SlurmSettings) -> dict[str, Any]:
    """The sbatch options that are set."""
    values = {name: getattr(settings, name) for name in OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def check(home: Home, settings: SlurmSettings) -> None:
    """Check that Slurm is there and would take such a job; submits nothing.

    Raises:
        UsageError: it would not, or it or submitit is not installed; with what to do.
        BusyError: it does not answer.
    """
    if importlib.util.find_spec("submitit") is None:
        raise UsageError(
            "The Slurm backend needs submitit, which is not installed.",
            title="No submitit",
            hint=f"{INSTALL}, or leave out --backend slurm.",
        )
    if (name := commands.missing()) is not None:
        problem = f"There is no {name} on this machine."
        raise UsageError(problem, title="No Slurm", hint=commands.NO_SLURM)
    if "%" in str(home.root) or not str(home.root).isprintable():
        problem = f"Slurm cannot write below {home.root}: the path has a % or a line break in it."
        raise UsageError(problem, title="Bad home", hint="Choose another with --home DIR.")
    asked = [
        f"--{name.replace('_', '-')}={value}" for name, value in sbatch_options(settings).items()
    ]
    try:
        commands.run(["sbatch", "--test-only", *asked, "--wrap=true"])
    except BusyError:
        raise
    except WgenError as error:
        problem = f"sbatch would refuse such a job: {error.message}"
        hint = f"It was asked: {' '.join(asked)}. They stand in the definition's backend, or in "
        hint += f"[slurm] of {home.config}."
        raise UsageError(problem, title="Slurm refuses", hint=hint) from error
