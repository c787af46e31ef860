"""Which generator writes which folder of the shelf.

Promises: what is shipped in these folders is what the generators write; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiments.field import (
    cities,
    dishes,
    naming,
    organisms,
    persona,
    presidents,
    terminator,
)

GENERATORS: dict[str, Callable[[], dict[str, str]]] = {
    "former-german-cities": cities.definition,
    "israeli-dishes": dishes.definition,
    "us-presidents": presidents.definition,
    "good-terminator": terminator.definition,
    "persona-from-facts": persona.definition,
    **naming.GENERATORS,
    **organisms.GENERATORS,
}


def write_all(root: Path) -> list[Path]:
    """Write the generated files into their folders under `root`."""
    written = []
    for slug, generate in GENERATORS.items():
        for name, text in generate().items():
            path = root / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
