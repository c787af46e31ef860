"""What holds for every test process, whoever started it and whatever works beside it.

Promises: the programs that tests start take signals as from a shell in the foreground, and compute
on one core each.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

# Two workers of pytest and what they start share few cores. Threads of one computation that do not
# run at once wait for each other by spinning: a test took eighteen times as long with two.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _ignore(number: int, frame: FrameType | None) -> None:
    """Keep what nohup and a shell's background asked for, in this process alone."""


# An ignored signal stays ignored in every program that is started; a caught one does not.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _ignore)
