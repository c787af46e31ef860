"""`python -m wgen_tui.workers.train`: the train worker."""

import gc

gc.disable()  # what is imported stays; looking for garbage in it is a fifth of the start

from wgen_tui.workers.runtime import exit_process, launch_worker  # noqa: E402
from wgen_tui.workers.train.stage import train  # noqa: E402

if __name__ == "__main__":
    exit_process(launch_worker("train", train))
