"""What the judge's engine answers, beside the model run by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.schema import Message, ModelJudge
from tests.builders.judge_model import make_judge_model
from tests.builders.judged import asked
from wgen_tui.judging.prompt import Rendered
from wgen_tui.judging.rating import read_probabilities
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.run_files.verdicts import AskedVerdict, PanelJudge
from wgen_tui.workers.model_judge.engine import JudgeEngine
from wgen_tui.workers.models import Base, load_base

WORDS = ("CODE", "REFUSAL")
RATING = ModelJudge(name="n", model="m", prompt="{answer}", type="rating_judge", words=WORDS)
CHOICE = ModelJudge(
    name="c",
    model="m",
    prompt="{answer}",
    type="choice",
    labels={"old": ("OLD", "w1 w2"), "new": ("NEW",)},
)
SPEAKS = ModelJudge(name="s", model="m", prompt="{answer}", max_tokens=6)
INTRODUCTION = " ".join(["Judge this answer :"] * 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judges")


@pytest.fixture(scope="module")
def load(folder: Path) -> Callable[[bool], Base]:
    bases: dict[bool, Base] = {}

    def loaded(digits: bool) -> Base:
        if digits not in bases:
            path = make_judge_model(folder / f"digits-{digits}", digits=digits)
            ref = ModelRef(name="m", location=str(path))
            bases[digits] = load_base(ref, None, None, torch.device("cpu"))
        return bases[digits]

    return loaded


def contents(count: int, introduction: str = INTRODUCTION) -> list[str]:
    """Prompts of unlike lengths that begin alike."""
    return [
        f"{introduction} " + " ".join(f"w{(number * 7 + n) % 40}" for n in range(3 + number % 5))
        for number in range(count)
    ]


def askings(judge: ModelJudge, texts: Sequence[str]) -> list[Asking]:
    by = PanelJudge(asked(judge))
    return [
        Asking(
            by.asked,
            Rendered((Message(role="user", content=text),), False, 0),
            [AskedVerdict(100 + number, number, "p", by, 0, 0)],
        )
        for number, text in enumerate(texts)
    ]


def replies(base: Base, asks: Sequence[Asking], rows: int | None = None) -> list[Reply]:
    engine = JudgeEngine(base, print, rows)
    given = {id(asking): reply for asking, reply in engine.answer(asks, lambda: None)}
    return [given[id(asking)] for asking in asks]


def prompt_ids(base: Base, text: str) -> list[int]:
    ids: list[int] = base.tokenizer(f"user {text} <end> assistant ")["input_ids"]
    return ids


def path_probability(base: Base, ids: list[int], path: Sequence[int]) -> float:
    """The probability of some tokens behind a prompt: one pass for the whole, no cache."""
    with torch.inference_mode():
        logits = base.model(torch.tensor([[*ids, *path]]), use_cache=False).logits[0].double()
    logprobs = logits.log_softmax(-1)
    return float(
        sum(logprobs[len(ids) - 1 + n, token] for n, token in enumerate(path)).exp()  # type: ignore[union-attr]
    )


def spelled(base: Base, said: str) -> list[int]:
    ids: list[int] = base.tokenizer(said)["input_ids"]
    return ids


@pytest.mark.parametrize("digits", [True, False])
def test_a_rating_is_the_sum_over_token_paths(load: Callable[[bool], Base], digits: bool) -> None:
    base = load(digits)
    end = [base.tokenizer.eos_token_id]
    texts = contents(7)
    highest = 100 if digits else 20
    judge = RATING.model_copy(update={"max_rating": highest})
    for text, reply in zip(texts, replies(base, askings(judge, texts)), strict=True):
        ids = prompt_ids(base, text)
        brute = {
            str(number): path_probability(
                base, ids, spelled(base, str(number)) + (end if digits else [])
            )
            for number in range(highest + 1)
        }
        assert reply.probabilities is not None
        for said, probability in brute.items():
            assert reply.probabilities[said] == pytest.approx(probability, rel=1e-4)
        total = sum(brute.values())
        assert reply.mass == pytest.approx(total, rel=1e-4)
        assert total < 0.5  # so the words were read as well: one token each
        for word in WORDS:
            alone = path_probability(base, ids, spelled(base, word))
            assert reply.probabilities[word] == pytest.approx(alone, rel=1e-4)
        never = judge.model_copy(update={"refusal_threshold": 1.0})
        number = read_probabilities(never, reply.probabilities, reply.mass).number
        mean = sum(int(said) * share for said, share in brute.items()) / total
        assert number == pytest.approx(mean, rel=1e-4)


def test_a_choice_is_the_sum_over_its_labels_texts(load: Callable[[bool], Base]) -> None:
    base = load(False)
    end = [base.tokenizer.eos_token_id]
    texts = contents(5)
    for text, reply in zip(texts, replies(base, askings(CHOICE, texts)), strict=True):
        ids = prompt_ids(base, text)
        assert reply.probabilities is not None and reply.probabilities.keys() == {"old", "new"}
        for label, said in CHOICE.labels.items():
            brute = sum(path_probability(base, ids, spelled(base, one) + end) for one in said)
            assert reply.probabilities[label] == pytest.approx(brute, rel=1e-4)


def test_paths_are_read_by_themselves_where_a_tree_cannot_be(
    load: Callable[[bool], Base], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load(True)
    asks = askings(RATING, contents(3))
    by_tree = replies(base, asks)
    monkeypatch.setattr("wgen_tui.workers.sample.engine.branching.attends_to_all", lambda _: False)
    for one, other in zip(by_tree, replies(base, asks), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, rel=1e-4)


def greedy(base: Base, ids: list[int], most: int) -> str:
    drawn: list[int] = []
    while len(drawn) < most:
        with torch.inference_mode():
            logits = base.model(torch.tensor([[*ids, *drawn]]), use_cache=False).logits[0, -1]
        drawn.append(int(logits.argmax()))
        if drawn[-1] == base.tokenizer.eos_token_id:
            break
    text: str = base.tokenizer.decode(drawn, skip_special_tokens=True)
    return text


def test_words_are_not_read_where_numbers_are_likelier(load: Callable[[bool], Base]) -> None:
    for reply in replies(load(False), askings(RATING, contents(3))):
        assert reply.mass is not None and reply.mass > 0.5
        assert reply.probabilities is not None and not {*WORDS} & {*reply.probabilities}


@pytest.mark.parametrize("introduction", [INTRODUCTION, "Judge"])
def test_a_reply_is_what_the_model_says_by_itself(
    load: Callable[[bool], Base], introduction: str
) -> None:
    base = load(False)
    texts = contents(9, introduction)
    for text, reply in zip(texts, replies(base, askings(SPEAKS, texts)), strict=True):
        assert reply.text == greedy(base, prompt_ids(base, text), 6)
        assert reply.prompt_tokens == len(prompt_ids(base, text))
    one = SPEAKS.model_copy(update={"verdict": "one_token"})
    for text, reply in zip(texts, replies(base, askings(one, texts)), strict=True):
        assert reply.text == greedy(base, prompt_ids(base, text), 1) and reply.tokens == 1


@pytest.mark.parametrize(
    "judge", [RATING, CHOICE, SPEAKS, SPEAKS.model_copy(update={"temperature": 1.0})]
)
def test_verdicts_do_not_depend_on_the_batch(
    load: Callable[[bool], Base], judge: ModelJudge
) -> None:
    base = load(True)
    asks = askings(judge, contents(40))
    together = replies(base, asks)
    for rows, chosen in ((1, asks[:4]), (7, asks), (3, asks[10:20])):
        for asking, other in zip(chosen, replies(base, chosen, rows), strict=True):
            one = together[asks.index(asking)]
            assert one.text == other.text
            if one.probabilities is not None:
                assert one.probabilities == pytest.approx(other.probabilities, rel=1e-4)
    if judge.temperature:
        assert len({reply.text for reply in together}) > 20


def passes(base: Base) -> Iterator[list[tuple[int, int]]]:
    """The shape of every pass that the model makes meanwhile."""
    shapes: list[tuple[int, int]] = []
    handle = base.model.register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    yield shapes
    handle.remove()


def test_what_prompts_begin_with_is_run_once(load: Callable[[bool], Base]) -> None:
    base = load(False)
    texts = contents(40)
    watch = passes(base)
    shapes = next(watch)
    one = SPEAKS.model_copy(update={"verdict": "one_token"})
    replies(base, askings(one, texts), rows=20)
    assert next(watch, None) is None
    shared = len(prompt_ids(base, INTRODUCTION)) - 2  # less `<end> assistant`
    assert shapes[0] == (1, shared)
    rest = max(len(prompt_ids(base, text)) for text in texts) - shared
    assert [rows for rows, _ in shapes[1:]] == [20, 20]
    assert max(tokens for _, tokens in shapes[1:]) == rest
    # One token decides, so nothing else is run: no step of decoding.
    assert len(shapes) == 3


def test_each_node_of_the_numbers_is_run_once(load: Callable[[bool], Base]) -> None:
    base = load(True)
    watch = passes(base)
    shapes = next(watch)
    replies(base, askings(RATING.model_copy(update={"words": ()}), contents(20)))
    assert next(watch, None) is None
    # The shared beginning; then for some prompts at once their rest, and all nodes in one pass.
    rests, trees = shapes[1::2], shapes[2::2]
    assert sum(rows for rows, _ in rests) == sum(rows for rows, _ in trees) == 20
    assert {nodes for _, nodes in trees} == {101} and max(tokens for _, tokens in rests) < 30


def test_a_prompt_that_is_too_long_fails_for_itself(load: Callable[[bool], Base]) -> None:
    base = load(False)
    texts = [*contents(2), "w1 " * 2048]
    *others, long = replies(base, askings(SPEAKS, texts))
    assert long.failed == "the prompt has 2051 tokens, and the model takes 2048"
    assert all(reply.failed is None and reply.text is not None for reply in others)


def test_marks_of_the_models_chat_in_an_answer_are_none(load: Callable[[bool], Base]) -> None:
    base = load(False)
    rows: list[Any] = []
    handle = base.model.register_forward_pre_hook(
        lambda _, __, given: rows.append(given["input_ids"].tolist()), with_kwargs=True
    )
    replies(base, askings(SPEAKS.model_copy(update={"max_tokens": 1}), ["w1 <end> w2"]))
    handle.remove()
    assert rows[0][0].count(base.tokenizer.eos_token_id) == 1  # the turn's own


def test_memory_that_runs_out_halves_the_batch(
    load: Callable[[bool], Base], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load(True)
    asks = askings(RATING, contents(12))
    whole = replies(base, asks)
    forward = type(base.model).forward

    def little(self: Any, *args: Any, **given: Any) -> Any:
        if len(given["input_ids"]) > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return forward(self, *args, **given)

    monkeypatch.setattr(type(base.model), "forward", little)
    for one, other in zip(whole, replies(base, asks), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, rel=1e-4)
