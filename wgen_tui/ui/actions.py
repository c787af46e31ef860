"""Every action a key can do, once: bindings, palette, help and footer come from here."""

from __future__ import annotations

from collections.abc import Collection

from textual.binding import Binding, BindingType

from wgen_tui.ui.action import CHOICES, GLOBAL, ITEM, KEY_NAMES, SCREENS, TABLE, TEXT, Action

__all__ = [
    "ACTIONS",
    "CHOICES",
    "GLOBAL",
    "ITEM",
    "KEY_NAMES",
    "SCREENS",
    "TABLE",
    "TEXT",
    "Action",
    "bindings",
    "of_scope",
    "title",
]


def _go(number: int, name: str, label: str) -> Action:
    return Action(f"go('{name}')", str(number), label, GLOBAL, f"Switch to {label}.", footer=False)


ACTIONS: tuple[Action, ...] = (
    _go(1, "experiments", "Experiments"),
    _go(2, "runs", "Runs"),
    _go(3, "samples", "Samples"),
    _go(4, "grade", "Grade"),
    _go(5, "results", "Results"),
    _go(6, "sql", "SQL"),
    Action("command_palette", "ctrl+p,colon", "palette", GLOBAL, "Find any action by name."),
    Action("help", "question_mark,f1", "all keys", GLOBAL, "Show the keys that work here."),
    Action("focus_next", "tab", "next panel", GLOBAL, "Focus the next panel.", footer=False),
    Action(
        "focus_previous",
        "shift+tab",
        "panel before",
        GLOBAL,
        "Focus the panel before.",
        footer=False,
    ),
    Action("theme", "f2", "theme", GLOBAL, "Choose another theme of colours.", footer=False),
    Action("back", "escape", "back", GLOBAL, "Go back, close or clear.", footer=False),
    Action("quit", "q", "quit", GLOBAL, "Quit wgen-tui; work continues.", footer=False),
    Action("zoom", "z", "zoom", SCREENS, "Give the focused panel the whole screen, or back."),
    Action(
        "divide(-1)",
        "less_than_sign",
        "divider",
        SCREENS,
        "Make the first panel smaller.",
        footer=False,
    ),
    Action(
        "divide(1)",
        "greater_than_sign",
        "divider",
        SCREENS,
        "Make the first panel larger.",
        footer=False,
    ),
    Action(
        "choose_experiment",
        "ctrl+o",
        "experiment",
        SCREENS,
        "Take another experiment in hand.",
        footer=False,
    ),
    Action("down", "j,down", "down", TABLE, "Next row.", footer=False),
    Action("up", "k,up", "up", TABLE, "Previous row.", footer=False),
    Action("page_down", "pagedown,ctrl+d", "page down", TABLE, "Page down.", footer=False),
    Action("page_up", "pageup,ctrl+u", "page up", TABLE, "Page up.", footer=False),
    Action("first", "g,home", "first", TABLE, "First row.", footer=False),
    Action("last", "upper_g,G,end", "last", TABLE, "Last row.", footer=False),
    Action("mark", "space", "mark", TABLE, "Mark the row, or unmark it.", footer=False),
    Action("select", "enter", "open", TABLE, "Open the row.", footer=False),
    Action("scroll_down", "j,down", "down", TEXT, "A line down.", footer=False),
    Action("scroll_up", "k,up", "up", TEXT, "A line up.", footer=False),
    Action("page_down", "pagedown,ctrl+d", "page down", TEXT, "A page down.", footer=False),
    Action("page_up", "pageup,ctrl+u", "page up", TEXT, "A page up.", footer=False),
    Action("scroll_home", "g,home", "top", TEXT, "To the beginning.", footer=False),
    Action("scroll_end", "upper_g,G,end", "end", TEXT, "To the end.", footer=False),
    Action("page_down", "space", "more", ITEM, "Show more of the answer.", footer=False),
    Action("choose", "space", "choose", CHOICES, "Choose the value, or no longer.", footer=False),
    Action("choice(1)", "right,l", "next", CHOICES, "The next value.", footer=False),
    Action("choice(-1)", "left,h", "before", CHOICES, "The value before.", footer=False),
    Action("line(1)", "down,j", "line down", CHOICES, "To the next line.", footer=False),
    Action("line(-1)", "up,k", "line up", CHOICES, "To the line before.", footer=False),
    Action("leave", "enter", "to the list", CHOICES, "Back to the list.", footer=False),
    Action("start", "s", "start", "experiments", "Plan and start runs.", writes=True),
    Action("new", "n", "new", "experiments", "Begin an experiment of your own.", writes=True),
    Action("edit", "E", "edit", "experiments", "Edit it in $EDITOR, then check it.", writes=True),
    Action("validate", "v", "check", "experiments", "Check the definition and all its data."),
    Action("preview", "p", "tokens", "experiments", "Card, training data as tokens, as rows."),
    Action(
        "arm(1)",
        "right_square_bracket",
        "next arm",
        "experiments",
        "The tokens of the next arm.",
        footer=False,
    ),
    Action(
        "arm(-1)",
        "left_square_bracket",
        "arm before",
        "experiments",
        "The tokens of the arm before.",
        footer=False,
    ),
    Action("model", "m", "model", "experiments", "By another model's tokenizer.", footer=False),
    Action(
        "duplicate", "c", "copy", "experiments", "Copy the definition, to change it.", writes=True
    ),
    Action("demo", "D", "demo", "experiments", "Run the demo.", writes=True, footer=False),
    Action("filter", "slash", "filter", "experiments", "List only experiments with these words."),
    Action("folder", "e", "folder", "experiments", "Show the definition's folder and copy it."),
    Action("copy", "y", "copy slug", "experiments", "Copy the slug.", footer=False),
    Action("samples", "enter", "samples", "runs", "Show the samples of this run.", footer=False),
    Action("view(1)", "v", "view", "runs", "Curves, log, adapter, rates over steps, difference."),
    Action("card", "i", "adapter", "runs", "Show its proof, verification and training."),
    Action(
        "pause", "p", "pause", "runs", "Pause or resume the run, or the marked ones.", writes=True
    ),
    Action("retry", "r", "retry", "runs", "Retry a failed, lost or cancelled run.", writes=True),
    Action("cancel", "c", "cancel", "runs", "Cancel the run, or the marked ones.", writes=True),
    Action("filter", "slash", "filter", "runs", "List only runs with these words."),
    Action("difference", "d", "difference", "runs", "Which settings of two marked runs differ."),
    Action("measure(1)", "right_square_bracket", "measure", "runs", "Draw the next measure."),
    Action(
        "measure(-1)",
        "left_square_bracket",
        "measure before",
        "runs",
        "Draw the measure before; the last is held-out accuracy.",
        footer=False,
    ),
    Action("log_scale", "l", "log scale", "runs", "A logarithmic axis, or a linear one."),
    Action("smooth", "a", "smooth", "runs", "Smooth the curves, or show every step."),
    Action("search", "f", "search the log", "runs", "Search the log; there, / does it too."),
    Action("match(1)", "n", "next match", "runs", "The next match in the log.", panels=("log",)),
    Action("match(-1)", "N", "match before", "runs", "The match before it.", footer=False),
    Action(
        "mark_group",
        "asterisk",
        "mark group",
        "runs",
        "Mark all runs of this experiment, or unmark them.",
        footer=False,
    ),
    Action("remove", "x", "remove", "runs", "Delete the run and its files.", writes=True),
    Action("queue", "P", "queue", "runs", "Pause or resume the whole queue.", writes=True),
    Action("sooner(1)", "plus", "sooner", "runs", "Raise the priority of its launch.", writes=True),
    Action(
        "sooner(-1)", "minus", "later", "runs", "Lower the priority of its launch.", writes=True
    ),
    Action("first", "t", "first", "runs", "Move its launch to the head of the queue.", writes=True),
    Action("view(-1)", "V", "view before", "runs", "The view before.", footer=False),
    Action("copy", "y", "copy", "runs", "Copy the run's id, or those of the marked.", footer=False),
    Action("filter", "slash", "filter", "samples", "List only samples that match."),
    Action("facets", "f", "facets", "samples", "Choose a filter from what there is, with counts."),
    Action("compare", "equals_sign", "compare", "samples", "Compare the arms at this question."),
    Action("fold", "u", "fold", "samples", "Fold equal texts into one row each, or unfold them."),
    Action(
        "open_fold", "o", "its samples", "samples", "List the samples of the row.", footer=False
    ),
    Action(
        "question(-1)",
        "left_square_bracket",
        "prev question",
        "samples",
        "List only the previous question.",
        footer=False,
    ),
    Action(
        "question(1)", "right_square_bracket", "question", "samples", "List only the next question."
    ),
    Action("clear", "backspace", "clear", "samples", "List all samples.", footer=False),
    Action("bookmark", "b", "bookmark", "samples", "Bookmark it, or the marked ones.", writes=True),
    Action("tags", "t", "tags", "samples", "Tag it, or the marked ones.", writes=True),
    Action("copy", "y", "copy", "samples", "Copy the sample, or the marked ones."),
    Action(
        "export", "X", "export", "samples", "Export all listed, or the marked ones.", writes=True
    ),
    Action("note", "n", "note", "samples", "Write a note beside it.", writes=True),
    Action("views", "V", "views", "samples", "Saved views: list, save or take one away."),
    Action("columns", "C", "columns", "samples", "Choose the columns.", footer=False),
    Action("logprobs", "p", "log p", "samples", "Tokens' log-probabilities: shades, numbers."),
    Action("random", "R", "at random", "samples", "List 20 at random; others the next time."),
    Action("reload", "r", "reload", "samples", "List again, with the new samples."),
    Action("side(1)", "l,right", "next column", "compare", "Next column.", footer=False),
    Action("side(-1)", "h,left", "column", "compare", "Previous column."),
    Action("answer(1)", "j,down", "answer", "compare", "Next answer of the column.", footer=False),
    Action("answer(-1)", "k,up", "up", "compare", "Previous answer of the column.", footer=False),
    Action("samples", "enter", "its draws", "compare", "List all draws that say this."),
    Action("flips", "v", "only flips", "compare", "Only draws whose label differs in a column."),
    Action("draws", "d", "draw by draw", "compare", "Each draw beside its likes, or folded."),
    Action("question(1)", "right_square_bracket", "question", "compare", "The next question."),
    Action(
        "question(-1)",
        "left_square_bracket",
        "prev question",
        "compare",
        "The previous question.",
        footer=False,
    ),
    Action("columns", "b", "by", "compare", "Columns by arm, seed, checkpoint or variant."),
    Action("copy", "y", "copy", "compare", "Copy the answer."),
    Action("skip", "s", "skip", "grade", "Leave this one for later."),
    Action("undo", "u", "undo", "grade", "Undo the last grade.", writes=True),
    Action("plan", "p", "plan", "grade", "Plan how many to grade, and how many twice."),
    Action("note", "n", "note", "grade", "Write a note to the grade that comes next."),
    Action(
        "name",
        "enter",
        "name",
        "grade",
        "Give the name that grades are kept under, where it is not known.",
        footer=False,
    ),
    Action("end", "e", "end", "grade", "Show what was graded, and whose it was."),
    Action("instructions", "i", "hide", "grade", "Hide the instructions, or show them."),
    Action("choose", "ctrl+o", "experiment", "grade", "Choose experiment and rubric."),
    Action("copy", "y", "copy", "graded", "Copy the report as text."),
    Action("hits", "space", "only hits", "results", "Show only the samples that are hits."),
    Action("view(1)", "v", "view", "results", "Next view: questions, grid, seeds, values, steps …"),
    Action("view(-1)", "V", "view before", "results", "The view before.", footer=False),
    Action("cell(1)", "right,l", "right", "results", "Next number of the row.", footer=False),
    Action("cell(-1)", "left,h", "left", "results", "The number before it.", footer=False),
    Action(
        "arm(1)",
        "right_square_bracket",
        "next arm",
        "results",
        "The questions of the next arm.",
        footer=False,
    ),
    Action(
        "arm(-1)",
        "left_square_bracket",
        "arm before",
        "results",
        "The questions of the arm before.",
        footer=False,
    ),
    Action("explain", "i", "method", "results", "Show how the numbers are made, what p tests."),
    Action("query", "w", "its SQL", "results", "Open the SQL that has a row for each sample."),
    Action("figure('svg')", "F", "figure", "results", "Write what is shown as SVG.", writes=True),
    Action("figure('csv')", "X", "CSV", "results", "Write the numbers shown as CSV.", writes=True),
    Action("counts", "W", "counts", "results", "Open the SQL that counts for all.", footer=False),
    Action("copy", "y", "copy", "results", "Copy the numbers shown as text.", footer=False),
    Action("reload", "r", "compute", "results", "Compute again from all.", footer=False),
    Action(
        "run",
        "ctrl+j,f5,ctrl+enter",
        "run",
        "sql",
        "Run the query, or what is selected of it.",
        priority=True,
    ),
    Action("edit", "e", "edit", "sql", "Edit the query; esc leaves it."),
    Action("saved", "s", "saved", "sql", "Choose a query to begin with."),
    Action("copy", "y", "copy", "sql", "Copy the row, or the marked ones.", panels=("grid",)),
    Action(
        "samples",
        "o",
        "samples",
        "sql",
        "Open the samples of the row, or of the marked ones.",
        panels=("grid",),
    ),
    Action(
        "insert", "i", "insert", "sql", "Write the name here into the query.", panels=("schema",)
    ),
    Action("export", "X,ctrl+e", "export", "sql", "Write all rows to a file.", panels=("grid",)),
    Action("schema", "d", "views", "sql", "Show the views and their columns, or hide them."),
    Action("history", "ctrl+r", "history", "sql", "Choose a query that was run here before."),
    Action("new", "ctrl+n", "new", "sql", "Begin another query beside this one."),
    Action(
        "sideways(-1)",
        "less_than_sign,left,h",
        "columns",
        "sql",
        "Show the columns before; in the other panels, move the divider.",
        footer=False,
    ),
    Action(
        "sideways(1)",
        "greater_than_sign,right,l",
        "columns",
        "sql",
        "Show further columns; in the other panels, move the divider.",
        panels=("grid",),
    ),
    Action(
        "turn(-1)",
        "left_square_bracket,f3",
        "query before",
        "sql",
        "Go to the query before.",
        footer=False,
    ),
    Action(
        "turn(1)",
        "right_square_bracket,f4",
        "next query",
        "sql",
        "Go to the next query.",
        footer=False,
    ),
    Action(
        "close",
        "x",
        "close",
        "sql",
        "Close this query; its text stays in the history.",
        footer=False,
    ),
    Action(
        "take",
        "ctrl+y",
        "take",
        "sql",
        "Put the name that is offered in the place of the mistake.",
        footer=False,
        priority=True,
    ),
)


def title(scope: str) -> str:
    """A screen's name as a heading."""
    return "SQL" if scope == "sql" else scope.capitalize()


def of_scope(scope: str) -> list[Action]:
    """The actions of one scope, in order."""
    return [action for action in ACTIONS if action.scope == scope]


def bindings(scope: str, without: Collection[str] = ()) -> list[BindingType]:
    """Textual's bindings for a scope, those of some actions left out."""
    return [
        Binding(
            action.key,
            action.id,
            action.label,
            show=False,
            priority=action.priority,
            id=action.binding_id,
        )
        for action in of_scope(scope)
        if action.id not in without
    ]
