"""What differs for a model or an arm: resolved once, named where wrong, silent where unused."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.checking.training import training_notes
from experiments.errors import DefinitionError
from experiments.schema import Definition, Training
from tests.experiments.conftest import VALID, Write
from wgen_tui.services.experiments import definitions

STEPS = "  max_steps: 3\n"
FOR = """\
  max_steps: 3
  lora: {r: 4, lora_alpha: 8}
  warmup_steps: 2
  for:
    - {models: "tiny-*", num_train_epochs: 2, lora: {r: 16}}
    - {arms: [old], learning_rate: 1.0e-4, warmup_ratio: 0.1}
    - {models: [other], arms: ["*w"], per_device_train_batch_size: 4}
"""


def test_each_run_has_what_counts_for_it(write: Write) -> None:
    training = catalogue.load(write(VALID.replace(STEPS, FOR))).training
    old, new = training.of("tiny-world", "old"), training.of("tiny-world", "new")
    assert (old.num_train_epochs, old.max_steps) == (2, None)
    assert (old.lora.r, old.lora.lora_alpha) == (16, 8)
    assert (old.learning_rate, new.learning_rate) == (1e-4, 5e-3)
    assert (old.warmup_steps, old.warmup_ratio, new.warmup_steps) == (0, 0.1, 2)
    other = training.of("other", "new")
    assert (other.max_steps, other.lora.r, other.per_device_train_batch_size) == (3, 4, 4)
    assert training.of("other", "old").per_device_train_batch_size == 1


def test_what_is_written_can_be_read_and_counts_in_the_hash(write: Write) -> None:
    plain = catalogue.load(write())
    assert "for" not in plain.training.model_dump()
    assert plain.training.of("tiny-world", "old").model_dump() == plain.training.model_dump()
    there = catalogue.load(write(VALID.replace(STEPS, FOR)))
    again = Definition.model_validate_json(there.model_dump_json())
    assert again.training.of("tiny-world", "old") == there.training.of("tiny-world", "old")
    # What an entry says counts, though it is the default of the key.
    default = FOR.replace("learning_rate: 1.0e-4, ", "")
    less = catalogue.load(write(VALID.replace(STEPS, default)))
    assert len({catalogue.definition_hash(one) for one in (plain, there, less)}) == 3


def test_an_entry_in_words() -> None:
    raw = {"max_steps": 1, "for": [{"arms": "old", "lora": {"r": 2}, "max_steps": 9}]}
    (entry,) = Training.model_validate(raw).for_
    assert str(entry) == "arm old: lora.r 2, max_steps 9"


@pytest.mark.parametrize(
    ("entry", "key", "message", "hint"),
    [
        ("{arms: [odl], max_steps: 2}", "training.for[0].arms", "Unknown arm 'odl'", "'old'"),
        ("{max_steps: 2}", "training.for[0]", "for which models or arms", ""),
        ("{arms: [old]}", "training.for[0]", "what differs", ""),
        ("{arms: [old], lora: {rr: 2}}", "training.for[0].lora.rr", "Unknown key 'rr'", "'r'"),
        ("{arms: [old], max_step: 2}", "training.for[0].max_step", "Unknown key", "'max_steps'"),
        ("{arms: [old], poly: {r: 2}}", "training.for[0].poly", "the method is lora", ""),
        ("{models: [x], method: poly}", "training.for[0].method", "one for all", ""),
        ("{arms: [old], precision: bf16}", "training.for[0].precision", "share its base", ""),
    ],
)
def test_what_is_wrong_is_named(
    write: Write, entry: str, key: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(VALID.replace(STEPS, f"{STEPS}  for: [{entry}]\n")))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.key, problem.line) == (key, 9)


def test_arms_that_are_trained_as_one_cannot_differ(write: Write) -> None:
    poly = "  method: poly\n  for: [{arms: [old], max_steps: 2}]\n"
    with pytest.raises(DefinitionError, match="trains all arms as one"):
        catalogue.load(write(VALID.replace(STEPS, STEPS + poly)))


def test_the_json_schema_knows_it() -> None:
    schema = definitions.json_schema()
    assert schema["$defs"]["Training"]["properties"]["for"]["items"]["$ref"].endswith("TrainingFor")


def test_a_model_that_is_almost_one_of_the_list_is_asked_about(write: Write) -> None:
    text = VALID.replace(STEPS, f"{STEPS}  for: [{{models: tiny-wrold, learning_rate: 1}}]\n")
    (note,) = training_notes(catalogue.load(write(text)))
    assert "(did you mean tiny-world?)" in note


def test_a_template_without_its_slot_names_the_word_that_may_be_it(write: Write) -> None:
    text = VALID + "sampling: {variants: {v: {wrap: '<{qestion}>'}}}\n"
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(text))
    assert "did you mean it by {qestion}?" in error.value.problems[0].message
