"""`python -m wgen_tui.workers.train`: the train worker."""

from wgen_tui.workers.runtime import exit_process, launch_worker
from wgen_tui.workers.train.stage import train

if __name__ == "__main__":
    exit_process(launch_worker("train", train))
