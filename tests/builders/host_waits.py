"""Counts where the host waits for a device, by the place in the code that asks.

A GPU computes while the host runs ahead; each of these makes the host stand still until all that
was asked for is done: reading a number or a tensor (`item`, `tolist`, `cpu`, `numpy`, a tensor as
a condition), results whose size is data (`nonzero`, a mask as an index, `unique`), and copies to
the device from memory that is not pinned. On a CPU nothing waits, but the same calls are made, so
that they can be counted there.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Asked for in Python; on a CPU some of them never reach the dispatcher.
READS = {"item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__"}
UPLOADS = {"to", "cuda", "tensor", "as_tensor"}
# What others come down to, however it was written.
DISPATCHED = {
    "_local_scalar_dense",
    "nonzero",
    "is_nonzero",
    "equal",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
}
PACKAGES = ("wgen_tui", "transformers", "peft")


class HostWaits:
    """Counts them while it is entered.

    Attributes:
        places: "folder/file.py:function what" -> how often.
    """

    def __init__(self) -> None:
        self.places: Counter[str] = Counter()
        self._inside = False
        self._stack = ExitStack()

    def __enter__(self) -> HostWaits:
        self._stack.enter_context(_Functions(self))
        self._stack.enter_context(_Operators(self))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(None, None, None)

    def note(self, what: str) -> None:
        """Count one, at the innermost place in a package that we know."""
        frame = sys._getframe(1)
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            package = next((part for part in path.parts if part in PACKAGES), None)
            if package is not None:
                inner = path.parts[len(path.parts) - path.parts[::-1].index(package) :]
                where = "/".join((package, *inner))
                self.places[f"{where}:{frame.f_code.co_name} {what}"] += 1
                return
            frame = frame.f_back  # type: ignore[assignment]
        self.places[f"elsewhere {what}"] += 1

    def counted(self, what: str, call: Callable[[], Any]) -> Any:
        """Count a call, and what it comes down to only once."""
        self.note(what)
        self._inside, before = True, self._inside
        try:
            return call()
        finally:
            self._inside = before

    @property
    def inside(self) -> bool:
        return self._inside


class _Functions(TorchFunctionMode):
    """Sees what is called in Python."""

    def __init__(self, waits: HostWaits) -> None:
        super().__init__()
        self._waits = waits

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if not self._waits.inside and (what := _asked(name, args, kwargs)):
            return self._waits.counted(what, lambda: function(*args, **kwargs))
        return function(*args, **kwargs)


class _Operators(TorchDispatchMode):
    """Sees what is computed."""

    def __init__(self, waits: HostWaits) -> None:
        super().__init__()
        self._waits = waits

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = operator.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            one is not None and one.dtype == torch.bool for one in args[1]
        )
        if not self._waits.inside and (by_mask or name in DISPATCHED):
            self._waits.note("index by mask" if by_mask else name)
        return operator(*args, **(kwargs or {}))


def _asked(name: str, args: Iterable[Any], kwargs: dict[str, Any]) -> str | None:
    """What a Python call waits for; None if for nothing."""
    if name in READS:
        return name.strip("_")
    if name in UPLOADS and not kwargs.get("non_blocking"):
        given = [*args, kwargs.get("device")]
        if name == "cuda" or any(isinstance(one, torch.device | str) for one in given):
            return "upload"
    if name == "__getitem__" and isinstance(list(args)[1], list):
        return "upload"
    return None
