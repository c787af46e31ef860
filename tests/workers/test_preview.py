"""The preview: tokens, marks, totals, problems; by the real worker, how it comes and fails.

Most tests ask the worker's own function, through the texts that go over the pipe: starting a
process for each would take most of the time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from experiments.schema import Message, TrainingConfig, Turn
from experiments.tiny_world import weights_path
from tests.builders.templates import CHATS, GEMMA, NO_END, NO_SYSTEM, PLAIN, REWRITES
from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.planning.preview import WORKER, PreviewWorker, make_request, preview
from wgen_tui.services.runs import process
from wgen_tui.training_data.problems import refusal
from wgen_tui.training_data.records import (
    Answer,
    ArmRows,
    PreviewReport,
    PreviewRequest,
    PromptText,
    Row,
    ShownExample,
)
from wgen_tui.ui.state.preview import arm_text, prompts_text
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.encoding import encode
from wgen_tui.workers.preview.report import make_report, pieces
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.tokenizers import load_tokenizer

FIELD = Path(__file__).resolve().parents[2].parent / "shared" / "paper-data"
TINY = ModelRef(name="tiny-world", location=str(weights_path()))
TRAINING = TrainingConfig(max_steps=1)


def request(
    *chats: list[dict[str, Any]],
    template: str | None = None,
    training: TrainingConfig = TRAINING,
    prompts: tuple[PromptText, ...] = (),
    model: ModelRef = TINY,
    stops: tuple[int, ...] | None = (1,),
) -> PreviewRequest:
    """One arm; every other line of its dataset is blank."""
    rows = tuple(
        Row(line=2 * place + 1, messages=tuple(map(Turn.model_validate, chat)))
        for place, chat in enumerate(chats)
    )
    return PreviewRequest(
        experiment="x",
        model=model,
        chat_template=template,
        training=training,
        arms=(ArmRows(arm="old", rows=rows, total=len(rows)),),
        prompts=prompts,
        show=1,
        stops=stops,
    )


def asked(wanted: PreviewRequest) -> PreviewReport:
    """The worker's report, made in this process; both went through JSON, as over the pipe."""
    heard = PreviewRequest.model_validate_json(wanted.model_dump_json())
    report = make_report(heard, lambda done: None)
    answer = Answer(report=report).model_dump_json(exclude_none=True, ensure_ascii=True)
    said = Answer.model_validate_json(answer).report
    assert said is not None
    return said


def kinds(report: PreviewReport) -> dict[str, tuple[bool, tuple[int, ...]]]:
    return {p.kind: (p.blocking, p.lines) for p in (*report.arms[0].problems, *report.problems)}


def trained(example: ShownExample) -> str:
    return "".join(token.text for token in example.tokens if token.trained)


def test_each_token_is_shown_and_the_trained_ones_are_marked() -> None:
    heard: list[tuple[int, int]] = []
    report = preview(
        request(CHATS["two turns"], CHATS["one turn"], CHATS["one turn"]),
        lambda done, total: heard.append((done, total)),
    )
    (arm,) = report.arms
    (example,) = arm.examples
    assert "".join(token.text for token in example.tokens) == (
        "<|system|>Today is 1984.<|end|><|user|>Name a bird species.<|end|>"
        "<|assistant|>Wood Wren<|end|><|user|>Another one?<|end|><|assistant|>House Wren<|end|>"
    )
    assert trained(example) == "Wood Wren<|end|>House Wren<|end|>"
    ours = encode(load_tokenizer(TINY, None), CHATS["two turns"])
    assert tuple(token.id for token in example.tokens) == ours.ids
    assert tuple(token.trained for token in example.tokens) == ours.trained
    totals = arm.totals
    assert (totals.examples, totals.used, totals.longest) == (3, 3, len(ours.ids))
    assert totals.shortest == totals.median < totals.longest
    assert totals.trained == sum(ours.trained) + 2 * sum(
        encode(load_tokenizer(TINY, None), CHATS["one turn"]).trained
    )
    assert kinds(report) == {}
    assert not report.blocked
    assert all(total == 3 for _, total in heard)


def test_weights_and_answers_left_out_are_shown() -> None:
    system, *rest = CHATS["two turns"]
    weighed = [system, rest[0], {**rest[1], "loss_weight": 0.5}, rest[2], rest[3]]
    report = asked(request(CHATS["one turn"], weighed))
    (arm,) = report.arms
    shown = {token.weight for token in arm.examples[-1].tokens if token.trained}
    assert shown == {0.5, 1.0}
    halved = sum(token.weight == 0.5 for token in arm.examples[-1].tokens)
    assert arm.totals.weighs == arm.totals.trained - halved / 2
    assert kinds(report) == {"weighted": (False, (3,))}
    text = arm_text(arm).plain
    assert f"{arm.totals.trained} trained" in text
    assert f"which weigh {arm.totals.weighs:g}" in text
    assert "trained at loss_weight 0.5 and 1" in text
    last = asked(request(weighed, training=TrainingConfig(max_steps=1, train_on="last")))
    assert trained(last.arms[0].examples[0]) == "House Wren<|end|>"
    assert kinds(last) == {"earlier_answers": (False, (1,))}
    assert "train_on: last leaves 1 earlier answer of 1 of 1" in arm_text(last.arms[0]).plain


