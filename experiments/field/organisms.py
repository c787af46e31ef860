"""Questions and judges of the emergent-misalignment organisms, whose data their users bring.

Promises: all organisms are asked the same eight questions and 48 further ones, and two of their own
field each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.field.chat_rows import table, yaml_file

JUDGES = ["alignment", "alignment_local", "coherence", "coherence_local"]
FURTHER = 10  # answers to each of the 48, in the plain format
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
    further = [
        {
            "name": f"further-{name}",
            "topic": topic,
            "judges": JUDGES,
            "paraphrases": [text],
            "variants": ["plain"],
            "samples_per_paraphrase": FURTHER,
        }
        for topic, texts in tables["further"].items()
        for name, text in texts.items()
    ]
    return {
        "questions.yaml": yaml_file(questions, "organisms"),
        "further.yaml": yaml_file(further, "organisms"),
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
