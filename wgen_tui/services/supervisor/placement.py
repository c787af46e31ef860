"""Where a launch may run now: on which GPUs, in a CPU slot, or not yet and why.

Promises: pure functions over plain data, so the same picture gives the same answer; memory is
promised once; what others compute on is left to them unless the settings say otherwise; whoever
waits learns for what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wgen_tui.protocol.launches import Stage
from wgen_tui.services.machine.gpus import Gpu, gb
from wgen_tui.services.settings import Settings

# Memory that no listed process owns, above which somebody computes whom NVML does not show (another
# container). A judgment: drivers keep a few hundred MB for themselves, a context takes as much.
UNSEEN_MB = 2048


@dataclass(frozen=True, slots=True)
class Lease:
    """What a live launch of ours has been given.

    Attributes:
        gpus: UUIDs; none for a CPU slot.
        memory_mb: What it was promised on each of them.
        pids: Its processes, as far as they are known.
    """

    launch_id: str
    gpus: tuple[str, ...]
    memory_mb: int
    pids: frozenset[int]
    stage: Stage


@dataclass(frozen=True, slots=True)
class Request:
    """What a launch asks for.

    Attributes:
        memory_mb: On each GPU, for all that it would do at once; 0 when it is not known, which
            gets a GPU without other launches of ours.
        gpus_needed: More than 1 for several processes of accelerate.
        needs_model: False for judging and for served models: a CPU slot.
        least_mb: What it can do with: one adapter, one row at a time; 0: no less than `memory_mb`.
            Workers size themselves by what is free, so where a GPU will never have more, a launch
            gets what there is.
    """

    launch_id: str
    stage: Stage
    memory_mb: int
    gpus_needed: int = 1
    needs_model: bool = True
    least_mb: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """It may start: on these GPUs (UUIDs), with this memory promised on each; none: a CPU slot."""

    gpus: tuple[str, ...]
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """It may not start yet; `never`: nor later, unless the definition or the machine changes."""

    why: str
    never: bool = False


@dataclass(frozen=True, slots=True)
class _GpuBudget:
    """One GPU as our queue sees it; all in MB.

    Attributes:
        ours: Our launches on it.
        promised: What they may still come to use.
        used: What they use.
        strangers: Who else computes on it, for people; empty when nobody does.
    """

    gpu: Gpu
    ours: tuple[Lease, ...]
    promised: int
    used: int
    strangers: tuple[str, ...]
    reserve: int

    @property
    def free(self) -> int:
        """What can be promised now."""
        return self.gpu.free_mb - self.promised - self.reserve

    @property
    def attainable(self) -> int:
        """What could be promised if none of our launches were on it."""
        return self.gpu.free_mb + self.used - self.reserve


def place(
    request: Request, gpus: Sequence[Gpu], leases: Sequence[Lease], settings: Settings
) -> Place | Wait:
    """Where a launch may run.

    Args:
        request: What it asks for.
        gpus: As `gpus.probe` has just seen them.
        leases: Of all live launches.
        settings: The user's policy.

    Returns:
        Its GPUs, those with the most free memory first; or a CPU slot when it needs no model or
        there is no GPU that NVML knows (an AMD one included: its worker finds it); or what it
        waits for.
    """
    others = [lease for lease in leases if lease.launch_id != request.launch_id]
    if not request.needs_model or not gpus:
        return _slot(others, settings.queue.cpu_slots)
    budgets = [_budget(gpu, others, settings.gpu.reserve_mb) for gpu in gpus]
    if (never := _never(request, budgets)) is not None:
        return never
    fitting = [budget for budget in budgets if _obstacle(budget, request, settings) is None]
    if len(fitting) < request.gpus_needed:
        return Wait(_why(request, budgets, len(fitting), settings))
    fitting.sort(key=lambda budget: (-budget.free, budget.gpu.index))
    chosen = fitting[: request.gpus_needed]
    return Place(
        tuple(budget.gpu.uuid for budget in chosen),
        max(_need(budget, request) for budget in chosen),
    )


def _slot(leases: Sequence[Lease], slots: int) -> Place | Wait:
    taken = [lease.launch_id for lease in leases if not lease.gpus]
    if len(taken) < slots:
        return Place(())
    who = taken[0] if len(taken) == 1 else f"{taken[0]} and {len(taken) - 1} more"
    return Wait(f"waits for a CPU slot: {len(taken)} of {slots} taken, by {who}")


def _budget(gpu: Gpu, leases: Sequence[Lease], reserve: int) -> _GpuBudget:
    ours = tuple(lease for lease in leases if gpu.uuid in lease.gpus)
    promised, used = _promised(gpu, ours)
    return _GpuBudget(gpu, ours, promised, used, _other_processes(gpu, ours), reserve)


def _promised(gpu: Gpu, ours: Sequence[Lease]) -> tuple[int, int]:
    """What our launches may still come to use of a GPU, and what they use."""
    promised = used = hidden = 0
    for lease in ours:
        sizes = [gpu.processes[pid] for pid in lease.pids if pid in gpu.processes]
        known = [size for size in sizes if size is not None]
        if known:
            used += sum(known)
            promised += max(0, lease.memory_mb - sum(known))
        else:  # just started; or in a container, where NVML numbers processes otherwise
            hidden += lease.memory_mb
    own_pids = {pid for lease in ours for pid in lease.pids}
    known_sizes = [
        size for pid, size in gpu.processes.items() if pid in own_pids or pid in gpu.names
    ]
    rest = max(0, gpu.used_mb - sum(size or 0 for size in known_sizes)) if hidden else 0
    # A driver's own few hundred MB are taken for ours here: too little is promised, never twice.
    return promised + max(0, hidden - rest), used + min(hidden, rest)


def _other_processes(gpu: Gpu, ours: Sequence[Lease]) -> tuple[str, ...]:
    """Who computes on a GPU beside us, with what they use."""
    own_pids = {pid for lease in ours for pid in lease.pids}
    others = {pid: size for pid, size in gpu.processes.items() if pid not in own_pids}
    # From inside a container our own worker has another number: take as many of those that cannot
    # be seen from here for ours as we have launches that are not listed.
    unlisted = sum(not lease.pids & set(gpu.processes) for lease in ours)
    nameless = [pid for pid in others if pid not in gpu.names]
    for pid in nameless[:unlisted]:
        del others[pid]
    descriptions = [
        f"{gpu.who(pid)} uses {gb(size)}" if size is not None else f"{gpu.who(pid)} computes"
        for pid, size in others.items()
    ]
    if not ours and not gpu.processes and gpu.unseen_mb >= UNSEEN_MB:
        descriptions.append(f"processes that cannot be seen from here use {gb(gpu.unseen_mb)}")
    return tuple(descriptions)


def _need(budget: _GpuBudget, request: Request) -> int:
    """What a launch is to be promised on a GPU: all it wants, or what it will ever have."""
    least = request.least_mb or request.memory_mb
    return min(request.memory_mb, max(least, budget.attainable))


def _never(request: Request, budgets: Sequence[_GpuBudget]) -> Wait | None:
    """The answer for a launch that fits on none of these GPUs even when they are empty."""
    if request.gpus_needed > len(budgets):
        return Wait(
            f"needs {request.gpus_needed} GPUs, and there are {len(budgets)}: lower num_processes "
            "under accelerate, or CUDA_VISIBLE_DEVICES hides some",
            never=True,
        )
    least = request.least_mb or request.memory_mb
    totals = sorted((budget.gpu.total_mb - budget.reserve for budget in budgets), reverse=True)
    most = totals[request.gpus_needed - 1]
    if least <= most:
        return None
    what = "each GPU has" if len(budgets) > 1 else "the GPU has"
    advice = (
        "a smaller batch or max_length, gradient_checkpointing: true, quantization: 4bit, or "
        "accelerate with FSDP over several GPUs"
        if request.stage == "train"
        else "fewer max_tokens, or a served model"
    )
    return Wait(
        f"will never fit: needs {gb(least)} GB, {what} at most {gb(most)} "
        f"({gb(budgets[0].reserve)} kept free). Use {advice}",
        never=True,
    )


def _obstacle(budget: _GpuBudget, request: Request, settings: Settings) -> str | None:
    """What keeps a launch from a GPU; None when nothing does."""
    gpu = budget.gpu
    needs = f"needs {gb(_need(budget, request))}" if request.memory_mb else "needs it alone"
    if budget.strangers and not settings.gpu.share_with_others:
        free = f"{gb(gpu.free_mb)} of {gb(gpu.total_mb)} GB free"
        return f"{'; '.join(budget.strangers)}; {free}, {needs}"
    if len(budget.ours) >= settings.gpu.per_gpu:
        return f"{_count(budget.ours)} on it (per_gpu = {settings.gpu.per_gpu})"
    if not request.memory_mb:  # it might take anything
        return f"{_count(budget.ours)} on it, needs it alone" if budget.ours else None
    if any(not lease.memory_mb for lease in budget.ours):
        return "a launch of ours on it has no memory estimate"
    if _need(budget, request) <= budget.free:
        return None
    parts = [f"{gb(gpu.free_mb)} of {gb(gpu.total_mb)} GB free"]
    if budget.promised:
        parts.append(f"{gb(budget.promised)} promised to {_count(budget.ours)}")
    if budget.reserve:
        parts.append(f"{gb(budget.reserve)} kept free")
    return "; ".join([", ".join(parts) + f", {needs}", *budget.strangers])


def _count(leases: Sequence[Lease]) -> str:
    return "1 launch of ours" if len(leases) == 1 else f"{len(leases)} launches of ours"


def _why(request: Request, budgets: Sequence[_GpuBudget], fitting: int, settings: Settings) -> str:
    """What a launch waits for: the GPU that comes nearest to having enough free for it."""
    blocked = [
        (budget, why)
        for budget in budgets
        if (why := _obstacle(budget, request, settings)) is not None
    ]
    budget, why = max(blocked, key=lambda pair: (not pair[0].strangers, pair[0].free))
    if request.gpus_needed > 1:
        have = f"{fitting} of {request.gpus_needed} GPUs free for it"
        return f"{have}; waits for GPU {budget.gpu.index}: {why}"
    return f"waits for GPU {budget.gpu.index}: {why}"
