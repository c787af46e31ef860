"""What may be typed as tags and as a note."""

from __future__ import annotations

from wgen_tui.errors import UsageError

LONGEST = 40  # characters of a tag
LONGEST_NOTE = 2_000


def checked_tags(text: str) -> list[str]:
    """The tags that a line names, each once.

    Raises:
        UsageError: one of them cannot be a tag.
    """
    tags = list(dict.fromkeys(word.removeprefix("#") for word in text.replace(",", " ").split()))
    for tag in tags:
        odd = next((sign for sign in tag if not (sign.isalnum() or sign in "-_.:/+")), None)
        if not tag or odd is not None or len(tag) > LONGEST:
            why = f"it has {odd!r}" if odd else f"it has more than {LONGEST} characters"
            raise UsageError(
                f"{tag[:LONGEST]!r} cannot be a tag: {why if tag else 'it is empty'}.",
                title="Tags",
                hint="Letters, digits and - _ . : / +, with spaces between tags.",
            )
    return tags


def checked_note(text: str) -> str:
    """A note as it is kept; empty takes it back.

    Raises:
        UsageError: it is too long.
    """
    if len(text.strip()) > LONGEST_NOTE:
        raise UsageError(f"A note has {LONGEST_NOTE:,} characters at most.", title="Note")
    return text.strip()
