"""Bad input: what is wrong, where, and the nearest right thing."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from experiments import catalogue
from experiments.checking.slots import slot_notes
from experiments.errors import DefinitionError
from experiments.readers.arm_data import load_rows
from experiments.rows import read_rows
from experiments.schema import Arm, CheckpointsConfig, parse_seeds
from tests.experiments.conftest import ROW, VALID, Write

# What is changed in VALID, then: line, key, part of the message, part of the hint.
MISTAKES = [
    ("  learning_rate:", "  learning_rat:", 9, "training.learning_rat", "Unknown", "learning_rate"),
    ("title: A test", "titel: A test", 1, "titel", "Unknown key 'titel'", "title"),
    ("role: control", "role: contrl", 5, "arms.new.role", "'contrl' is not known", "control"),
    ("seeds: 0-2", "seeds: 3-1", 6, "seeds", "run backwards; write 1-3", ""),
    ("seeds: 0-2", "seeds: [1, 1]", 6, "seeds", "Seed 1 stands twice", ""),
    ("seeds: 0-2", "seeds: many", 6, "seeds", "'many' is no seed", ""),
    ("  max_steps: 3\n", "", 7, "training", "num_train_epochs or max_steps", ""),
    ("data/old.jsonl", "data/odl.jsonl", 4, "arms.old.data", "is missing", "data/old.jsonl"),
    ("data/old.jsonl", "../old.jsonl", 4, "arms.old.data", "outside", "Copy"),
    ("  old: {", "  base: {", 4, "arms.base", "untrained model's name", "Rename"),
    ("arm: old,", "arm: odl,", 19, "analysis.contrasts[0].arm", "Unknown arm 'odl'", "'old'"),
    ("primary: {judge: era", "primary: {judge: eras", 18, "analysis.primary.judge", "eras", "era"),
    (
        "label: 19th_century}\n",
        "label: 19th}\n",
        18,
        "analysis.primary.label",
        "Unknown label '19th'",
        "19th_century",
    ),
    ("name: light", "name: travel", 12, "questions[1].name", "stands twice", ""),
    ("type: lexicon", "type: lexikon", 14, "judges[0].type", "'lexikon'", "lexicon"),
    ("{name: era, type", "{name: broken, type", 14, "judges[0].name", "broken-answer rule", ""),
    ("judge: era, labels", "judge: ear, labels", 16, "rubrics[0].judge", "'ear'", "'era'"),
    ("modern: m}", "modern: o}", 16, "rubrics[0].labels.19th_century", "two labels", ""),
    ("modern: m}", "modern: u}", 16, "rubrics[0].labels.modern", "taken", "undoes"),
    ("modern: [flight]", "modern: flight", 14, "judges[0].labels.modern", "needs a list", ""),
    ("  - {name: light, paraphrases: [\"What lights?\"]}", "  - {name: light}", 12, "questions[1]", "paraphrases or messages", ""),  # noqa: E501
    ("lexicon, labels: {19th_century: [coach*]", "regex, labels: {19th_century: 'a('", 14, "judges[0].labels.19th_century", "does not compile", ""),  # noqa: E501
    ("What lights?\"]}", "What lights?\"], judges: [eras]}", 12, "questions[1].judges", "Unknown judge 'eras'", "'era'"),  # noqa: E501
    ("What lights?\"]}", "What lights?\"], variants: [non]}", 12, "questions[1].variants", "Unknown variant 'non'", "'none'"),  # noqa: E501
    ("models: [tiny-world]", "models: []", 2, "models", "no model", "tiny-world"),
    ("title: A test", "title: A test\ntitle: Again", 2, "title", "stands twice", ""),
    ("title: A test", "slug: mine", 1, "slug", "folder's name", ""),
    ("title: A test", "title: 1984", 1, "title", "a text, not the number 1984", "Quote it"),
    ("models: [tiny-world]", "models: {a: b}", 2, "models", "should be a list, not a mapping", "models: [tiny-world]"),  # noqa: E501
    ("title: A test", "title: true", 1, "title", "a text, not true", 'Quote it: "true"'),
    ("name: light", "name: 1984", 12, "questions[1].name", "not the number 1984", 'Quote it: "1984"'),  # noqa: E501
    ("[\"What lights?\"]", "What lights", 12, "questions[1].paraphrases", "a list, not 'What", "In brackets: [What lights]"),  # noqa: E501
    ("seeds: 0-2", "  seeds: 0-2", 6, "arms.seeds", "belongs to the top level", "Indent it less"),
    ("seeds: 0-2", "seeds:", 6, "seeds", "No seeds given", ""),
    ("  learning_rate: 5e-3", "  lr: 5e-3", 9, "training.lr", "Unknown key 'lr'", "'learning_rate'"),  # noqa: E501
    ("  learning_rate: 5e-3", "  checkpoints: 5", 9, "training.checkpoints", "not 5", "{every: 10}"),  # noqa: E501
    ("  learning_rate: 5e-3", "  quantization: {bits: 4}", 9, "training.quantization", "one word, not a mapping", "none, 8bit, 4bit"),  # noqa: E501
    ("title: A test", f"title: A test\nhypothesis: {'9' * 5000}", 2, "hypothesis", "'9999999999999999999999999999999999999999…' is too long a number", ""),  # noqa: E501
    ("title: A test", "title: A test\ntemplate_date: 20240101", 2, "template_date", "a day such as 2026-01-31, not 20240101", ""),  # noqa: E501
    ("seeds: 0-2", "seeds: 0-999999999", 6, "seeds", "are 1,000,000,000; at most 10,000", ""),
    ("seeds: 0-2", "seeds: 9223372036854775808", 6, "seeds", "too large a seed", ""),
    ("seeds: 0-2", f"seeds: '{'9' * 5000}'", 6, "seeds", "too large a seed", ""),
    ("  learning_rate: 5e-3", "  learning_rate: .inf", 9, "training.learning_rate", "finite", ""),
    ("  new: {", "  OLD: {", 5, "arms.OLD", "one name where case", "Rename"),
    ("name: light", "name: Travel", 12, "questions[1].name", "one name where case", "Change"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "key", "message", "hint"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    write: Write, right: str, wrong: str, line: int, key: str, message: str, hint: str
) -> None:
    assert VALID.count(right) >= 1
    folder = write(VALID.replace(right, wrong, 1))
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    found = [problem for problem in caught.value.problems if problem.key == key]
    assert found, str(caught.value)
    assert found[0].line == line
    assert found[0].file == folder / "experiment.yaml"
    assert message in found[0].message
    assert hint in found[0].hint
    assert str(found[0]).startswith(f"{folder / 'experiment.yaml'}:{line}: {key}")


YEAR = "{variants: {y: {prefix: '{valeu} ', values: [1]}}}"
WRAP = "{variants: {y: {wrap: '{question} {Value}', values: [1]}}}"
SAMPLING = [
    ("{temperature: .inf}", "temperature", "finite number", ""),
    ("{temperature: 1.0e-40}", "temperature", "write 0, which is greedy", ""),
    ("{stop: ['a', '']}", "stop[1]", "nothing would be drawn", ""),
    (YEAR, "variants.y.prefix", "{valeu}", "{value}"),
    ("{variants: {y: {prefix: '{value} '}}}", "variants.y.prefix", "has no values", "values:"),
    ("{variants: {y: {system: '{question}'}}}", "variants.y.system", "in wrap alone", "wrap:"),
    (WRAP, "variants.y.wrap", "{Value}", ""),
    ("{variants: {y: {values: [1, '1']}}}", "variants.y.values", "A value stands twice", ""),
    ("{variants: {year: {}, Year: {}}}", "variants.Year", "one name where case", "Rename"),
    ("{variants: {é: {}, e\u0301: {}}}", "variants.e\u0301", "one name where case", "Rename"),
    ("{variants: {y: {values: [1, 2]}, y-2: {}}}", "variants.y-2", "stands twice", "Rename"),
]  # fmt: skip


@pytest.mark.parametrize(("sampling", "key", "message", "hint"), SAMPLING)
def test_a_mistake_in_sampling_is_named(
    write: Write, sampling: str, key: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(f"{VALID}sampling: {sampling}\n"))
    assert caught.value.key == f"sampling.{key}"
    assert message in caught.value.problems[0].message
    assert hint in caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("section", "key", "hint"),
    [
        ("contexts: {modes: [prepnd], texts: {a: B.}}", "contexts.modes[0]", "'prepend'"),
        ("contexts: {texts: [B.]}", "contexts.texts", "texts: {irrelevant:"),
        ("sweep: {key: {learning_rate: [1.0]}}", "sweep.key", "'keys'"),
        ("sweep: {keys: {}}", "sweep.keys", ""),
        ("scales: [small]", "scales", "scales: {small:"),
    ],
)
def test_one_mistake_is_one_message(write: Write, section: str, key: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(f"{VALID}{section}\n"))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert hint in problem.hint
    assert "after validation" not in problem.message


def test_braces_that_are_no_slot_are_text(write: Write) -> None:
    variants = "sampling: {variants: {y: {prefix: '{\"a\": 1} {b} {{value}} '}}}\n"
    found = catalogue.load(write(VALID + variants))
    assert slot_notes(found) == ["variant y: {b} in prefix is asked as it stands"]


LADDER = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 10)
)


@pytest.mark.parametrize("text", [LADDER, MERGES])
def test_aliases_that_grow_are_refused(write: Write, text: str) -> None:
    with pytest.raises(DefinitionError, match="Aliases repeat") as caught:
        catalogue.load(write(text + VALID))
    assert caught.value.line in range(4, 8)
    folder = write(VALID.replace(VALID[VALID.index("questions:\n") : VALID.index("judges:\n")],
                                 "questions: q.yaml\n"), {"q.yaml": text})  # fmt: skip
    with pytest.raises(DefinitionError, match=r"q\.yaml.*Aliases repeat"):
        catalogue.load(folder)


def test_what_stands_in_a_dataset_s_place_is_named(write: Write) -> None:
    folder = write()
    data = folder / "data" / "old.jsonl"
    for make, message, hint in (
        (lambda: data.symlink_to("old.jsonl"), "a link that leads in a circle", "one object"),
        (lambda: data.symlink_to("gone.jsonl"), "a link to nothing", "data/new.jsonl"),
        (lambda: os.mkfifo(data), "a FIFO", "data/new.jsonl"),
        (lambda: (data.mkdir(), (data / "a.jsonl").touch()), "a folder", "data/old.jsonl/a.jsonl"),
    ):
        data.unlink()
        make()
        with pytest.raises(DefinitionError, match=message) as caught:
            catalogue.load(folder)
        assert caught.value.key == "arms.old.data"
        assert hint in caught.value.hint or hint == "one object"
        with pytest.raises(DefinitionError, match=message):
            load_rows(folder, "old", Arm(data="data/old.jsonl"))


def test_a_template_may_be_a_file_of_the_folder(write: Write) -> None:
    text = VALID + "chat_template: t.jinja\n"
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert catalogue.load(write(text, {"t.jinja": template})).chat_template == template
    for name, message in (("tt.jinja", "neither a template"), ("../t.jinja", "outside")):
        with pytest.raises(DefinitionError, match=message) as caught:
            catalogue.load(write(VALID + f"chat_template: {name}\n"))
        assert caught.value.key == "chat_template"
    for given in ("chat_template: ' '\n", "chat_template: t.jinja\n"):  # not the model's own
        with pytest.raises(DefinitionError, match="is empty") as caught:
            catalogue.load(write(VALID + given, {"t.jinja": "\n"}))
        assert "the model's own template" in caught.value.hint


def test_n_of_nothing(write: Write) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(VALID + "sampling: {n: 0}\n"))
    assert caught.value.key == "sampling.n"
    assert "greater than 0" in caught.value.message


def test_several_mistakes_are_named_together(write: Write) -> None:
    text = VALID.replace("role: control", "role: contrl").replace("max_steps", "max_step")
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(text))
    assert caught.value.key == "arms.new.role"
    assert len(caught.value.problems) >= 2
    assert "Did you mean 'control'?" in caught.value.message


def test_no_yaml_has_line_and_column(write: Write) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(VALID.replace("seeds: 0-2", "seeds: [0")))
    assert caught.value.line is not None
    assert "column" in caught.value.message


def test_an_unquoted_question_mark_says_what_to_do(write: Write) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(VALID.replace('"How?"', "How?")))
    assert caught.value.line == 11
    assert "Quote" in caught.value.hint


def test_a_mistake_in_another_file_is_placed_there(write: Write) -> None:
    start = VALID.index("questions:\n")
    end = VALID.index("judges:\n")
    text = VALID[:start] + "questions: questions.yaml\n" + VALID[end:]
    asked = "- name: travel\n  paraphrases: ['How?']\n  topik: x\n"
    folder = write(text, {"questions.yaml": asked})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == (folder / "questions.yaml", 3)
    assert problem.hint == "Did you mean 'topic'?"


def test_an_unknown_slug_names_the_nearest() -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load("tiny-old-birdnames")
    assert "tiny-old-bird-names" in caught.value.hint


ODD = (None, -1, 1.5, "x", [], {}, [1], [None], {"a": {"b": None}}, [["a"]], True, "\0", "../x")
RICH = """
sampling: {n: 2, variants: {year: {prefix: '{value} ', values: [1, 2]}}}
source: {title: x}
model_judges: []
"""
HEAD = VALID[: VALID.index("questions:\n")]
JUDGED = """
sampling: {variants: {none: null, who: {prefix: '{value} ', values: {a: 1}}}}
questions:
  - {name: a, paraphrases: [q], answer: {who: ['{label}']}, match: prefix, judges: {c: {model: g, paraphrases: ['{answer}']}}}
  - {name: b, type: free_form_judge_0_100, paraphrases: [q], judge: g, judge_prompts: {n: '{answer}'}}
