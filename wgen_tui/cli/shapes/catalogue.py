"""Every command that prints JSON, with its model: what docs/cli.md and the tests are made from."""

from __future__ import annotations

from pydantic import BaseModel

from wgen_tui.cli.shapes import doctor, experiments, grades, runs, samples, store
from wgen_tui.services.grading.grade_export import GradeExport
from wgen_tui.services.results.results import Results

SHAPES: dict[str, type[BaseModel]] = {
    "experiment list": experiments.ExperimentList,
    "experiment show": experiments.ExperimentDetail,
    "experiment validate": experiments.Validated,
    "experiment preview": experiments.Previewed,
    "run start": runs.Started,
    "run start --dry-run": runs.Planned,
    "run list": runs.RunList,
    "run show": runs.RunDetail,
    "run verify": runs.Verified,
    "sample list": samples.SampleList,
    "sample search": samples.SampleList,
    "sample show": samples.SampleDetail,
    "sample top-up": runs.Started,
    "grade judge": runs.Started,
    "grade export": GradeExport,
    "grade agreement": grades.Agreements,
    "grade plan": grades.GradingPlanned,
    "results": Results,
    "sql": store.QueryRows,
    "sql --schema": store.Views,
    "store info": store.StoreInfo,
    "store verify": store.StoreVerified,
    "store rebuild": store.StoreRebuilt,
    "store merge": store.Merged,
    "doctor": doctor.Findings,
}
