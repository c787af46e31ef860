"""Where the answers of a chat are in its rendered text, for templates that do not mark them.

Promises: a span is given where it is proven for this very chat, else the chat is refused. Most
templates only add text as a chat grows; there an answer is what follows the conversation before it.
Others write earlier turns otherwise than the last one (thoughts are stripped, another token ends
them, something closes the chat). There an answer is found by rendering once more with two marks
around its words: taken out again, the marks must leave the very same text, so they stand where the
words do. What comes before and behind the words is settled by `_start` and `_end`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wgen_tui.training_data.mask import Chat, Render, Span, TemplateRefusal, counts, shared_length

OPEN, CLOSE = "\ue0f0", "\ue0f1"  # private characters: no template gives them a meaning
REASONING = ("reasoning_content", "thinking")
THOUGHT = re.compile(r"<think>|</think>")
REWRITES = "the chat template rewrites earlier turns, so the assistant's tokens cannot be told"
MERGED = "an answer begins in a token that holds the end of its prompt"


@dataclass(frozen=True, slots=True)
class Answers:
    """Where a chat's answers are.

    Attributes:
        spans: Of those that are trained, in the rendered chat.
        marked: Where those begin that were told by their words alone.
    """

    spans: list[Span]
    marked: list[int]


@dataclass(frozen=True, slots=True)
class _Words:
    """A rendering of which one answer's place is known.

    Attributes:
        text: The rendering, without marks.
        start: Where the answer's words begin in it (or those behind its thoughts).
        end: Where they end.
    """

    text: str
    start: int
    end: int

    @property
    def behind(self) -> str:
        return self.text[self.end :]


def find_answers(render: Render, chat: Chat, text: str, special: Collection[str] = ()) -> Answers:
    """Where the answers that are trained are in `text`, the rendered chat.

    Args:
        render: The chat template.
        chat: The chat.
        text: What `render` makes of it.
        special: The texts of special tokens.

    Raises:
        TemplateRefusal: one cannot be told with certainty.
    """
    spans, marked = [], []
    for turn, message in enumerate(chat):
        if not counts(message):
            continue
        head = render(chat[:turn], prompt=True)
        tail = render(chat[: turn + 1])
        if text.startswith(tail) and tail.startswith(head):
            spans.append((len(head), len(tail)))
        else:
            spans.append(_marked_span(render, chat, turn, text, head, special))
            marked.append(spans[-1][0])
    return Answers(spans, marked)


def refuse_merged(
    answers: Answers, text: str, ids: Sequence[int], tokenize: Callable[[str], Sequence[int]]
) -> None:
    """Refuse a chat where an answer told by its words does not begin with a token of its own.

    Raises:
        TemplateRefusal: it does not. (`seam` says so of the others.)
    """
    for start in answers.marked:
        before = list(tokenize(text[:start]))
        if list(ids[: len(before)]) != before:
            raise TemplateRefusal(MERGED)


def _marked_span(
    render: Render, chat: Chat, turn: int, text: str, head: str, special: Collection[str]
) -> Span:
    """The span of one answer whose words stand in `text`; raises TemplateRefusal."""
    for marked in _marked(chat, turn):
        words = _words(render, marked)
        if words is None or words.text != text:
            continue
        start = _start(render, chat[:turn], words, head)
        end = len(text) if turn == len(chat) - 1 else _end(render, marked, turn, words, special)
        if start is None or end is None:
            break
        return start, end
    raise TemplateRefusal(REWRITES)


def _marked(chat: Chat, turn: int) -> Iterator[Chat]:
    """The chat with marks around an answer's words, where templates may take them.

    White space at the edges stays outside, since templates trim it. What a template writes first of
    an answer may be its reasoning, its thoughts, or what follows these. Calls of tools are told by
    the names of their functions: what a template writes behind the last of them is the turn's, as
    what it writes behind words.
    """
    answer = chat[turn]
    for said in _calls_marked(answer) if answer.get("tool_calls") else _words_marked(answer):
        yield [*chat[:turn], said, *chat[turn + 1 :]]


def _words_marked(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = answer["content"]
    end = len(content.rstrip())
    closed = f"{content[:end]}{CLOSE}{content[end:]}"
    for key in REASONING:
        if end and answer.get(key):
            yield {**answer, key: _opened(answer[key]), "content": closed}
    for begin in (0, *(match.end() for match in THOUGHT.finditer(content))):
        if content[begin:end].strip():
            yield {**answer, "content": content[:begin] + _opened(closed[begin:])}


def _opened(text: str) -> str:
    """A text with the mark before its first word."""
    words = text.lstrip()
    return f"{text[: len(text) - len(words)]}{OPEN}{words}"


def _calls_marked(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    calls = list(answer["tool_calls"])
    for place, mark in ((0, f"{OPEN}{{}}"), (-1, f"{{}}{CLOSE}")):
        call = calls[place]
        function = call["function"] if isinstance(call.get("function"), dict) else call
        if not isinstance(function.get("name"), str):
            return
        named = {**function, "name": mark.format(function["name"])}
        calls[place] = {**call, "function": named} if function is not call else named
    yield {**answer, "tool_calls": calls}


def _words(render: Render, marked: Chat, *, prompt: bool = False) -> _Words | None:
    """The rendering of a marked chat, where it has each mark once."""
    try:
        text = render(marked, prompt=prompt)
    except TemplateRefusal:
        return None
    if text.count(OPEN) != 1 or text.count(CLOSE) != 1:
        return None
    start, end = text.index(OPEN), text.index(CLOSE) - len(OPEN)
    return _Words(text.replace(OPEN, "").replace(CLOSE, ""), start, end) if start <= end else None


def _start(render: Render, before: Chat, words: _Words, head: str) -> int | None:
    """Where an answer begins: behind its generation prompt.

    With thinking on, where the text has thoughts and sampling's own prompt closes them. Where the
    prompt writes more than the text has (thoughts that it opens), where they part, if nothing but
    white space lies between that and the words.
    """
    thinking = render(before, prompt=True, thinking=True)
    for prompt in (head, thinking):
        if words.text.startswith(prompt) and len(prompt) <= words.start:
            return len(prompt)
    parting = min(shared_length(head, words.text), words.start)
    return None if words.text[parting : words.start].strip() else parting


def _end(
    render: Render, marked: Chat, turn: int, words: _Words, special: Collection[str]
) -> int | None:
    """Where an earlier answer ends: behind what its template writes there whatever follows.

    What stands behind the words with nothing following belongs to the turn; as much of it as the
    text has, in whole special tokens, is the turn's end here too. A template that ends earlier
    turns by another token has it both before a turn of the user's and before one of the assistant,
    and opens no turn with it.
    """
    alone = _words(render, marked[: turn + 1])
    if alone is None or not special:
        return None
    one = re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True))))
    if words.behind.startswith(alone.behind):
        return words.end + len(alone.behind)
    shared = shared_length(words.behind, alone.behind)
    whole = [match.end() for match in one.finditer(alone.behind) if match.end() <= shared]
    if whole:
        return words.end + whole[-1]
    first = re.compile(rf"\s*({one.pattern})").match(words.behind)
    opened = _words(render, marked[: turn + 1], prompt=True)
    if first is None or opened is None:
        return None
    prompt = render(marked[:turn], prompt=True).removeprefix(render(marked[:turn]))
    if not opened.behind.startswith(first[0]) or first[1] in prompt:
        return None
    return words.end + first.end()
