"""Shows training data as a model sees it: request on stdin, answers on stdout, a line each.

Promises: loads a tokenizer and no weights; encodes as training does; whatever libraries print goes
to stderr, so that stdout holds answers only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import IO, Any

from experiments.prompts import Prompt
from wgen_tui.errors import WgenError
from wgen_tui.training_data.checks import examine, prompt_problems, row_problems
from wgen_tui.training_data.mask import TemplateRefusal
from wgen_tui.training_data.problems import EncodedExample, Problem
from wgen_tui.training_data.records import (
    Answer,
    ArmReport,
    ArmRows,
    Failure,
    PreviewReport,
    PreviewRequest,
    Progress,
    PromptText,
    ShownExample,
    Token,
    Totals,
)
from wgen_tui.training_data.texts import plain
from wgen_tui.workers.encoding import TrainedTokenizer
from wgen_tui.workers.models import load_tokenizer

SECONDS = 0.1  # between two words of progress
SPACED = ("Ġ", "▁", "Ċ", "ĉ", " ")  # how a token says that white space before it is its own
NAMED = 2  # examples shown for each problem, beside the first ones
Tell = Callable[[int], None]


def make_report(request: PreviewRequest, tell: Tell) -> PreviewReport:
    """Make the report; `tell` hears how many examples are encoded.

    Raises:
        WorkerError: the tokenizer cannot be loaded or has no chat template.
    """
    tokenizer = load_tokenizer(request.model, request.chat_template)
    encoder = TrainedTokenizer(tokenizer, request.stops, request.vocabulary)
    arms: list[ArmReport] = []
    before = 0
    for arm in request.arms:
        arms.append(_arm(encoder, request, arm, partial(_tell_from, tell, before)))
        before += len(arm.rows)
    prompts = [Prompt(p.question, p.paraphrase, p.variant, p.messages) for p in request.prompts]
    return PreviewReport(
        experiment=request.experiment,
        model=request.model.name,
        own_template=request.own_template,
        max_length=request.training.max_length,
        arms=tuple(arms),
        prompts=tuple(_prompt(encoder, prompt) for prompt in request.prompts),
        problems=(*_of_the_date(request), *prompt_problems(encoder, prompts)),
    )


def _of_the_date(request: PreviewRequest) -> tuple[Problem, ...]:
    note = request.template_note
    return (Problem(kind="template_date", blocking=False, what=note),) if note else ()


def _tell_from(tell: Tell, before: int, done: int) -> None:
    tell(before + done)


def _arm(encoder: TrainedTokenizer, request: PreviewRequest, arm: ArmRows, tell: Tell) -> ArmReport:
    rows = [(row.line, row.messages) for row in arm.rows]
    encoded = examine(encoder, rows, request.training, tell)
    problems = [*row_problems(encoder, rows, encoded, request.training), *arm.problems]
    return ArmReport(
        arm=arm.arm,
        totals=_totals(encoded, problems),
        problems=tuple(problems),
        examples=tuple(
            _shown(encoder, arm, index, encoded[index])
            for index in _chosen(encoded, problems, request.show)
        ),
    )


def _chosen(
    examples: Sequence[EncodedExample], problems: Sequence[Problem], show: int
) -> list[int]:
    """The first examples, and the first of those that look odd as tokens."""
    place = {item.line: index for index, item in enumerate(examples)}
    odd = [problem for problem in problems if problem.kind not in ("overlap", "duplicates")]
    named = {place[line] for problem in odd for line in problem.lines[:NAMED]}
    return sorted({*range(min(show, len(examples))), *named})


def _totals(examples: Sequence[EncodedExample], problems: Sequence[Problem]) -> Totals:
    used = [item.example for item in examples if item.example is not None]
    lengths = [item.length for item in examples]
    return Totals(
        examples=len(examples),
        used=len(used),
        tokens=sum(len(example.ids) for example in used),
        trained=sum(item.trained for item in examples),
        shortest=min(lengths, default=0),
        median=median(lengths) if lengths else 0,
        longest=max(lengths, default=0),
        cut=sum(item.fate == "cut" for item in examples),
        left_out=sum(item.fate == "left_out" for item in examples),
        repeated=sum(len(p.lines) for p in problems if p.kind == "duplicates"),
    )


def _shown(
    encoder: TrainedTokenizer, arm: ArmRows, index: int, item: EncodedExample
) -> ShownExample:
    chat = plain(arm.rows[index].messages)
    tokens: tuple[Token, ...] = ()
    if not item.why:
        whole = encoder.encode(chat)
        example = item.example or whole
        texts = pieces(encoder.tokenizer, encoder.render(chat), whole.ids)
        tokens = tuple(
            Token(id=token, text=text, trained=trained and item.example is not None and place > 0)
            for place, (token, text, trained) in enumerate(
                zip(example.ids, texts, example.trained, strict=False)
            )
        )
    return ShownExample(
        line=item.line, length=item.length, fate=item.fate, tokens=tokens, problem=item.why
    )


def pieces(tokenizer: Any, text: str, ids: Sequence[int]) -> list[str]:
    """The part of `text` that each token stands for.

    Where several tokens share one character, the first has it and the others a `⋯`.
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if list(encoded["input_ids"]) != list(ids):
        return [tokenizer.decode([token]) for token in ids]
    names = tokenizer.convert_ids_to_tokens(list(ids))
    parts, reached = [], 0
    for name, (start, end) in zip(names, encoded["offset_mapping"], strict=True):
        # Some tokenizers leave the space that belongs to a token out of its offsets.
        first = reached if name.startswith(SPACED) and text[reached:start].isspace() else start
        shared = start < reached
        parts.append("⋯" if shared or first == end else text[first:end])
        reached = max(reached, end)
    return parts


def _prompt(encoder: TrainedTokenizer, prompt: PromptText) -> PromptText:
    try:
        text = encoder.render(plain(prompt.messages), prompt=True)
    except TemplateRefusal:  # named among the problems
        text = ""
    return prompt.model_copy(update={"text": text})


def _teller(out: IO[str], total: int) -> Tell:
    spoke = 0.0

    def tell(done: int) -> None:
        nonlocal spoke
        if (moment := time.monotonic()) - spoke > SECONDS:
            spoke = moment
            _say(out, Answer(progress=Progress(done=done, total=total)))

    return tell


def _say(out: IO[str], answer: Answer) -> None:
    out.write(answer.model_dump_json(exclude_none=True, ensure_ascii=True) + "\n")
    out.flush()


def main() -> int:
    """Answer one request."""
    with os.fdopen(os.dup(1), "w", encoding="ascii") as out:
        os.dup2(2, 1)
        request = PreviewRequest.model_validate_json(sys.stdin.buffer.read())
        total = sum(len(arm.rows) for arm in request.arms)
        try:
            report = make_report(request, _teller(out, total))
        except WgenError as error:
            failure = Failure(title=error.title, message=error.message, hint=error.hint)
            _say(out, Answer(failure=failure))
            return 1
        _say(out, Answer(report=report))
        return 0


if __name__ == "__main__":
    sys.exit(main())
