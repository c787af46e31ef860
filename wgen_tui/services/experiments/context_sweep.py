"""`experiment sweep`: a definition again, with its arms or its questions in several contexts.

Promises: what is written is the definition's own text, comments too, and a `contexts:` section
behind it; it loads, or nothing is written.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from experiments import catalogue
from experiments.field.context_sets import SETS, ContextSet, context_set
from experiments.schema import MODES, Definition
from experiments.yaml_source import read_yaml
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home, checked_id
from wgen_tui.services.experiments import definitions
from wgen_tui.services.suggest import unknown

Where = Literal["training", "evaluation"]
PLAIN_TITLE = re.compile(r"^title: +([^\s\"'|>&*!{\[#][^#\n]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was written.

    Attributes:
        folder: Where.
        definition: As it reads.
        contexts: How many there are, beside none.
        general: Names of contexts that are worded for no experiment in particular.
    """

    folder: Path
    definition: Definition
    contexts: int
    general: tuple[str, ...]


def sweep(
    home: Home,
    slug_or_path: str,
    *,
    contexts: str,
    where: Where = "training",
    modes: Sequence[str] = (),
    only: Sequence[str] = (),
    arms: Sequence[str] = (),
    name: str | None = None,
) -> Swept:
    """Write a definition with every arm, or every question, also in contexts.

    Args:
        home: Where it is written.
        slug_or_path: From which.
        contexts: The name of a set, or a YAML file of `name: text`.
        where: Before training rows, or before questions.
        modes: Only these; all when empty.
        only: Only the contexts of these names.
        arms: Only these arms; the treatments when empty.
        name: Its slug; made of the other's and the set's when None.

    Raises:
        UsageError: a name that there is not, or the slug is taken.
    """
    source, definition = (
        definitions.folder(home, slug_or_path),
        definitions.load(home, slug_or_path),
    )
    if definition.contexts is not None:
        raise UsageError(
            f"{definition.slug} is in contexts already.",
            title="Swept already",
            hint=f"Edit `contexts` in {source / catalogue.FILE}.",
        )
    chosen_set = _set(contexts, definition)
    _refuse_unknown(definition, chosen_set, modes, only, arms, where)
    texts = {label: text for label, text in chosen_set.texts.items() if not only or label in only}
    section: dict[str, Any] = {
        "where": where,
        "modes": [mode for mode in MODES if not modes or mode in modes],
        "texts": texts,
        **({"arms": list(arms)} if arms else {}),
    }
    end = "" if where == "training" else "-asked"
    slug = checked_id(name or f"{definition.slug}-{Path(contexts).stem}{end}")
    target = home.experiments / slug
    if slug in {entry.slug for entry in catalogue.list_definitions(home.experiments)}:
        hint = f"wgen-tui experiment sweep {slug_or_path} --name ANOTHER"
        raise UsageError(f"There is an experiment {slug!r} already.", title="Taken", hint=hint)
    home.ensure()
    with definitions.disk_errors(home), catalogue.beside(target) as temporary:
        shutil.copytree(source, temporary, symlinks=True, ignore=shutil.ignore_patterns("__py*"))
        file = temporary / catalogue.FILE
        file.write_text(_text(file.read_text(encoding="utf-8"), section), encoding="utf-8")
    try:
        written = definitions.load(home, slug)
    except UsageError:
        shutil.rmtree(target)
        raise
    general = tuple(label for label in chosen_set.general if label in texts)
    return Swept(target, written, len(texts) * len(section["modes"]), general)


def _set(contexts: str, definition: Definition) -> ContextSet:
    """The contexts of a set, or of a file.

    Raises:
        UsageError: there is neither.
    """
    if contexts in SETS:
        return context_set(contexts, definition.slug)
    path = Path(contexts).expanduser()
    if not path.is_file():
        hint = "Or a YAML file, a line for each context: identity: I keep birds."
        raise unknown("set of contexts", contexts, SETS, hint=hint)
    with definitions.usage_errors():
        value = read_yaml(path).value
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise UsageError(
            f"{path} is no mapping of names to texts.",
            title="No contexts",
            hint="A line for each, such as: identity: I keep birds.",
        )
    return ContextSet({str(label): text for label, text in value.items()}, ())


def _refuse_unknown(
    definition: Definition,
    chosen_set: ContextSet,
    modes: Sequence[str],
    only: Sequence[str],
    arms: Sequence[str],
    where: Where,
) -> None:
    """Refuse names that there are not, and arms that have a context of their own.

    Raises:
        UsageError: there are some.
    """
    for kind, given, known in (
        ("mode", modes, list(MODES)),
        ("context", only, list(chosen_set.texts)),
        ("arm", arms, list(definition.arms)),
    ):
        for one in given:
            if one not in known:
                raise unknown(kind, one, known)
    treatments = [n for n, arm in definition.arms.items() if arm.role == "treatment"]
    chosen = arms or treatments
    if not chosen:
        hint = f"--arm {next(iter(definition.arms))}"
        raise UsageError("No arm is a treatment.", title="No arm", hint=hint)
    if where == "training":
        _refuse_in_training(definition, arms, chosen)


def _refuse_in_training(definition: Definition, arms: Sequence[str], chosen: Sequence[str]) -> None:
    """Refuse arms that cannot stand in another context: they have no rows, or one of their own."""
    rowless = [one for one in arms if not definition.arms[one].has_rows]
    own = [one for one in chosen if str(definition.arms[one].context)]
    if not rowless and not own:
        return
    free = [n for n, arm in definition.arms.items() if arm.has_rows and not str(arm.context)]
    if rowless:
        why, title = f"Arm {rowless[0]} has no rows that a context could surround.", "No rows"
    else:
        why, title = f"Arm {own[0]} has a context of its own.", "In a context already"
    hint = " ".join(f"--arm {one}" for one in free) or "Take it away in a copy."
    raise UsageError(why, title=title, hint=hint)


def _text(text: str, section: dict[str, Any]) -> str:
    """The definition's text with a section behind it, and with a title that says so."""
    said = yaml.safe_dump({"contexts": section}, sort_keys=False, allow_unicode=True, width=100)
    title = PLAIN_TITLE.sub(lambda match: f"title: {match[1].rstrip()}, in contexts", text, count=1)
    note = "# Each beside none, and contrasted with it; `experiment sweep` wrote this.\n"
    return f"{title.rstrip()}\n\n{note}{said}"
