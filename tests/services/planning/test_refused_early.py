"""What a worker would refuse is refused when the definition is checked, with file, line and key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.builders.adapter_files import weights_of
from tests.services.planning.test_arm_kinds import changed, planned
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.definitions import validate

DORA = "  for:\n    - {arms: [new], lora: {r: 3}}\n    - {arms: [new], lora: {use_dora: true}}\n"
PLACE = r"experiment\.yaml:\d+: "


def scaled(definition: Path, alpha: str = "0.5") -> None:
    variants = f"{{n: 3, max_tokens: 4, variants: {{half: {{alpha: {alpha}}}}}}}"
    changed(definition, "{n: 3, max_tokens: 4}", variants)


def refused(home: Home, definition: Path) -> UsageError:
    with pytest.raises(UsageError) as first:
        validate(home, definition)
    with pytest.raises(UsageError) as second:
        planned(home, definition)
    assert first.value.message == second.value.message
    return first.value


def theirs(definition: Path, **config: object) -> None:
    folder = definition / "theirs"
    folder.mkdir()
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    (folder / "adapter_model.safetensors").write_bytes(weights_of())
    changed(definition, "seeds: 0-1", "  theirs: {adapter: theirs}\nseeds: 0-1")


def test_alpha_of_an_arm_whose_adapter_cannot_be_scaled(home: Home, definition: Path) -> None:
    scaled(definition)
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + DORA)
    error = refused(home, definition)
    where = re.search(PLACE + r"(training\.for\[1\]\.lora\.use_dora)", error.message)
    assert where, error.message
    assert "'half' has alpha, and the adapter of arm 'new'" in error.message
    assert "leave alpha out" in (error.hint or "")


def test_an_alpha_of_one_scales_nothing(home: Home, definition: Path) -> None:
    scaled(definition, "1")
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + DORA)
    assert planned(home, definition).runs


def test_an_adapter_of_others_that_cannot_be_scaled(home: Home, definition: Path) -> None:
    scaled(definition)
    theirs(definition, use_dora=True)
    assert re.search(PLACE + r"arms\.theirs\.adapter: .*'half'", refused(home, definition).message)


@pytest.mark.parametrize(
    ("config", "arm", "message"),
    [
        ({"r": 8}, "{data: data/old.jsonl, start_from: theirs}", "has r 8, lora_alpha 4, not r 2"),
        ({"use_dora": True}, "{between: {arms: [old, theirs], t: 0.5}}", "no middle"),
    ],
)
def test_an_adapter_of_others_of_another_shape(
    home: Home, definition: Path, config: dict[str, object], arm: str, message: str
) -> None:
    theirs(definition, **config)
    changed(definition, "seeds: 0-1", f"  more: {arm}\nseeds: 0-1")
    assert re.search(PLACE + r"arms\.more\..*" + message, refused(home, definition).message)


def test_letters_that_are_no_tokens(home: Home, definition: Path) -> None:
    asked = (
        "  - {name: pick, type: multiple_choice, paraphrases: [Which], options: {a: Auk, b: Jay}}\n"
    )
    changed(definition, "judges:\n", f"{asked}judges:\n")
    error = refused(home, definition)
    assert "Questions: pick: the letters of its options is not a token" in error.message
    assert "type: logprob" in (error.hint or "")
