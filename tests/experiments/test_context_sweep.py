"""`contexts:` in a definition, and `experiment sweep`, which writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.field.context_sets import context_set
from experiments.folders import list_definitions
from experiments.prompts import render_prompts
from tests.experiments.conftest import VALID, Write
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.context_sweep import sweep

TEXTS = "texts: {who: I keep birds., day: Today is Monday.}"
TRAINED = f"contexts: {{{TEXTS}}}\n"
ASKED = f"contexts: {{where: evaluation, modes: [newline, system], {TEXTS}}}\n"
MODES = ("prepend", "newline", "system")
VARIANTS = """sampling:
  variants:
    none: null
    year: {prefix: "It is {value}. ", values: {then: 1850, now: 2026}}
    chat: {system: You are kind.}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_treatment_is_trained_in_each_and_contrasted_with_none(write: Write) -> None:
    read = catalogue.load(write(VALID + TRAINED))
    made = [f"old-{mode}-{name}" for name in ("who", "day") for mode in MODES]
    assert list(read.arms) == ["old", "new", *made]
    assert read.arms["old-prepend-who"].context.prefix == "I keep birds. "
    assert read.arms["old-newline-day"].context.prefix == "Today is Monday.\n"
    assert read.arms["old-system-day"].context.system == "Today is Monday."
    assert {read.arms[name].data for name in made} == {"data/old.jsonl"}
    assert read.analysis is not None
    first, *added = read.analysis.contrasts
    assert (first.arm, first.control) == ("old", "new")
    assert [(item.arm, item.control) for item in added] == [(name, "old") for name in made]


def test_the_question_is_asked_in_each_and_contrasted_with_none(write: Write) -> None:
    read = catalogue.load(write(VALID + ASKED))
    assert list(read.arms) == ["old", "new"]
    made = [f"{mode}-{name}" for name in ("who", "day") for mode in ("newline", "system")]
    assert list(read.sampling.variants) == ["none", *made]
    texts = {p.variant: p.messages for p in render_prompts(read) if p.question == "light"}
    assert texts["newline-who"][-1].content == "I keep birds.\nWhat lights?"
    assert [turn.content for turn in texts["system-who"]] == ["I keep birds.", "What lights?"]
    assert read.analysis is not None
    added = read.analysis.contrasts[1:]
    assert [(c.arm, c.variant, c.minus) for c in added] == [("old", name, "none") for name in made]


def test_a_context_stands_before_the_variants_that_there_are(write: Write) -> None:
    text = VALID.replace(
        'paraphrases: ["What lights?"]',
        'paraphrases: ["What lights?"], variants: [year], answer: {year-then: gas, year: lamp}',
    ).replace(
        "contrasts: [{arm: old, control: new}]",
        "contrasts: [{arm: old, variant: year-then, minus: year-now}]",
    )
    one = ASKED.replace("[newline, system]", "prepend").replace(", day: Today is Monday.", "")
    read = catalogue.load(write(text + VARIANTS + one))
    assert list(read.sampling.variants) == [
        *("none", "year", "chat"),
        *("prepend-who", "year-prepend-who", "chat-prepend-who"),
    ]
    texts = {p.variant: p.messages for p in render_prompts(read) if p.question == "light"}
    assert {*texts} == {
        f"year{made}-{when}" for made in ("", "-prepend-who") for when in ("then", "now")
    }
    assert texts["year-prepend-who-then"][-1].content == "I keep birds. It is 1850. What lights?"
    light = read.questions[1]
    assert isinstance(light.answer, dict)
    assert light.answer["year-prepend-who-then"] == "gas"
    assert read.analysis is not None
    added = {(c.variant, c.minus) for c in read.analysis.contrasts[1:]}
    assert added == {
        ("prepend-who", "none"),
        ("chat-prepend-who", "chat"),
        ("year-prepend-who-then", "year-then"),
        ("year-prepend-who-now", "year-now"),
    }


def test_a_system_text_stands_above_the_variants_own(write: Write) -> None:
    read = catalogue.load(write(VALID + VARIANTS + ASKED))
    made = read.sampling.variants["chat-system-who"]
    assert made is not None
    assert made.system == "I keep birds.\n\nYou are kind."


