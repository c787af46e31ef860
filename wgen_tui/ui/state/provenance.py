"""A run's provenance in words: proof of adapter, verification, training, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, GOOD, WARN

if TYPE_CHECKING:
    from wgen_tui.protocol.runs import RunSpec, Verification
    from wgen_tui.services.results.provenance import Proof, Provenance

Part = tuple[str, str]  # text, style
PROOFS: dict[str, Part] = {
    "proven": ("✓ proven", GOOD),
    "refuted": ("✗ refuted", BAD),
    "not loaded": ("○ not proven yet", DIM),
    "no adapter": ("no adapter", DIM),
}
PEFT_PREFIX = "base_model.model."
PROVEN = "Sampling loaded the trained adapter, and it changed the model's answers.\n"
UNPROVEN = "Sampling proves it: it must answer as at the end of training, and not as base.\n"
IN_DOUBT = "The samples of this run are in doubt.\n"
NO_ADAPTER = "The untrained base: nothing to prove, nothing to verify.\n"
IN_CONTEXT = (
    "Nothing is trained: the {rows} rows of its data.jsonl stand before every prompt, in their "
    "order.\n"
)


def short(provenance: Provenance) -> Text:
    """`adapter ✓ proven · ✓ verified`, or that there is none."""
    text = Text()
    if provenance.spec.training is None:
        return text.append(*PROOFS[provenance.proof.state])
    text.append("adapter ")
    text.append(*PROOFS[provenance.proof.state])
    text.append(" · ")
    text.append(*_verdict(provenance.verification))
    return text


def card(provenance: Provenance) -> Text:
    """The whole provenance; what decides whether the numbers count comes first."""
    text = Text()
    if provenance.spec.training is None:
        rows = provenance.spec.in_context
        text.append(NO_ADAPTER if rows is None else IN_CONTEXT.format(rows=rows))
    else:
        _heading(text, "proof of adapter", PROOFS[provenance.proof.state])
        _proof(text, provenance.proof)
        whose = "TRL" if provenance.spec.between is None else "PEFT"
        verdict = _verdict(provenance.verification, whose)
        _heading(text, f"\nverified against stock {whose}", verdict)
        if provenance.verification is not None:
            _verification(text, provenance.verification)
        else:
            _unverified(text, provenance)
        _heading(text, "\ntraining")
        _training(text, provenance)
    _heading(text, "\nmodel")
    text.append(printable(f"{provenance.spec.model.name}{_revision(provenance)}\n"))
    if provenance.trained_on:
        text.append(
            f"{printable(provenance.trained_on.partition(': ')[2] or provenance.trained_on)}\n"
        )
    _heading(text, "\nversions at planning")
    text.append(f"{_versions(provenance.spec.versions) or 'not recorded'}\n")
    text.append(printable(f"definition {provenance.spec.definition_hash}\n"), DIM)
    return text


def _heading(text: Text, title: str, verdict: Part | None = None) -> None:
    text.append(title, BOLD)
    if verdict is not None:
        text.append("  ")
        text.append(*verdict)
    text.append("\n")


def _verdict(verification: Verification | None, whose: str = "TRL") -> Part:
    if verification is None:
        return "○ not verified", DIM
    return ("✓ verified", GOOD) if verification.passed else (f"✗ differs from {whose}", BAD)


def _proof(text: Text, proof: Proof) -> None:
    if proof.state == "refuted":
        text.append(f"{printable(proof.why)}\n", BAD)
        text.append(IN_DOUBT, BAD)
    else:
        text.append(PROVEN if proof.state == "proven" else UNPROVEN)
    if proof.launch_id is not None:
        text.append(f"launch {proof.launch_id}\n", DIM)


def _verification(text: Text, v: Verification) -> None:
    """The difference to TRL, beside the difference by rounding alone."""
    floor = "not measured" if v.floor is None else f"{v.floor:.2g}"
    text.append(f"relative difference {v.difference:.2g}", BOLD)
    text.append(f" · floor of rounding {floor} · limit {v.limit:.2g}\n")
    module = v.worst_module.removeprefix(PEFT_PREFIX)
    text.append(printable(f"worst module {v.worst:.2g} {module}\n"))
    text.append(
        f"{'same' if v.same_order else 'OTHER'} order",
        "" if v.same_order else WARN,
    )
    text.append(f" · {printable(v.mask)}\n", "" if v.mask_equal is not False else WARN)
    text.append(
        f"{v.steps:,} steps in {v.precision} on {printable(v.device)}, "
        f"{v.created_at:%Y-%m-%d %H:%M}, {show.duration(v.seconds)}\n"
    )
    text.append(f"with {_versions(v.versions)}\n", DIM)
    for note in v.notes:
        text.append(f"{printable(note)}\n", DIM)


def _unverified(text: Text, provenance: Provenance) -> None:
    if provenance.unverifiable:
        text.append(f"{printable(provenance.unverifiable)}\n")
    else:
        text.append(f"wgen-tui run verify {printable(provenance.short_name)}\n", BOLD)
        how = "trains it again with stock TRL and PEFT"
        if provenance.spec.between is not None:
            how = "has stock PEFT make it of the same two adapters"
        text.append(f"{how} and compares\n", DIM)


def _training(text: Text, provenance: Provenance) -> None:
    spec, training = provenance.spec, provenance.training
    if spec.training is not None and spec.adapter is not None:
        text.append(printable(f"{spec.training.adapter}: {spec.adapter}, trained elsewhere\n"))
        text.append("That it is applied is proven; how it was trained is its maker's word.\n")
    elif spec.training is not None and spec.between is not None:
        text.append(printable(f"{spec.training.adapter}, nothing trained: {spec.between}\n"))
    elif spec.training is not None:
        text.append(f"{spec.training.adapter}, lr {spec.training.learning_rate:g}, ")
        text.append(f"batch {spec.training.per_device_train_batch_size}, ")
        text.append(f"{show.plural(spec.trained_rows, 'example')}, seed {spec.seeds.seed}\n")
    for line in training_lines(training):
        text.append(f"{printable(line)}\n")
    steps = ", ".join(f"{step:,}" for step in provenance.steps)
    end = "" if provenance.final or not provenance.steps else " (not the end)"
    text.append(f"checkpoints {steps or 'none yet'}{end}\n")
    _made_rows(text, spec)
    if spec.sorts_rows:
        text.append("A first training: by it rows of other runs are told apart.\n")
    if spec.data_sha256:
        text.append(f"data sha256 {spec.data_sha256[:16]}…\n", DIM)
    if provenance.trained_by is not None:
        text.append(f"launch {provenance.trained_by}\n", DIM)


def _made_rows(text: Text, spec: RunSpec) -> None:
    """Rows that are made before the run is trained, and by whom."""
    if spec.derived is not None:
        told = spec.derived
        text.append(
            printable(
                f"{told.expected - told.given:,} rows at most made by {told.teacher} from "
                f"{told.prompts:,} prompts; derived.json has what became of its answers\n"
            )
        )
        if told.kept_by is not None:
            judge = told.kept_by
            what = f"a number {told.bound.bounds}" if told.bound is not None else told.label
            text.append(
                printable(
                    f"kept where {judge.judge.name} ({judge.model.name}) says {what}; judged.jsonl "
                    "has what it said of each\n"
                )
            )
    if spec.upsample is not None:
        twice = "slow rows" if spec.upsample.by == "useful" else "as many random rows"
        text.append(
            printable(
                f"{twice} of {spec.upsample.given:,} stand twice, told apart by "
                f"{spec.upsample.first}; upsampled.json has which\n"
            )
        )


def training_lines(training: Mapping[str, Any]) -> list[str]:
    """How a checkpoint was trained, by its manifest; one sentence a line."""
    engine = training.get("engine")
    lines = []
    if went := training.get("start_from"):
        lines.append(f"went on with the adapter of {went['run']} at step {went['step']}")
    if engine == "grid":
        sizes = [int(size) for size in training.get("stack", [])]
        lines.append(f"grid of {_range(sizes)} trained together" if sizes else "grid")
        packed, padded = training.get("passes_packed", 0), training.get("passes_padded", 0)
        factor = training.get("pad_factor", 1.0)
        lines.append(
            f"passes {padded:,} padded, {packed:,} packed; {factor:.2f} tokens for each real"
        )
    elif engine == "alone":
        lines.append(f"alone: {training.get('why', 'no reason was recorded')}")
    elif engine == "joint":
        arms = ", ".join(str(arm) for arm in training.get("arms", []))
        lines.append(f"task {training.get('task')} of one adapter for {arms}")
    elif engine == "between":
        lines += [
            f"{part['share']:g} of the adapter of {part['run']} at step {part['step']}"
            for part in training.get("between", [])
        ]
    elif engine is not None:
        lines.append(str(engine))
    if resumed := training.get("resumed_at"):
        lines.append(f"stopped, and resumed at step {', '.join(map(str, resumed))}")
    if (kl := training.get("kl_to_base")) is not None:
        lines.append(f"KL to the base at its last step: {kl:.4g}, the mean over tokens")
    if taken := training.get("taken_from"):
        lines.append(f"copied from {taken}, which shares its adapter")
    return lines


def _range(sizes: list[int]) -> str:
    """`9`, or `3 to 9`: a stack shrinks as runs end."""
    low, high = min(sizes), max(sizes)
    return str(high) if low == high else f"{low} to {high}"


def _revision(provenance: Provenance) -> str:
    model = provenance.spec.model
    asked = f" @ {model.revision}" if model.revision else ""
    if model.commit:
        return f"{asked}, commit {model.commit}"
    return f"{asked}, unpinned: planned before commits were kept" if model.unpinned else asked


def _versions(versions: Mapping[str, str]) -> str:
    return printable(", ".join(f"{name} {number}" for name, number in versions.items()))
