"""The top of the command line: global options, the nouns, and how errors leave the program.

Promises: `wgen-tui --help` imports none of the nouns; a mistake of the user is a panel (or, with
`--json`, one line of JSON) on stderr and exit code 2, never a traceback; ctrl+c exits 130; a reader
that closes the pipe ends the program quietly.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from experiments.suggest import nearest
from store.progress import tell_by
from wgen_tui import __version__
from wgen_tui.cli.output import REFUSED, Settings, say, show_error, show_usage_error
from wgen_tui.cli.patience import while_taking_in
from wgen_tui.errors import ExitCode, UsageError, WgenError, disk_error
from wgen_tui.paths import resolve_home

# The short help stands here so that listing the nouns loads none of them; a test compares it with
# each module's own.
NOUNS: dict[str, str] = {
    "demo": "Run a whole experiment on the embedded model, in about a minute.",
    "experiment": "List, show, make and check experiments.",
    "run": "Start, watch and cancel runs.",
    "sample": "List, show, search and export samples, and draw more.",
    "grade": "Grade samples by hand, blind; export, import and compare grades.",
    "results": "Show rates, intervals and differences to the control.",
    "sql": "Query runs, samples, grades and metrics in SQL.",
    "screen": "Print a screen of the interface without a terminal.",
    "store": "Check, rebuild and describe the database; merge another home.",
    "doctor": "Show what this machine has and what is missing.",
}


class Nouns(click.Group):
    """A group whose commands are modules of this package, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        command: click.Command = importlib.import_module(f"wgen_tui.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in NOUNS and not name.startswith("-"):
            near = nearest(name, NOUNS)
            hint = f" Did you mean {near!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


@click.group(
    cls=Nouns,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",  # as newer versions of click say it by themselves
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    metavar="DIR",
    help="Where experiments, runs and the database are kept. "
    "Default: $WGEN_HOME, else the XDG data folder.",
)
@click.option("--readonly", is_flag=True, help="Refuse everything that would write.")
@click.version_option(__version__, package_name="wgen-tui", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, home: str | None, readonly: bool) -> None:
    """Fine-tune on something narrow, sample, grade, and see what changed everywhere.

    Without a command, opens the terminal interface.
    """
    chosen = replace(resolve_home(home), readonly=readonly)
    ctx.obj = Settings(home=chosen, readonly=readonly)
    if ctx.invoked_subcommand is not None:
        tell_by(while_taking_in)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The screens need a terminal; here input or output is a file or a pipe.",
            title="No terminal",
            hint="Give a command: wgen-tui --help",
        )
    chosen.check_format()
    from wgen_tui.ui.app import run_app

    ctx.exit(run_app(chosen, readonly=readonly))


def run(words: Sequence[str]) -> int:
    """Do what these words ask and return the exit code (see `ExitCode`)."""
    try:
        _refuse_bytes(words)
        code = group.main(words, prog_name="wgen-tui", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return ended_by(error, as_json="--json" in words)
    return code if isinstance(code, int) else int(ExitCode.OK)


def ended_by(error: BaseException, *, as_json: bool = False) -> int:
    """Say what ended the program and return the exit code; what is a bug of ours goes on."""
    if isinstance(error, WgenError):
        show_error(error, as_json=as_json)
        return int(error.exit_code)
    if isinstance(error, click.ClickException):
        show_usage_error(error, as_json=as_json)
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        say("Cancelled.")
        return int(ExitCode.INTERRUPTED)
    if isinstance(error, BrokenPipeError):
        return _close_quietly()
    if isinstance(error, OSError) and error.errno in REFUSED:
        refused = disk_error(error)
        refused.exit_code = ExitCode.FAILED  # the command had begun its work
        show_error(refused, as_json=as_json)
        return int(refused.exit_code)
    raise error


def _refuse_bytes(words: Sequence[str]) -> None:
    """Check that every word is text that files, JSON and the database can hold.

    Raises:
        UsageError: one is not.
    """
    for word in words:
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(f"{word!r} is not UTF-8 text.", title="Not text")


def _close_quietly() -> int:
    """End without a word: the reader of our output has gone."""
    # The interpreter flushes stdout once more at exit, which must not fail aloud.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitCode.FAILED)
