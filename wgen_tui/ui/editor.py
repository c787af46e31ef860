"""A file in the user's own editor, at a line.

Promises: the command is taken apart and never given to a shell; Ctrl+C in the editor is the
editor's and ends nothing here.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from wgen_tui.errors import UsageError

USUAL = (["nano"], ["vim"], ["vi"])  # where neither VISUAL nor EDITOR names one
PLUS = {
    *("vi", "vim", "nvim", "vim.basic", "vim.tiny", "view", "ex", "nano", "rnano", "pico"),
    *("emacs", "emacsclient", "mg", "jed", "zile", "micro", "joe", "jmacs", "jpico", "jstar"),
    *("kak", "ne", "gedit", "ee", "mcedit"),
}  # they take `+LINE FILE`
COLON = {"hx", "helix", "subl", "zed", "lapce"}  # they take `FILE:LINE`
GOTO = {"code", "code-insiders", "codium", "cursor"}  # and so do these, after `--goto`
WAITS = GOTO | {"subl", "zed", "lapce"}  # these come back at once, unless they are told to wait


def command(environ: Mapping[str, str], file: Path, line: int | None) -> list[list[str]]:
    """The commands to try, the user's own alone where there is one.

    Raises:
        UsageError: VISUAL or EDITOR cannot be read as a command.
    """
    for name in ("VISUAL", "EDITOR"):
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            return [_at(shlex.split(text), file, line)]
        except ValueError as error:
            why = f"{name}={text}: {error}."
            raise UsageError(why, title="Editor", hint=f"As in: export {name}=vim") from error
    return [_at(words, file, line) for words in USUAL]


def _at(words: list[str], file: Path, line: int | None) -> list[str]:
    """An editor's command with the file, at the line where it is known how to say so."""
    program = PurePath(words[0]).name
    wait = ["--wait"] if program in WAITS and not {"--wait", "-w"} & set(words) else []
    if line is None:
        return [*words, *wait, str(file)]
    if program in PLUS:
        return [*words, f"+{line}", str(file)]
    if program in GOTO:
        return [*words, *wait, "--goto", f"{file}:{line}"]
    if program in COLON:
        return [*words, *wait, f"{file}:{line}"]
    return [*words, *wait, str(file)]


def edit(commands: list[list[str]]) -> None:
    """Run the first of these that there is, and wait until it ends.

    Raises:
        UsageError: there is none, or it ended with an error.
    """
    for words in commands:
        try:
            with _only_the_editor_is_interrupted():
                code = subprocess.call(words)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _failed(words[0], f"cannot be started: {error.strerror}") from error
        if code:
            raise _failed(words[0], f"ended with {code}")
        return
    tried = ", ".join(words[0] for words in commands)
    raise UsageError(
        f"There is no editor: {tried} not found.",
        title="Editor",
        hint="Name yours: export EDITOR=vim",
    )


def _failed(program: str, what: str) -> UsageError:
    hint = "VISUAL, else EDITOR, names the editor."
    return UsageError(f"{program} {what}.", title="Editor", hint=hint)


@contextmanager
def _only_the_editor_is_interrupted() -> Iterator[None]:
    """The terminal's keys interrupt all that it runs: a handler is reset in the editor alone."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        for number in kept:
            signal.signal(number, lambda *_: None)
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
