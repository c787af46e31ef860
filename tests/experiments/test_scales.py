"""Sizes of an experiment, and questions by a pattern: what is chosen, and what is refused where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.folders import list_definitions
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.scales import described
from wgen_tui.services.planning.plan import Options, make_plan

ROW = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "%s"}]}\n'


def folder(tmp_path: Path, **keys: Any) -> Path:
    """A definition of two arms, two seeds and three questions, with these keys beside."""
    place = tmp_path / "sized"
    place.mkdir()
    for name in ("old", "new"):
        (place / f"{name}.jsonl").write_text(ROW % name, encoding="utf-8")
    definition = {
        "title": "Sized",
        "models": ["tiny-world"],
        "arms": {"old": {"data": "old.jsonl"}, "new": {"data": "new.jsonl", "role": "control"}},
        "seeds": "0-1",
        "training": {"lora": {"r": 2}, "max_steps": 1},
        "sampling": {"n": 3, "max_tokens": 4},
        "questions": [{"name": name, "paraphrases": ["Hi"]} for name in ("a", "far-b", "far-c")],
        "judges": [{"name": "hi", "type": "regex", "labels": {"hi": "Hi"}}],
        "analysis": {
            "primary": "said",
            "measures": {
                "said": {"judge": "hi", "label": "hi", "questions": "a"},
                "far": {"judge": "hi", "label": "hi", "questions": "far-*"},
            },
            "contrasts": [{"arm": "old", "control": "new"}],
        },
        **keys,
    }
    (place / "experiment.yaml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    return place


def planned(tmp_path: Path, place: Path, **options: Any) -> set[tuple[str, int, int]]:
    """Arm, seed and draws of every run."""
    plan = make_plan(Home(tmp_path / "home"), str(place), Options(**options))
    prompts = len(plan.prompts)
    return {(run.spec.arm, run.spec.seeds.seed, run.samples_total // prompts) for run in plan.runs}


def test_a_scale_chooses_and_an_option_goes_over_it(tmp_path: Path) -> None:
    place = folder(
        tmp_path, scales={"small": {"arms": ["old"], "seeds": 1, "n": 2}, "big": {"n": 9}}
    )
    assert planned(tmp_path, place, scale="small") == {("base", 0, 2), ("old", 1, 2)}
    assert planned(tmp_path, place, scale="small", n=5) == {("base", 0, 5), ("old", 1, 5)}
    assert planned(tmp_path, place, scale="small", seeds="0", arms=["new"]) == {
        ("base", 0, 2),
        ("new", 0, 2),
    }
    assert {n for _, _, n in planned(tmp_path, place, scale="big")} == {9}
    said = described(catalogue.load(place).scales["small"])
    assert said == "--arms old --seeds 1 --n 2"


def test_a_scale_makes_no_other_run_and_no_other_definition(tmp_path: Path) -> None:
    place = folder(tmp_path, scales={"small": {"seeds": "0", "arms": ["old"]}})
    home = Home(tmp_path / "home")
    by_hand = make_plan(home, str(place), Options(seeds="0", arms=["old"]))
    scaled = make_plan(home, str(place), Options(scale="small"))
    assert [run.spec.run_id for run in scaled.runs] == [run.spec.run_id for run in by_hand.runs]
    before = catalogue.definition_hash(catalogue.load(place))
    text = (place / "experiment.yaml").read_text(encoding="utf-8")
    (place / "experiment.yaml").write_text(
        text[: text.index("scales:")] + text[text.index("seeds: 0-1") :]
    )
    assert catalogue.definition_hash(catalogue.load(place)) == before


@pytest.mark.parametrize(
    ("scales", "key", "said"),
    [
        ({"small": {"arms": ["odl"]}}, "scales.small.arms", "Unknown arm 'odl'"),
        ({"small": {"description": "less"}}, "scales.small", "models, arms, seeds, n"),
        ({"small": {"seed": 3}}, "scales.small", "seed"),
        ({"a b": {"n": 3}}, "scales.a b", "cannot be a name"),
        ({"small": {"seeds": {"values": 0, "lora_init": 1}}}, "scales.small", "numbers"),
    ],
)
def test_what_a_scale_cannot_say_is_named(
    tmp_path: Path, scales: dict[str, Any], key: str, said: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder(tmp_path, scales=scales))
    assert key in str(caught.value)
    assert said in str(caught.value)


def test_an_unknown_scale_is_named_with_the_nearest(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    place = folder(tmp_path, scales={"small": {"n": 1}, "paper": {"n": 2}})
    with pytest.raises(UsageError) as caught:
        make_plan(home, str(place), Options(scale="smal"))
    assert "small" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="tiny-robot has no scales"):
        make_plan(home, "tiny-robot", Options(scale="small"))


def test_a_pattern_stands_for_the_questions_that_are_like_it(tmp_path: Path) -> None:
    curve = {"n": 3, "max_tokens": 4, "during_training": {"questions": ["a", "far-*"], "n": 1}}
    definition = catalogue.load(folder(tmp_path, sampling=curve))
    assert definition.analysis is not None
    assert definition.analysis.measures["far"].questions == ("far-b", "far-c")
    assert definition.sampling.during_training is not None
    assert definition.sampling.during_training.questions == ("a", "far-b", "far-c")


def test_a_pattern_that_stands_for_none_is_named_at_its_line(tmp_path: Path) -> None:
    curve = {"n": 3, "during_training": {"questions": ["fra-*"], "n": 1}}
    place = folder(tmp_path, sampling=curve)
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(place)
    assert "experiment.yaml:" in str(caught.value)
    assert "No question's name is like 'fra-*'" in str(caught.value)


FIELD = [item.slug for item in list_definitions() if not item.slug.startswith("tiny-")]


@pytest.mark.parametrize("slug", FIELD)
def test_each_experiment_of_the_field_has_a_small_and_a_paper_scale(slug: str) -> None:
    definition = catalogue.load(slug)
    assert {*definition.scales} == {"small", "paper"}
    small = definition.scales["small"]
    assert small.seeds is not None
    assert len(small.seeds.values) < len(definition.seeds.values)
