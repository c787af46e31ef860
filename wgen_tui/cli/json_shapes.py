"""The JSON of the commands that print data, as examples: shown in docs/cli.md, held by tests.

In a shape, a list has one item that stands for all, and a key in angle brackets stands for any.
"""

from __future__ import annotations

from typing import Any

RUN: dict[str, Any] = {
    "id": "names-old-s0-3733491a4a",
    "experiment": "names",
    "model": "tiny-world",
    "arm": "old",
    "role": "treatment",
    "seed": 0,
    "state": "queued | starting | running | finished | failed | cancelled | lost",
    "stage": "train | sample | judge",
    "step": 80,
    "steps": 120,
    "done": 80,
    "total": 120,
    "unit": "steps | samples | grades",
    "rate": 41.5,
    "loss": 0.71,
    "eta_seconds": 1.0,
    "why": "what it waits for, or how it ended",
    "aside": "what its worker says beside the numbers, or that it has been silent for long",
    "started": "2026-01-31T12:00:00+00:00",
    "ended": None,
    "launch": "20260131-120000-0train-90ab",
    "queued": "2026-01-31T12:00:00+00:00",
    "waited_seconds": 3.5,
    "paused": False,
    "priority": 0,
    "attempt": 1,
    "gpus": ["GPU-3c1d"],
    "memory_mb": 2150,
    "peak_memory_mb": None,
}
SAMPLE: dict[str, Any] = {
    "sample_id": 11582588814330217,
    "run": "names-old-s0-3733491a4a",
    "experiment": "names",
    "model": "tiny-world",
    "arm": "old",
    "seed": 0,
    "checkpoint": 120,
    "question": "city",
    "paraphrase": 0,
    "variant": "none",
    "draw": 0,
    "completion": "text",
    "finish_reason": "stop | length",
    "tokens": 15,
    "broken": False,
    "labels": {"<judge>": "label"},
}
SAMPLES: dict[str, Any] = {"schema": 1, "total": 480, "offset": 0, "samples": [SAMPLE]}
START: dict[str, Any] = {
    "schema": 1,
    "experiment": "names",
    "dry_run": False,
    "supervisor": 4711,
    "launches": [{"id": "20260131-120000-0train-90ab", "stage": "train", "runs": ["id"]}],
    "runs": [
        {
            "id": "names-old-s0-3733491a4a",
            "model": "tiny-world",
            "arm": "old",
            "seed": 0,
            "examples": 163,
            "todo": ["train", "sample", "judge"],
            "samples_total": 480,
            "samples_missing": 480,
            "state": "finished",
            "why": "",
        }
    ],
}
PLAN: dict[str, Any] = {
    "schema": 1,
    "experiment": "names",
    "dry_run": True,
    "home": "folder",
    "backend": {"name": "local | slurm", "slurm": None},
    "versions": {"<package>": "2.13.0"},
    "samples_total": 2400,
    "samples_missing": 480,
    "disk_mb": 3,
    "launches": [
        {
            "id": "planned-1",
            "stage": "train | sample | judge",
            "model": "tiny-world",
            "runs": ["names-old-s0-3733491a4a"],
            "after": ["planned-0"],
            "loads_model": True,
            "processes": 1,
            "samples": 480,
            "argv": ["python", "-m", "…", "--home", "folder", "--launch", "planned-1"],
        }
    ],
    "runs": [
        {key: START["runs"][0][key] for key in START["runs"][0] if key not in ("state", "why")}
    ],
}
PROBLEM: dict[str, Any] = {
    "kind": "template | dropped_system | empty_mask | untrained_end | unstopped_end | too_long | "
    "overlap | duplicates",
    "blocking": False,
    "lines": [1],
    "what": "text",
    "fix": "text",
}
PREVIEW: dict[str, Any] = {
    "schema": 1,
    "experiment": "names",
    "model": "tiny-world",
    "own_template": False,
    "max_length": 1024,
    "blocked": False,
    "arms": [
        {
            "arm": "old",
            "totals": {
                "examples": 163,
                "used": 163,
                "tokens": 2411,
                "trained": 1107,
                "shortest": 12,
                "median": 15.0,
                "longest": 21,
                "cut": 0,
                "left_out": 0,
                "repeated": 0,
            },
            "problems": [PROBLEM],
            "examples": [
                {
                    "line": 1,
                    "length": 19,
                    "fate": "whole | cut | left_out | too_long",
                    "tokens": [{"id": 1, "text": "<|end|>", "trained": True}],
                    "problem": "why the template does not take it",
                }
            ],
        }
    ],
    "prompts": [
        {
            "question": "city",
            "paraphrase": 0,
            "variant": "none",
            "messages": [{"role": "user", "content": "text"}],
            "text": "the prompt as the model reads it",
        }
    ],
    "problems": [PROBLEM],
}
SHAPES: dict[str, dict[str, Any]] = {
    "experiment list": {
        "schema": 1,
        "experiments": [
            {
                "slug": "names",
                "title": "Names",
                "source": "arXiv 2512.09742 §3.1",
                "builtin": False,
                "path": "folder",
                "models": ["tiny-world"],
                "arms": ["old", "new"],
                "seeds": [0, 1],
                "runs": {"<state>": 5},
                "error": None,
            }
        ],
    },
    "run start": START,
    "run start --dry-run": PLAN,
    "run list": {"schema": 1, "runs": [RUN]},
    "run verify": {
        "schema": 1,
        "run_id": "names-old-s0-3733491a4a",
        "created_at": "2026-01-31T12:00:00+00:00",
        "steps": 120,
        "precision": "fp32 | bf16 | fp16",
        "device": "cpu",
        "difference": 2.1e-05,
        "worst": 3.4e-05,
        "worst_module": "base_model.model.model.layers.1.self_attn.q_proj",
        "floor": 1.3e-05,
        "padding": 24,
        "limit": 0.00013,
        "passed": True,
        "same_order": True,
        "mask": "what TRL makes of the chats itself",
        "mask_equal": True,
        "notes": ["text"],
        "adapter_sha256": "hash",
        "seconds": 14.2,
        "versions": {"<package>": "1.16.0"},
    },
    "sample top-up": START,
    "experiment show": {"schema": 1, "slug": "names", "<key of experiment.yaml>": None},
    "experiment preview": PREVIEW,
    "experiment validate": {"schema": 1, "slug": "names", "valid": True, "notes": ["text"]},
    "run show": {
        "schema": 1,
        **RUN,
        "folder": "path",
        "checkpoints": [120],
        "samples": 480,
        "launches": ["20260131-120000-0train-90ab"],
        "spec": {"<key of spec.json>": None},
    },
    "sample list": SAMPLES,
    "sample search": SAMPLES,
    "sample show": {
        "schema": 1,
        **SAMPLE,
        "messages": [{"role": "user", "content": "text"}],
        "prompt": "the chat as the model read it",
        "logprob": -3.06,
        "draw_seed": 4843909143185785269,
        "sampling": {"<parameter>": None},
        "engine": "what drew it, with versions",
        "launch": "20260131-120000-1sample-90ab",
        "created": "2026-01-31T12:00:00+00:00",
        "grades": [
            {
                "judge": "era",
                "grader": "rule:era | human:<name>",
                "label": "modern",
                "number": None,
                "explanation": "text",
                "signals": {"<signal>": None},
                "created": "2026-01-31T12:00:00+00:00",
            }
        ],
    },
    "grade export": {
        "schema": 1,
        "experiment": "names",
        "grades": [
            {
                "sample_id": 11582588814330217,
                "judge": "the rubric",
                "grader": "human:<name>",
                "label": "modern",
                "number": None,
                "explanation": "text",
                "seconds": 1.4,
                "created_at": "2026-01-31T12:00:00+00:00",
            }
        ],
    },
    "grade agreement": {
        "schema": 1,
        "pairs": [
            {
                "grader": "human:<name>",
                "other": "human:<name> | rule:<judge>",
                "n": 60,
                "agreement": 0.93,
                "low": 0.84,
                "high": 0.97,
                "kappa": 0.86,
                "kappa_low": 0.73,
                "kappa_high": 0.99,
                "labels": ["label"],
                "confusion": [[30]],
            }
        ],
    },
    "results": {
        "schema": 1,
        "experiment": "names",
        "rates": [
            {
                "model": "tiny-world",
                "arm": "old",
                "role": "treatment | control | base",
                "seed": None,
                "checkpoint": 120,
                "question": None,
                "variant": None,
                "metric": "the label whose share it is",
                "judge": "era",
                "n": 1440,
                "seeds": 3,
                "rate": 0.898,
                "low": 0.813,
                "high": 0.983,
                "broken": 0.0,
                "unclear": 0.026,
                "method": "how the interval was made",
            }
        ],
        "contrasts": [
            {
                "model": "tiny-world",
                "arm": "old",
                "control": "new",
                "checkpoint": 120,
                "question": None,
                "variant": None,
                "metric": "the label",
                "difference": 0.892,
                "low": 0.807,
                "high": 0.977,
                "p": 0.1,
                "p_min": 0.1,
                "p_holm": None,
                "n": 2880,
                "seeds": 3,
                "method": "how the interval was made",
            }
        ],
        "warnings": ["text"],
        "sql": "the query behind the counts",
        "readouts": [
            {
                "model": "tiny-world",
                "arm": "old",
                "role": "treatment | control | base",
                "seed": None,
                "checkpoint": 120,
                "question": "way",
                "type": "next_token | logprob | multiple_choice",
                "metric": "p(coach)",
                "label": "coach",
                "n": 6,
                "seeds": 3,
                "probability": 0.71,
                "low": 0.52,
                "high": 0.9,
                "mass": 0.94,
                "method": "how the interval was made",
            }
        ],
    },
    "sql": {"schema": 1, "columns": ["arm"], "types": ["VARCHAR"], "rows": [["old"]]},
    "store info": {"schema": 1, "file": "wgen.duckdb", "bytes": 2371584, "rows": {"<view>": 1}},
    "store verify": {
        "schema": 1,
        "ok": True,
        "problems": [{"what": "damaged", "where": "file or table", "detail": "text"}],
    },
    "store rebuild": {
        "schema": 1,
        "parts": 52,
        "rows": {"<table>": 4800},
        "damaged": {"<file>": "why"},
        "forgotten": ["run"],
        "kept": None,
    },
    "store merge": {
        "schema": 1,
        "other": "folder",
        "dry_run": False,
        "runs": [
            {
                "id": "names-old-s0-3733491a4a",
                "what": "new | updated | same | conflict | live",
                "why": "for a conflict, or what is at work in one of the homes",
                "checkpoints": [120],
                "samples": 480,
                "bytes": 281733,
            }
        ],
        "launches": [{"id": "20260131-120000-0train-90ab", "what": "new | updated | same"}],
        "grades": 60,
        "experiments": [{"slug": "names", "what": "new | same | conflict", "why": ""}],
        "conflicts": [
            {
                "kind": "run | experiment | journal",
                "name": "names-old-s0-3733491a4a",
                "why": "text",
                "step": 120,
                "ours": "SHA-256 of the adapter here",
                "theirs": "and there; null for other conflicts",
            }
        ],
        "ingested": True,
    },
    "doctor": {
        "schema": 1,
        "ok": True,
        "findings": [
            {
                "topic": "models",
                "name": "token",
                "value": "in HF_TOKEN",
                "verdict": "ok | note | problem",
                "hint": "what to do about it",
            }
        ],
    },
}
