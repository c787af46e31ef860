"""How planning and workers talk to an endpoint: its key, headers and proxy.

Promises: a key lives in the environment and in the header of a request; no text that passes
`without_key` has it in it, and no error raised here repeats one.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import Endpoint

LONGEST = 300  # characters of what a server said that are passed on
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
    """A foreign text for people: on one line, not too long, without the key."""
    if key is not None and len(key) >= SHORTEST:
        text = text.replace(key, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def through_proxy(endpoint: Endpoint) -> bool:
    """Whether the proxies that the environment names are used: not for what listens here."""
    host = urlsplit(endpoint.base_url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
