"""The keys of Experiments that begin, write, change or start something.

Promises: nothing is written under --readonly; a key that cannot act says why; what comes back from
the editor is checked.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import SuspendNotSupported

from wgen_tui.errors import UsageError
from wgen_tui.paths import checked_id
from wgen_tui.terminal_text import plural
from wgen_tui.ui import later, modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from wgen_tui.services.experiments.authoring.mistakes import Checked
    from wgen_tui.services.experiments.authoring.templates import Template
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Plan

FILE = "experiment.yaml"


class ExperimentActions(BaseScreen):
    """The part of Experiments that does something."""

    def chosen(self) -> ExperimentInfo | None:
        """The experiment under the cursor, once its definition is read; says why there is none."""
        raise NotImplementedError

    def all_slugs(self) -> Collection[str]:
        """Those that are listed, whatever the filter."""
        raise NotImplementedError

    def checked(self) -> Checked | None:
        """What the card says of the experiment under the cursor."""
        raise NotImplementedError

    def check_again(self, info: ExperimentInfo) -> None:
        """Check a definition with its data, for the card and the list."""
        raise NotImplementedError

    def reload(self) -> None:
        """Read the list again."""
        raise NotImplementedError

    def go_to(self, slug: str) -> None:
        """Put the cursor on an experiment, as soon as it is listed."""
        raise NotImplementedError

    # Starting

    def action_start(self) -> None:
        if self.check_writable() and (info := self._valid()) is not None:
            self.app.push_screen(modals.StartModal(info), self._start)

    def _valid(self) -> ExperimentInfo | None:
        """The experiment under the cursor, unless its definition is wrong."""
        info = self.chosen()
        if info is not None and info.error:
            self.notify_plain(f"Its mistakes stand beside it: {_mends(info)}.", info.slug, "error")
            return None
        if info is not None:
            self.app.clear_notifications()
        return info

    def _start(self, plan: Plan | None) -> None:
        if plan is not None:
            self._commit(plan)

    @loads("start", then="_started")
    def _commit(self, plan: Plan) -> int:
        launches = services.commit.commit(self.home, plan)
        services.lifecycle.ensure_supervisor(self.home)
        return len(launches)

    def _started(self, launches: int) -> None:
        self.notify_plain(f"{plural(launches, 'launch')} queued; press 2 to watch them.", "Started")
        self.reload()

    def action_demo(self) -> None:
        if self.check_writable() and not self.busy("demo"):
            self.notify_plain("Planning the demo…")
            self._begin_demo()

    @loads("demo", then="_demo_begun")
    def _begin_demo(self) -> tuple[str, int]:
        slug = services.names.DEMO
        plan = services.plan.make_plan(self.home, slug)
        launches = services.commit.commit(self.home, plan)
        if launches:
            services.lifecycle.ensure_supervisor(self.home)
        return slug, len(launches)

    def _demo_begun(self, begun: tuple[str, int]) -> None:
        slug, launches = begun
        self.wgen.experiment = slug
        if not launches:
            self.notify_plain("The demo is done, or under way: 2 has its runs, 5 its results.")
            return
        self.wgen.action_go("runs")
        self.app.call_later(self._say_begun)

    def _say_begun(self) -> None:
        if isinstance(screen := self.app.screen, BaseScreen):
            screen.notify_plain("The demo runs; 5 shows its results as they come.", "Started")

    # Writing definitions

    def action_new(self) -> None:
        if self.check_writable():
            self._read_templates()

    @loads("templates", then="_ask_new", opens=True)
    def _read_templates(self) -> list[Template]:
        return services.templates.templates(self.home)

    def _ask_new(self, templates: list[Template]) -> None:
        self.app.push_screen(modals.NewModal(templates, self._check_slug), self._new)

    def _check_slug(self, slug: str) -> None:
        """Refuse what is no slug or is taken.

        Raises:
            UsageError: saying which.
        """
        checked_id(slug)
        if slug in self.all_slugs():
            why = f"There is an experiment {slug!r} already."
            raise UsageError(why, title="Taken", hint="Choose another name.")

    def _new(self, wanted: tuple[str, str] | None) -> None:
        if wanted is not None:
            self._write_new(*wanted)

    @loads("write", then="_written")
    def _write_new(self, slug: str, template: str) -> str:
        return services.templates.new(self.home, slug, template).name

    def action_duplicate(self) -> None:
        if not self.check_writable() or (info := self.chosen()) is None:
            return
        hint = Text("The copy's name: letters, digits, . _ -", "dim")
        ask = modals.AskModal(f"Copy {info.slug}", f"my-{info.slug}", hint, self._check_slug)

        def copy(slug: str | None, source: str = info.slug) -> None:
            if slug is not None:
                self._write_copy(source, slug)

        self.app.push_screen(ask, copy)

    @loads("write", then="_written")
    def _write_copy(self, source: str, slug: str) -> str:
        return services.definitions.copy(self.home, source, slug).name

    def _written(self, slug: str) -> None:
        self.wgen.experiment = slug
        self.go_to(slug)
        self.notify_plain("Written, and in hand: E edits it, s starts it.", slug)

    # Editing

    def action_edit(self) -> None:
        """Open the first mistake in the user's editor, and check what comes back."""
        if not self.check_writable() or (info := self.chosen()) is None:
            return
        if info.builtin:
            self.notify_plain("It ships as it is: c copies it into your home, then E.", info.slug)
            return
        file, line = _place(info, self.checked())
        try:
            commands = later.editor.command(os.environ, file, line)
            with self.app.suspend():
                later.editor.edit(commands)
        except UsageError as error:
            self.show_error(error)
            return
        except SuspendNotSupported:
            self.notify_plain(f"No editor can be opened from here; the file is {file}.", info.slug)
            return
        self.check_again(info)


def _mends(info: ExperimentInfo) -> str:
    """The key that goes on."""
    if info.builtin:
        return "c copies it, to mend it there"
    its_name = info.problems and all(problem.file == info.path for problem in info.problems)
    return "e has the folder's path" if its_name else "E mends them"


def _place(info: ExperimentInfo, checked: Checked | None) -> tuple[Path, int | None]:
    """The file and line of the first mistake that has a place; else the definition's file."""
    mistakes = checked.mistakes if checked is not None else ()
    for problem in (*(mistake.problem for mistake in mistakes), *info.problems):
        if problem.file is not None and problem.file.suffix and problem.file != info.path:
            return problem.file, problem.line
    return info.path / FILE, None
