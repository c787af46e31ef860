"""Every action a key can do, once: bindings, palette, help and footer come from here.

Promises: an action's `id` never changes, so that a user's keymap can name it.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType

GLOBAL = "global"
TABLE = "table"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        id: Stable; also the method `action_<id>` of what its scope names.
        key: Textual's key names, separated by commas.
        label: Two words for footer and palette.
        scope: `global`, `table`, or a screen's name.
        help: A sentence for `?` and the palette.
        writes: Whether it changes the home; refused under --readonly.
        footer: Whether the footer names it.
        priority: Whether it also works while a text is being edited.
    """

    id: str
    key: str
    label: str
    scope: str
    help: str
    writes: bool = False
    footer: bool = True
    priority: bool = False

    @property
    def shown_key(self) -> str:
        """The key as a person would write it."""
        first = self.key.split(",")[0]
        return KEY_NAMES.get(first, first)

    @property
    def shown_keys(self) -> str:
        """All its keys."""
        names = (KEY_NAMES.get(key, key) for key in self.key.split(","))
        return " ".join(dict.fromkeys(names))


KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "colon": ":",
    "upper_g": "G",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
}


def _go(number: int, name: str, label: str) -> Action:
    return Action(f"go('{name}')", str(number), label, GLOBAL, f"Switch to {label}.", footer=False)


ACTIONS: tuple[Action, ...] = (
    _go(1, "experiments", "Experiments"),
    _go(2, "runs", "Runs"),
    _go(3, "samples", "Samples"),
    _go(4, "grade", "Grade"),
    _go(5, "results", "Results"),
    _go(6, "sql", "SQL"),
    Action("help", "question_mark,f1", "help", GLOBAL, "Every key of what has the focus."),
    Action("command_palette", "ctrl+p,colon", "palette", GLOBAL, "Find any action by name."),
    Action("back", "escape", "back", GLOBAL, "Leave, close or clear.", footer=False),
    Action("quit", "q", "quit", GLOBAL, "Leave wgen-tui; work goes on.", footer=False),
    Action("down", "j,down", "down", TABLE, "Next row.", footer=False),
    Action("up", "k,up", "up", TABLE, "Previous row.", footer=False),
    Action("page_down", "pagedown,ctrl+d", "page down", TABLE, "A page on.", footer=False),
    Action("page_up", "pageup,ctrl+u", "page up", TABLE, "A page back.", footer=False),
    Action("first", "g,home", "first", TABLE, "First row.", footer=False),
    Action("last", "upper_g,G,end", "last", TABLE, "Last row.", footer=False),
    Action("mark", "space", "mark", TABLE, "Mark the row, or unmark it.", footer=False),
    Action("select", "enter", "open", TABLE, "Open the row.", footer=False),
    Action("start", "s", "start", "experiments", "Plan and start runs.", writes=True),
    Action("preview", "p", "preview", "experiments", "The training data, token by token."),
    Action("validate", "v", "validate", "experiments", "Check the definition and all its data."),
    Action("folder", "e", "folder", "experiments", "Show the definition's folder and copy it."),
    Action("filter", "slash", "filter", "experiments", "Only experiments with these words."),
    Action("copy", "y", "copy", "experiments", "Copy the slug.", footer=False),
    Action("samples", "enter", "samples", "runs", "The samples of this run."),
    Action("card", "i", "adapter", "runs", "Its adapter: proof, verification, training."),
    Action(
        "pause", "p", "pause", "runs", "Pause the run or the marked; paused: go on.", writes=True
    ),
    Action("retry", "r", "retry", "runs", "Try again: failed, lost, cancelled.", writes=True),
    Action("cancel", "c", "cancel", "runs", "Cancel the run, or the marked ones.", writes=True),
    Action("remove", "x", "remove", "runs", "Delete the run and its files.", writes=True),
    Action("filter", "slash", "filter", "runs", "Only runs with these words."),
    Action("queue", "P", "queue", "runs", "Pause the whole queue, or go on with it.", writes=True),
    Action("sooner(1)", "plus", "sooner", "runs", "Up, with all runs of its launch.", writes=True),
    Action(
        "sooner(-1)", "minus", "later", "runs", "Down, with all runs of its launch.", writes=True
    ),
    Action("first", "t", "first", "runs", "Its launch before all that wait.", writes=True),
    Action("copy", "y", "copy", "runs", "Copy the run's id.", footer=False),
    Action("filter", "slash", "filter", "samples", "Which samples are listed."),
    Action(
        "question(-1)",
        "left_square_bracket",
        "prev question",
        "samples",
        "Only the question before.",
        footer=False,
    ),
    Action("question(1)", "right_square_bracket", "question", "samples", "Only the next question."),
    Action("reload", "r", "reload", "samples", "List again, with what is new."),
    Action("clear", "backspace", "clear", "samples", "List all samples.", footer=False),
    Action("copy", "y", "copy", "samples", "Copy prompt and completion."),
    Action("choose", "ctrl+o", "experiment", "grade", "Choose experiment and rubric."),
    Action("skip", "s", "skip", "grade", "Leave this one for later."),
    Action("undo", "u", "undo", "grade", "Take back the last grade.", writes=True),
    Action("view", "v", "view", "results", "Rates, what was read, or the curve over steps."),
    Action("choose", "o,ctrl+o", "experiment", "results", "Choose the experiment."),
    Action("reload", "r", "compute", "results", "Compute again from all samples."),
    Action("copy", "y", "copy", "results", "Copy the table as text."),
    Action("query", "w", "SQL", "results", "Put the SQL behind these numbers into the console."),
    Action("run", "f5,ctrl+j,ctrl+enter", "run", "sql", "Run the query.", priority=True),
    Action("edit", "e,i", "edit", "sql", "Put the cursor into the query; esc leaves it."),
    Action("export", "ctrl+e", "export", "sql", "Write all rows to a file.", priority=True),
    Action("history", "ctrl+r", "history", "sql", "A query of this session.", priority=True),
    Action("copy", "y", "copy", "sql", "Copy the row.", footer=False),
)


def title(scope: str) -> str:
    """A screen's name as a heading."""
    return "SQL" if scope == "sql" else scope.capitalize()


def of_scope(scope: str) -> list[Action]:
    """The actions of one scope, in order."""
    return [action for action in ACTIONS if action.scope == scope]


def bindings(scope: str) -> list[BindingType]:
    """Textual's bindings for a scope."""
    return [
        Binding(
            action.key,
            action.id,
            action.label,
            show=False,
            priority=action.priority,
            id=f"{scope}.{action.id}",
        )
        for action in of_scope(scope)
    ]
