"""The drawn tokens of one sample as texts, each with its log-probability.

Promises: the texts make up what the tokenizer decodes of all of them; a character that several
tokens make up stands with the last of these; without the tokenizer's file here, numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from store.samples import rows as stored
from wgen_tui.paths import Home
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.models.model_files import model_folder

BEFORE = 8  # tokens that a token is decoded behind: some write no space at the beginning
UNFINISHED = "\ufffd"


@dataclass(frozen=True, slots=True)
class DrawnToken:
    """One token of a completion.

    Attributes:
        text: None where the tokenizer is not on this machine.
        logprob: Under the distribution that it was drawn from.
    """

    token: int
    text: str | None
    logprob: float


@in_little_memory
def drawn_tokens(home: Home, sample_id: int) -> list[DrawnToken]:
    """The tokens of a sample; none where `sampling.logprobs` did not ask for them."""
    with reading(home) as con:
        kept = stored.tokens(con, sample_id)
    if kept is None:
        return []
    run_id, tokens, logprobs = kept
    tokenizer = _tokenizer_of(home, run_id)
    texts: list[str | None] = [None] * len(tokens) if tokenizer is None else []
    if tokenizer is not None:
        texts = list(_texts(tokenizer, tokens))
    return [DrawnToken(*each) for each in zip(tokens, texts, logprobs, strict=True)]


def _tokenizer_of(home: Home, run_id: str) -> Tokenizer | None:
    try:
        spec = read_record(home.run(run_id).spec, RunSpec)
    except Unreadable:  # doctor names it; the numbers are there all the same
        return None
    folder = None if spec is None else model_folder(spec.model)
    path = None if folder is None else folder / "tokenizer.json"
    return _read(path) if path is not None and path.is_file() else None


@lru_cache(maxsize=2)
def _read(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))


def _texts(tokenizer: Tokenizer, tokens: list[int]) -> list[str]:
    """What each token adds to the text."""
    texts: list[str] = []
    begun = 0  # the first token of a character that is not whole yet
    for place in range(len(tokens)):
        start = max(begun - BEFORE, 0)
        before = tokenizer.decode(tokens[start:begun], skip_special_tokens=False)
        so_far = tokenizer.decode(tokens[start : place + 1], skip_special_tokens=False)
        if so_far.endswith(UNFINISHED) and place + 1 < len(tokens):
            texts.append("")
            continue
        texts.append(so_far[len(before) :])
        begun = place + 1
    return texts