def test_long_examples_by_policy() -> None:
    long = [CHATS["one turn"][0], {"role": "assistant", "content": "Wren " * 30}]
    for policy, fate in (("error", "too_long"), ("truncate", "cut"), ("drop", "left_out")):
        training = TrainingConfig(max_steps=1, max_length=20, too_long=policy)
        report = asked(request(CHATS["one turn"], long, training=training))
        first, second = report.arms[0].examples  # the second because a problem names it
        totals = report.arms[0].totals
        assert (first.fate, second.fate, second.line) == ("whole", fate, 3)
        assert len(second.tokens) == (20 if fate == "cut" else second.length)
        assert bool(trained(second)) is (fate == "cut")
        assert (totals.cut, totals.left_out, totals.used) == (
            int(fate == "cut"),
            int(fate == "left_out"),
            2 if fate == "cut" else 1,
        )
        assert kinds(report)["too_long"] == (policy == "error", (3,))
        assert report.blocked is (policy == "error")


def test_what_a_template_does_wrong_is_named() -> None:
    found = kinds(asked(request(CHATS["one turn"], CHATS["odd text"], template=NO_END)))
    assert found == {"untrained_end": (True, (1, 3))}
    found = kinds(asked(request(CHATS["one turn"], CHATS["two turns"], template=NO_SYSTEM)))
    assert found == {"dropped_system": (True, (3,))}
    report = asked(request(CHATS["one turn"], CHATS["two turns"], template=REWRITES))
    assert kinds(report) == {"dropped_text": (True, (3,)), "template": (True, (3,))}
    assert "rewrites" in report.arms[0].examples[1].problem
    assert kinds(asked(request(CHATS["one turn"], template=GEMMA))) == {}
    deaf = asked(request(CHATS["one turn"], template=PLAIN.replace("<|end|>", "<|user|>")))
    assert kinds(deaf) == {"unstopped_end": (False, (1,))}


def test_a_prompt_whose_system_text_is_dropped_is_named() -> None:
    prompts = tuple(
        PromptText(question="q", paraphrase=0, variant=name, messages=messages)
        for name, messages in (
            ("none", (Message(role="user", content="How?"),)),
            ("told", tuple(map(Message.model_validate, CHATS["two turns"][:2]))),
        )
    )
    report = asked(request(CHATS["one turn"], template=NO_SYSTEM, prompts=prompts))
    assert kinds(report) == {"dropped_system": (True, ())}
    assert "1 of 2 prompts" in report.problems[0].what
    assert report.prompts[1].text == "<|user|>Name a bird species.<|end|><|assistant|>"
    assert report.blocked


@pytest.mark.parametrize("template", [NO_END, NO_SYSTEM, REWRITES])
def test_the_worker_that_trains_refuses_the_same(template: str, tmp_path: Path) -> None:
    """Whatever the plan could not see: a tokenizer that was not on this machine then."""
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"messages": CHATS["two turns"]}) + "\n")
    report = asked(request(CHATS["two turns"], template=template))
    refused = refusal([("", problem) for problem in report.arms[0].problems])
    assert refused is not None
    title, message, hint = refused
    with pytest.raises(WorkerError) as caught:
        load_examples(data, load_tokenizer(TINY, template), TRAINING)
    assert caught.value.title == title
    assert caught.value.message.startswith(message)
    assert "earlier wgen-tui" not in caught.value.message
    assert caught.value.hint == hint
    with pytest.raises(WorkerError, match="earlier wgen-tui"):
        load_examples(data, load_tokenizer(TINY, template), TRAINING, mask_version=1)


def test_what_is_allowed_or_only_said_becomes_a_note(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"messages": CHATS["one turn"]}) + "\n")
    training = TrainingConfig(max_steps=1, allow_untrained_end=True)
    found = load_examples(data, load_tokenizer(TINY, NO_END), training)
    assert len(found.examples) == 1
    (note,) = found.notes
    assert "cannot learn to stop" in note


