"""Which samples a screen lists: the filter line, the dialog that changes it, where it came from.

Promises: a filter that is refused stays in its dialog, with the reason; a value that nothing has is
named with the nearest; esc goes back to the screen whose number was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import one_line
from wgen_tui.ui import actions, modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state import samples as state
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from store.samples.facets import Facets

SHOWN = 300  # characters of a filter in the line above the list


class Before(NamedTuple):
    """What was listed before another screen's samples, to be listed again after them.

    Attributes:
        to: The screen that esc goes to.
        place: The row that the cursor stood on.
        folds: Whether equal texts were folded.
    """

    to: str
    fields: dict[str, Any]
    origin: str
    what: str
    place: int
    folds: bool = False


class SampleFilterScreen(BaseScreen):
    """The filter of a list of samples; the list is its subclass's."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._origin = ""  # the screen that esc goes back to
        self._what = ""  # what the samples are of, in the words of that screen
        self._facets: Facets | None = None
        self._questions: list[str] = []
        self._before: list[Before] = []  # what was listed when another screen asked for samples
        self.return_to = 0  # the row that the cursor goes to once they are listed
        self.folds = False  # whether equal texts are to be folded
        self._step_when_known = 0  # to which question, once they are known
        self._stale = True

    def compose_filter(self) -> ComposeResult:
        """The line above the list."""
        yield Static("", id="filter", classes="line", markup=False)

    # What the subclass has

    def reload(self) -> None:
        """List again, by the filter of now."""
        raise NotImplementedError

    def cursor_place(self) -> int:
        """The row that the cursor stands on."""
        raise NotImplementedError

    def show_no_match(self, text: str) -> None:
        """Say why nothing is listed."""
        raise NotImplementedError

    # The filter

    def set_filter(self, fields: Mapping[str, Any], *, origin: str = "", what: str = "") -> None:
        """List the samples that these fields of a Filter let through.

        Args:
            fields: Of a Filter.
            origin: The screen that they are a number of, where esc goes back to.
            what: What they are of, in that screen's words.
        """
        if origin and origin != self.SCOPE:
            froms = [before.to for before in self._before]
            if origin in froms:  # asked again from there; what was between is not come back to
                del self._before[froms.index(origin) + 1 :]
            else:
                self._keep_before(origin)
            self.folds = False  # a number's samples are listed one by one: n of them
        else:
            self._before.clear()
        self._list(fields, origin if origin != self.SCOPE else "", what)

    def _keep_before(self, to: str) -> None:
        """Keep what is listed, for esc, which goes to the screen `to`."""
        own = (self._fields, self._origin, self._what)
        self._before.append(Before(to, *own, self.cursor_place(), self.folds))

    def narrow(self, fields: Mapping[str, Any], what: str) -> None:
        """List some of the samples that are listed, one by one; esc lists these again."""
        self._keep_before(self.SCOPE)
        self.folds = False
        self._list(fields, self.SCOPE, what)

    def change_filter(self, fields: Mapping[str, Any]) -> None:
        """List others; esc still goes to where the first ones came from."""
        self._list(fields, self._origin, "")

    def _list(self, fields: Mapping[str, Any], origin: str, what: str) -> None:
        self._fields, self._origin, self._what = dict(fields), origin, what
        self._stale = True
        self.return_to = 0
        if self.is_mounted and self.is_current:
            self.reload()

    def filter_words(self) -> str:
        """The filter on one line, after where it came from."""
        if set(self._fields) == {"ids"} and len(self._fields["ids"]) > 1:
            return f"{len(self._fields['ids'])} chosen samples · backspace lists all"
        every = "those of the number" if "behind" in self._fields else "all samples"
        written = one_line(filters.write(self._fields), SHOWN) or every
        if not self._origin:
            return written
        of = f"{actions.title(self._origin)} › {self._what}" if self._what else self._origin
        if self._origin == self.SCOPE:  # a whole completion stands in the filter
            return f"{of} · esc back · {written}"
        return f"{of} · {written} · esc back"

    def action_filter(self) -> None:
        self._ask_filter(filters.write(self._fields))

    def _ask_filter(self, value: str, problem: str = "") -> None:
        text = Text()
        text.append(f"{filters.EXAMPLE}\n", "dim")
        text.append(f"keys: {', '.join(filters.KEYS)}\n", "dim")
        if self._facets is not None:
            text.append("\n")
            for key, values in state.facet_lines(self._facets):
                text.append(f"{key:10} ", "bold")
                text.append(f"{values}\n")
        self.app.push_screen(
            modals.AskModal("Filter samples", value, text, self._parsed, problem),
            self._apply_filter,
        )

    def _parsed(self, text: str) -> dict[str, Any]:
        labels = [] if self._facets is None else [(j, name) for j, name, _ in self._facets.labels]
        return filters.parse(text, labels)

    def _apply_filter(self, text: str | None) -> None:
        if text is None:
            return
        if "/" in text:  # there may be a regular expression, which only the database can read
            self._check_patterns(text)
        else:
            self._take_filter((text, ""))

    @loads("patterns", then="_take_filter", opens=True)
    def _check_patterns(self, text: str) -> tuple[str, str]:
        """The text, and why a regular expression in it cannot be read."""
        try:
            services.samples.check_patterns(services.samples.filter_of(self._parsed(text)))
        except UsageError as error:
            return text, str(error)
        return text, ""

    def _take_filter(self, checked: tuple[str, str]) -> None:
        text, problem = checked
        if problem:
            self._ask_filter(text, problem)
            return
        unwritten = {key: self._fields[key] for key in ("behind",) if key in self._fields}
        self.change_filter({**self._parsed(text), **unwritten})

    def action_facets(self) -> None:
        def chosen(fields: dict[str, Any] | None) -> None:
            if fields is not None and fields != self._fields:
                self.change_filter(fields)

        self.app.push_screen(modals.FacetModal(self._fields), chosen)

    def action_clear(self) -> None:
        if self._fields:
            self.set_filter({})
        else:
            self.notify_plain("There is no filter: all samples are listed.")

    def action_question(self, step: int) -> None:
        if not self._questions and self._facets is None:
            self._step_when_known = step  # they are being counted
            return
        if not self._questions:
            self.notify_plain("Nothing is listed, so there is no other question.", "Question")
            return
        question = filters.neighbour(self._questions, self._fields.get("question"), step)
        self.change_filter(
            filters.with_values(self._fields, "question", [] if question is None else [question])
        )

    def action_back(self) -> None:
        """To the list; from there to where its samples came from."""
        if self._origin and self.focused is self.query(self.AUTO_FOCUS or "*").first():
            origin, before = self._origin, self._before.pop()
            self.folds = before.folds
            self._list(before.fields, before.origin, before.what)
            self.return_to = before.place
            if origin != self.SCOPE:
                self.wgen.action_go(origin)
            return
        super().action_back()

    # Values

    @loads("facets", then="_keep_facets")
    def count_values(self, fields: dict[str, Any]) -> Facets:
        """How many samples have what, of those that are listed."""
        return services.samples.facets(self.home, services.samples.filter_of(fields))

    def nothing_counted(self) -> None:
        """Called when it is known that nothing is listed."""

    def values_counted(self, facets: Facets) -> None:
        """Called when it is known how many of the samples that are listed have what."""

    def _keep_facets(self, facets: Facets) -> None:
        self._facets = facets
        self.values_counted(facets)
        if self._fields.get("question") is None:
            self._questions = sorted(str(value) for value, _ in facets.questions)
        step, self._step_when_known = self._step_when_known, 0
        if step:
            self.action_question(step)

    @loads("facets", then="_show_unknown")
    def explain_nothing(self, fields: dict[str, Any]) -> tuple[Facets, list[str]]:
        """Which values of a filter no sample has."""
        every, unknown = services.samples.unknown(self.home, services.samples.filter_of(fields))
        return every, filters.nothing_has(unknown)

    def _show_unknown(self, known: tuple[Facets, list[str]]) -> None:
        every, sentences = known
        self._facets = every
        self.nothing_counted()
        if sentences:
            self.show_no_match("\n".join(sentences))