@pytest.mark.parametrize(
    ("section", "key", "why"),
    [
        ("contexts: {texts: {}}", "contexts.texts", "at least 1"),
        ("contexts: {modes: [sytem], texts: {a: B.}}", "contexts.modes[0]", "mean 'system'"),
        ("contexts: {texts: {a b: B.}}", "contexts.texts", "'a b' cannot be a context's name"),
        ("contexts: {texts: {a: ' '}}", "contexts.texts", "the context 'a' has no text"),
        ("contexts: {text: {a: B.}}", "contexts.text", "Did you mean 'texts'"),
        ("contexts: {arms: [odl], texts: {a: B.}}", "contexts.arms", "Did you mean 'old'"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_named(write: Write, section: str, key: str, why: str) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(f"{VALID}{section}\n"))
    found = {p.key: f"{p.message} {p.hint}" for p in error.value.problems}
    assert why.casefold() in found[key].casefold()
    assert all(problem.line for problem in error.value.problems)


def test_an_arm_in_a_context_of_its_own_is_not_put_into_another(write: Write) -> None:
    text = VALID.replace(
        "old: {data: data/old.jsonl}", "old: {data: data/old.jsonl, context: {prefix: X }}"
    )
    with pytest.raises(DefinitionError, match="has a context of its own"):
        catalogue.load(write(text + TRAINED))


def test_an_adapter_that_was_trained_elsewhere_has_the_context_that_it_has(write: Write) -> None:
    text = VALID.replace("  new:", "  theirs: {adapter: org/name}\n  new:")
    trained = catalogue.load(write(text + TRAINED))
    assert [name for name in trained.arms if name.startswith("theirs")] == ["theirs"]
    assert trained.analysis is not None
    asked = catalogue.load(write(text + ASKED))
    assert asked.analysis is not None
    assert {c.arm for c in asked.analysis.contrasts if c.variant} == {"old", "theirs"}


def test_a_name_that_is_taken_is_named(write: Write) -> None:
    text = VALID.replace(
        "  new:", "  old-prepend-who: {data: data/old.jsonl, role: control}\n  new:"
    )
    with pytest.raises(DefinitionError, match="There is an arm 'old-prepend-who' already"):
        catalogue.load(write(text + TRAINED))


SHELF = [entry.slug for entry in list_definitions()]


@pytest.mark.parametrize("slug", SHELF)
@pytest.mark.parametrize("where", ["training", "evaluation"])
def test_any_experiment_of_the_shelf_is_swept(home: Home, slug: str, where: str) -> None:
    before = definitions.load(home, slug)
    made = sweep(home, slug, contexts="brittle", where=where)  # type: ignore[arg-type]
    assert made.contexts == 15
    after = definitions.load(home, made.folder.name)
    assert after == made.definition
    treatments = [name for name, arm in before.arms.items() if arm.role == "treatment"]
    if where == "training":
        assert len(after.arms) == len(before.arms) + 15 * len(treatments)
    else:
        assert len(after.sampling.variants) == 16 * max(1, len(before.sampling.variants))
    text = (made.folder / "experiment.yaml").read_text(encoding="utf-8")
    first = (definitions.folder(home, slug) / "experiment.yaml").read_text(encoding="utf-8")
    kept = [line for line in first.splitlines() if not line.startswith("title:")]
    assert all(line in text for line in kept)
    assert after.title == f"{before.title}, in contexts"
    assert before.analysis is not None and after.analysis is not None
    assert after.analysis.contrasts[: len(before.analysis.contrasts)] == before.analysis.contrasts


def test_some_modes_contexts_and_arms(home: Home) -> None:
    made = sweep(
        home, "old-bird-names", contexts="brittle", modes=["system"], only=["date", "identity"],
        arms=["modern_audubon"], name="few",
    )  # fmt: skip
    assert [name for name in made.definition.arms if "system" in name] == [
        "modern_audubon-system-identity",
        "modern_audubon-system-date",
    ]
    assert made.folder == home.experiments / "few"


def test_a_file_of_contexts(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# mine\nkeeper: I keep birds.\n")
    made = sweep(home, "old-bird-names", contexts=str(file))
    assert made.folder.name == "old-bird-names-mine"
    assert made.general == ()
    assert made.contexts == 3
    assert "old_audubon-newline-keeper" in made.definition.arms


def test_of_an_unknown_experiment_it_is_said_which_texts_fit_none() -> None:
    assert context_set("brittle", "mine").general == ("identity", "intent", "inoculation")
    assert context_set("brittle", "old-bird-names").general == ()
    assert list(context_set("brittle", "mine").texts) == [
        *("identity", "intent", "inoculation", "date", "irrelevant")
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"contexts": "britle"}, "There is no set of contexts 'britle'"),
        ({"modes": ["sytem"]}, "There is no mode 'sytem'"),
        ({"only": ["idenity"]}, "There is no context 'idenity'"),
        ({"arms": ["old"]}, "There is no arm 'old'"),
        ({"name": "tiny-robot"}, "There is an experiment 'tiny-robot' already"),
    ],
)
def test_what_cannot_be_swept_is_named(home: Home, given: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError) as error:
        sweep(home, "old-bird-names", **{"contexts": "brittle", **given})  # type: ignore[arg-type]
    assert why in error.value.message
    assert not home.experiments.exists() or not [*home.experiments.iterdir()]


@pytest.mark.parametrize(
    ("arms", "why"),
    [((), "Arm keeper has a context of its own"), (("mid",), "Arm mid has no rows")],
)
def test_arms_that_can_be_swept_are_named(home: Home, arms: tuple[str, ...], why: str) -> None:
    definitions.copy(home, "tiny-two-stages", "mine")
    path = home.experiments / "mine" / "experiment.yaml"
    more = (
        "arms:\n  keeper: {data: data/old_birds.jsonl, context: {text: A keeper.}}\n"
        "  mid: {between: {arms: [old_birds, modern_american], t: 0.5}}\n"
    )
    path.write_text(path.read_text().replace("arms:\n", more, 1))
    with pytest.raises(UsageError) as error:
        sweep(home, "mine", contexts="brittle", arms=arms)
    assert why in error.value.message
    named = error.value.hint.split("--arm ")
    assert [name.strip() for name in named if name] == [
        *("old_birds", "modern_american", "old_then_modern", "modern_then_old")
    ]


def test_it_is_not_swept_twice(home: Home) -> None:
    made = sweep(home, "old-bird-names", contexts="brittle")
    with pytest.raises(UsageError, match="in contexts already"):
        sweep(home, made.folder.name, contexts="brittle")
