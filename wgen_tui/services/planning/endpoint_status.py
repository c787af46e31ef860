"""Whether the server behind an endpoint answers, and what it serves.

Promises: a probe takes two seconds at most, and planning does not depend on it, since a server may
be started later; a key is never shown.
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
    """How a server responded to a request for its models.

    Attributes:
        answers: Whether it answered at all.
        what: Its response, in a few words.
        models: The models it lists; empty when it lists none.
        refuses: Whether it rejects our key, or requires one.
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
        what = "the key" if key else "requests without a key"
        return EndpointStatus(
            True, f"answers, but refuses {what} (status {answer.status_code})", refuses=True
        )
    if not answer.is_success:
        return EndpointStatus(True, f"answers, but lists no models (status {answer.status_code})")
    try:
        models = tuple(without_key(str(item["id"]), key) for item in answer.json()["data"])
    except (ValueError, KeyError, TypeError):
        return EndpointStatus(True, "answers, but lists no models")
    return EndpointStatus(True, f"answers, {len(models)} models" if models else "answers", models)


def endpoint_warnings(home: Home, ref: ModelRef) -> list[str]:
    """What a person should know before a served model is sampled.

    Raises:
        UsageError: its key is missing or unusable.
    """
    if ref.endpoint is None:
        return []
    endpoint, warnings = ref.endpoint, []
    status = probe(endpoint)
    if not status.answers:
        warnings.append(
            f"the endpoint {endpoint.name} ({endpoint.base_url}) does not answer yet: {status.what}"
        )
    elif status.refuses:
        warnings.append(f"the endpoint {endpoint.name} {status.what}")
    elif status.models and ref.location not in status.models:
        some = ", ".join(status.models[:5])
        warnings.append(
            f"the endpoint {endpoint.name} lists no model {ref.location}; it has {some}"
        )
    if endpoint.api_key_env is not None:
        if through_proxy(endpoint) and endpoint.base_url.startswith("http:"):
            warnings.append(f"the key of {endpoint.name} goes unencrypted: its base_url is http")
        warnings += _missing_key_warnings(home, endpoint.api_key_env)
    return warnings


def _missing_key_warnings(home: Home, variable: str) -> list[str]:
    """Warn if the supervisor, whose environment workers inherit, lacks a variable."""
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
