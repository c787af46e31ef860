"""`python -m wgen_tui.workers.sample`: the sample worker."""

import sys

from wgen_tui.workers.runtime import launch_worker
from wgen_tui.workers.sample.stage import sample

if __name__ == "__main__":
    sys.exit(launch_worker("sample", sample))
