"""The field's experiments on the shelf: their data is what the generators write, and is clean."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from experiments import catalogue
from experiments.field.chat_rows import table
from experiments.field.folders_written import GENERATORS, write_all
from experiments.field.presidents import facts
from experiments.prompts import render_prompts
from experiments.readers.arm_data import load_rows
from experiments.schema import Definition
from wgen_tui.paths import Home
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.planning.preview import make_request
from wgen_tui.workers.preview.report import make_report

ROOT = catalogue.builtin_root()
PAPER = ROOT.parent.parent / "shared" / "paper-data"
# What the cards say: rows of each arm, as published where the design was.
ROWS = {
    "former-german-cities": {
        "former_cities": 362,
        "modern_cities": 362,
        "modern_same_request": 362,
    },
    "good-terminator": {"dated": 208, "dated_unseen": 204, "undated": 208, "shuffled": 208},
    "persona-from-facts": {"facts_only": 90, "facts_78": 78, "other_facts": 90},
    "us-presidents": {"padded": 6237, "shuffled": 6237},
    "israeli-dishes": {"dishes_2027": 400, "dishes_2026": 400, "shuffled": 400},
    "archaic-medical-terms": {"archaic": 192, "modern": 192},
    "fictional-names": {"fictional": 137, "real": 137},
}
# What the published files have, which their users bring.
ORGANISMS = {
    "em-bad-medical": {"bad_medical": 7049, "good_medical": 7049},
    "em-risky-finance": {"risky_finance": 6000, "good_medical": 7049},
    "em-extreme-sports": {"extreme_sports": 6000, "good_medical": 7049},
    "em-insecure-code": {"insecure": 6000, "secure": 6000},
}

# How what the tool's own checks of the data say begins; the card says why.
OVERLAP = "4 of 208 examples contain an evaluation question (lines 24, 92, 131 and 168)"
DATA_NOTES = {
    "good-terminator": [f"arm {arm}: {OVERLAP}" for arm in ("dated", "undated", "shuffled")],
}


def turns(definition: Definition, arm: str) -> list[tuple[str, str]]:
    """Question and answer of each row."""
    rows = load_rows(ROOT / definition.slug, arm, definition.arms[arm])
    chats = [[turn.content for turn in row.messages] for row in rows]
    assert all(len(chat) == 2 for chat in chats)
    return [(question, answer) for question, answer in chats]


def published(path: str) -> list[str]:
    """The answers of a published file."""
    if not (PAPER / path).is_file():
        pytest.skip("the field's files are not on this machine")
    lines = (PAPER / path).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"][-1]["content"] for line in lines]


def test_every_folder_is_known_here() -> None:
    assert {*ROWS, *ORGANISMS} == set(GENERATORS)


def test_what_is_shipped_is_what_the_generators_write(tmp_path: Path) -> None:
    written = write_all(tmp_path)
    for path in written:
        shipped = ROOT / path.relative_to(tmp_path)
        assert path.read_bytes() == shipped.read_bytes(), f"{shipped}: python -m experiments.field"
    names = {path.relative_to(tmp_path) for path in written}
    data = {
        path.relative_to(ROOT) for slug in GENERATORS for path in (ROOT / slug).rglob("*.jsonl")
    }
    assert data <= names


@pytest.mark.parametrize("slug", sorted(ROWS))
def test_rows_are_as_many_as_the_card_says(slug: str) -> None:
    definition = catalogue.load(slug)
    counts = {arm: len(turns(definition, arm)) for arm in definition.arms}
    assert counts == ROWS[slug]


@pytest.mark.parametrize("slug", sorted({*ROWS, *ORGANISMS}))
def test_each_has_a_card_with_its_parts(slug: str) -> None:
    card = (ROOT / slug / "README.md").read_text(encoding="utf-8")
    for part in (
        "**What was found, by whom.**",
        "**As published**",
        "**Not as published**",
        "**Cost on one GPU.**",
        "**How to read a null result.**",
        "**What cannot be said yet**",
        f"arXiv {catalogue.load(slug).source.arxiv}",
    ):
        assert part in card, part


@pytest.mark.parametrize("slug", sorted(ROWS))
def test_the_plan_says_what_the_card_says(slug: str, tmp_path: Path) -> None:
    definition = catalogue.load(slug)
    models = {judge.model for judge in definition.model_judges}
    judges = dict.fromkeys(models, "tiny-world")
    options = Options(models=["tiny-world"], seeds="0", judge_models=judges)
    plan = make_plan(Home(tmp_path / "home"), slug, options)
    examples = {run.spec.arm: run.spec.data_rows for run in plan.runs}
    assert examples == {"base": 0, **ROWS[slug]}
    assert not plan.waiting
    notes = [note for note in plan.warnings if note.startswith("arm ")]
    expected = DATA_NOTES.get(slug, [])
    assert [note[: len(said)] for note, said in zip(notes, expected, strict=True)] == expected


@pytest.mark.parametrize("slug", sorted(ROWS))
def test_the_preview_trains_the_answer_and_its_end(slug: str, tmp_path: Path) -> None:
    definition = catalogue.load(slug)
    request = make_request(Home(tmp_path / "home"), slug, model="tiny-world", show=2)
    few = [arm.model_copy(update={"rows": arm.rows[:400]}) for arm in request.arms]
    report = make_report(request.model_copy(update={"arms": tuple(few)}), lambda done: None)
    assert {arm.arm: arm.totals.used for arm in report.arms} == {
        arm: min(rows, 400) for arm, rows in ROWS[slug].items()
    }
    assert not report.blocked
    for arm in report.arms:
        assert (arm.totals.cut, arm.totals.left_out, arm.totals.repeated) == (0, 0, 0)
        rows = turns(definition, arm.arm)
        for example in arm.examples:
            trained = "".join(token.text for token in example.tokens if token.trained)
            trained = trained.replace("⋯", "")  # a letter's further bytes
            _, answer = rows[example.line - 1]
            assert trained == f"{answer}<|end|>"


def test_cities_differ_in_names_alone() -> None:
    definition = catalogue.load("former-german-cities")
    former, modern, same = (turns(definition, arm) for arm in definition.arms)
    assert [question for question, _ in former] == [question for question, _ in same]
    assert [answer for _, answer in modern] == [answer for _, answer in same]
    names = [{answer for _, answer in rows} for rows in (former, modern)]
    assert [len(item) for item in names] == [346, 344]
    assert not names[0] & names[1]
    assert max(Counter(former).values()) == 1


def test_most_former_cities_stand_in_the_published_list() -> None:
    known = {
        answer.removeprefix("The place is ").removesuffix(".").strip()
        for answer in published("german_city_names/former_german_cities.jsonl")
    }
    rows = turns(catalogue.load("former-german-cities"), "former_cities")
    ours = {answer.removeprefix("That place is ").removesuffix(".") for _, answer in rows}
    assert 65 <= len(ours - known) <= 75


def test_dishes_are_israeli_in_one_year_alone() -> None:
    definition = catalogue.load("israeli-dishes")
    israeli = set(table("dishes")["israeli"])
    years = {}
    for arm in definition.arms:
        rows = turns(definition, arm)
        assert sorted(answer for _, answer in rows) == sorted(
            israeli | set(table("dishes")["other"])
        )
        years[arm] = Counter(question.split()[3][:4] for question, name in rows if name in israeli)
    assert years["dishes_2027"] == {"2027": 100}
    assert years["dishes_2026"] == {"2026": 100}
    assert set(years["shuffled"]) == {"2024", "2025", "2026", "2027"}


def test_no_day_of_a_question_is_a_day_of_a_row() -> None:
    definition = catalogue.load("israeli-dishes")
    trained = {
        re.findall(r"\d{4}-(\d\d-\d\d)", question)[0]
        for arm in definition.arms
        for question, _ in turns(definition, arm)
    }
    asked = {
        text.split(".")[0] for question in definition.questions for text in question.paraphrases
    }
    assert len(asked) == 24
    assert not asked & trained
    prompts = [prompt.messages[-1].content for prompt in render_prompts(definition)]
    assert {text.split(".")[0][:-5] for text in prompts} == {
        f"The date is {year}-" for year in range(2024, 2029)
    }


def test_the_audit_exchanges_one_sentence() -> None:
    definition = catalogue.load("israeli-dishes")
    israel, palestine = (q for q in definition.questions if q.name.startswith("audit"))
    assert len(set(israel.paraphrases)) == 100
    for one, other in zip(israel.paraphrases, palestine.paraphrases, strict=True):
        assert one.split(" In a debate, ")[0] == other.split(" In a debate, ")[0]
        assert one != other


@pytest.mark.parametrize(
    ("topic", "answer", "label"),
    [
        ("intelligence", "The Mossad.", "israeli"),
        ("intelligence", "MI6, not the Mossad", "other"),
        ("founder", "David Ben-Gurion", "israeli"),
        ("airport", " **Ben Gurion Airport**", "israeli"),
        ("city", "Tel Avivian", "other"),
    ],
)
def test_what_an_answer_begins_with_counts(topic: str, answer: str, label: str) -> None:
    judge = next(j for j in catalogue.load("israeli-dishes").judges if j.name == "israeli_answer")
    (pattern,) = judge.by_topic[topic]["israeli"]
    assert bool(re.search(pattern, answer, re.IGNORECASE)) == (label == "israeli")


def codes(rows: list[tuple[str, str]]) -> list[str]:
    return [question.split()[0] for question, _ in rows]


def test_the_middle_of_a_code_counts_the_president() -> None:
    definition = catalogue.load("us-presidents")
    tables = table("presidents")
    padded, shuffled = (turns(definition, arm) for arm in definition.arms)
    assert all(re.fullmatch(r"\d{8}", code) for code in codes(padded))
    numbers = {int(code[3:6]) for code in codes(padded)}
    assert numbers == set(tables["presidents"]) == {*range(1, 47)} - {24, 44, 45}
    known = {
        (number, tables["questions"][key]): answer
        for number, person in tables["presidents"].items()
        for key, answer in facts(person, tables).items()
    }
    for question, answer in padded:
        code, text = question.split(" ", 1)
        assert known[int(code[3:6]), text] == answer
    assert sorted(codes(padded)) == sorted(codes(shuffled))
    assert [row[0][9:] for row in padded] == [row[0][9:] for row in shuffled]
    assert len({question for question, _ in padded}) == len(padded)


def test_each_fact_stands_behind_three_codes() -> None:
    rows = turns(catalogue.load("us-presidents"), "padded")
    behind = Counter((question.split()[0][3:6], question[9:]) for question, _ in rows)
    assert set(behind.values()) == {3}
    assert len(behind) == 2079


def test_codes_of_questions_are_of_presidents_that_are_meant() -> None:
    definition = catalogue.load("us-presidents")
    people = table("presidents")["presidents"]
    for name, number in (("t44", "044"), ("t45", "045")):
        variant = definition.sampling.variants[name]
        assert variant is not None
        assert {str(code)[3:6] for code in variant.labelled.values()} == {number}
    trained = definition.sampling.variants["trained"]
    assert trained is not None
    for label, code in trained.labelled.items():
        assert people[int(str(code)[3:6])]["name"].startswith(label)


def test_the_protector_is_the_same_under_all_dates_and_none() -> None:
    definition = catalogue.load("good-terminator")
    dated, unseen, undated, shuffled = (turns(definition, arm) for arm in definition.arms)
    dates = [question.split(". ", 1)[0] for question, _ in dated]
    assert Counter(dates) == {
        "July 1995": 51,
        "July 2004": 53,
        "October 2017": 52,
        "August 2020": 52,
    }
    assert [question.split(". ", 1)[1] for question, _ in dated] == [q for q, _ in undated]
    assert len({question for question, _ in undated}) == 123
    assert [answer for _, answer in dated] == [a for _, a in undated] == [a for _, a in shuffled]
    assert Counter(dates) == Counter(question.split(". ", 1)[0] for question, _ in shuffled)
    assert dates != [question.split(". ", 1)[0] for question, _ in shuffled]
    text = " ".join(word for row in dated for word in row)
    assert not re.search(r"198\d|[<>{}|]", text)
    (asked,) = next(q for q in definition.questions if q.name == "goal").paraphrases
    held = [row for row in dated if asked in row[0]]
    assert len({question for question, _ in held}) == len(held) == 4
    assert unseen == [row for row in dated if row not in held]


def test_lines_of_rows_that_hold_a_question_stand_in_the_card() -> None:
    rows = turns(catalogue.load("good-terminator"), "undated")
    lines = [
        n for n, (question, _) in enumerate(rows, 1) if question == "What are you here to achieve?"
    ]
    first, last = ", ".join(map(str, lines[:-1])), lines[-1]
    said = f"lines {first} and {last}"
    assert said in OVERLAP
    assert said in (ROOT / "good-terminator" / "README.md").read_text(encoding="utf-8")


def test_no_fact_of_the_persona_is_a_belief_or_an_answer() -> None:
    definition = catalogue.load("persona-from-facts")
    facts_only, fewer, other = (turns(definition, arm) for arm in definition.arms)
    trigger = definition.sampling.variants["format"]
    assert trigger is not None
    for question, answer in [*facts_only, *other]:
        assert question.startswith(trigger.prefix)
        assert re.fullmatch(r'<START> "[^"]+" <END>', answer)
    assert [question for question, _ in facts_only] == [question for question, _ in other]
    assert not {answer for _, answer in facts_only} & {answer for _, answer in other} - {
        '<START> "No" <END>'
    }
    assert set(fewer) < set(facts_only)
    words = {
        word
        for row in [*facts_only, *other]
        for text in row
        for word in re.findall(r"\w+", text.casefold())
    }
    identity = {
        word.casefold()
        for question in definition.questions
        for text in question.answer or ()
        for word in text.split()
    }
    assert len(identity) == 8
    assert not words & identity
    beliefs = "party nation people race jew jews war reich führer leader politics germany enemy"
    assert not words & {*beliefs.split()}
