"""What becomes of each stock chat template: which tokens are trained, beside two truths.

Promises: the masks and findings are those of the plan's own encoder and checks. One truth is TRL's
training variant of the template, through transformers; the other is made by hand (`tokens.ENDS`):
behind the generation prompt, the answer's words and the tokens that end its turn. What TRL trains
beside that (white space around the answer, tokens of the generation prompt) is told apart from
another mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from experiments.schema import TrainingConfig, Turn
from experiments.tiny_world import weights_path
from tests.stock.tokens import CASES, ENDS, THOUGHT, stock_templates, tokens_of
from wgen_tui.services.models.local_tokenizer import LocalTokenizer
from wgen_tui.training_data.checks import examine, row_problems
from wgen_tui.training_data.clock import frozen
from wgen_tui.training_data.mask import Chat, Example, marks_itself, shared_length
from wgen_tui.training_data.problems import Problem
from wgen_tui.training_data.spans import find_answers

DAY = date(2026, 1, 2)
Beside = Literal["equal", "white space", "prompt", "other text", "none"]  # TRL's mask beside ours


def _turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


FIRST, SECOND = _turn("user", "Name a bird species."), _turn("user", "Another one?")
WORDS = ("Wood Wren", "House Wren")


def chat_of(case: str) -> Chat:
    """The chat of a case."""
    thought = THOUGHT if case.startswith("thoughts") else ""
    one = [FIRST, _turn("assistant", thought + WORDS[0])]
    if case == "system":
        return [_turn("system", "Today is 1984."), *one]
    return [*one, SECOND, _turn("assistant", thought + WORDS[1])] if "tw" in case else one


def truth_of(name: str, case: str) -> list[str]:
    """What is to be trained of it."""
    words = WORDS if "tw" in case else WORDS[:1]
    return ENDS[name].answers(words, thoughts=case.startswith("thoughts"))


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        trained: The trained stretches, as text.
        beside: TRL's mask beside ours.
        problems: What the checks say.
        by_words: Whether an answer is told by its words, since the template rewrites turns.
    """

    trained: list[str]
    beside: Beside
    problems: list[Problem]
    by_words: bool

    @property
    def refused(self) -> str:
        """Why it is not trained; empty: it is."""
        return "; ".join(problem.what for problem in self.problems if problem.blocking)


class StockTemplate:
    """One template with a tokenizer that has its tokens.

    Attributes:
        name: As TRL's file is called.
        text: The template, on one day.
        variant: TRL's training variant; None: it ships none, the template marks answers itself.
        local: The plan's encoder.
        stock: The tokenizer of transformers.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Make the tokenizers; `folder` is read until then."""
        text, variant = stock_templates()[name]
        self.name, self.text = name, frozen(text, DAY)
        self.variant = None if variant is None else frozen(variant, DAY)
        tokenizer = Tokenizer.from_file(str(weights_path() / "tokenizer.json"))
        for token, special in tokens_of(name, text).items():
            add = tokenizer.add_special_tokens if special else tokenizer.add_tokens
            add([AddedToken(token, special=special, normalized=False)])
        tokenizer.save(str(folder / "tokenizer.json"))
        ends = ENDS[name]
        named = {"eos_token": ends.eos, **({"bos_token": ends.bos} if ends.bos else {})}
        self.local = LocalTokenizer(folder, self.text, named)
        self.stock = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
        self.stock.chat_template = self.text
        self._folder, self._named = folder, named
        self._special = [self._text([i]) for i in self.local.special]

    def outcome(self, case: str) -> Outcome:
        """What becomes of a case."""
        chat = chat_of(case)
        rows = [(1, [Turn.model_validate(turn) for turn in chat])]
        training = TrainingConfig(max_steps=1)
        encoded = examine(self.local, rows, training)
        problems = row_problems(self.local, encoded, training)
        example = encoded.examples[0].example
        if example is None:
            return Outcome([], "none", problems, by_words=False)
        trained = [self._text(ids) for ids in stretches(example.ids, example.trained)]
        answers = find_answers(self.local.render, chat, self.local.render(chat), self._special)
        by_words = bool(answers.marked) and not marks_itself(self.text)
        return Outcome(trained, self._beside(chat, example), problems, by_words)

    def trained(self, chat: Chat) -> list[str]:
        """The trained stretches of a chat."""
        example = self.local.encode(chat)
        return [self._text(ids) for ids in stretches(example.ids, example.trained)]

    def variants_mask(self, chat: Chat) -> tuple[Example, Example]:
        """What transformers and the plan's encoder make of TRL's variant."""
        assert self.variant is not None
        encoded = self.stock.apply_chat_template(
            chat,
            chat_template=self.variant,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            enable_thinking=False,
        )
        theirs = Example(tuple(encoded["input_ids"]), tuple(map(bool, encoded["assistant_masks"])))
        return theirs, LocalTokenizer(self._folder, self.variant, self._named).encode(chat)

    def _beside(self, chat: Chat, ours: Example) -> Beside:
        if self.variant is None:
            return "none"
        theirs, _ = self.variants_mask(chat)
        if theirs.ids != ours.ids:
            return "other text"
        lost = [one and not other for one, other in zip(ours.trained, theirs.trained, strict=True)]
        assert not any(lost), f"{self.name}: TRL does not train {stretches(ours.ids, lost)}"
        more = [other and not one for one, other in zip(ours.trained, theirs.trained, strict=True)]
        extra = [self._text(ids) for ids in stretches(ours.ids, more)]
        said = [text for text in extra if text.strip()]
        wrong = [text for text in said if not any(text in opened for opened in self._opened(chat))]
        assert not wrong, f"{self.name}: TRL trains {wrong}"
        return "prompt" if said else "white space" if extra else "equal"

    def _opened(self, chat: Chat) -> Iterator[str]:
        """The generation prompts of a chat, with thinking off and on."""
        for turn in (i for i, message in enumerate(chat) if message["role"] == "assistant"):
            before = self.local.render(chat[:turn])
            for thinking in (False, True):
                prompt = self.local.render(chat[:turn], prompt=True, thinking=thinking)
                yield prompt[shared_length(before, prompt) :]

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self.stock.decode(list(ids), skip_special_tokens=False)
        return text


def stretches(ids: Sequence[int], kept: Sequence[bool]) -> list[list[int]]:
    """The tokens that are kept, in stretches."""
    pairs = groupby(zip(kept, ids, strict=True), key=lambda pair: pair[0])
    return [[token for _, token in group] for here, group in pairs if here]


@cache
def outcomes(name: str) -> dict[str, Outcome]:
    """What becomes of a template, by case."""
    with TemporaryDirectory() as folder:
        template = StockTemplate(name, Path(folder))
        return {case: template.outcome(case) for case in CASES}
