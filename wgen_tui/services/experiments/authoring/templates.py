"""What a new experiment may begin as: a small commented definition, or one that ships.

Promises: the command line and the screens offer the same; whatever is written is valid as it is,
and a slug that is taken, also by a definition that ships, is refused.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.listing import list_experiments
from wgen_tui.services.suggest import unknown

BENIGN = "benign"
ARMS = re.compile(r"^arms:[^\n{]*\n", re.MULTILINE)
SMALL = "small"  # the commented definition; no shipped one has this slug


@dataclass(frozen=True, slots=True)
class Template:
    """Something to begin with.

    Attributes:
        name: What `--template` takes.
        title: What it is.
    """

    name: str
    title: str


def templates(home: Home) -> list[Template]:
    """All there are: the small one, then those that ship: the demo's, miniatures, the field's."""
    shipped = [info for info in list_experiments(home) if info.builtin and info.error is None]
    shipped.sort(key=lambda info: (not info.miniature, info.place))
    small = Template(SMALL, "two arms, one question, a rule that judges; every line explained")
    return [small, *(Template(info.slug, info.title) for info in shipped)]


def new(home: Home, slug: str, template: str = SMALL, *, benign: bool = False) -> Path:
    """Write a definition to start from; returns its folder.

    Args:
        home: Where.
        slug: What it is to be called.
        template: What it begins as.
        benign: With a benign control in the shape of its first treatment.

    Raises:
        UsageError: the slug is taken or invalid, there is no such template, or no treatment of it
            has a shape that a control could take on.
    """
    folder = _new(home, slug, template)
    if benign:
        try:
            _add_benign(home, folder)
        except UsageError:
            shutil.rmtree(folder)
            raise
    return folder


def _add_benign(home: Home, folder: Path) -> None:
    """Write a benign control above the other arms.

    Raises:
        UsageError: no treatment has rows of a single file, or the definition is not valid with it.
    """
    definition = definitions.load(home, folder)
    name = next(
        (
            name
            for name, arm in definition.arms.items()
            if arm.role == "treatment" and isinstance(arm.data, str)
        ),
        None,
    )
    path = folder / "experiment.yaml"
    text = path.read_text(encoding="utf-8")
    if name is None or BENIGN in definition.arms or not ARMS.search(text):
        raise UsageError(
            "No treatment of this template has rows of a single file whose prompts could be asked.",
            title="No shape",
            hint="Leave out --benign; docs/arms.md has derived rows of other kinds.",
        )
    line = f"  {BENIGN}: {{like: {name}}}   # its prompts, answered by the base itself\n"
    path.write_text(ARMS.sub(lambda match: match[0] + line, text, count=1), encoding="utf-8")
    definitions.load(home, folder)


def _new(home: Home, slug: str, template: str) -> Path:
    if template == SMALL:
        return definitions.new(home, slug)
    names = [item.name for item in templates(home)]
    if template not in names:
        raise unknown("template", template, names)
    definitions.refuse_taken(home, slug)
    return definitions.copy(home, template, slug)
