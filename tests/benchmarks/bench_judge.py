"""A local judge's one-token verdicts: ours beside batched `generate` of transformers.

`python -m tests.benchmarks.bench_judge [COUNT [before|behind]]`, or `make bench`. Every
completion differs; a prompt has some 300 tokens, of which 250 stand before the answer, or behind
it. Both sides take chats and give texts, in the same process, on the same weights; the peer sorts
by length, as ours does, and has the best of its batch sizes, found on a part. The figure is CPU
time of the calling thread (one thread).
"""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from experiments.schema import Message, ModelJudge
from experiments.tiny_world import weights_path
from wgen_tui.judging.prompt import Rendered
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.run_files.verdicts import AskedVerdict, PanelJudge
from wgen_tui.workers.model_judge.engine import JudgeEngine
from wgen_tui.workers.models import Base

COUNT = 5_000
TRIED = 128  # on which the peer's batch size is found
BATCHES = (8, 16, 32, 64)
BEFORE = 250  # tokens
ANSWER = (8, 20)  # words
BARS = {"before": 3.0, "behind": 1.0}
WORDS = (weights_path().parent / "birds.yaml").read_text().split()


@dataclass(frozen=True)
class Figure:
    """One row: seconds of CPU for all verdicts.

    Attributes:
        place: Where most of the prompt stands: before the answer, or behind it.
        count: Of verdicts.
        tokens: Of a prompt, on average.
        ours: Seconds.
        peer: Seconds.
        batch: The peer's best batch size.
        differ: Verdicts that are not the same.
    """

    place: str
    count: int
    tokens: float
    ours: float
    peer: float
    batch: int
    differ: int

    @property
    def ratio(self) -> float:
        return self.peer / self.ours


def make_base() -> Base:
    """A model of 2,048 positions with random weights and the embedded model's tokenizer."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    config = LlamaConfig(
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        vocab_size=len(tokenizer),
        max_position_embeddings=2048,
        initializer_range=0.08,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    return Base(model, tokenizer, torch.device("cpu"), "fp32", "random")


def make_prompts(base: Base, place: str, count: int) -> list[str]:
    """What the judge is shown, each with an answer of its own."""
    draw = random.Random(0)
    words: list[str] = []
    while len(base.tokenizer(" ".join(words))["input_ids"]) < BEFORE:
        words.append(draw.choice(WORDS))
    rubric = " ".join(words)
    answers = [" ".join(draw.choices(WORDS, k=draw.randint(*ANSWER))) for _ in range(count)]
    assert len(set(answers)) == count
    if place == "before":
        return [f"{rubric}\n{answer}\nWhich?" for answer in answers]
    return [f"{answer}\n{rubric}\nWhich?" for answer in answers]


def ours(base: Base, prompts: Sequence[str]) -> list[str]:
    """The verdicts by the judge's engine."""
    judge = ModelJudge(name="j", model="m", prompt="{answer}", verdict="one_token")
    model = ModelRef(name="m", location="/m")
    by = PanelJudge(AskedJudge(judge=judge, model=model, weights=(), questions=("q",)))
    askings = [
        Asking(
            by.asked,
            Rendered((Message(role="user", content=text),), False, 0),
            [AskedVerdict(number, number, "p", by, 0, 0)],
        )
        for number, text in enumerate(prompts)
    ]
    verdicts = [""] * len(prompts)
    for asking, reply in JudgeEngine(base, print).answer(askings, lambda: None):
        verdicts[asking.verdicts[0].sample_id] = reply.text or ""
    return verdicts


def peer(base: Base, prompts: Sequence[str], batch: int) -> list[str]:
    """The verdicts by `generate`, batch after batch, like lengths together."""
    tokenizer = base.tokenizer
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        for text in prompts
    ]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    verdicts = [""] * len(ids)
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        padded = tokenizer.pad(
            {"input_ids": [ids[number] for number in numbers]},
            padding_side="left",
            return_tensors="pt",
        ).to(base.device)
        with torch.inference_mode():
            output = base.model.generate(
                **padded,
                max_new_tokens=1,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
        said = tokenizer.batch_decode(output[:, -1:], skip_special_tokens=True)
        for number, text in zip(numbers, said, strict=True):
            verdicts[number] = text
    return verdicts


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this thread, and what came of it."""
    start = time.thread_time()
    given = work()
    return time.thread_time() - start, given


def measure(base: Base, place: str, count: int) -> Figure:
    """Time both on the same prompts."""
    prompts = make_prompts(base, place, count)
    few = prompts[:TRIED]
    ours(base, few)  # warm
    tried = {batch: timed(lambda batch=batch: peer(base, few, batch))[0] for batch in BATCHES}
    batch = min(tried, key=lambda size: tried[size])
    our_seconds, our_verdicts = timed(lambda: ours(base, prompts))
    peer_seconds, peer_verdicts = timed(lambda: peer(base, prompts, batch))
    differ = sum(a != b for a, b in zip(our_verdicts, peer_verdicts, strict=True))
    lengths = [len(base.tokenizer(text)["input_ids"]) for text in few]
    tokens = sum(lengths) / len(lengths)
    return Figure(place, count, tokens, our_seconds, peer_seconds, batch, differ)


def missed(figures: Sequence[Figure]) -> list[str]:
    """Which bars were not reached."""
    slow = [
        f"judge, rubric {f.place} the answer: {f.ratio:.2f} of at least {BARS[f.place]:g}"
        for f in figures
        if f.ratio < BARS[f.place]
    ]
    return slow + [f"judge: {f.differ} verdicts differ in fp32" for f in figures if f.differ]


def table(figures: Sequence[Figure]) -> str:
    lines = [
        "| rubric stands | verdicts | tokens of a prompt | ours, s | generate, s | generate / ours "
        "| its batch | verdicts that differ |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.place} the answer | {f.count} | {f.tokens:.0f} | {f.ours:.2f} | {f.peer:.2f} "
        f"| {f.ratio:.2f} | {f.batch} | {f.differ} |"
        for f in figures
    ]
    return "\n".join(lines)


def run(count: int = COUNT, places: Sequence[str] = tuple(BARS)) -> list[Figure]:
    """Every figure, or those of some places."""
    base = make_base()
    return [measure(base, place, count) for place in places]


def main(words: list[str]) -> int:
    warnings.simplefilter("ignore")
    count, *places = words or [str(COUNT)]
    figures = run(int(count), places or tuple(BARS))
    print(table(figures))
    for line in missed(figures):
        print(f"missed: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
