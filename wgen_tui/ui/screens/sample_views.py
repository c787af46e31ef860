"""How samples are listed: which columns, in whose colours, and views saved under a name.

Promises: a view that was saved lists the same filter and columns again, also on another screen of
the home; samples of several experiments or models have a column that says whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.errors import UsageError, WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.sample_detail import SampleDetailScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.answers import sample_columns
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from wgen_tui.services.data.saved_views import SavedView
    from wgen_tui.ui.modals.views import Answer
    from wgen_tui.ui.state.shared.arm_colours import ArmColours

Arms = dict[str, tuple[str, ...]]  # experiment -> arms, in the order of its definition
LONGEST = 60  # characters of a name
UNWRITTEN = "The samples behind a number are no filter that can be written down: backspace, then /."


class SampleViewsScreen(SampleDetailScreen):
    """A list of samples, and how it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()  # that were chosen
        self._with_arms: set[str] = set()  # experiments whose definition was asked for its arms

    def _colours(self, experiment: str) -> ArmColours | None:
        return self.arm_colours(experiment) if experiment in self._with_arms else None

    def show_columns(self) -> None:
        """Show the columns that were chosen, and those that tell the samples apart."""
        folded = self._listing if self.folded else None
        columns, cells = sample_columns.columns(
            self._columns, self.several, self._colours, self.patterns, folded
        )
        self._table.set_columns(columns, cells)

    def fit_columns(self, listing: Listing) -> None:
        """Name experiment and model where the list has several, and colour their arms."""
        names = ("experiment", "model")
        if listing.values("experiment") or not len(listing):  # else it is the beginning of a search
            self.several = tuple(name for name in names if len(listing.values(name)) > 1)
        self.show_columns()
        unknown = [slug for slug in listing.values("experiment") if slug not in self._with_arms]
        if unknown:
            self._read_arms(unknown)

    @loads("arms", then="_keep_arms")
    def _read_arms(self, slugs: list[str]) -> Arms:
        return {slug: self._arms_of(slug) for slug in slugs}

    def _arms_of(self, slug: str) -> tuple[str, ...]:
        try:
            return tuple(services.definitions.load(self.home, slug).arms)
        except WgenError:  # the samples outlive their definition
            return ()

    def _keep_arms(self, arms: Arms) -> None:
        self.wgen.keep_arms({slug: names for slug, names in arms.items() if names})
        self._with_arms |= {slug for slug, names in arms.items() if names}
        self._table.refresh()
        self.arms_known()

    def arms_known(self) -> None:
        """Called when the arms of another experiment have their colours."""

    # Columns

    def action_columns(self) -> None:
        offered = [name for name in sample_columns.OFFERED if name != sample_columns.LAST]
        chosen = self._columns or sample_columns.DEFAULT

        def picked(names: tuple[str, ...] | None) -> None:
            if names is not None:
                self._columns = names
                self.show_columns()

        self.app.push_screen(modals.PickModal("Columns", offered, chosen), picked)

    # Views

    def action_views(self) -> None:
        self._read_views()

    @loads("views", then="_offer_views", opens=True)
    def _read_views(self) -> list[SavedView]:
        return services.saved_views.listed(self.home)

    def _offer_views(self, views: list[SavedView]) -> None:
        def answered(answer: Answer | None) -> None:
            if answer is None:
                return
            what, place = answer
            if what == "save":
                self._ask_name(views)
            elif what == "list":
                self._list_view(views[place])
            elif self.check_writable():
                self._remove_view(views[place])

        self.app.push_screen(modals.ViewsModal(views), answered)

    def _list_view(self, view: SavedView) -> None:
        try:
            fields = filters.parse(view.filter)
        except UsageError as error:  # another version wrote it
            self.show_error(error)
            return
        known = sample_columns.OFFERED
        self._columns = tuple(name for name in view.columns if name in known)
        self.show_columns()
        self.change_filter(fields)
        self.notify_plain(f"{printable(view.name)} is listed.", "View")

    def _ask_name(self, views: list[SavedView]) -> None:
        if not self.check_writable():
            return
        if "behind" in self._fields:
            self.notify_plain(UNWRITTEN, "View", "warning")
            return
        written = filters.write(self._fields)
        hint = Text(f"{printable(written) or 'all samples'}\n", "")
        if views:
            names = ", ".join(printable(view.name) for view in views)
            hint.append(f"in use, and replaced by the same name: {names}", "dim")

        def named(name: str | None) -> None:
            if name is not None:
                self._save_view(name.strip(), written, self._columns)

        self.app.push_screen(modals.AskModal("Save this view as", "", hint, _check_name), named)

    @loads("view", then="_view_kept")
    def _save_view(self, name: str, written: str, columns: tuple[str, ...]) -> str:
        services.saved_views.save(self.home, name, written, columns)
        return f"{printable(name)} is saved; V lists it again."

    @loads("view", then="_view_kept")
    def _remove_view(self, view: SavedView) -> str:
        services.saved_views.remove(self.home, view)
        return f"{printable(view.name)} is taken away."

    def _view_kept(self, said: str) -> None:
        self.notify_plain(said, "View")


def _check_name(name: str) -> None:
    """Refuse what is no name of a view.

    Raises:
        UsageError: it is empty, long, or has characters that are not printed.
    """
    if not name.strip() or not name.isprintable() or len(name.strip()) > LONGEST:
        raise UsageError(f"A view has a name of {LONGEST} characters at most.", title="View")
