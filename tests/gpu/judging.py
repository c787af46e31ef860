"""A local judge on the device: its verdicts are `generate`'s, in 4 and 8 bits too; their rate.

Checked is that one-token verdicts are those of `generate` on the same weights in fp32, and that 4-
and 8-bit judges answer every prompt (where bitsandbytes is installed). Measured is verdicts per
second beside `generate` at the better of two batch sizes, every completion another one.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from tests.benchmarks.bench_judge import BARS, make_prompts, ours, peer
from tests.gpu import shapes
from tests.gpu.draws import timed
from tests.gpu.homes import exact, model
from tests.gpu.quantised import KINDS
from tests.gpu.session import Session
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.models import Base, LoadAs, load_base

PART = "judging"
POSITIONS = 2048
SPREAD = 0.3  # of the weights, so that verdicts differ
CHECKED = {True: 256, False: 12}  # prompts, by whether there is a GPU
TIMED = {True: 1024, False: 16}
BATCHES = {True: (64, 256), False: (8,)}
# Rows of a batch lend each other outliers in 8 bits, and kernels follow from the batch in 4: the
# verdicts of random weights stand close together, so that some of them fall on the other side.
LEAST_ALIKE = 0.8


def load(session: Session, **loading: str) -> Base:
    """A small model, loaded as a worker loads a judge."""
    # On a CPU bitsandbytes takes 4-bit matrices of whole blocks of 64 only.
    width = 768 if session.on_gpu else 128
    folder = model(
        session,
        "llama",
        max_position_embeddings=POSITIONS,
        intermediate_size=width,
        initializer_range=SPREAD,
    )
    ref = ModelRef(name="judge", location=str(folder))
    return load_base(ref, LoadAs(**loading), None, session.device)


def compare(session: Session, what: str, base: Base, least: float) -> None:
    """Ask every prompt of both; as many verdicts as `least` must be the same."""
    count = CHECKED[session.on_gpu]
    for place in BARS:
        session.need(2)
        prompts = make_prompts(base, place, count)
        found, beside = ours(base, prompts), peer(base, prompts, BATCHES[session.on_gpu][0])
        alike = sum(one == other for one, other in zip(found, beside, strict=True))
        session.report.check(
            PART,
            f"{what}, rubric {place} the answer: verdicts = generate's",
            ok=alike >= least * count and all(found),
            value=f"{alike} of {count}",
            beside=f"at least {least * count:.0f}",
            note=f"{len(set(found))} different ones",
        )


def measure(session: Session, base: Base, shape: str, place: str) -> None:
    """Verdicts per second of both, on the same prompts."""
    prompts = make_prompts(base, place, TIMED[session.on_gpu])
    few = prompts[: len(prompts) // 8]
    tried = {
        batch: timed(session, partial(peer, base, few, batch))[1]
        for batch in BATCHES[session.on_gpu]
    }
    batch = min(tried, key=lambda size: tried[size])
    # Twice: the first time memory is taken, for the whole of it, and kernels are loaded.
    runs = [timed(session, partial(ours, base, prompts)) for _ in range(2)]
    peers = [timed(session, partial(peer, base, prompts, batch)) for _ in range(2)]
    (found, seconds), (beside, peer_seconds) = (
        min(r, key=lambda one: one[1]) for r in (runs, peers)
    )
    alike = sum(one == other for one, other in zip(found, beside, strict=True))
    session.report.figure(
        PART,
        f"{shape}, rubric {place} the answer",
        f"{len(prompts) / seconds:.0f} verdicts/s",
        f"{peer_seconds / seconds:.2f} times generate (bar: {BARS[place]:g})",
        f"generate's batch: {batch}; {alike} of {len(prompts)} verdicts alike in {base.precision}",
        numbers={
            "shape": shape,
            "place": place,
            "verdicts": len(prompts),
            "seconds": seconds,
            "generate_seconds": peer_seconds,
            "batch": batch,
            "alike": alike,
        },
    )


def run(session: Session) -> None:
    """Checks first, then every shape."""
    with exact():
        compare(session, "fp32", load(session, precision="fp32"), 1.0)
    if find_spec("bitsandbytes") is None:
        session.report.left_out(PART, "4- and 8-bit judges", "bitsandbytes is not installed")
    else:
        for kind in KINDS:
            compare(session, kind, load(session, quantization=kind), LEAST_ALIKE)
    for shape, size in session.sizes.models.items():
        billions = shapes.billions(size) if session.on_gpu else 0
        base = session.attempt(PART, shape, 2 + billions, partial(shapes.build, session, shape))
        if base is None:
            continue
        for place in BARS:
            # About 2 * parameters operations a token, at a third of what the device gives at best.
            seconds = 4 + 6 * billions if session.on_gpu else 1
            what = f"{shape}, rubric {place} the answer"
            session.attempt(PART, what, seconds, partial(measure, session, base, shape, place))
        del base
        session.free()
