"""Endpoints: config.toml's `[endpoints.NAME]`, and what `NAME:MODEL-ID` means.

Promises: a mistake in config.toml is named by file and key, with the nearest right key; a server's
key that is written there is refused and never repeated; nothing here talks to a server.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, ValidationError, field_validator

from experiments.suggest import nearest
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services.config_file import read_config, wrong
from wgen_tui.services.suggest import did_you_mean, unknown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
SECRETS = {"apikey", "key", "token", "accesstoken", "secret", "password", "authorization", "bearer"}
PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed", "logprobs", "top_logprobs")
RESERVED_KEYS = {
    **dict.fromkeys(("temperature", "top_p", "max_tokens", "stop"), "the definition's sampling"),
    **dict.fromkeys(("model", "messages", "seed"), "the run"),
    **dict.fromkeys(("n", "stream", "logprobs", "top_logprobs"), "wgen-tui"),
}


class _EndpointTable(Endpoint):
    """An endpoint as it stands in config.toml."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or not _has_valid_port(value)
        ):
            raise ValueError("not a URL such as http://localhost:8000/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a key or password does not belong here; use api_key_env")
        if parts.query or parts.fragment:
            raise ValueError("no ? and no # can follow; use extra_body")
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ValueError("leave out /chat/completions")
        return value.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _variable(cls, value: str | None) -> str | None:
        if value is not None and not VARIABLE.fullmatch(value):
            raise ValueError(
                "not the name of an environment variable in capital letters, such as "
                "OPENAI_API_KEY; the key itself does not belong here"
            )
        return value

    @field_validator("extra_body", "thinking_on", "thinking_off")
    @classmethod
    def _extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        for key in value or ():
            if key in RESERVED_KEYS:
                raise ValueError(f"{key} comes from {RESERVED_KEYS[key]}")
            if _is_secret(key):
                raise ValueError(f"{key}: keys do not belong here; use api_key_env")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("has a value that JSON does not know") from None
        return value

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, value: dict[str, str | bool]) -> dict[str, str | bool]:
        for name, theirs in value.items():
            if name not in PARAMETERS:
                near = nearest(name, PARAMETERS)
                known = f"did you mean {near}?" if near else f"there are {', '.join(PARAMETERS)}"
                raise ValueError(f"{name} is no parameter that is sent; {known}")
            if theirs in ("", "model", "messages"):
                raise ValueError(f"{name} cannot be sent as {theirs!r}")
        return value


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_secret(key: str) -> bool:
    return key.lower().replace("_", "").replace("-", "") in SECRETS


def read_endpoints(home: Home) -> dict[str, Endpoint]:
    """The endpoints of config.toml by name; none without the file.

    Raises:
        UsageError: the file cannot be read, or has a mistake in it.
    """
    tables = read_config(home).get("endpoints", {})
    if not isinstance(tables, dict):
        raise wrong(home, "endpoints", "is no table", "Write [endpoints.NAME] above its keys.")
    return {name: _parse_endpoint(home, name, table) for name, table in tables.items()}


def _parse_endpoint(home: Home, name: str, table: object) -> Endpoint:
    where = f"endpoints.{name}"
    if not NAME.fullmatch(name):
        raise wrong(home, where, "a name has letters, digits, - and _ only")
    if not isinstance(table, dict):
        raise wrong(home, where, "is no table", f"Write [{where}] above its keys.")
    for key in table:
        if _is_secret(key):
            raise wrong(
                home,
                f"{where}.{key}",
                "keys are never kept in files",
                "Take it out, put it into an environment variable, and name that: "
                'api_key_env = "OPENAI_API_KEY"',
            )
    known = [key for key in Endpoint.model_fields if key != "name"]
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            raise wrong(home, f"{where}.{key}", "there is no such key", hint)
    if "base_url" not in table:
        example = 'base_url = "http://localhost:8000/v1"'
        raise wrong(home, f"{where}.base_url", "is missing", f"For example: {example}")
    try:
        parsed = _EndpointTable.model_validate({**table, "name": name})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise wrong(home, f"{where}.{key}", what[:1].lower() + what[1:]) from None
    return Endpoint.model_validate(parsed.model_dump())


def names_endpoint(name: str) -> bool:
    """Whether a model's name has the form `NAME:MODEL-ID`, which no hub id has."""
    before, colon, _ = name.partition(":")
    return bool(colon) and NAME.fullmatch(before) is not None


def resolve_served(home: Home, name: str) -> ModelRef:
    """What `NAME:MODEL-ID` means.

    Raises:
        UsageError: there is no such endpoint, no id, or config.toml has a mistake.
    """
    before, _, model_id = name.partition(":")
    known = read_endpoints(home)
    if before not in known:
        raise unknown("endpoint", before, known, hint=_config_hint(home, before))
    if not model_id or not model_id.isprintable() or model_id != model_id.strip():
        raise UsageError(
            f"{name!r} names no model of the endpoint {before}.",
            title="No such model",
            hint=f"Give the id under which the server knows it: {before}:MODEL-ID; "
            "`wgen-tui doctor` lists what it serves.",
        )
    return ModelRef(name=name, location=model_id, endpoint=known[before])


def _config_hint(home: Home, name: str) -> str:
    near = nearest("endpoints", read_config(home))
    if near not in (None, "endpoints"):
        return f"{home.config} has [{near}]; write [endpoints.NAME]."
    return f'Write into {home.config}:\n[endpoints.{name}]\nbase_url = "http://localhost:8000/v1"'
