"""`python -m wgen_tui.workers.sample`: the sample worker."""

import gc
import sys

gc.disable()  # what is imported stays; looking for garbage in it is a fifth of the start

from wgen_tui.workers.runtime import launch_worker  # noqa: E402
from wgen_tui.workers.sample.stage import sample  # noqa: E402

if __name__ == "__main__":
    sys.exit(launch_worker("sample", sample))
