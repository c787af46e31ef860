"""The train worker, where accelerate shards although there is no GPU.

accelerate 1.15 turns FSDP on for GPUs and their like only: `AcceleratorState` looks for it under
the kinds MULTI_GPU and so on, never under MULTI_CPU, so that on CPUs a launch that asks for FSDP
would be plain DDP without a word. torch itself shards over gloo. Here the processes say that they
are MULTI_GPU; everything else is what runs on GPUs.
"""

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from wgen_tui.workers.runtime import Worker, exit_process, launch_worker
from wgen_tui.workers.train.stage import train

PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)


def train_and_tell(worker: Worker) -> None:
    """Train, and say in the log how the processes shared the model."""
    train(worker)
    print(f"sharded by {AcceleratorState().distributed_type.value}", flush=True)


if __name__ == "__main__":
    exit_process(launch_worker("train", train_and_tell))
