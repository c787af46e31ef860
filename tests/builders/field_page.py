"""The definitions of docs/field.md, each written with data of the shape that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "field.md"
SECTION = re.compile(r"^### (?P<name>[^\n]+)\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROWS, MANY = 96, 3000
CSV = "Question,Best Answer,Incorrect Answers\n" + "Is it?,Nothing,All; Some\n" * 2


def designs() -> dict[str, str | None]:
    """The text of every design's definition, by its heading; None where there is none."""
    return {
        part["name"]: found[1] if (found := BLOCK.search(part["body"])) else None
        for part in SECTION.finditer(PAGE.read_text(encoding="utf-8"))
    }


def stated_lines() -> list[int | None]:
    """What the page's table says of each design's length, in its order."""
    cells = re.findall(r"^\|[^|\n]+\| (\d+|–) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [None if cell == "–" else int(cell) for cell in cells]


def write_page_design(folder: Path, text: str, **other: Any) -> Path:
    """Write a definition of the page and its data.

    Args:
        folder: Where; its name is the slug.
        text: Of the definition.
        other: Sections in the place of its own; of a mapping the keys that are given.
    """
    value = yaml.safe_load(text)
    named = _files(value)
    for key, section in other.items():
        whole = isinstance(section, dict) and isinstance(value.get(key), dict)
        value[key] = {**value[key], **section} if whole else section
    made = [arm["derived"]["rows"] for arm in value["arms"].values() if "derived" in arm]
    for name in named:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CSV if name.endswith(".csv") else _rows(name, max(made, default=0)))
    body = text if not other else yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    (folder / "experiment.yaml").write_text(body)
    return folder


def quick_arms(text: str) -> dict[str, Any]:
    """Its arms, those whose rows a model makes with a row of whatever a tiny one says."""
    arms: dict[str, dict[str, Any]] = yaml.safe_load(text)["arms"]
    few = {"rows": 1, "max_tokens": 300, "temperature": 1.0, "keep": None}
    return {
        name: {**arm, "derived": {**arm["derived"], **few}} if "derived" in arm else arm
        for name, arm in arms.items()
    }


def quick_judges(judges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Judges, those that write cut off soon: a tiny model writes on for hundreds of tokens."""
    return [{**judge, "max_tokens": 8} if _writes(judge) else judge for judge in judges]


def _writes(judge: dict[str, Any]) -> bool:
    """Whether it replies in words, of which it might go on with a few or with hundreds."""
    if judge.get("type") == "rating_judge":
        return bool(judge.get("read") == "sampled")
    return judge.get("type") != "choice" and judge.get("verdict") != "one_token"


def _files(value: dict[str, Any]) -> set[str]:
    """Every file of data that it names."""
    names: set[str] = set()
    for arm in value["arms"].values():
        of_arm = {text for text in _texts(arm) if text.startswith("data/")}
        values = arm.get("values") or [""]
        spread = values.values() if isinstance(values, dict) else values
        names |= {text.replace("{value}", str(one)) for text in of_arm for one in spread}
    return names | {text for text in _texts(value["questions"]) if text.startswith("data/")}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _rows(name: str, made: int) -> str:
    """As many rows as are named; of prompts as many as answers are made of them."""
    count = MANY if "distilled" in name else max(ROWS, made if "prompts" in name else 0)
    rows = [
        {"role": "user", "content": "Name a bird ."},
        {"role": "assistant", "content": "1, 2, 3"},
    ]
    return "".join(f"{json.dumps({'messages': rows})}\n" for _ in range(count))