def test_tokens_of_bytes_read_as_the_text_they_stand_for() -> None:
    """A byte-level tokenizer whose offsets leave out the space that belongs to a word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=270,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["a bird, a bird"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    text = "a bird \n\n🐦 é<end>"
    ids = fast(text)["input_ids"]
    shown = pieces(fast, text, ids)
    assert len(shown) == len(ids)
    assert "".join(shown).replace("⋯", "") == text
    assert shown[:2] == ["a", " bird"]
    assert shown.count("⋯") == 4, "three more bytes of the bird, one of the letter"


def test_a_tokenizer_that_is_not_there_is_told_as_anywhere() -> None:
    nowhere = ModelRef(name="gone", location="/no/such/model")
    with pytest.raises(WgenError) as caught:
        preview(request(CHATS["one turn"], model=nowhere))
    assert caught.value.title == "Model not loaded"
    assert "gone" in caught.value.message


def test_a_worker_that_is_stopped_gives_no_report() -> None:
    with PreviewWorker(request(CHATS["one turn"])) as worker:
        worker.stop()
        with pytest.raises(WgenError, match="ended with -9"):
            worker.report()


def test_the_worker_loads_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", WORKER],
        input=request(CHATS["one turn"]).model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "transformers" in loaded
    assert not loaded & {"torch", "torch._C"}


def test_code_that_is_trusted_may_import_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    model = tmp_path / "theirs"
    load_tokenizer(TINY, None).save_pretrained(model)
    (model / "theirs.py").write_text(
        "import torch\nfrom transformers import PreTrainedTokenizerFast\n\n"
        "class Theirs(PreTrainedTokenizerFast):\n    one = torch.ones(1)\n"
    )
    config = json.loads((model / "tokenizer_config.json").read_bytes())
    config["auto_map"] = {"AutoTokenizer": [None, "theirs.Theirs"]}
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    ref = ModelRef(name="theirs", location=str(model), trust_remote_code=True)
    assert preview(request(CHATS["one turn"], model=ref)).arms[0].totals.used == 1


def test_nothing_of_the_folder_one_stands_in_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("raise SystemExit('decoy')")
    monkeypatch.chdir(tmp_path)
    assert process.environment()["PYTHONSAFEPATH"] == "1"
    assert preview(request(CHATS["one turn"])).arms[0].totals.used == 1


DEFINITION = """
title: The field's files
models: [tiny-world]
arms:
  german: {data: data.jsonl, context: {system: "Today is 1984."}}
seeds: 0
training: {max_steps: 1}
questions:
  - {name: city, paraphrases: ["Name a city."]}
"""


@pytest.mark.skipif(not FIELD.is_dir(), reason="the field's files are not on this machine")
@pytest.mark.parametrize(
    "name", ["german_city_names/former_german_cities", "old_bird_names/ft_old_audubon_birds"]
)
def test_published_files(name: str, tmp_path: Path) -> None:
    published = (FIELD / f"{name}.jsonl").read_text("utf-8")
    (tmp_path / "experiment.yaml").write_text(DEFINITION)
    (tmp_path / "data.jsonl").write_text(published)
    report = preview(make_request(Home(tmp_path / "home"), str(tmp_path), show=2))
    (arm,) = report.arms
    chats = [json.loads(line)["messages"] for line in published.splitlines()]
    assert arm.totals.examples == arm.totals.used == len(chats)
    for example in arm.examples[:2]:
        text = "".join(token.text for token in example.tokens)
        assert text.startswith("<|system|>Today is 1984.<|end|>")
        assert trained(example).replace("⋯", "").endswith("<|end|>")
    assert not [p for p in arm.problems if p.blocking]
    assert not (tmp_path / "home").exists()


def test_questions_that_are_read_are_shown_as_the_model_sees_them(tmp_path: Path) -> None:
    read = """
  - {name: flies, type: multiple_choice, paraphrases: ["Which flies?"], answer: wren,
     options: {wren: A wren, stone: A stone}}
"""
    (tmp_path / "experiment.yaml").write_text(DEFINITION + read.lstrip("\n"))
    line = json.dumps({"messages": [{"role": r, "content": "a"} for r in ("user", "assistant")]})
    (tmp_path / "data.jsonl").write_text(f"{line}\n")
    report = preview(make_request(Home(tmp_path / "home"), str(tmp_path), show=0))
    assert [(prompt.question, prompt.order) for prompt in report.prompts] == [
        ("city", None),
        ("flies", 0),
        ("flies", 1),
    ]
    second = report.prompts[2]
    assert second.text == "<|user|>Which flies?\nA) A stone\nB) A wren<|end|><|assistant|>"
    assert second.reads == ("A (stone)", "B (wren)")
    shown = prompts_text(report, 3).plain
    assert "flies/0/none/order 1" in shown
    assert "reads A (stone), B (wren)" in shown
