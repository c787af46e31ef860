"""How a run came about, in words: proof of adapter, verification, training, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, GOOD, WARN

if TYPE_CHECKING:
    from wgen_tui.protocol.runs import Verification
    from wgen_tui.services.results.provenance import Proof, Provenance

Part = tuple[str, str]  # text, style
PROOFS: dict[str, Part] = {
    "proven": ("✓ proven", GOOD),
    "refuted": ("✗ refuted", BAD),
    "not loaded": ("○ not proven yet", DIM),
    "no adapter": ("no adapter", DIM),
}
PEFT_PREFIX = "base_model.model."
PROVEN = "When it was loaded to be sampled it was the trained one, and had an effect.\n"
UNPROVEN = "Sampling proves it: it must answer as at the end of training, and not as base.\n"
IN_DOUBT = "The samples of this run are in doubt.\n"
NO_ADAPTER = "The untrained base: nothing to prove, nothing to verify.\n"


def in_short(found: Provenance) -> Text:
    """`adapter ✓ proven · ✓ verified`, or that there is none."""
    text = Text()
    if found.spec.training is None:
        return text.append(*PROOFS[found.proof.state])
    text.append("adapter ")
    text.append(*PROOFS[found.proof.state])
    text.append(" · ")
    text.append(*_verdict(found.verification))
    return text


def card(found: Provenance) -> Text:
    """Everything, what decides whether the numbers count first."""
    text = Text()
    if found.spec.training is None:
        text.append(NO_ADAPTER)
    else:
        _heading(text, "proof of adapter", PROOFS[found.proof.state])
        _proof(text, found.proof)
        _heading(text, "\nverified against stock TRL", _verdict(found.verification))
        if found.verification is not None:
            _verification(text, found.verification)
        else:
            _unverified(text, found)
        _heading(text, "\ntraining")
        _training(text, found)
    _heading(text, "\nmodel")
    text.append(printable(f"{found.spec.model.name}{_revision(found)}\n"))
    if found.trained_on:
        text.append(f"{printable(found.trained_on.partition(': ')[2] or found.trained_on)}\n")
    _heading(text, "\nversions when it was planned")
    text.append(f"{_versions(found.spec.versions) or 'not recorded'}\n")
    text.append(printable(f"definition {found.spec.definition_hash}\n"), DIM)
    return text


def _heading(text: Text, title: str, verdict: Part | None = None) -> None:
    text.append(title, BOLD)
    if verdict is not None:
        text.append("  ")
        text.append(*verdict)
    text.append("\n")


def _verdict(found: Verification | None) -> Part:
    if found is None:
        return "○ not verified", DIM
    return ("✓ verified", GOOD) if found.passed else ("✗ differs from TRL", BAD)


def _proof(text: Text, proof: Proof) -> None:
    if proof.state == "refuted":
        text.append(f"{printable(proof.why)}\n", BAD)
        text.append(IN_DOUBT, BAD)
    else:
        text.append(PROVEN if proof.state == "proven" else UNPROVEN)
    if proof.launch_id is not None:
        text.append(f"launch {proof.launch_id}\n", DIM)


def _verification(text: Text, found: Verification) -> None:
    """The difference beside what rounding alone does."""
    floor = "not measured" if found.floor is None else f"{found.floor:.2g}"
    text.append(f"relative difference {found.difference:.2g}", BOLD)
    text.append(f" · floor of rounding {floor} · limit {found.limit:.2g}\n")
    module = found.worst_module.removeprefix(PEFT_PREFIX)
    text.append(printable(f"worst module {found.worst:.2g} {module}\n"))
    text.append(
        f"{'same' if found.same_order else 'OTHER'} order", "" if found.same_order else WARN
    )
    text.append(f" · {printable(found.mask)}\n", "" if found.mask_equal is not False else WARN)
    text.append(
        f"{found.steps:,} steps in {found.precision} on {printable(found.device)}, "
        f"{found.created_at:%Y-%m-%d %H:%M}, {show.duration(found.seconds)}\n"
    )
    text.append(f"with {_versions(found.versions)}\n", DIM)
    for note in found.notes:
        text.append(f"{printable(note)}\n", DIM)


def _unverified(text: Text, found: Provenance) -> None:
    if found.unverifiable:
        text.append(f"{printable(found.unverifiable)}\n")
    else:
        text.append(f"wgen-tui run verify {printable(found.short_name)}\n", BOLD)
        text.append("trains it again with stock TRL and PEFT and compares\n", DIM)


def _training(text: Text, found: Provenance) -> None:
    spec, made = found.spec, found.training
    if spec.training is not None:
        text.append(f"{spec.training.adapter}, lr {spec.training.learning_rate:g}, ")
        text.append(f"batch {spec.training.per_device_train_batch_size}, ")
        text.append(f"{show.plural(spec.trained_rows, 'example')}, seed {spec.seeds.seed}\n")
    for line in how(made):
        text.append(f"{printable(line)}\n")
    steps = ", ".join(f"{step:,}" for step in found.steps)
    end = "" if found.final or not found.steps else " (not the end)"
    text.append(f"checkpoints {steps or 'none yet'}{end}\n")
    if spec.data_sha256:
        text.append(f"data sha256 {spec.data_sha256[:16]}…\n", DIM)
    if found.trained_by is not None:
        text.append(f"launch {found.trained_by}\n", DIM)


def how(made: Mapping[str, Any]) -> list[str]:
    """What a checkpoint's manifest says of its making, a sentence a line."""
    engine = made.get("engine")
    lines = []
    if engine == "grid":
        sizes = [int(size) for size in made.get("stack", [])]
        lines.append(f"grid of {_range(sizes)} trained together" if sizes else "grid")
        packed, padded = made.get("passes_packed", 0), made.get("passes_padded", 0)
        factor = made.get("pad_factor", 1.0)
        lines.append(
            f"passes {padded:,} padded, {packed:,} packed; {factor:.2f} tokens for each real"
        )
    elif engine == "alone":
        lines.append(f"alone: {made.get('why', 'no reason was recorded')}")
    elif engine == "joint":
        arms = ", ".join(str(arm) for arm in made.get("arms", []))
        lines.append(f"task {made.get('task')} of one adapter for {arms}")
    elif engine is not None:
        lines.append(str(engine))
    if resumed := made.get("resumed_at"):
        lines.append(f"stopped, and went on from step {', '.join(map(str, resumed))}")
    if taken := made.get("taken_from"):
        lines.append(f"copied from its mate {taken}")
    return lines


def _range(sizes: list[int]) -> str:
    """`9`, or `3 to 9`: a stack shrinks as runs end."""
    low, high = min(sizes), max(sizes)
    return str(high) if low == high else f"{low} to {high}"


def _revision(found: Provenance) -> str:
    return f" @ {found.spec.model.revision}" if found.spec.model.revision else ""


def _versions(versions: Mapping[str, str]) -> str:
    return printable(", ".join(f"{name} {number}" for name, number in versions.items()))
