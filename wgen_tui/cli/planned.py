"""The plan of `run start --dry-run --json`: what another scheduler needs to know.

Promises: nothing is written; a launch that is only planned is called `planned-N` wherever its id
would stand, and what it waits for stands before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.paths import Home
    from wgen_tui.protocol.launches import LaunchSpec
    from wgen_tui.services.planning.plan import Plan


def plan_json(home: Home, plan: Plan, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The plan as a whole.

    Args:
        home: Where it would be done.
        plan: What would be done.
        rows: Its runs, as `run start --json` shows them.
    """
    from wgen_tui.services.planning.commit import launches_for
    from wgen_tui.services.planning.run_specs import installed

    launches = launches_for(plan)
    names = {item.launch_id: f"planned-{number}" for number, item in enumerate(launches)}
    slurm = plan.slurm
    return {
        "schema": 1,
        "experiment": plan.definition.slug,
        "dry_run": True,
        "home": home.root,
        "backend": {
            "name": "local" if slurm is None else "slurm",
            "slurm": None if slurm is None else slurm.model_dump(mode="json"),
        },
        "versions": installed(),
        "samples_total": sum(row["samples_total"] for row in rows),
        "samples_missing": sum(row["samples_missing"] for row in rows),
        "disk_mb": plan.disk_mb,
        "launches": [_launch(home, plan, item, names) for item in launches],
        "runs": list(rows),
    }


def _launch(home: Home, plan: Plan, spec: LaunchSpec, names: dict[str, str]) -> dict[str, Any]:
    """One launch, under its name in this plan."""
    from wgen_tui.services.runs.process import argv, needs_model

    name = names[spec.launch_id]
    runs = [run for run in plan.runs if run.spec.run_id in spec.run_ids]
    missing = sum(run.samples_missing for run in runs) if spec.stage == "sample" else 0
    return {
        "id": name,
        "stage": spec.stage,
        "model": runs[0].spec.model.name,
        "runs": spec.run_ids,
        "after": [names.get(other, other) for other in spec.after],
        "loads_model": needs_model(spec),
        "processes": spec.accelerate.get("num_processes", 1),
        "samples": missing,
        "argv": argv(home, spec.model_copy(update={"launch_id": name})),
    }
