"""`python -m wgen_tui.workers.judge`: the judge worker."""

import sys

from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.runtime import launch_worker

if __name__ == "__main__":
    sys.exit(launch_worker("judge", judge))
