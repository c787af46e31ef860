"""`published:` as a mapping whose keys all its figures share, brought to a list of figures.

Promises: a problem in a figure is told where the figure stands.
"""

from __future__ import annotations

from typing import Any

from experiments.sources import Sources
from experiments.yaml_source import KeyPath


def list_published(value: dict[str, Any], sources: Sources) -> None:
    """Put the figures of `{source: …, figures: [...]}`, each with what they share, into a list.

    Args:
        value: The definition as it was read; what has another shape is left to the schema.
        sources: Learns where each figure stands.
    """
    given = value.get("published")
    groups = [given] if isinstance(given, dict) else given
    if not isinstance(groups, list):
        return
    figures: list[Any] = []
    places: list[KeyPath] = []
    for place, group in enumerate(groups):
        path: KeyPath = ("published",) if isinstance(given, dict) else ("published", place)
        inner = group.get("figures") if isinstance(group, dict) else None
        if not isinstance(inner, list):
            figures.append(group)
            places.append(path)
            continue
        shared = {key: said for key, said in group.items() if key != "figures"}
        for index, item in enumerate(inner):
            figures.append({**shared, **item} if isinstance(item, dict) else item)
            places.append((*path, "figures", index))
    for index, path in enumerate(places):
        sources.elsewhere["published", index] = (sources.main, path)
    value["published"] = figures
