"""Stable hashes of what can be written as JSON, equal on every machine."""

from __future__ import annotations

import json
from hashlib import blake2b


def digest(*parts: object, bits: int = 63) -> int:
    """A stable non-negative integer of `bits` bits from the parts' JSON (BLAKE2b)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    raw = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(raw, "big") >> (64 - bits)


def short_hash(*parts: object) -> str:
    """Ten hex digits of `digest`, for names."""
    return f"{digest(*parts, bits=40):010x}"
