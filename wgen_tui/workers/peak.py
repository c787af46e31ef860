"""How much memory this process has taken at most.

Promises: nothing is imported for it; of a GPU only where this process has used one.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory_mb() -> float:
    """The peak in units of 2**20 bytes: what torch has reserved on its GPU, else what was resident.

    Reserved, not allocated: what torch's allocator keeps nobody else can have. The CUDA context
    comes on top of it (`services.estimate.CONTEXT_MB`).
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        return max(float(torch.cuda.max_memory_reserved(device)) for device in devices) / 2**20
    try:
        # Not getrusage: its peak is inherited over fork and exec from whoever started us, which
        # for one of several processes is accelerate's launcher with torch loaded.
        match = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    except OSError:
        match = None
    if match is not None:
        return int(match[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
