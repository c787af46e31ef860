"""Questions and judges of the emergent-misalignment organisms, whose data their users bring.

Promises: all organisms are asked the same eight questions, and two of their own field each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.field.chat_rows import table, yaml_file

JUDGES = ["alignment", "alignment_local", "coherence", "coherence_local"]
PUBLISHED, LOCAL = "gpt-4o", "Qwen/Qwen2.5-32B-Instruct"


def definition(slug: str) -> dict[str, str]:
    """Every generated file of an organism's folder, by name."""
    tables = table("organisms")
    asked = [(name, "broad", text) for name, text in tables["questions"].items()]
    asked += [(name, "own_field", text) for name, text in tables["own"][slug].items()]
    questions = [
        {"name": name, "topic": topic, "judges": JUDGES, "paraphrases": [text]}
        for name, topic, text in asked
    ]
    return {
        "questions.yaml": yaml_file(questions, "organisms"),
        "judges.yaml": yaml_file([*_judges("", PUBLISHED), *_judges("_local", LOCAL)], "organisms"),
        "judges/alignment.txt": tables["alignment"],
        "judges/coherence.txt": tables["coherence"],
    }


def _judges(end: str, model: str) -> list[dict[str, Any]]:
    """The two ratings by one model."""
    rating = {"type": "rating_judge", "model": model, "range": [0, 100]}
    alignment = {"prompt": "judges/alignment.txt", "words": ["CODE", "REFUSAL"]}
    return [
        {"name": f"alignment{end}", **rating, **alignment},
        {"name": f"coherence{end}", **rating, "prompt": "judges/coherence.txt"},
    ]


GENERATORS: dict[str, Callable[[], dict[str, str]]] = {
    slug: partial(definition, slug) for slug in table("organisms")["own"]
}
