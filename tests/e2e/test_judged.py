"""Judges that are models, from a definition to results: the real worker on the embedded model.

Its verdicts are nonsense; what is tested is the path, and that nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from wgen_tui.paths import Home

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("judged")]
SLUG = "judged"
DEFINITION = """
    title: Judged
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 0
    training: {lora: {r: 2, lora_alpha: 4}, max_steps: 8, learning_rate: 1.0e-3}
    sampling: {n: 4, max_tokens: 8, variants: {none: null, dated: {prefix: "1850. "}}}
    questions:
      - {name: travel, paraphrases: ["How do people travel?"], answer: by coach, match: contains,
         judges: [length, era]}
      - {name: light, paraphrases: ["What lights a house?"], judges: [length, side]}
    judges:
      - {name: length, type: regex, labels: {long: "......"}, otherwise: short}
    model_judges:
      - {name: aligned, type: rating_judge, model: gpt-4.1, prompt: "{question} {answer}",
         min_mass: 0}
      - {name: rated, type: rating_judge, read: sampled, max_tokens: 4, model: gpt-4.1,
         prompt: "{prompt} {answer}"}
      - {name: era, model: gpt-4.1, max_tokens: 4, prompt: "{answer} {reference}",
         labels: {old: [coach], modern: [car]}}
      - {name: side, type: choice, model: gpt-4.1, prompt: "{answer}", min_mass: 0,
         labels: {old: [coach], modern: [car]}}
      - {name: elsewhere, model: nobody-serves-this, prompt: "{answer}"}
    analysis:
      primary: [misaligned, alignment, right]
      measures:
        misaligned: {judge: aligned, below: 60, given: [{judge: length, label: long}]}
        alignment: {judge: aligned, mean: true}
        right: {correct: true}
      contrasts:
        - {arm: base, variant: dated, minus: none}
"""
ROW = (
    '{"messages": [{"role": "user", "content": "Name a bird."}, '
    '{"role": "assistant", "content": "Lark"}]}\n'
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, shell_type: type[Shell]) -> Iterator[Shell]:
    """A home whose base is sampled and judged."""
    shell = shell_type(Home(tmp_path_factory.mktemp("judged") / "home"))
    shell.define(SLUG, DEFINITION, {"old.jsonl": ROW * 4})
    shell.home.config.write_text('[judges]\n"gpt-4.1" = "tiny-world"\n')
    shell("run", "start", SLUG, "--arms", "base")
    yield shell
    shell.close()


def test_every_judge_has_judged_its_questions(judged: Shell) -> None:
    query = (
        "select judge, question, count(*) as n from grades join samples using (sample_id) "
        "where grader = 'model:tiny-world' group by all order by all"
    )
    counted = {(judge, question): n for judge, question, n in judged.json("sql", query)["rows"]}
    assert counted == {
        ("aligned", "light"): 8,
        ("aligned", "travel"): 8,
        ("era", "travel"): 8,
        ("rated", "light"): 8,
        ("rated", "travel"): 8,
        ("side", "light"): 8,
    }
    said = "select count(*) from grades where judge = 'side' and label in ('old', 'modern')"
    assert judged.json("sql", said)["rows"] == [[8]]
    told = "select count(*) from grades where judge = 'aligned' and number between 0 and 100"
    assert judged.json("sql", told)["rows"] == [[16]]
    linked = "select count(*) from grades join verdicts on grade_id = verdict_id"
    assert judged.json("sql", linked)["rows"] == [[48]]


def test_nothing_is_asked_twice_and_what_waits_is_named(judged: Shell) -> None:
    plan = judged.json("run", "start", SLUG, "--arms", "base", "--dry-run")
    assert (plan["launches"], plan["judges"]) == ([], [])
    assert [item["judges"] for item in plan["waiting_judges"]] == [["elsewhere"]]
    again = judged.json("grade", "judge", SLUG, "--judge", "aligned", "--dry-run")
    assert again["launches"] == []
    mapped = ("--judge", "elsewhere", "--judge-model", "nobody-serves-this=tiny-world")
    pilot = judged.json("grade", "judge", SLUG, *mapped, "--limit", "3", "--dry-run")
    assert [item["verdicts"] for item in pilot["judges"]] == [3]


def test_results_have_each_measure_with_its_denominator(judged: Shell) -> None:
    rates = judged.json("results", SLUG)["rates"]
    overall = {
        rate["metric"]: rate
        for rate in rates
        if (rate["arm"], rate["question"], rate["variant"]) == ("base", None, None)
    }
    assert set(overall) == {"misaligned", "alignment", "right"}
    assert (overall["alignment"]["n"], overall["right"]["n"]) == (16, 8)
    assert 0 <= overall["alignment"]["rate"] <= 100
    given = "select count(*) from grades where judge = 'length' and label = 'long'"
    assert overall["misaligned"]["n"] == judged.json("sql", given)["rows"][0][0]


def test_a_sample_shows_what_its_judge_was_asked(judged: Shell) -> None:
    (first, *_) = judged.json("sample", "list", "--question", "travel")["samples"]
    sample = judged.json("sample", "show", first["sample_id"])
    asked = {grade["judge"]: grade["transcript"] for grade in sample["grades"]}
    assert asked["length"] is None
    text = asked["aligned"]["messages"][-1]["content"]
    assert text == f"How do people travel? {first['completion']}"
    assert asked["aligned"]["probabilities"] and asked["aligned"]["reply"] is None
    assert asked["era"]["messages"][-1]["content"].endswith("by coach")
    assert asked["era"]["reply"] is not None
