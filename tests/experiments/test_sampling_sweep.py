"""`sweep:` over keys of sampling: variants, and what names one; and variants that say such keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.answers import right_texts
from experiments.errors import DefinitionError
from experiments.prompts import contexts_of, drawing_of
from experiments.schema import Definition
from tests.experiments.conftest import VALID, Write
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.stages import make_sample_stage

HEAT = "sweep: {keys: {sampling.temperature: [0, 0.5]}}\n"
DAYS = """sampling:
  n: 4
  variants:
    none: null
    day: {prefix: "{value} ", values: {old: 1850, new: 2000}}
"""
CONTRAST = "contrasts: [{arm: old, variant: day-old, minus: none}, {arm: old, control: new}]"


def asked(read: Definition) -> dict[str, list[str]]:
    return {q.name: [name for name, _ in contexts_of(read.sampling, q)] for q in read.questions}


def ways(stage: SampleStage) -> dict[str, tuple[float, int, int]]:
    """Temperature, longest answer and draws, by question and variant."""
    return {
        f"{prompt.question}/{prompt.variant}": (
            way.temperature,
            way.max_tokens,
            stage.draws(prompt),
        )
        for prompt in stage.prompts
        for way in [stage.sampling_of(prompt)]
    }


def test_every_prompt_is_answered_with_each_value(write: Write) -> None:
    read = catalogue.load(write(VALID + HEAT))
    assert list(read.arms) == ["old", "new"], "arms are as they were"
    assert drawing_of(read.sampling) == {
        "temperature-0": {"temperature": 0},
        "temperature-0.5": {"temperature": 0.5},
    }
    stage = make_sample_stage(read)
    assert ways(stage)["light/temperature-0"] == (0, 1024, 100)
    assert ways(stage)["light/temperature-0.5"] == (0.5, 1024, 100)
    assert len({prompt.prompt_id for prompt in stage.prompts}) == 3 * 2


def test_what_names_a_variant_follows_it(write: Write) -> None:
    text = VALID.replace("contrasts: [{arm: old, control: new}]", CONTRAST) + DAYS + HEAT
    text = text.replace(
        '{name: light, paraphrases: ["What lights?"]}',
        '{name: light, paraphrases: ["What lights?"], variants: [day-old, none], '
        'answer: {none: gas, day: "{label}"}}',
    )
    read = catalogue.load(write(text))
    assert asked(read) == {
        "travel": [
            *("none-temperature-0", "none-temperature-0.5"),
            *("day-temperature-0-old", "day-temperature-0-new"),
            *("day-temperature-0.5-old", "day-temperature-0.5-new"),
        ],
        "light": [
            *("day-temperature-0-old", "day-temperature-0.5-old"),
            *("none-temperature-0", "none-temperature-0.5"),
        ],
    }
    light = next(question for question in read.questions if question.name == "light")
    assert right_texts(light, read.sampling) == {
        "day-temperature-0-old": ("old",),
        "day-temperature-0.5-old": ("old",),
        "none-temperature-0": ("gas",),
        "none-temperature-0.5": ("gas",),
    }
    assert read.analysis is not None
    assert [(c.control, c.variant, c.minus) for c in read.analysis.contrasts] == [
        (None, "day-temperature-0-old", "none-temperature-0"),
        (None, "day-temperature-0.5-old", "none-temperature-0.5"),
        ("new", None, None),
    ]


def test_questions_that_are_read_or_say_it_themselves_are_asked_once(write: Write) -> None:
    more = """\
  - {name: letters, type: multiple_choice, paraphrases: [Which], options: {A: a, B: b}}
  - {name: own, paraphrases: [Why], temperature: 0.9}
judges:
"""
    text = VALID.replace("judges:\n", more, 1) + HEAT
    read = catalogue.load(write(text))
    assert asked(read)["letters"] == asked(read)["own"] == ["none"]
    assert asked(read)["travel"] == ["temperature-0", "temperature-0.5"]
    assert ways(make_sample_stage(read))["own/none"][0] == 0.9


def test_sampling_and_training_are_swept_in_one_section(write: Write) -> None:
    sweep = (
        "sweep: {arms: [old], keys: {lora.r: [4, 16], sampling.max_tokens: {short: 5, long: 50}}}\n"
    )
    read = catalogue.load(write(VALID + sweep))
    assert list(read.arms) == ["old-r-4", "old-r-16", "new"]
    assert drawing_of(read.sampling)["max_tokens-short"] == {"max_tokens": 5}
    prompts = make_sample_stage(read)
    assert prompts.longest_answer == 50


def test_a_variant_says_itself_how_it_is_answered(write: Write, tmp_path: Path) -> None:
    text = (
        VALID
        + "sampling: {n: 9, variants: {none: null, cold: {temperature: 0, n: 1, top_p: 0.5}}}\n"
    )
    text = text.replace(
        '["What lights?"]', '["What lights?"], samples_per_paraphrase: 5, max_tokens: 7'
    )
    folder = write(text)
    stage = make_sample_stage(catalogue.load(folder))
    assert ways(stage) == {
        "travel/none": (1, 1024, 9),
        "travel/cold": (0, 1024, 1),
        "light/none": (1, 7, 5),
        "light/cold": (0, 7, 1),
    }
    three = make_sample_stage(catalogue.load(folder), 3)
    assert {three.draws(prompt) for prompt in three.prompts} == {3}
    own = {p.prompt_id: stage.own_sampling[p.prompt_id] for p in stage.prompts}
    assert sum(way is None for way in own.values()) == 2
    folder.joinpath("experiment.yaml").write_text(text.replace("n: 1, ", ""))
    _, notes = definitions.validate(Home(tmp_path), folder)
    assert any("variant cold: at its temperature 0 all 9 draws" in note for note in notes)
    assert not any("ask the same" in note for note in notes)


@pytest.mark.parametrize(
    ("sweep", "why", "hint"),
    [
        ("{keys: {temperature: [0, 1]}}", "'temperature' is no key", "Write sampling.temperature"),
        (
            "{keys: {sampling.temprature: [0]}}",
            "no key of training, arms or sampling",
            "sampling.temperature",
        ),
        ("{keys: {sampling.n: [1, 9]}}", "no key of training, arms or sampling", "--n"),
        ("{keys: {models: [a, b]}}", "'models' is no key", "is a list already"),
        (
            "{arms: [old], keys: {sampling.top_p: [0.5]}}",
            "drawn alike from every arm",
            "Leave arms out",
        ),
        ("{keys: {sampling.top_p: [2]}}", "less than or equal to 1", ""),
        ("{keys: {sampling.top_p: [half]}}", "number", ""),
    ],
)
def test_a_key_that_cannot_be_swept_is_named_with_what_can(
    write: Write, sweep: str, why: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(f"{VALID}sweep: {sweep}\n"))
    [problem] = error.value.problems
    assert why in problem.message
    assert hint in problem.hint
    assert problem.line == len(VALID.splitlines()) + 1, "at the sweep, whoever finds it"


def test_a_variant_that_says_the_swept_key_is_named(write: Write) -> None:
    text = VALID + "sampling: {variants: {cold: {temperature: 0}}}\n" + HEAT
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(text))
    [problem] = error.value.problems
    assert "The variant 'cold' says temperature itself" in problem.message
