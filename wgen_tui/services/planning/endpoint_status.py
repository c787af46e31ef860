"""Whether the server behind an endpoint answers, and what it serves.

Promises: a look takes two seconds at most and is no condition for planning, since a server may be
started later; never shows a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from wgen_tui.paths import Home
from wgen_tui.protocol.endpoint import headers, read_key, through_proxy, without_key
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services.supervisor import lifecycle

PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What a server did when it was asked for its models.

    Attributes:
        answers: Whether it answered at all.
        what: What it said, in a few words.
        models: The models it lists; empty when it does not tell.
        refuses: Whether it does not take our key, or wants one.
    """

    answers: bool
    what: str
    models: tuple[str, ...] = ()
    refuses: bool = False


def probe(endpoint: Endpoint, seconds: float = PROBE_SECONDS) -> EndpointStatus:
    """Ask a server for its models, with the key if there is one.

    Raises:
        UsageError: its key is missing or unusable.
    """
    import httpx2  # noqa: PLC0415 - takes 0.15 s to import, and few need it

    key = read_key(endpoint)
    try:
        with httpx2.Client(trust_env=through_proxy(endpoint), timeout=seconds) as client:
            answer = client.get(f"{endpoint.base_url}/models", headers=headers(key))
    except httpx2.HTTPError as error:
        return EndpointStatus(False, without_key(str(error) or type(error).__name__, key))
    if answer.status_code in (401, 403):
        what = "the key" if key else "us without a key"
        return EndpointStatus(
            True, f"answers, and refuses {what} (status {answer.status_code})", refuses=True
        )
    if not answer.is_success:
        return EndpointStatus(True, f"answers, and lists no models (status {answer.status_code})")
    try:
        models = tuple(without_key(str(item["id"]), key) for item in answer.json()["data"])
    except (ValueError, KeyError, TypeError):
        return EndpointStatus(True, "answers, and lists no models")
    return EndpointStatus(True, f"answers, {len(models)} models" if models else "answers", models)


def warnings_of(home: Home, ref: ModelRef) -> list[str]:
    """What a person should know before a served model is sampled.

    Raises:
        UsageError: its key is missing or unusable.
    """
    if ref.endpoint is None:
        return []
    endpoint, found = ref.endpoint, []
    seen = probe(endpoint)
    if not seen.answers:
        found.append(
            f"the endpoint {endpoint.name} ({endpoint.base_url}) does not answer yet: {seen.what}"
        )
    elif seen.refuses:
        found.append(f"the endpoint {endpoint.name} {seen.what}")
    elif seen.models and ref.location not in seen.models:
        some = ", ".join(seen.models[:5])
        found.append(f"the endpoint {endpoint.name} lists no model {ref.location}; it has {some}")
    if endpoint.api_key_env is not None:
        if through_proxy(endpoint) and endpoint.base_url.startswith("http:"):
            found.append(f"the key of {endpoint.name} goes unencrypted: its base_url is http")
        found += _without_the_key(home, endpoint.api_key_env)
    return found


def _without_the_key(home: Home, variable: str) -> list[str]:
    """A warning if the supervisor, from which workers have their environment, lacks a variable."""
    import psutil  # noqa: PLC0415 - only for endpoints with keys

    pid = lifecycle.supervisor_pid(home)
    if pid is None:
        return []
    try:
        process = psutil.Process(pid)
        if str(home.root) not in process.cmdline() or variable in process.environ():
            return []
    except psutil.Error:
        return []
    return [
        f"the supervisor was started without {variable}, and so are its workers; end it, which "
        f"leaves its workers alone, and the next command starts another: kill {pid}"
    ]
