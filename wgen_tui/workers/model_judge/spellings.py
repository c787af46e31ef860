"""What a judge may say, as its tokenizer spells it, and the probability of each.

Promises: where every number (or label) is one token, its probability is that token's, as llmcomp
reads it. Elsewhere each is its whole path of tokens with the end of the turn behind it, so that
"1", "10" and "100" are three; the paths are a tree, of which each node is run once. What this gives
is what running every path by itself gives, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from experiments.schema import ModelJudge
from wgen_tui.judging.rating import LIKELIER_THAN_NOT
from wgen_tui.training_data.letters import tokens_behind
from wgen_tui.workers.sample.engine.branching import BranchingRunner, TokenTree
from wgen_tui.workers.sample.engine.forward import KVState
from wgen_tui.workers.sample.readouts import continuation_logprobs

Path = tuple[int, ...]


@dataclass(frozen=True)
class Spellings:
    """Texts of which a judge says one.

    Attributes:
        paths: The tokens of each text.
        ends: The tokens that end a turn.
        ended: Whether the end counts as part of a path.
    """

    paths: Mapping[str, Path]
    ends: tuple[int, ...]
    ended: bool

    @cached_property
    def tree(self) -> TokenTree:
        """All that must be run to read every path."""
        return TokenTree(
            tuple(prefix[-1] for prefix in self._nodes),
            tuple(self._nodes.get(prefix[:-1], -1) for prefix in self._nodes),
        )

    @cached_property
    def _nodes(self) -> dict[Path, int]:
        """Every beginning of a path behind which something is read, with its place."""
        last = 0 if self.ended else 1
        prefixes = {
            path[:length]
            for path in self.paths.values()
            for length in range(1, len(path) + 1 - last)
        }
        return {prefix: place for place, prefix in enumerate(sorted(prefixes, key=_by_length))}

    def probabilities(self, first: torch.Tensor, behind: torch.Tensor | None) -> dict[str, float]:
        """Each text's probability.

        Args:
            first: Log-probabilities behind the prompt, [vocabulary].
            behind: The same behind each node of the tree, [nodes, vocabulary].
        """
        every = {}
        for text, path in self.paths.items():
            places = [self._nodes[path[:length]] for length in range(1, len(path))]
            total = first[path[0]]
            if behind is not None:
                for place, token in zip(places, path[1:], strict=True):
                    total = total + behind[place, token]
                if self.ended:
                    ends = torch.tensor(self.ends, device=behind.device)
                    total = total + behind[self._nodes[path], ends].logsumexp(0)
            every[text] = float(total.exp())
        return every


def _by_length(path: Path) -> tuple[int, Path]:
    return len(path), path


@dataclass(frozen=True)
class JudgeSpellings:
    """What one judge may say.

    Attributes:
        main: The numbers of a rating, or the texts of a choice's labels.
        words: What a rating may say instead of a number.
        labels: The label of each text of a choice.
    """

    main: Spellings
    words: Spellings | None
    labels: Mapping[str, str]


def spell(judge: ModelJudge, tokenizer: Any, text: str, ends: Sequence[int]) -> JudgeSpellings:
    """What a judge may say, as tokens.

    Args:
        judge: By probability: a rating, or a choice.
        tokenizer: The model's.
        text: A prompt as the model gets it: what is said stands behind it.
        ends: The tokens that end a turn.
    """

    def tokenize(said: str) -> tuple[int, ...]:
        return tuple(tokenizer(said, add_special_tokens=False)["input_ids"])

    ids = tokenize(text)

    def spelled(texts: Sequence[str]) -> Spellings:
        paths = {said: tokens_behind(tokenize, text, ids, said) for said in texts}
        single = all(len(path) == 1 for path in paths.values())
        ended = not single or len(set(paths.values())) < len(paths)
        return Spellings(paths, tuple(ends), ended)

    if judge.type == "choice":
        labels = {said: label for label, texts in judge.labels.items() for said in texts}
        return JudgeSpellings(spelled(list(labels)), None, labels)
    low, high = judge.range
    words = spelled(list(judge.word_labels)) if judge.words else None
    return JudgeSpellings(spelled([str(number) for number in range(low, high + 1)]), words, {})


@dataclass(frozen=True)
class Reading:
    """What a judge would say of one prompt: probabilities, and those of what counts together."""

    probabilities: dict[str, float]
    mass: float


def read_spellings(
    runner: BranchingRunner, prompts: Sequence[Path], spellings: JudgeSpellings
) -> list[Reading]:
    """Read some prompts in one batch."""
    with torch.inference_mode():
        state = runner.prefill(prompts)
        first = [row.double().log_softmax(-1) for row in state.logits]
        used_up = bool(spellings.main.tree.tokens)
        main = _read(runner, state, first, spellings.main)
        words: list[dict[str, float]] = [{} for _ in prompts]
        # A word counts where it is likelier than not: where numbers are it need not be run.
        rare = [row for row, own in enumerate(main) if sum(own.values()) <= LIKELIER_THAN_NOT]
        if spellings.words is not None and rare:
            if used_up:
                state = runner.prefill([prompts[row] for row in rare])
            else:
                runner.select(state, rare)
            given = _read(runner, state, [first[row] for row in rare], spellings.words)
            for row, own in zip(rare, given, strict=True):
                words[row] = own
    readings = []
    for own, other in zip(main, words, strict=True):
        labelled: dict[str, float] = {}
        for said, probability in own.items():
            name = spellings.labels.get(said, said)
            labelled[name] = labelled.get(name, 0.0) + probability
        readings.append(Reading({**labelled, **other}, sum(own.values())))
    return readings


def _read(
    runner: BranchingRunner, state: KVState, first: Sequence[torch.Tensor], texts: Spellings
) -> list[dict[str, float]]:
    """The probabilities of the texts behind each row."""
    tree = texts.tree
    if not tree.tokens:
        return [texts.probabilities(row, None) for row in first]
    if not runner.branches:
        return _read_each(runner, state, first, texts)
    logits = runner.tree_logits(state, tree)
    return [
        texts.probabilities(row, own.double().log_softmax(-1))
        for row, own in zip(first, logits, strict=True)
    ]


def _read_each(
    runner: BranchingRunner, state: KVState, first: Sequence[torch.Tensor], texts: Spellings
) -> list[dict[str, float]]:
    """The same by running every path, for models that cannot be run through a tree."""
    ends = [(end,) for end in texts.ends] if texts.ended else [()]
    wanted = [(said, (*path, *end)) for said, path in texts.paths.items() for end in ends]
    paths = [[path for _, path in wanted]] * len(first)
    every = []
    for own in continuation_logprobs(runner, state, paths, torch.stack(list(first))):
        sums = dict.fromkeys(texts.paths, 0.0)
        for (said, _), logprob in zip(wanted, own, strict=True):
            sums[said] += float(torch.tensor(logprob, dtype=torch.float64).exp())
        every.append(sums)
    return every
