"""A model as runs and judges name it: what is loaded, or a server that has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from wgen_tui.protocol.record import Record

FULL_COMMIT = "[0-9a-f]{40}"  # which the hub never gives another meaning


class Endpoint(Record):
    """A server that answers as OpenAI's does: `[endpoints.NAME]` of config.toml.

    Attributes:
        name: What comes before the colon in `--model NAME:MODEL-ID`.
        base_url: Up to and without `/chat/completions`, no slash at the end.
        api_key_env: The environment variable with the key. The key itself is never written.
        extra_body: Sent with every request, for what this server knows beside OpenAI's parameters.
        thinking_on: Sent beside it for a judge that thinks first; None: nobody has said what.
        thinking_off: Likewise for a judge that doesn't.
    """

    name: str
    base_url: str
    api_key_env: str | None = None
    concurrency: int = Field(default=8, ge=1, le=512, description="requests at once")
    timeout: float = Field(default=120.0, gt=0, description="seconds for one answer")
    max_retries: int = Field(default=6, ge=0, le=100)
    price_in: float | None = Field(default=None, ge=0, description="of a million prompt tokens")
    price_out: float | None = Field(default=None, ge=0, description="of a million drawn tokens")
    logprobs: bool = Field(default=False, description="ask for log-probabilities")
    extra_body: dict[str, Any] = Field(default={})
    thinking_on: dict[str, Any] | None = Field(default=None, exclude_if=lambda body: body is None)
    thinking_off: dict[str, Any] | None = Field(default=None, exclude_if=lambda body: body is None)
    parameters: dict[str, str | Literal[False]] = Field(
        default={},
        description="what the server calls a parameter; false: it is not sent",
        exclude_if=lambda names: not names,
    )

    def switched(self, *, thinking: bool) -> dict[str, Any] | None:
        """What is sent to switch thinking on or off; None where nobody has said what."""
        return self.thinking_on if thinking else self.thinking_off

    def of_judges(self, *, thinking: bool) -> Endpoint:
        """The endpoint as a judge asks it: its switch goes into what is sent with every request."""
        switch = self.switched(thinking=thinking) or {}
        body = dict(self.extra_body)
        for key, value in switch.items():
            both = isinstance(value, dict) and isinstance(body.get(key), dict)
            body[key] = {**body[key], **value} if both else value
        return self.model_copy(update={"extra_body": body})


class ModelRef(Record):
    """A base model as `from_pretrained` takes it, or as a server names it.

    Attributes:
        name: What the user wrote (`tiny-world`, a hub id, a path, `NAME:MODEL-ID`); shown
            everywhere.
        location: What is given to `from_pretrained`: a hub id or an absolute path. For a served
            model, its id on the server.
        in_home: The folder's path from the home's, where it is in it: it moves with the home.
        revision: Hub revision as the user wrote it, or None.
        commit: The hub's commit that the revision stood for when the run was planned. None for a
            folder or a served model, and in runs that were planned before commits were kept.
        trust_pickle: Whether weights that are pickles may be loaded, where there are no others.
        endpoint: Where it is served; None for a model that is loaded here.
    """

    name: str
    location: str
    in_home: str | None = Field(default=None, exclude_if=lambda path: path is None)
    revision: str | None = None
    commit: str | None = Field(default=None, exclude_if=lambda commit: commit is None)
    trust_remote_code: bool = False
    trust_pickle: bool = False
    endpoint: Endpoint | None = None

    @property
    def from_hub(self) -> bool:
        """Whether it is a hub id: neither a folder nor a served model."""
        return self.endpoint is None and not Path(self.location).is_absolute()

    @property
    def exact_revision(self) -> str | None:
        """What is loaded: the commit, or the revision where that is not known."""
        return self.commit or self.revision

    @property
    def unpinned(self) -> bool:
        """Whether the hub decides anew which weights it has, each time it is loaded."""
        return self.from_hub and not re.fullmatch(FULL_COMMIT, self.exact_revision or "")
