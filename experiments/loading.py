"""Reads a definition's folder into a `Definition`, or says everything that is wrong with it.

Promises: every problem carries the file, line and key where it stands, also when questions, judges
or rubrics stand in files of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.checks import check
from experiments.errors import DefinitionError, Problem
from experiments.folders import FILE
from experiments.readers import questions as dialects
from experiments.schema import NAME, Definition
from experiments.seen_files import SeenFiles
from experiments.suggest import did_you_mean
from experiments.text_files import NOTHING, inside, missing, read_text
from experiments.validation import EXAMPLES, explain
from experiments.yaml_source import Document, KeyPath, read_yaml

SECTIONS = ("questions", "judges", "model_judges", "rubrics")
TOP: KeyPath = ()
WRITTEN: dict[str | int, tuple[str, ...]] = {
    "name": ("id",),
    "prompt": ("judge_prompts", "judges", "paraphrases"),
}


@dataclass
class Sources:
    """Which file and path a path of the assembled definition comes from."""

    main: Document
    files: SeenFiles
    elsewhere: dict[KeyPath, tuple[Document, KeyPath]] = field(default_factory=dict)

    def place(self, path: KeyPath) -> tuple[Document, KeyPath]:
        """The document of `path` and the path in it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.elsewhere:
                document, prefix = self.elsewhere[path[:end]]
                return document, _as_written(document, (*prefix, *path[end:]))
        return self.main, _as_written(self.main, path)

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """A problem at `path` of the assembled definition."""
        document, inner = self.place(path)
        return document.problem(inner, message, hint)


def _as_written(document: Document, path: KeyPath) -> KeyPath:
    """The path with the key that the file has for ours."""
    if path and path not in document.lines:
        for key in WRITTEN.get(path[-1], ()):
            if (*path[:-1], key) in document.lines:
                return (*path[:-1], key)
    return path


def load_folder(folder: Path, files: SeenFiles | None = None) -> Definition:
    """Read the definition in `folder`.

    Args:
        folder: Of the definition.
        files: Is told of every file that the definition, or what is wrong with it, comes from;
            of the data only whether it is there counts.

    Raises:
        DefinitionError: anything is wrong with it.
    """
    files = SeenFiles() if files is None else files
    files.note(folder / "experiment.yaml")
    main = read_yaml(folder / "experiment.yaml")
    if not isinstance(main.value, dict):
        hint = "`wgen-tui experiment new SLUG` writes one to start from."
        why = "A definition is a mapping of keys to values."
        raise DefinitionError(main.problem((), why, hint))
    if not NAME.match(folder.name):
        hint = "Rename it with letters, digits, '.', '_' and '-'."
        raise DefinitionError(
            Problem(f"The folder {folder.name!r} cannot be a slug.", hint, folder)
        )
    sources = Sources(main, files)
    if "slug" in main.value:
        raise DefinitionError(
            sources.problem(("slug",), "The folder's name is the slug.", "Leave out the key.")
        )
    value = _shorthands(main.value)
    for section in SECTIONS:
        if section in value:
            value[section] = _section(folder, section, value[section], sources)
    _translate(value, sources)
    if isinstance(value.get("chat_template"), str):
        value["chat_template"] = _template(folder, value["chat_template"], sources)
    if isinstance(value.get("accelerate"), dict) and "config_file" in value["accelerate"]:
        value["accelerate"] = _accelerate(folder, value["accelerate"], sources)
    try:
        definition = Definition.model_validate({**value, "slug": folder.name})
    except ValidationError as error:
        problems = explain(error, Definition, sources.place)
        raise DefinitionError(*problems) from error
    for arm in definition.arms.values():
        files.note(folder / arm.data)
    if findings := check(definition, folder):
        raise DefinitionError(*(sources.problem(*item) for item in findings))
    return definition


def _shorthands(value: dict[str, Any]) -> dict[str, Any]:
    """`models: name` for a list of one."""
    result = dict(value)
    if isinstance(result.get("models"), str):
        result["models"] = [result["models"]]
    return result


