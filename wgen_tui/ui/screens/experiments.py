"""Screen 1: every definition, its card or its mistakes, and what begins from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from wgen_tui.terminal_text import one_line
from wgen_tui.ui import modals, services, state
from wgen_tui.ui.screens.experiment_tokens import ExperimentTokens
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.bars import KeyBar
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel, set_title, set_views
from wgen_tui.ui.widgets.section_table import SectionTable
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.services.experiments.authoring.arm_starts import ArmStart
    from wgen_tui.services.experiments.authoring.mistakes import Checked
    from wgen_tui.services.experiments.names import ExperimentInfo

POLL_EVERY = 5.0
TITLE = "experiments"
LARGE = 150  # columns from which on n has a column in the list
EMPTY = "No experiment matches.\n\nesc clears the filter."


class ExperimentsScreen(ExperimentTokens):
    """List left, card right."""

    SCOPE = "experiments"
    ENTER: ClassVar = {"list": "take in hand"}

    def __init__(self) -> None:
        super().__init__()
        self._infos: list[ExperimentInfo] = []
        self._filter = ""
        self._wanted = ""  # where the cursor goes, once it is listed
        self._shown = ""
        self._drawn: object = None  # what the panel shows the beginning of
        self._card: tuple[ExperimentInfo, Checked] | None = None
        self._starts: dict[str, ArmStart] | None = None

    def compose_content(self) -> ComposeResult:
        self._lay_out()
        with Container(id="split"):
            yield panel(SectionTable(empty="reading…", id="list"), TITLE)
            yield panel(TextPane(id="card"), "card")
        yield Static(id="offer", markup=False)

    def _lay_out(self) -> None:
        """Give the list its last column where there is room."""
        self.set_class(self.app.size.width >= LARGE, "-large")

    def on_mount(self) -> None:
        self.every(POLL_EVERY, "list", self.reload)

    def on_screen_resume(self) -> None:
        self.compare_again()
        if self._infos:
            self.reload()
        else:
            self.call_later(self._read_names)

    # The list

    @loads("list", then="_keep_names", failed="reload")
    def _read_names(self) -> list[ExperimentInfo]:
        """The first frame waits for nothing, and the names not for what reads definitions."""
        return services.names.list_names(self.home)

    def _keep_names(self, infos: list[ExperimentInfo]) -> None:
        self._infos = infos
        self._show_list()
        self.call_after_refresh(self.reload)

    def reload(self) -> None:
        """Read the list again, unless that is under way or the screen is hidden."""
        if self.is_current and not self.busy("list"):
            self._read_list()

    @loads("list", then="_keep_list")
    def _read_list(self) -> tuple[list[ExperimentInfo], dict[str, Counter[str]]]:
        infos = services.listing.list_experiments(self.home)
        return infos, state.experiments.run_counts(services.runs.list_runs(self.home))

    def _keep_list(self, read: tuple[list[ExperimentInfo], dict[str, Counter[str]]]) -> None:
        self._infos, self._counts = read
        if self.wgen.experiment is None:
            self.wgen.experiment = state.experiments.most_alive(
                [i.slug for i in self._infos], self._counts
            )
        self.wgen.keep_arms({info.slug: tuple(info.arms) for info in self._infos if info.arms})
        self._offer_demo()
        self._show_list()
        info = self._info
        if info is not None and (self._card is None or self._card[0] is not info):
            self.on_virtual_table_moved()  # it has been read, or changed, since it was shown
        elif info is not None and self.view == "tokens":
            self.want_tokens(info)  # its data may be others
        self.want_headlines()

    def _offer_demo(self) -> None:
        """A home without runs and definitions of its own offers the demo."""
        offer = self.query_one("#offer", Static)
        own = any(not info.builtin for info in self._infos)
        offer.display = not (self._counts or own or self.wgen.readonly)
        if offer.display:
            info = next((i for i in self._infos if i.is_demo and not i.error), None)
            offer.update(state.experiments.demo_offer(info))

    def _show_list(self) -> None:
        words = self._filter.lower().split()
        shown = [
            info
            for info in self._infos
            if all(word in f"{info.slug} {info.title}".lower() for word in words)
        ]
        rows = state.experiments.rows(shown, self._counts, self.wgen.experiment, self._headlines)
        table = self.query_one("#list", SectionTable)
        set_title(table, f"experiments with {one_line(self._filter, 30)!r}" if words else TITLE)
        table.set_empty_text(EMPTY if words else "No experiments yet.\n\nn begins one.")
        keys = [row.slug or f"/{row.shelf}" for row in rows]
        table.show_sections(rows, keys)
        first = self._wanted or ("" if self._shown else self._first([i.slug for i in shown]))
        if first in keys:
            self._wanted = ""
            table.move_to(keys.index(first))
        self.query_one(KeyBar).name_enter()
        if table.current is None:
            self._empty_panel()

    def _first(self, slugs: list[str]) -> str:
        """Where the cursor begins; "" for the first row."""
        if self.wgen.experiment in slugs:
            return self.wgen.experiment
        return state.experiments.most_alive(slugs, self._counts) or ""

    def go_to(self, slug: str) -> None:
        self._wanted, self._filter = slug, ""
        self.discard_load("list")  # what is being read may not have it yet
        self.reload()

    def in_view(self) -> list[ExperimentInfo]:
        table = self.query_one("#list", SectionTable)
        rows = (table.row(index) for index in table.in_view)
        return [row.info for row in rows if row is not None and row.info is not None]

    def headlines_changed(self, slugs: Collection[str]) -> None:
        self._show_list()
        if self._shown in slugs and self._card is not None:
            self.draw_panel()

    def all_slugs(self) -> Collection[str]:
        return {info.slug for info in self._infos}

    # The card

    @property
    def _info(self) -> ExperimentInfo | None:
        row = self.query_one("#list", SectionTable).current
        return row.info if row is not None else None

    def on_virtual_table_moved(self) -> None:
        if (info := self._info) is not None:
            self.query_one("#card", TextPane).turn_to((info.slug, self.view))
            self.when_settled(self._load_card)

    def _load_card(self) -> None:
        self.query_one(KeyBar).name_enter()  # enter means another thing where there are runs
        if (info := self._info) is not None and not info.unread:
            self._read_card(info)
        self.want_headlines()  # others may have come into view

    @loads("card", then="_show_card")
    def _read_card(self, info: ExperimentInfo) -> tuple[ExperimentInfo, Checked]:
        return info, services.mistakes.read(self.home, info.path)

    def _show_card(self, read: tuple[ExperimentInfo, Checked]) -> None:
        self._card, self._starts = read, None
        info, checked = read
        self.draw_panel()
        self.want_tokens(info if checked.definition is not None else None)
        if checked.definition is not None:
            self._read_starts(info, checked.definition)

    @loads("starts", then="_keep_starts")
    def _read_starts(
        self, info: ExperimentInfo, definition: Definition
    ) -> tuple[ExperimentInfo, dict[str, ArmStart]]:
        return info, services.arm_starts.arm_starts(self.home, info.path, definition)

    def _keep_starts(self, read: tuple[ExperimentInfo, dict[str, ArmStart]]) -> None:
        info, starts = read
        if self._card is not None and self._card[0] is info:
            self._starts = starts
            self.draw_panel()

    def draw_panel(self) -> None:
        if self._card is None:
            return
        info, checked = self._card
        pane = self.query_one("#card", TextPane)
        definition, colours = checked.definition, self.arm_colours(info.slug)
        view = self.view if definition is not None else "card"
        if view == "tokens":
            text = self.tokens_text()
        elif view == "arms" and definition is not None:
            text = state.experiment_rows.arms_text(definition, colours, self._starts)
        else:
            text = state.experiment_card.card(
                *(info, checked, self._counts.get(info.slug, Counter()), colours),
                pane.size.width - 1,  # a scrollbar may come
                starts=self._starts,
                result=self._sentences.get(info.slug),
            )
        if checked.mistakes and view == "card":
            set_title(pane, "mistakes")
        else:
            set_views(pane, self.views, self.view)
        drawn = (info.slug, view, self.token_page if view == "tokens" else None)
        pane.turn_to((info.slug, self.view))
        pane.show(text, keep_place=drawn == self._drawn)
        self._shown, self._drawn = info.slug, drawn

    def _empty_panel(self) -> None:
        """With no row there is no card: what stood there is of none that is listed."""
        for group in ("card", "starts"):
            self.discard_load(group)
        self._card, self._starts, self._shown, self._drawn = None, None, "", None
        self.want_tokens(None)
        pane = self.query_one("#card", TextPane)
        set_title(pane, "card")
        pane.turn_to(None)
        pane.show(Text())

    def on_resize(self) -> None:
        self._lay_out()
        if self._card is not None:
            self.call_after_refresh(self.draw_panel)

    def checked(self) -> Checked | None:
        card, info = self._card, self._info
        return card[1] if card is not None and info is not None and card[0] is info else None

    # Keys

    def chosen(self) -> ExperimentInfo | None:
        info = self._info
        if info is None:
            self.notify_plain("No experiment is listed: esc clears the filter.")
        elif info.unread:
            self.notify_plain("Its definition is being read; press the key again.", info.slug)
            return None
        return info

    def enter_label(self, panel: str) -> str | None:
        info = self._info
        has_runs = info is not None and self._counts.get(info.slug)
        return "results" if has_runs and panel == "list" else super().enter_label(panel)

    def on_virtual_table_selected(self) -> None:
        """Take the experiment in hand; what it says is on Results, once it has runs."""
        info = self.chosen()
        if info is None:
            return
        self.wgen.experiment = info.slug
        self._show_list()
        if self._counts.get(info.slug):
            self.wgen.action_go("results")
        else:
            self.notify_plain("In hand. It has no runs yet: s plans and starts them.", info.slug)

    def action_validate(self) -> None:
        if (info := self.chosen()) is not None:
            self.check_again(info)

    def check_again(self, info: ExperimentInfo) -> None:
        self.notify_plain("Checking the definition and its data…", info.slug)
        self._check(info)

    @loads("card", then="_show_check")
    def _check(self, info: ExperimentInfo) -> tuple[list[ExperimentInfo], str, Checked]:
        checked = services.mistakes.check(self.home, info.path)
        return services.listing.list_experiments(self.home), info.slug, checked

    def _show_check(self, read: tuple[list[ExperimentInfo], str, Checked]) -> None:
        infos, slug, checked = read
        self._infos = infos
        self._show_list()
        info = next((info for info in infos if info.slug == slug), None)
        if info is None:
            self.notify_plain("Its definition is gone.", slug, "error")
            return
        self.wgen.keep_arms({slug: tuple(info.arms)} if info.arms else {})
        self._show_card((info, checked))
        said, severity = state.experiment_card.summary(checked)
        self.notify_plain(said, slug, severity)

    def action_folder(self) -> None:
        if (info := self.chosen()) is not None:
            self.app.copy_to_clipboard(str(info.path))
            self.notify_plain(str(info.path), f"Folder of {info.slug}")

    def action_copy(self) -> None:
        if (info := self.chosen()) is not None:
            self.app.copy_to_clipboard(info.slug)

    def action_filter(self) -> None:
        hint = Text("Words of slug or title; empty lists all.", "dim")
        self.app.push_screen(
            modals.AskModal("Filter experiments", self._filter, hint), self._apply_filter
        )

    def _apply_filter(self, text: str | None) -> None:
        if text is not None:
            self._filter = text
            self._show_list()

    def action_back(self) -> None:
        listed = len(self.query_one("#list", SectionTable))
        if listed and self.leave_view():  # where nothing is listed, esc is for the filter
            return
        if self._filter and (isinstance(self.focused, VirtualTable) or not listed):
            self._apply_filter("")
            self.notify_plain("All experiments are listed again.")
        super().action_back()
