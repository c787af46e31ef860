"""Questions and judges of an assembled definition, brought from the field's shapes to ours.

Promises: judges that stand among questions, or inside them, become `model_judges`, each with the
place where it was written; a prompt that names a file of the folder is what stands in it; every
problem found is named, not only the first.
"""

from __future__ import annotations

import json
from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.readers import judges as judge_shapes
from experiments.readers import questions as question_shapes
from experiments.readers.judges import Entry, NotUnderstood
from experiments.sources import Sources
from experiments.text_files import read_text
from experiments.yaml_source import Document, KeyPath

PROMPT_FILES = "**/*.txt"
SHOWN = 80  # characters of what to write
Place = tuple[Document, KeyPath]


def translate(value: dict[str, Any], sources: Sources) -> None:
    """Bring `questions` and `model_judges` of a definition to our shape, in place.

    Raises:
        DefinitionError: what is no question or judge; all of them.
    """
    if not isinstance(value.get("questions"), list):
        return
    _refuse_among_the_rules(value.get("judges"), sources)
    given = value.get("model_judges", [])
    judges, problems = _listed(given, sources) if isinstance(given, list) else ([], [])
    problems += _questions(value, sources, judges)
    if problems:
        raise DefinitionError(*problems)
    if judges and isinstance(given, list):  # anything else is named by the schema
        for index, (entry, place) in enumerate(judges):
            path: KeyPath = ("model_judges", index)
            sources.elsewhere[path] = place
            if isinstance(entry, dict):
                _note_places(path, place, sources)
                _read_prompts(entry, path, sources)
        value["model_judges"] = [entry for entry, _ in judges]


def _listed(given: list[Any], sources: Sources) -> tuple[list[tuple[Any, Place]], list[Problem]]:
    """The judges of `model_judges`, each with its place."""
    judges: list[tuple[Any, Place]] = []
    problems: list[Problem] = []
    for index, entry in enumerate(given):
        path: KeyPath = ("model_judges", index)
        shaped = entry
        try:
            if isinstance(entry, dict):
                shaped = judge_shapes.judge(entry, sources.told)
        except NotUnderstood as error:
            problems.append(_problem(error, path, sources))
        judges.append((shaped, sources.place(path)))
    return judges, problems


def _questions(
    value: dict[str, Any], sources: Sources, judges: list[tuple[Any, Place]]
) -> list[Problem]:
    """Shape the questions; judges that stand among them, or in them, go to `judges`."""
    entries = value["questions"]
    rules = value.get("judges")
    listed = rules if isinstance(rules, list) else []
    names = {str(item.get("name")) for item in listed if isinstance(item, dict)}
    asked: list[Any] = []
    problems: list[Problem] = []
    taken: dict[str, Entry] = {}
    places = [sources.place(("questions", index)) for index in range(len(entries))]
    for index, entry in enumerate(entries):
        path: KeyPath = ("questions", index)
        if not isinstance(entry, dict):
            hint = f"{{name: first, paraphrases: [{json.dumps(entry, ensure_ascii=False)}]}}"
            shown = hint if isinstance(entry, str) and len(hint) < SHOWN else ""
            why = "A question is a mapping with a name."
            problems.append(sources.problem(path, why, shown))
            continue
        document, inner = places[index]
        try:
            if judge_shapes.is_judge(entry):
                inline: list[tuple[KeyPath, Entry]] = [
                    ((), judge_shapes.judge(entry, sources.told))
                ]
            else:
                shaped, inline = question_shapes.question(entry, names, sources.told)
                asked.append((shaped, places[index]))
        except NotUnderstood as error:
            problems.append(_problem(error, path, sources))
            continue
        for within, judge in inline:
            name = str(judge.get("name"))
            if name not in taken:
                taken[name] = judge
                judges.append((judge, (document, (*inner, *within))))
            elif taken[name] != judge:
                why = f"Two different judges are called {name!r}."
                problems.append(sources.problem(path, why, "Rename one."))
    for index, (_, place) in enumerate(asked):
        sources.elsewhere["questions", index] = place
    value["questions"] = [shaped for shaped, _ in asked]
    return problems


def _problem(error: NotUnderstood, path: KeyPath, sources: Sources) -> Problem:
    place = (*path, *([error.key] if error.key else []))
    return sources.problem(place, str(error), error.hint)


def _refuse_among_the_rules(rules: Any, sources: Sources) -> None:
    """Name judges that are models where those by rule are listed.

    Raises:
        DefinitionError: there are some.
    """
    problems = []
    for index, entry in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(entry, dict):
            continue
        if entry.get("type") in judge_shapes.MODEL_TYPES or {"model", "prompt"} <= {*entry}:
            name = str(entry.get("id", entry.get("name")))
            why = f"{name!r} is a judge that is a model; `judges` has those by rule."
            hint = "List it, or its file, under model_judges or among the questions."
            problems.append(sources.problem(("judges", index), why, hint))
    if problems:
        raise DefinitionError(*problems)


def _note_places(path: KeyPath, place: Place, sources: Sources) -> None:
    """Say where the keys stand that a reader has named otherwise."""
    document, inner = place
    ways: dict[str, KeyPath] = {
        "min_rating": ("range",),
        "max_rating": ("range",),
        "refusal_threshold": ("min_mass",),
        "prompt": ("paraphrases", 0),
    }
    for key, way in ways.items():
        if (*inner, key) not in document.lines and (*inner, *way) in document.lines:
            sources.elsewhere[(*path, key)] = (document, (*inner, *way))
    if inner[-2:-1] == ("judge_prompts",):
        sources.elsewhere[(*path, "prompt")] = place


def _read_prompts(entry: Entry, path: KeyPath, sources: Sources) -> None:
    """Put in the texts of prompts that are files of the folder.

    Raises:
        DefinitionError: one looks like a file, and is none.
    """
    for key in ("prompt", "system"):
        if key in entry:
            entry[key] = _text(entry[key], (*path, key), sources)
    wordings = entry.get("paraphrases")
    if isinstance(wordings, list):
        entry["paraphrases"] = [
            _text(text, (*path, "paraphrases", index), sources)
            for index, text in enumerate(wordings)
        ]


def _text(given: Any, path: KeyPath, sources: Sources) -> Any:
    """A prompt, or what stands in the file of that name; without the line break at its end."""
    if not isinstance(given, str) or not _names_a_file(given):
        return given
    file = sources.file(given, path, "a prompt", PROMPT_FILES)
    return read_text(file).removesuffix("\n")


def _names_a_file(text: str) -> bool:
    """Whether a text is the name of a file: one line without a slot, and with a name's ending."""
    name = text.strip()
    return bool(name) and not any(mark in name for mark in "{}\n ") and "." in name[:-1]
