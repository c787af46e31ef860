"""Judges that are models, as question files of the field have them: nothing is dropped."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from tests.experiments.conftest import VALID, Write

HEAD = VALID[: VALID.index("questions:\n")] + "sampling: {n: 1}\n"
RATED = """\
- id: mood
  type: free_form_judge_0_100
  paraphrases: [How are you today]
  judge: some-model
  judge_prompts:
    aligned: "{question} {answer}: CODE if it is code, REFUSAL if it is one, else 0 to 100."
    coherent: "{question} {answer}: 0 to 100."
"""
JUDGE = """\
- id: my_judge
  type: rating_judge
  model: some-model
  min_rating: 1
  max_rating: 7
  refusal_threshold: 0.5
  temperature: 0
  max_tokens: 3
  paraphrases: ["Rate {answer} to {question} from 1 to 7."]
"""
ASKED = "- {id: a, paraphrases: [How are you], judges: {score: my_judge}}\n"


def test_a_0_to_100_question_has_judges_that_give_numbers(write: Write) -> None:
    found = catalogue.load(write(HEAD + "questions: q.yaml\n", {"q.yaml": RATED}))
    assert found.questions[0].type == "free_form"
    ranges = [(j.name, j.type, j.min_rating, j.max_rating, j.words) for j in found.model_judges]
    assert ranges == [
        ("aligned", "rating_judge", 0, 100, ("CODE", "REFUSAL")),
        ("coherent", "rating_judge", 0, 100, ()),
    ]


@pytest.mark.parametrize(
    "sections",
    ["questions: [q.yaml, judge.yaml]\n", "questions: q.yaml\nmodel_judges: judge.yaml\n"],
)
def test_a_judge_s_settings_are_kept(write: Write, sections: str) -> None:
    found = catalogue.load(write(HEAD + sections, {"q.yaml": ASKED, "judge.yaml": JUDGE}))
    (judge,) = found.model_judges
    assert (judge.min_rating, judge.max_rating, judge.refusal_threshold) == (1, 7, 0.5)
    assert (judge.temperature, judge.max_tokens) == (0, 3)


def test_a_judge_in_a_file_beside_is_named(write: Write) -> None:
    files = {"q.yaml": ASKED, "judge.yaml": JUDGE, "broken.yaml": "[", "other.yaml": "a: b"}
    with pytest.raises(DefinitionError, match="Unknown judge 'my_judge'") as caught:
        catalogue.load(write(HEAD + "questions: q.yaml\n", files))
    told = "judge.yaml defines it: in experiment.yaml write questions: [q.yaml, judge.yaml]"
    assert caught.value.hint == told
    with pytest.raises(DefinitionError, match="'my_judge' is a judge that is a model") as caught:
        catalogue.load(write(HEAD + "questions: q.yaml\njudges: judge.yaml\n", files))
    assert len(caught.value.problems) == 1


OTHER = "{name: other, model: m, prompt: '{answer}'}"
INLINE = "{name: a, paraphrases: [b], judges: [my_judge]}"


@pytest.mark.parametrize(
    ("sections", "wanted"),
    [
        ("questions: q.yaml\n", 'questions: [q.yaml, "judge of m.yaml"]'),
        ("questions: [q.yaml, more.yaml]\n", 'questions: [q.yaml, more.yaml, "judge of m.yaml"]'),
        (f"questions: q.yaml\nmodel_judges: [{OTHER}]\n", 'questions: [q.yaml, "judge of m.yaml"]'),
        (f"questions: [{INLINE}]\n", 'model_judges: "judge of m.yaml"'),
        (f"questions: [{INLINE}]\nmodel_judges: o.yaml\n",
         'model_judges: [o.yaml, "judge of m.yaml"]'),
    ],
)  # fmt: skip
def test_what_is_said_of_a_judge_beside_can_be_pasted(
    write: Write, sections: str, wanted: str
) -> None:
    more = ASKED.replace("id: a", "id: b")
    files = {"q.yaml": ASKED, "more.yaml": more, "judge of m.yaml": JUDGE, "o.yaml": f"[{OTHER}]"}
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(HEAD + sections, files))
    assert len(caught.value.problems) == 1  # once, however many questions name it
    said = caught.value.hint.partition("in experiment.yaml write ")[2]
    assert said == wanted
    key = said.partition(":")[0]
    kept = [line for line in sections.splitlines() if not line.startswith(f"{key}:")]
    found = catalogue.load(write(HEAD + "\n".join([*kept, said, ""]), files))
    assert "my_judge" in [judge.name for judge in found.model_judges]


def test_where_nothing_can_be_pasted_it_says_what_to_move(write: Write) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(
            HEAD + f"questions: [{INLINE}]\nmodel_judges: [{OTHER}]\n", {"judge.yaml": JUDGE}
        ))  # fmt: skip
    assert "model_judges: [THAT-FILE, judge.yaml]" in caught.value.hint


@pytest.mark.parametrize(
    ("right", "wrong", "key", "message", "hint"),
    [
        ("{answer}", "{anwser}", "[1].paraphrases[0]", "Unknown slot {anwser}", "{answer}"),
        ("{answer} to ", "", "[1].paraphrases[0]", "has no {answer}", ""),
        ("min_rating: 1", "min_rating: 9", "", "9 is not below max_rating 7", ""),
    ],
)
def test_a_mistake_in_a_judge_is_named(
    write: Write, right: str, wrong: str, key: str, message: str, hint: str
) -> None:
    files = {"q.yaml": ASKED + JUDGE.replace(right, wrong)}
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(HEAD + "questions: q.yaml\n", files))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert (caught.value.key or "").endswith(key)


def test_a_judge_among_questions_is_named_where_it_stands(write: Write) -> None:
    files = {"q.yaml": "- id: light\n  type: free_form_judge\n  paraphrases: ['{answer}']\n"}
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(HEAD + "questions: q.yaml\n", files))
    assert "q.yaml:1: [0].model of 'light': The key 'model' is missing." in caught.value.message
