"""Bookmarks, tags and notes on the samples that are listed.

Promises: no key waits for the disk: changes are written one after another, in the order of keys,
and the message says so once they are on disk; where rows are marked, they are meant; what another
screen wrote is shown within seconds, and nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.sample_actions import SampleActionsScreen
from wgen_tui.ui.state.answers import folds
from wgen_tui.ui.state.answers.notes import checked_note, checked_tags
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.state.samples import BOOKMARK
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from store.samples.rows import SampleRow

SHOWN = 30  # tags that a dialog names
Change = Callable[[], str]  # writes, and says what it did


class Again(NamedTuple):
    """Pages of a list as they are now."""

    generation: int
    pages: dict[int, list[SampleRow]]


class Chosen(NamedTuple):
    """The samples that a key means: those at marked places of a list, else these."""

    listing: Listing | None
    places: list[int]
    ids: list[int]


class SampleNotesScreen(SampleActionsScreen):
    """A list of samples, and what people say of them."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: list[Change] = []  # that wait for the one being written
        self._written: int | None = None  # tags and notes there were when rows were last read

    def notes_seen(self, written: int) -> None:
        """Read the rows in view again if there are other tags or notes than before."""
        if written != (self._written or 0):
            self.reread()
        self._written = written

    def reread(self) -> None:
        """Read what is shown again, by ids: a filter might let other samples through now."""
        folded = self._listing if self.folded else None
        self._read_again(self._table.generation, self._table.held(), folded)

    @loads("again", then="_replace")
    def _read_again(
        self, generation: int, pages: dict[int, list[SampleRow]], folded: Listing | None
    ) -> Again:
        samples = services.samples
        if folded is None:
            return Again(generation, samples.again(self.home, pages))
        read = {
            first: samples.page(self.home, folded, first, len(rows))
            for first, rows in pages.items()
        }
        return Again(generation, read)

    def _replace(self, again: Again) -> None:
        for first, rows in again.pages.items():
            self._table.supply(again.generation, first, rows)

    # Which samples a key means

    def _meant(self, title: str) -> list[SampleRow | None]:
        """The marked rows, else the one under the cursor; None for a row that has not come."""
        if not self.check_writable() or self._too_many():
            return []
        rows = [self._table.row(place) for place in self.marked] or [self._table.current]
        if rows == [None]:
            self.notify_plain("There is no sample under the cursor.", title)
            return []
        return rows

    def _chosen(self) -> Chosen:
        row: SampleRow | None = self._table.current
        return Chosen(self._listing, self.places, [] if row is None else [row.sample_id])

    def _ids(self, chosen: Chosen) -> list[int]:
        """Their ids; in a thread, as those of marked rows may have to be read."""
        if chosen.listing is None or not chosen.places:
            return chosen.ids
        return services.samples.ids_at(self.home, chosen.listing, chosen.places)

    # Tags

    def action_bookmark(self) -> None:
        if self._meant("Bookmark"):
            self._change(partial(self._toggle, self._chosen(), BOOKMARK))

    def _toggle(self, chosen: Chosen, name: str) -> str:
        given, number = services.notes.toggle(self.home, self._ids(chosen), name)
        done = f"{plural(number, 'sample')} bookmarked" if given else "No bookmark"
        return f"{done}: tag={name} lists them." if given else f"{done} any more."

    def action_tags(self) -> None:
        rows = [row for row in self._meant("Tags") if row is not None]
        if rows:
            self._read_tags([tag for tag in rows[0].tags if all(tag in r.tags for r in rows)])

    @loads("tags", then="_ask_tags", opens=True)
    def _read_tags(self, common: list[str]) -> tuple[list[str], list[tuple[str, int]]]:
        return common, services.notes.in_use(self.home)

    def _ask_tags(self, known: tuple[list[str], list[tuple[str, int]]]) -> None:
        common, in_use = known
        of = self._meant_words()
        chosen = self._chosen()

        def given(text: str | None) -> None:
            if text is not None:
                wanted = checked_tags(text)
                gone = [tag for tag in common if tag not in wanted]
                self._change(partial(self._tag, chosen, wanted, gone))

        hint = Text("With spaces between; a tag that is deleted here is taken back.\n", "dim")
        if in_use:
            shown = "  ".join(f"{one_line(tag, 40)} {n:,}" for tag, n in in_use[:SHOWN])
            more = f"  and {len(in_use) - SHOWN} more" if len(in_use) > SHOWN else ""
            hint.append(f"in use: {shown}{more}", "dim")
        self.app.push_screen(
            modals.AskModal(f"Tags of {of}", " ".join(common), hint, checked_tags), given
        )

    def _tag(self, chosen: Chosen, add: list[str], remove: list[str]) -> str:
        number = services.notes.tag(self.home, self._ids(chosen), add, remove)
        shown = " ".join(f"#{tag}" for tag in add)
        changed = plural(number, "sample") if number else "no other sample"
        return f"{printable(shown)} on {changed}." if add else f"Tags taken back on {changed}."

    # A note

    def action_note(self) -> None:
        row: SampleRow | None = self._table.current
        if not self.check_writable():
            return
        if row is None:
            self.notify_plain("There is no sample under the cursor.", "Note")
            return
        if (number := folds.samples_of(row)) > 1:
            self.notify_plain(
                f"{number:,} samples say this: enter lists them, n notes one.", "Note"
            )
            return
        self._read_author(row)

    @loads("author", then="_ask_note", opens=True)
    def _read_author(self, row: SampleRow) -> tuple[SampleRow, str]:
        return row, services.notes.author()

    def _ask_note(self, asked: tuple[SampleRow, str]) -> None:
        row, author = asked

        def noted(text: str | None) -> None:
            if text is not None:
                note = checked_note(text)
                self._change(partial(self._note, row.sample_id, note))

        hint = Text(f"Kept under {printable(author)}; empty for none.", "dim")
        before = row.notes.get(author, "")
        self.app.push_screen(
            modals.AskModal("Note beside this sample", before, hint, checked_note),
            noted,
        )

    def _note(self, sample_id: int, text: str) -> str:
        services.notes.note(self.home, sample_id, text)
        return "Noted." if text else "The note is taken back."

    # Writing

    def _change(self, change: Change) -> None:
        """Write a change after those that wait: a newer load would drop one that has not begun."""
        self._changes.append(change)
        if not self.busy("notes"):
            self._write_waiting()

    def _write_waiting(self) -> None:
        if self._changes:
            self._write(self._changes.pop(0))

    @loads("notes", then="_changed", failed="_write_waiting")
    def _write(self, change: Change) -> str:
        return change()

    def _changed(self, said: str) -> None:
        self.notify_plain(said)
        self.reread()
        self._write_waiting()
