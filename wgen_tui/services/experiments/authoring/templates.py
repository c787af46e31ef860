"""What a new experiment may begin as: a small commented definition, or one that ships.

Promises: the command line and the screens offer the same; whatever is written is valid as it is,
and a slug that is taken, also by a definition that ships, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.listing import list_experiments
from wgen_tui.services.suggest import unknown

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
    """All there are: the small one, then those that ship, miniatures first."""
    shipped = [info for info in list_experiments(home) if info.builtin and info.error is None]
    shipped.sort(key=lambda info: not info.miniature)
    small = Template(SMALL, "two arms, one question, a rule that judges; every line explained")
    return [small, *(Template(info.slug, info.title) for info in shipped)]


def new(home: Home, slug: str, template: str = SMALL) -> Path:
    """Write a definition to start from; returns its folder.

    Raises:
        UsageError: the slug is taken or invalid, or there is no such template.
    """
    if template == SMALL:
        return definitions.new(home, slug)
    names = [item.name for item in templates(home)]
    if template not in names:
        raise unknown("template", template, names)
    definitions.refuse_taken(home, slug)
    return definitions.copy(home, template, slug)
