"""Shows training data as a model sees it: request on stdin, answers on stdout, a line each.

Promises: loads a tokenizer, neither weights nor torch; encodes as training does; whatever libraries
print goes to stderr, so that stdout holds answers only.
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
from experiments.schema import TrainingConfig
from wgen_tui.errors import WgenError
from wgen_tui.training_data.checks import examine, prompt_problems, row_problems
from wgen_tui.training_data.mask import Chat, TemplateRefusal
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
    Row,
    ShownExample,
    Token,
    Totals,
)
from wgen_tui.training_data.texts import plain, trained_chat
from wgen_tui.workers.encoding import TrainedTokenizer
from wgen_tui.workers.tokenizers import load_tokenizer

SECONDS = 0.1  # between two words of progress
SPACED = ("Ġ", "▁", "Ċ", "ĉ", " ")  # how a token says that white space before it is its own
SHOWN_TOKENS = 4096  # of one example
CHARACTERS_PER_TOKEN = 64  # more than a token of any vocabulary has on the average
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
    prompts = [
        Prompt(p.question, p.paraphrase, p.variant, p.messages, max_tokens=p.max_tokens)
        for p in request.prompts
    ]
    return PreviewReport(
        experiment=request.experiment,
        model=request.model.name,
        own_template=request.own_template,
        max_length=request.training.max_length,
        arms=tuple(arms),
        rowless=request.rowless,
        prompts=tuple(_prompt(encoder, prompt) for prompt in request.prompts),
        problems=(
            *_of_the_date(request),
            *prompt_problems(encoder, prompts, request.max_tokens, request.context),
        ),
    )


def _of_the_date(request: PreviewRequest) -> tuple[Problem, ...]:
    note = request.template_note
    return (Problem(kind="template_date", blocking=False, what=note),) if note else ()


def _tell_from(tell: Tell, before: int, done: int) -> None:
    tell(before + done)


def _arm(encoder: TrainedTokenizer, request: PreviewRequest, arm: ArmRows, tell: Tell) -> ArmReport:
    rows = [(row.line, row.messages) for row in arm.rows if row.characters is None]
    training = arm.training or request.training
    examined = examine(encoder, rows, training, tell)
    encoded = examined.examples
    whole = len(rows) == arm.total
    problems = list(arm.problems)
    if arm.in_context is None and (rows or not arm.derived):
        trained = row_problems(encoder, examined, training, request.context, whole=whole)
        problems = [*trained, *problems]
    first = [row for row in arm.rows if row.characters is not None]
    shown = [_beginning(encoder, row, training) for row in first[: request.show]]
    shown += [
        _shown(encoder, trained_chat(rows[index][1], training), encoded[index])
        for index in _chosen(encoded, problems, request.show)
    ]
    totals = _totals(encoded, problems)
    if arm.in_context is not None:
        totals = totals.model_copy(update={"used": 0, "trained": 0, "weighs": 0.0})
        shown = [_untrained(item) for item in shown]
    return ArmReport(
        arm=arm.arm,
        of_examples=arm.total,
        max_length=training.max_length,
        totals=totals,
        problems=tuple(problems),
        examples=tuple(sorted(shown, key=lambda item: item.line)),
        in_context=arm.in_context,
        context_on=arm.context_on,
        derived=arm.derived,
        asked=tuple(_prompt(encoder, prompt) for prompt in arm.asked),
    )


def _untrained(shown: ShownExample) -> ShownExample:
    """An example whose tokens are read and not trained."""
    tokens = tuple(token.model_copy(update={"trained": False}) for token in shown.tokens)
    return shown.model_copy(update={"tokens": tokens, "more_trained": 0})


def _chosen(
    examples: Sequence[EncodedExample], problems: Sequence[Problem], show: int
) -> list[int]:
    """The first examples, and the first of those that look odd as tokens."""
    place = {item.line: index for index, item in enumerate(examples)}
    odd = [problem for problem in problems if problem.kind not in ("overlap", "duplicates")]
    named = {place[line] for problem in odd for line in problem.lines[:NAMED]}
    return sorted({*range(min(show, len(examples))), *named})


def _totals(examples: Sequence[EncodedExample], problems: Sequence[Problem]) -> Totals:
    lengths = [item.length for item in examples]
    return Totals(
        examples=len(examples),
        used=sum(item.used for item in examples),
        tokens=sum(item.tokens for item in examples),
        trained=sum(item.trained for item in examples),
        weighs=sum(item.weighs for item in examples),
        shortest=min(lengths, default=0),
        median=median(lengths) if lengths else 0,
        longest=max(lengths, default=0),
        cut=sum(item.fate == "cut" for item in examples),
        left_out=sum(item.fate == "left_out" for item in examples),
        repeated=sum(len(p.lines) for p in problems if p.kind == "duplicates"),
    )


def _shown(encoder: TrainedTokenizer, chat: Chat, item: EncodedExample) -> ShownExample:
    shown = ShownExample(
        line=item.line, length=item.length, fate=item.fate, tokens=(), problem=item.why
    )
    if item.why:
        return shown
    example = item.example or encoder.encode(chat)
    ids = example.ids[:SHOWN_TOKENS]
    trained = example.trained if item.used else (False,) * len(ids)
    weights = example.weights or (1.0,) * len(example.ids)
    texts = pieces(encoder.tokenizer, encoder.render(chat), ids)
    tokens = tuple(
        Token(id=token, text=text, trained=counts and place > 0, weight=weight if counts else 1.0)
        for place, (token, text, counts, weight) in enumerate(
            zip(ids, texts, trained, weights, strict=False)
        )
    )
    return shown.model_copy(
        update={
            "tokens": tokens,
            "more_tokens": len(example.ids) - len(ids),
            "more_trained": sum(trained[len(ids) :]),
        }
    )


def _beginning(encoder: TrainedTokenizer, row: Row, training: TrainingConfig) -> ShownExample:
    """An example of which only the beginning is here; it counts in no number."""
    (item,) = examine(encoder, [(row.line, row.messages)], training).examples
    shown = _shown(encoder, trained_chat(row.messages, training), item)
    return shown.model_copy(update={"characters": row.characters, "more_tokens": 0})


def pieces(tokenizer: Any, text: str, ids: Sequence[int]) -> list[str]:
    """The part of `text` that each of its first tokens stands for.

    Where several tokens share one character, the first has it and the others a `⋯`.
    """
    # Enough of the text for these tokens, so that a long one is not encoded for its beginning.
    text = text[: CHARACTERS_PER_TOKEN * (len(ids) + 1)]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if list(encoded["input_ids"][: len(ids)]) != list(ids):
        return [tokenizer.decode([token]) for token in ids]
    names = tokenizer.convert_ids_to_tokens(list(ids))
    parts, reached = [], 0
    for name, (start, end) in zip(names, encoded["offset_mapping"], strict=False):
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
