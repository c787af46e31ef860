"""How planning and workers talk to an endpoint: its key, headers and proxy.

Promises: a key lives in the environment and in the header of a request; no text that passes
`without_key` has it in it, and no error raised here repeats one.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from urllib.parse import urlsplit

from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import Endpoint

LONGEST = 300  # characters of what a server said that are passed on
READ = 20_000  # characters of it that are looked at
PART = 8  # characters of a key that are not shown
PART_CODED = 11  # the same eight in base64
SHORTEST = 6  # shorter ones, such as "EMPTY", are no secret, and may be part of any word


def read_key(endpoint: Endpoint) -> str | None:
    """The key of an endpoint; None when it needs none.

    Raises:
        UsageError: its variable is not set, or holds what no request can carry.
    """
    if endpoint.api_key_env is None:
        return None
    key = os.environ.get(endpoint.api_key_env, "").strip()
    if not key:
        raise UsageError(
            f"The endpoint {endpoint.name} needs a key, and the environment variable "
            f"{endpoint.api_key_env} is not set.",
            title="No key",
            hint=f"export {endpoint.api_key_env}=… and give the command again.",
        )
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            f"The environment variable {endpoint.api_key_env} holds characters that a key of the "
            f"endpoint {endpoint.name} cannot have (a line break, or other than ASCII).",
            title="Unusable key",
        )
    return key


def headers(key: str | None) -> dict[str, str]:
    """What a request carries beside its body."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def without_key(text: str, key: str | None) -> str:
    """A foreign text for people: on one line, not too long, without the key.

    Nor has it a part of the key, or the key in base64, wherever in a longer text that began.
    """
    text = text[:READ]
    if key is not None and len(key) >= SHORTEST:
        text = text.replace(key, "***")
        for secret, least in _forms(key):
            text = _without_parts(text, secret, least)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _forms(key: str) -> list[tuple[str, int]]:
    """The key as a server may echo it, each with the length from which a part of it is one."""
    forms = [(key, PART)]
    for before in range(3):  # base64 of a text in which the key begins at any byte
        coded = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        own = coded[(before * 8 + 5) // 6 :]
        forms += [(own, PART_CODED), (own.replace("+", "-").replace("/", "_"), PART_CODED)]
    return forms


def _without_parts(text: str, secret: str, least: int) -> str:
    """`text` with *** for each run of `least` characters or more that `secret` has too."""
    kept: list[str] = []
    at = 0
    while at < len(text):
        end = at + least
        if end <= len(text) and text[at:end] in secret:
            while end < len(text) and text[at : end + 1] in secret:
                end += 1
            kept.append("***")
            at = end
        else:
            kept.append(text[at])
            at += 1
    return "".join(kept)


def through_proxy(endpoint: Endpoint) -> bool:
    """Whether the proxies that the environment names are used: not for what listens here."""
    host = urlsplit(endpoint.base_url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
