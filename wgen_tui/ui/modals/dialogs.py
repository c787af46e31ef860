"""Small dialogs: confirm, ask for a line, choose one, read the keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.actions import Action
from wgen_tui.ui.widgets.hint_line import HintLine
from wgen_tui.ui.widgets.pane import TextPane

LETTERS = "enter chooses · letters find · esc cancels"


class ConfirmModal(ModalScreen[bool]):
    """y confirms; n or esc does not. Enter is not enough for what cannot be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence

    def compose(self) -> ComposeResult:
        text = Text()
        text.append(f"{printable(self._question)}\n\n", "bold")
        text.append(f"{printable(self._consequence)}\n")
        with Vertical(classes="dialog"):
            yield Static(text, markup=False)
            yield HintLine("y yes · n no", style="reverse")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class AskModal(ModalScreen[str | None]):
    """One line of text, with what may be typed below it.

    What `check` refuses stays in the field, with the reason under it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(
        self,
        title: str,
        value: str,
        help_text: Text,
        check: Callable[[str], object] | None = None,
        problem: str = "",
    ) -> None:
        """Ask.

        Args:
            title: What for.
            value: What stands in the field at first.
            help_text: What may be typed.
            check: Raises a UsageError for what cannot be taken; it may not wait for anything.
            problem: Why `value`, which was given before, could not be taken.
        """
        super().__init__()
        self._title = title
        self._value = value
        self._help = help_text
        self._check = check
        self._problem = problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield HintLine("enter takes it · esc cancels", title=f"{printable(self._title)}  ")
            yield Input(self._value, select_on_focus=False)
            yield Static(id="problem", markup=False)
            yield Static(self._help, markup=False)

    def on_mount(self) -> None:
        self._say(self._problem)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            if self._check is not None:
                self._check(event.value)
        except UsageError as error:
            self._say(str(error))
            return
        self.dismiss(event.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was said is of the text as it was."""
        if event.value != self._value:
            self._value = event.value
            self._say("")

    def _say(self, problem: str) -> None:
        shown = self.query_one("#problem", Static)
        shown.update(Text(f"✗ {printable(problem)}\n", "red") if problem else "")
        shown.display = bool(problem)

    def action_cancel(self) -> None:
        self.dismiss(None)


class ChooseModal(ModalScreen[int | None]):
    """One of several; returns its index. Letters that are typed go to the first that has them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "cancel"),
        Binding("j", "move('down')", "down", show=False),
        Binding("k", "move('up')", "up", show=False),
    ]

    def __init__(self, title: str, options: Sequence[str], chosen: int = 0) -> None:
        super().__init__()
        self._title = title
        self._options = options
        self._chosen = chosen
        self._typed = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(Text(self._title, "bold"))
            yield OptionList(*(Option(Text(printable(option))) for option in self._options))
            yield HintLine(LETTERS)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._chosen

    def _show_keys(self) -> None:
        if not self._typed:
            self.query_one(HintLine).show(LETTERS)
            return
        none = "" if self._first_with_it() is not None else "is in none of them · "
        keys = f"{none}enter chooses · backspace erases"
        self.query_one(HintLine).show(keys, printable(self._typed))

    def _first_with_it(self) -> int | None:
        """The first that begins with what was typed, else the first that has it."""
        typed = self._typed.casefold()
        names = [option.casefold() for option in self._options]
        begins = [place for place, name in enumerate(names) if name.startswith(typed)]
        return next(iter(begins or [p for p, name in enumerate(names) if typed in name]), None)

    def on_key(self, event: events.Key) -> None:
        """A letter is typed, unless it is a key of the dialog and begins nothing."""
        letter = event.character if event.is_printable else None
        if event.key == "backspace":
            self._typed = self._typed[:-1]
        elif letter is not None and not letter.isspace() and (self._typed or letter not in "jkq"):
            self._typed += letter
        else:
            return
        event.stop()
        if self._typed and (place := self._first_with_it()) is not None:
            self.query_one(OptionList).highlighted = place
        self._show_keys()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def action_move(self, direction: str) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if direction == "down" else options.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)


class PickModal(ModalScreen[tuple[str, ...] | None]):
    """Some of several; returns those that are chosen, none for what is so by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "cancel"),
        Binding("space", "pick", "choose", priority=True),
        Binding("enter", "apply", "apply", priority=True),
        Binding("backspace", "clear", "default"),
        Binding("j", "move('down')", "down", show=False),
        Binding("k", "move('up')", "up", show=False),
    ]

    def __init__(self, title: str, names: Sequence[str], chosen: Collection[str]) -> None:
        super().__init__()
        self._title = title
        self._names = list(names)
        self._picked = set(chosen)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(Text(self._title, "bold"))
            yield OptionList(*(Option(self._line(name)) for name in self._names))
            keys = "space chooses · enter shows them · backspace the default · esc cancels"
            yield HintLine(keys)

    def _line(self, name: str) -> Text:
        return Text(f"[{'x' if name in self._picked else ' '}] {printable(name)}")

    def on_option_list_option_selected(self) -> None:
        """A line was clicked."""
        self.action_pick()

    def action_pick(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            name = self._names[options.highlighted]
            self._picked ^= {name}
            options.replace_option_prompt_at_index(options.highlighted, self._line(name))

    def action_apply(self) -> None:
        self.dismiss(tuple(name for name in self._names if name in self._picked))

    def action_clear(self) -> None:
        self.dismiss(())

    def action_move(self, direction: str) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if direction == "down" else options.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)


class HelpModal(ModalScreen[None]):
    """The keys of the focused widget, of its screen, and those that work everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss_help", "close")
    ]

    def __init__(self, groups: Sequence[tuple[str, Sequence[Action]]], readonly: bool) -> None:
        super().__init__()
        self._groups = groups
        self._readonly = readonly

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide tall"):
            yield TextPane()
            yield HintLine("j k scroll · esc closes")

    def on_mount(self) -> None:
        self.query_one(TextPane).focus()

    def on_text_pane_resized(self) -> None:
        pane = self.query_one(TextPane)
        width = pane.scrollable_content_region.width
        pane.show(help_text(self._groups, self._readonly, width), keep_place=True)

    def action_dismiss_help(self) -> None:
        self.dismiss(None)


def help_text(groups: Sequence[tuple[str, Sequence[Action]]], readonly: bool, width: int) -> Text:
    """Key and sentence of every action, by group; a sentence goes on below its beginning."""
    text = Text()
    keys = max((cell_len(a.shown_keys) for _, items in groups for a in items), default=0) + 2
    for title, items in groups:
        text.append(f"{title}\n", "bold")
        for action in items:
            text.append(f"  {action.shown_keys:{keys}}", "cyan")
            off = " (off: read-only)" if readonly and action.writes else ""
            lines = wrap(f"{action.help}{off}", max(width - keys - 2, 20))
            text.append(("\n" + " " * (keys + 2)).join(lines) + "\n")
        text.append("\n")
    return text
