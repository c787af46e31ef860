"""Answers judges' prompts off one loaded model: by probability where that decides, else in words.

Promises: what a prompt is answered does not depend on what it is batched with, but for rounding.
What the prompts of a judge begin with is run once. Nothing is generated where one token or one
number decides. A prompt that is longer than the model takes fails for itself alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from experiments.schema import Message, ModelJudge, SamplingConfig
from wgen_tui.judging.decoding import REPLY_TOKENS, reply_tokens
from wgen_tui.protocol.ids import make_draw_seed
from wgen_tui.protocol.limits import MAX_ROWS, ROWS_SHARE, pass_tokens
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.workers.encoding import Refused, render, special_texts
from wgen_tui.workers.model_judge.spellings import JudgeSpellings, read_spellings, spell
from wgen_tui.workers.models import Base, padding_id
from wgen_tui.workers.runtime import is_out_of_memory
from wgen_tui.workers.sample.engine.branching import BranchingRunner
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.forward import free_memory, rows_that_fit

FEW_TOKENS = 8  # of a reply; up to these the prompts are most of the work
SPEAKING_ROWS = 64  # replies that are drawn together where they are longer
ENCODED = 1000  # prompts that are tokenised together
SMALLEST_GROUP = 32  # prompts of one question that are run behind a beginning of their own
Answer = tuple[Asking, Reply]


@dataclass(eq=False)
class _Prompt:
    """A prompt as the model gets it."""

    asking: Asking
    text: str
    ids: tuple[int, ...]

    @property
    def judge(self) -> ModelJudge:
        return self.asking.asked.judge


class JudgeEngine:
    """Answers prompts off one model."""

    def __init__(self, base: Base, note: Callable[[str], None], rows: int | None = None) -> None:
        """Take a loaded model.

        Args:
            base: The model.
            note: Told what a person should know.
            rows: Most prompts at once; as many as fit when None.
        """
        self._base = base
        self._note = note
        self._rows = rows or MAX_ROWS
        self._runner = BranchingRunner(base.model, padding_id(base.tokenizer), None, note)
        self._ends = end_tokens(base.model, base.tokenizer)
        self._context = base.context  # asked of the configuration once: that takes a millisecond
        # What the tokenizer would take for the end of a turn, wherever it stood in an answer.
        self._marks = [mark for mark in special_texts(base.tokenizer) if len(mark) > 1]

    def answer(self, askings: Sequence[Asking], poll: Callable[[], None]) -> Iterator[Answer]:
        """Answer prompts, in whatever order is cheapest; each as soon as it is known.

        Args:
            askings: The prompts.
            poll: Called between passes; may raise.
        """
        prompts = []
        for start in range(0, len(askings), ENCODED):
            poll()
            for asking, prompt in self._encode(askings[start : start + ENCODED]):
                if isinstance(prompt, Reply):
                    yield asking, prompt
                else:
                    prompts.append(prompt)
        for group in _groups(prompts):
            self._share(group)
            judge = group[0].judge
            if judge.by_probability:
                yield from self._read(group, judge, poll)
            else:
                yield from self._generate(group, judge, poll)

    def _share(self, group: Sequence[_Prompt]) -> None:
        """Run what a group begins with once, unless a row's positions follow its length."""
        context = self._context
        longest = max(len(prompt.ids) for prompt in group) + REPLY_TOKENS
        apart = context is not None and context.shares_positions(longest)
        self._runner.share([] if apart else [prompt.ids for prompt in group])

    def _encode(self, askings: Sequence[Asking]) -> Iterator[tuple[Asking, _Prompt | Reply]]:
        """The tokens of prompts; why there are none, where the model does not take one."""
        texts: list[tuple[Asking, str]] = []
        for asking in askings:
            chat = [self._without_marks(message) for message in asking.prompt.messages]
            thinks = asking.asked.judge.thinking
            try:
                text = render(self._base.tokenizer, chat, prompt=True, thinking=thinks)
            except Refused as error:
                yield asking, Reply(failed=error.message, engine=self._base.engine)
            else:
                texts.append((asking, text))
        if not texts:
            return
        encoded = self._base.tokenizer([text for _, text in texts], add_special_tokens=False)
        for (asking, text), ids in zip(texts, encoded["input_ids"], strict=True):
            yield asking, self._within_context(_Prompt(asking, text, tuple(ids)))

    def _within_context(self, prompt: _Prompt) -> _Prompt | Reply:
        length, context = len(prompt.ids), self._context
        if context is None or length < context.tokens:
            return prompt
        why = f"the prompt has {length} tokens, and the model takes {context.tokens}"
        return Reply(failed=why, prompt_tokens=length, engine=self._base.engine)

    def _without_marks(self, message: Message) -> dict[str, Any]:
        content = message.content
        for mark in self._marks:
            content = content.replace(mark, f"{mark[0]} {mark[1:]}")
        return {"role": message.role, "content": content}

    def _read(
        self, group: Sequence[_Prompt], judge: ModelJudge, poll: Callable[[], None]
    ) -> Iterator[Answer]:
        """Read what a judge would say, batch after batch."""
        spellings = spell(judge, self._base.tokenizer, group[0].text, sorted(self._ends))
        rows = self._rows_to_read(group, spellings)
        waiting = self._alike(group, rows)
        while waiting:
            batch, waiting[0] = waiting[0][:rows], waiting[0][rows:]
            if not waiting[0]:
                del waiting[0]
            poll()
            try:
                readings = read_spellings(self._runner, [item.ids for item in batch], spellings)
            except Exception as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
                rows = max(1, len(batch) // 2)
                self._note(f"out of memory: {rows} prompts at once from here")
                waiting.insert(0, batch)
                continue
            for item, reading in zip(batch, readings, strict=True):
                yield (
                    item.asking,
                    Reply(
                        probabilities=reading.probabilities,
                        mass=reading.mass,
                        finish_reason="stop",
                        prompt_tokens=len(item.ids),
                        tokens=1,
                        engine=self._base.engine,
                    ),
                )

    def _alike(self, group: Sequence[_Prompt], rows: int) -> list[list[_Prompt]]:
        """The prompts that may share a pass, those of one length by themselves if they fill it.

        Rows of one length need no mask, which spares attention half of its work. Where positions
        follow the longest row, others are kept apart however few they are.
        """
        ordered = sorted(group, key=lambda item: len(item.ids))
        context = self._context
        apart = context is not None and context.shares_positions(len(ordered[-1].ids))
        parts: list[list[_Prompt]] = []
        others: list[_Prompt] = []
        for _, same in groupby(ordered, key=lambda item: len(item.ids)):
            part = list(same)
            if apart or len(part) >= rows:
                parts.append(part)
            else:
                others += part
        return [*parts, others] if others else parts

    def _rows_to_read(self, group: Sequence[_Prompt], spellings: JudgeSpellings) -> int:
        nodes = len(spellings.main.tree.tokens)
        nodes = max(nodes, len(spellings.words.tree.tokens) if spellings.words else 0)
        length = max(len(item.ids) for item in group) + nodes
        model, device = self._base.model, self._runner.device
        fitting = rows_that_fit(model, length, device, self._runner.state_bytes())
        vocabulary = self._base.vocabulary or 1
        # The logits of a row's whole tree stand in memory at once, and once more as they're read.
        by_logits = int(free_memory(device) * ROWS_SHARE / (6 * vocabulary * (nodes + 1)))
        return max(1, min(self._rows_of_a_pass(group, nodes), fitting, by_logits))

    def _rows_of_a_pass(self, group: Sequence[_Prompt], more: int) -> int:
        """How many prompts keep the machine busy; on a CPU more of them only leave its caches.

        Args:
            group: The prompts.
            more: Tokens that are run behind each.
        """
        longest = max(len(item.ids) for item in group) - self._runner.shared + more
        on_gpu = self._runner.device.type == "cuda"
        return max(1, min(self._rows, pass_tokens(on_gpu=on_gpu) // longest))

    def _generate(
        self, group: Sequence[_Prompt], judge: ModelJudge, poll: Callable[[], None]
    ) -> Iterator[Answer]:
        """Let a judge speak."""
        longest = max(len(item.ids) for item in group)
        most = reply_tokens(judge)
        if self._context is not None:
            most = min(most, self._context.tokens - longest)
        sampling = SamplingConfig(
            n=1, temperature=judge.temperature or 0.0, top_p=1.0, max_tokens=most
        )
        params = SamplingParams(self._base.tokenizer, sampling, self._ends)
        rows = self._rows_of_a_pass(group, 0)
        if most > FEW_TOKENS:
            rows = min(self._rows, max(rows, SPEAKING_ROWS))
        engine = Engine(self._base.model, params, None, self._note, rows, self._runner)
        for part in self._alike(group, rows):
            owners = {_request(item): item.asking for item in part}
            for completion, _ in engine.draw([list(owners)], poll):
                yield (
                    owners[completion.request],
                    Reply(
                        text=completion.text,
                        finish_reason=completion.finish_reason,
                        prompt_tokens=len(completion.request.prompt),
                        tokens=len(completion.tokens),
                        engine=self._base.engine,
                    ),
                )


def _request(prompt: _Prompt) -> Request:
    """A draw with its own seed: that of the first verdict that waits for it."""
    verdict_id = prompt.asking.verdicts[0].verdict_id
    return Request(verdict_id, prompt.ids, make_draw_seed(verdict_id, 0))


def _groups(prompts: Sequence[_Prompt]) -> Iterator[list[_Prompt]]:
    """Prompts that begin alike: of one judge, wording and thing asked, or the small ones together.

    What stands before the answer is the same for all samples of a prompt.
    """
    by_wording: dict[tuple[int, int], dict[str, list[_Prompt]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for prompt in prompts:
        verdict = prompt.asking.verdicts[0]
        key = (id(prompt.asking.asked), verdict.wording)
        by_wording[key][verdict.prompt_id].append(prompt)
    for by_prompt in by_wording.values():
        small: list[_Prompt] = []
        for group in by_prompt.values():
            if len(group) >= SMALLEST_GROUP:
                yield group
            else:
                small += group
        if small:
            yield small