model_judges:
  - {name: r, type: rating_judge, model: g, prompt: '{answer}', range: [0, 9], min_mass: 0.5, words: {X: x}}
  - {name: w, model: g, prompt: '{answer}', labels: {x: [X], y: Y}, paraphrases: ['{answer} {variant}']}
analysis:
  primary: [m]
  measures:
    m: {judge: r, below: 3, given: [{judge: w, label: [x]}], exclude: [x], questions: [a]}
  contrasts: [{arm: old, control: new, variant: none, minus: who-a}]
"""  # noqa: E501
ASKED = """\
  - {id: m, paraphrases: [q], judge: g, judge_prompts: {a: '{answer}'}, judges: {c: era}}
  - {name: j, type: rating_judge, model: g, paraphrases: ['{answer}']}
judges:
"""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        yield from _paths(item, (*path, key))


@pytest.mark.parametrize(
    ("text", "least"),
    [(VALID.replace("judges:\n", ASKED, 1) + RICH, 500), (HEAD + JUDGED, 200)],
    ids=["rich", "judged"],
)
def test_nothing_a_user_writes_is_a_traceback(write: Write, text: str, least: int) -> None:
    """Put an odd value at every place of a rich definition: it loads, or it is explained."""
    folder = write(text)
    good = yaml.safe_load((folder / "experiment.yaml").read_text())
    assert catalogue.load(folder).model_judges
    refused = 0
    for place, path in enumerate(_paths(good)):
        for odd in ODD if least > 400 else ODD[place % 2 :: 2]:
            changed = {"": copy.deepcopy(good)}
            spot: Any = changed
            for key in ("", *path)[:-1]:
                spot = spot[key]
            spot[("", *path)[-1]] = odd
            (folder / "experiment.yaml").write_text(yaml.safe_dump(changed[""]))
            try:
                catalogue.load(folder)
            except DefinitionError as error:
                refused += 1
                assert all(problem.file for problem in error.problems), (path, odd)
    assert refused > least


ROWS = [
    ("", "empty"),
    ('{"messages": [', "not JSON"),
    ('{"text": "x"}', "neither 'messages' nor"),
    ('{"messages": [{"role": "user", "content": "Q"}]}', "no assistant turn"),
    (
        '{"messages": [{"role": "assistant", "content": "A"}, {"role": "user", "content": "Q"}]}',
        "ends with the user's turn",
    ),
    ('{"messages": [{"role": "robot", "content": "Q"}]}', "role is 'robot'"),
    ('{"messages": [{"role": "user"}]}', "messages[0] has no 'content'"),
    ('{"messages": [{"role": "user", "content": null}]}', "content is null, not a text"),
    ('{"messages": [{"role": "user", "content": 5}]}', "content is a number, not a text"),
    ('{"messages": [{"role": "user", "content": [{}]}]}', "content[0] has no 'type'"),
    ('{"messages": [{"content": "Q"}]}', "messages[0] has no 'role'"),
    ('{"messages": [{"role": true, "content": "Q"}]}', "role is true; known: system, user"),
    ('{"messages": [{"role": "usr", "content": "Q"}]}', "Did you mean 'user'?"),
    ('{"messages": []}', "'messages' is an empty list"),
    ('{"message": []}', "it has 'message'. Did you mean 'messages'?"),
    ('{"prompt": "Q"}', "has 'prompt' and no 'completion'"),
    ('{"completion": "A"}', "has 'completion' and no 'prompt'"),
    ('{"prompt": "Q", "completion": 5}', "'completion' is a number, neither a text nor"),
    ('{"conversations": [{"from": "human"}]}', "conversations[0] has no 'value'"),
    ('{"conversations": [{"value": "Q"}]}', "conversations[0] has no 'from'"),
    ('{"instruction": "Q", "output": ""}', "('output') is empty"),
    ("{'messages': 1}", "single quotes, where JSON takes double ones (column 2)"),
    ('{"messages": True}', "True, which JSON writes true"),
    ('{"messages": [],}', "in double quotes is expected here"),
    ('{"messages": []},', "a comma follows, and lines are not joined by commas"),
    ('{"messages": []} {}', "is a line break missing?"),
    ('{"messages": "a\tb"}', "raw tab or line break"),
    ('{"messages": "a', "the text that begins here does not end"),
    ("{", "jq -c"),
    ('{"messages": "Q"}', "not a list of turns"),
    ("[1] [2]", "is a line break missing?"),
    ("5", "The row is a number, not an object with keys"),
]


@pytest.mark.parametrize(("row", "message"), ROWS)
def test_a_broken_row_is_named_by_its_line(write: Write, row: str, message: str) -> None:
    before = ROW + "\n" if row else ""
    folder = write(VALID, {"data/old.jsonl": before + row})
    with pytest.raises(DefinitionError) as caught:
        read_rows(folder / "data" / "old.jsonl")
    assert message in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.line == (3 if row else None)


def test_shorthands_of_seeds_and_checkpoints() -> None:
    assert parse_seeds("0-2,7") == (0, 1, 2, 7)
    assert parse_seeds(3) == (3,)
    assert CheckpointsConfig.model_validate("final").steps(50) == (50,)
    assert CheckpointsConfig(every=20).steps(50) == (20, 40, 50)
    assert CheckpointsConfig(fractions=(0.1, 1.0)).steps(50) == (5, 50)
    spaced = CheckpointsConfig(log_spaced=4).steps(81)
    assert spaced == (3, 9, 27, 81)