def _section(folder: Path, section: str, value: Any, sources: Sources) -> Any:
    """A section that may be a file, a list of files, or the list itself."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return value
    items: list[Any] = []
    for index, name in enumerate(names):
        path = inside(folder, name)
        place: KeyPath = (section,) if isinstance(value, str) else (section, index)
        if path is None:
            raise DefinitionError(
                sources.main.problem(place, f"{name!r} lies outside the definition's folder.")
            )
        sources.files.note(path)
        if why := missing(path):
            known = sorted(item.name for item in folder.glob("*.y*ml") if item.name != FILE)
            near = did_you_mean(name, known) or EXAMPLES.get(section, "")
            raise DefinitionError(sources.main.problem(place, _no_file(name, why), near))
        items += _items(read_yaml(path), section, len(items), sources)
    return items


def _template(folder: Path, text: str, sources: Sources) -> str:
    """A chat template: the text itself, or what stands in a file of the folder."""
    if "\n" in text.strip() or "{" in text:
        return text
    path = inside(folder, text)
    place: KeyPath = ("chat_template",)
    if path is None:
        why = f"{text!r} lies outside the definition's folder."
        raise DefinitionError(sources.main.problem(place, why))
    sources.files.note(path)
    if why := missing(path):
        near = did_you_mean(text, sorted(item.name for item in folder.glob("*.j*")))
        message = f"{text!r} is neither a template nor a file of the folder. {why}."
        raise DefinitionError(sources.main.problem(place, message, near))
    return read_text(path)


def _no_file(name: str, why: str) -> str:
    return f"There is no file {name!r}." if why == NOTHING else f"{name!r} is no file. {why}."


def _accelerate(folder: Path, value: dict[str, Any], sources: Sources) -> Any:
    """The content of accelerate's own file, which may lie anywhere; relative to the folder."""
    place: KeyPath = ("accelerate", "config_file")
    if others := sorted(set(value) - {"config_file"}):
        why = f"config_file says all of it; {others[0]} stands beside it."
        raise DefinitionError(sources.main.problem(("accelerate", others[0]), why))
    name = value["config_file"]
    if not isinstance(name, str) or "\0" in name:
        return value  # the schema names it
    path = folder / Path(name).expanduser()
    sources.files.note(path)
    if why := missing(path):
        hint = "`accelerate config --config_file PATH` writes one."
        raise DefinitionError(sources.main.problem(place, _no_file(name, why), hint))
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise DefinitionError(document.problem((), "A configuration is a mapping of keys."))
    sources.elsewhere[("accelerate",)] = (document, ())
    return document.value


def _items(document: Document, section: str, offset: int, sources: Sources) -> list[Any]:
    value, prefix = document.value, TOP
    if isinstance(value, dict) and set(value) == {section}:
        value, prefix = value[section], (section,)
    if not isinstance(value, list):
        why = f"The file is not a list of {section}."
        raise DefinitionError(document.problem((), why, EXAMPLES.get(section, "")))
    for index in range(len(value)):
        sources.elsewhere[section, offset + index] = (document, (*prefix, index))
    return value


def _shape_model_judges(value: dict[str, Any], sources: Sources) -> None:
    """Bring judges that are models to our shape; among the judges by rule they are named."""
    given = value.get("model_judges")
    listed: list[Any] = given if isinstance(given, list) else []
    for index, entry in enumerate(listed):
        if dialects.is_judge(entry) and "paraphrases" in entry:
            try:
                listed[index] = dialects.judge(entry)
            except dialects.NotUnderstood as error:
                place: KeyPath = ("model_judges", index, *([error.key] if error.key else []))
                raise DefinitionError(sources.problem(place, str(error), error.hint)) from error
    rules = value.get("judges")
    for index, entry in enumerate(rules if isinstance(rules, list) else ()):
        if dialects.is_judge(entry):
            name = str(entry.get("id", entry.get("name")))
            why = f"{name!r} is a judge that is a model; `judges` has those by rule."
            hint = "List it, or its file, under model_judges or among the questions."
            raise DefinitionError(sources.problem(("judges", index), why, hint))


def _translate(value: dict[str, Any], sources: Sources) -> None:
    """Bring questions to our shape; judges that stand among them are taken out."""
    entries = value.get("questions")
    if not isinstance(entries, list):
        return
    _shape_model_judges(value, sources)
    judges = value.get("judges")
    listed = judges if isinstance(judges, list) else []
    rules = {str(item.get("name")) for item in listed if isinstance(item, dict)}
    asked: list[Any] = []
    model_judges: dict[str, Any] = {}
    problems: list[Problem] = []
    own = value.get("model_judges", [])
    before = len(own) if isinstance(own, list) else 0
    places = [sources.place(("questions", index)) for index in range(len(entries))]
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            problems.append(
                sources.problem(("questions", index), "A question is a mapping with a name.")
            )
            continue
        try:
            if dialects.is_judge(entry):
                judges = [dialects.judge(entry)]
            else:
                shaped, judges = dialects.question(entry, rules)
                sources.elsewhere["questions", len(asked)] = places[index]
                asked.append(shaped)
        except dialects.NotUnderstood as error:
            place: KeyPath = ("questions", index)
            place = (*place, error.key) if error.key else place
            problems.append(sources.problem(place, str(error), error.hint))
            continue
        for item in judges:
            name = str(item.get("name"))
            place = ("model_judges", before + len(model_judges))
            sources.elsewhere.setdefault(place, places[index])
            if model_judges.setdefault(name, item) != item:
                why = f"Two different judges are called {name!r}."
                problems.append(sources.problem(("questions", index), why))
    if problems:
        raise DefinitionError(*problems)
    value["questions"] = asked
    if model_judges and isinstance(own, list):  # anything else is named by the schema
        value["model_judges"] = [*own, *model_judges.values()]
