"""`python -m wgen_tui.workers.launch`: `accelerate launch`, the worker in the launcher's process.

Promises: the options, the configuration file and the environment are those of `accelerate launch`,
read by accelerate itself; a launch of one process takes one process. accelerate's own launcher
starts another for it and waits: torch is imported twice and kept in memory twice. Launches of
several processes are left to accelerate.
"""

import gc

gc.disable()  # what is imported stays; looking for garbage in it is a fifth of the start

import argparse  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import sys  # noqa: E402

from wgen_tui.workers.device.allocator import prefer_growing_segments  # noqa: E402

prefer_growing_segments()

import torch  # noqa: E402
from accelerate.commands import launch  # noqa: E402
from accelerate.utils.launch import prepare_simple_launcher_cmd_env  # noqa: E402

_start_another = launch.simple_launcher


def _run_here(args: argparse.Namespace) -> None:
    """Do what accelerate's launcher of single processes would start, in this process."""
    if args.mpirun_hostfile is not None or not args.module:
        _start_another(args)
        return
    _, environment = prepare_simple_launcher_cmd_env(args)
    if environment["OMP_NUM_THREADS"] != os.environ.get("OMP_NUM_THREADS"):
        # torch has read it at its import, before accelerate chose one.
        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
    os.environ.update(environment)
    sys.argv = [args.training_script, *args.training_script_args]
    runpy.run_module(args.training_script, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    launch.simple_launcher = _run_here
    launch.main()
