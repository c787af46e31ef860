"""Reads a definition's folder into a `Definition`, or says everything that is wrong with it.

Promises: every problem carries the file, line and key where it stands, also when questions, judges
or rubrics stand in files of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.checks import check
from experiments.errors import DefinitionError, Problem
from experiments.folders import FILE
from experiments.readers.benign_arms import shape_benign_arms
from experiments.readers.published_list import list_published
from experiments.readers.question_patterns import spread_patterns
from experiments.readers.spread_arms import spread_arms
from experiments.readers.spread_contexts import spread_contexts
from experiments.readers.spread_training import spread_training
from experiments.readers.tables.question_rows import spread_questions
from experiments.readers.translation import translate
from experiments.schema import NAME, Definition
from experiments.seen_files import SeenFiles
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.text_files import NOTHING, inside, missing, read_text
from experiments.validation import EXAMPLES, explain
from experiments.yaml_source import Document, KeyPath, read_yaml

SECTIONS = ("questions", "judges", "model_judges", "rubrics")
TOP: KeyPath = ()
TABLES = (".jsonl", ".csv", ".tsv", ".py")


@dataclass(frozen=True)
class Loaded:
    """A definition, and what is told of how it was read."""

    definition: Definition
    notes: list[str]


def load_folder(folder: Path, files: SeenFiles | None = None) -> Definition:
    """The definition in `folder`; as `load_told`, without what is told."""
    return load_told(folder, files).definition


def load_told(folder: Path, files: SeenFiles | None = None) -> Loaded:
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
    sources = Sources(folder, main, files)
    if "slug" in main.value:
        raise DefinitionError(
            sources.problem(("slug",), "The folder's name is the slug.", "Leave out the key.")
        )
    value = _shorthands(main.value)
    for section in SECTIONS:
        if section in value:
            value[section] = _section(folder, section, value[section], sources)
    spread_questions(value, sources)
    translate(value, sources)
    spread_patterns(value, sources)
    spread_arms(value, sources)
    shape_benign_arms(value, sources)
    spread_contexts(value, sources)
    list_published(value, sources)
    spread_training(value, sources)
    if isinstance(value.get("chat_template"), str):
        value["chat_template"] = _template(value["chat_template"], sources)
    if isinstance(value.get("accelerate"), dict) and "config_file" in value["accelerate"]:
        value["accelerate"] = _accelerate(folder, value["accelerate"], sources)
    try:
        definition = Definition.model_validate({**value, "slug": folder.name})
    except ValidationError as error:
        problems = explain(error, Definition, sources.place)
        raise DefinitionError(*problems) from error
    for arm in definition.arms.values():
        for item in arm.files:
            files.note(folder / item.file)
        if arm.derived is not None:
            files.note(folder / arm.derived.prompts)
        if arm.regularise is not None:
            files.note(folder / arm.regularise.prompts)
        if arm.held_out is not None and arm.held_out.file is not None:
            files.note(folder / arm.held_out.file)
    if findings := check(definition, folder):
        raise DefinitionError(*(sources.problem(*item) for item in findings))
    return Loaded(definition, sources.notes())


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


def _template(text: str, sources: Sources) -> str:
    """A chat template: the text itself, or what stands in a file of the folder."""
    path, hint = ("chat_template",), "Leave it out where the model's own template is meant."
    if not text.strip():
        raise DefinitionError(sources.problem(path, "The chat template is empty.", hint))
    if "\n" in text.strip() or "{" in text:
        return text
    read = read_text(sources.file(text, path, "a template", "*.j*"))
    if not read.strip():
        raise DefinitionError(sources.problem(path, f"The file {text!r} is empty.", hint))
    return read


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
        why, hint = f"The file is not a list of {section}.", EXAMPLES.get(section, "")
        if section == "questions" and document.file.suffix in TABLES:
            column = "text" if document.file.suffix == ".py" else "question"
            of_table = f"{{name: q, file: {{path: {document.file.name}, text: {column}}}}}"
            hint = f"A table becomes questions by an entry: questions: [{of_table}]"
        raise DefinitionError(document.problem((), why, hint))
    for index in range(len(value)):
        sources.elsewhere[section, offset + index] = (document, (*prefix, index))
    return value
