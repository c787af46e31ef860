"""Copies between the host and a GPU that make neither wait for the other.

Promises: what goes to a GPU goes through pinned memory, behind the work that was asked for before,
and the host continues at once; what comes from it is waited for where it is read, not where it is
asked for. Without a GPU nothing is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def upload(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the host on a device; the host does not wait for the copy."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda":
        # torch keeps the pinned block until the copy is done.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class Download:
    """Tensors on their way to the host, behind the work that was asked for before."""

    def __init__(self, *tensors: torch.Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        if tensors[0].device.type != "cuda":
            self._tensors = [tensor.detach() for tensor in tensors]
            return
        self._tensors = [
            torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors
        ]
        for here, there in zip(self._tensors, tensors, strict=True):
            here.copy_(there.detach(), non_blocking=True)
        self._arrived = torch.cuda.Event()
        self._arrived.record(torch.cuda.current_stream(tensors[0].device))

    def wait(self) -> list[np.ndarray[Any, np.dtype[Any]]]:
        """Their numbers, once they are here."""
        if self._arrived is not None:
            self._arrived.synchronize()
        arrays = []
        for tensor in self._tensors:
            arrays.append(tensor.cpu().numpy())
        return arrays
