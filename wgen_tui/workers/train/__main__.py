"""`python -m wgen_tui.workers.train`: the train worker."""

from wgen_tui.workers.runtime import launch_worker, leave
from wgen_tui.workers.train.stage import train

if __name__ == "__main__":
    leave(launch_worker("train", train))
