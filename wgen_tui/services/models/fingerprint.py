"""What tells one set of base weights from another, whatever it is called and wherever it lies."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

from wgen_tui.protocol.runs import ModelRef

HASHED_WHOLE = 64 << 20  # bytes; larger files are told apart by size, head and tail
EDGE = 1 << 20


def weights_key(model: ModelRef) -> list[str]:
    """The part of a run's id that stands for its base model.

    For a folder, a fingerprint of its weights and configuration, so that a moved model is the same
    model and a retrained one is not. For a hub id, the id and the revision. For a served model,
    where it is served, its id there, and what else every request says.
    """
    if model.endpoint is not None:
        extra = model.endpoint.extra_body
        more = [json.dumps(extra, sort_keys=True)] if extra else []
        return ["served", model.endpoint.base_url, model.location, *more]
    folder = Path(model.location)
    if not folder.is_absolute():
        return [model.location, model.revision or ""]
    patterns = ("*.safetensors", "*.bin", "config.json", "tokenizer.json")
    files = sorted(path for pattern in patterns for path in folder.glob(pattern))
    fingerprint = blake2b(digest_size=16)
    for path in files:
        size = path.stat().st_size
        fingerprint.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as stream:
            if size <= HASHED_WHOLE:
                fingerprint.update(stream.read())
            else:
                fingerprint.update(stream.read(EDGE))
                stream.seek(-EDGE, 2)
                fingerprint.update(stream.read())
    return [fingerprint.hexdigest()]
