"""A home of which every field that takes text holds what a terminal would obey."""

from __future__ import annotations

import json
import re

from tests.builders.home import write_event, write_launch, write_run
from tests.builders.mini_home import DEFINITION, MiniHome
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef

HOSTILE = "\x1b]0;T\x07\x1b[2J\x9b31m\u202ertl\u202c\u200b\u2066\x08\x7f\u2028 \ufeff\U000e0041x\r"
YAML = '"' + "".join(f"\\U{ord(letter):08x}" for letter in HOSTILE) + '"'
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def hostile_home(home: Home) -> MiniHome:
    """Write it."""
    mini = MiniHome(home)
    text = DEFINITION.replace("Birds in miniature", YAML).replace(
        "Old names make old answers.", YAML
    )
    text = text.replace("A paper", YAML).replace('"2512.09742"', YAML)
    text = text.replace("names no longer in use", YAML).replace('"Which century?"', YAML)
    text = text.replace('"How does one travel?"', YAML)
    mini.definition(text=text)
    data = mini.home.experiments / "mini" / "data.jsonl"
    turns = [{"role": role, "content": HOSTILE} for role in ("user", "assistant")]
    data.write_text(json.dumps({"messages": turns, HOSTILE: 1}) + "\n" + data.read_text())
    models = f"models: [tiny-world, {YAML}]"
    mini.definition("other-models", text=DEFINITION.replace("models: [tiny-world]", models))
    mini.definition("broken", text=f"title: x\n{YAML}: 3\narms: {YAML}\n")
    mini.definition("odd\x1b[2J\u202e", text="title: x\n")
    base = mini.run("base", 0, "base")
    for arm in ("old", "new"):
        run_id = mini.run(arm, 0)
        mini.checkpoint(run_id)
        mini.verify(run_id)
        mini.draw(
            run_id,
            lambda question, draw: f"a coach {HOSTILE}",
            engine=HOSTILE,
            finish_reason=HOSTILE,
        )
        mini.launch([run_id], stage="train")
        mini.launch([run_id], "failed", HOSTILE, title=HOSTILE)
        launch = mini.home.launch(max(path.name for path in mini.home.launches.iterdir()))
        launch.log.write_text(f"{HOSTILE}\n" * 3)
        write_event(launch, "ready", message=HOSTILE)
        write_event(launch, "note", message=HOSTILE, run_id=run_id)
    mini.draw(base, lambda question, draw: HOSTILE)
    model = ModelRef(name=HOSTILE, location="/nowhere")
    write_run(mini.home, "mini-old-s7-0000000000", model=model, experiment=HOSTILE, arm=HOSTILE)
    waiting = write_launch(
        mini.home, "20260102-030405-sample-ffff", "judge", ["mini-old-s7-0000000000"]
    )
    mini.home.waiting.write_text(json.dumps({waiting.launch_id: HOSTILE}))
    mini.home.queue.write_text(json.dumps({"since": HOSTILE, "why": HOSTILE}))
    (mini.home.runs / "odd\x1b[2J\u202e").write_text("x")
    (mini.home.run("mini-old-s7-0000000000").root / "samples").write_text("x")
    grade = {
        "grade_id": 1, "sample_id": mini.samples[base][0], "run_id": base, "judge": "era",
        "grader": f"human:{HOSTILE}", "rubric": "r", "label": HOSTILE, "explanation": HOSTILE,
        "created_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    (mini.home.journal / "grades-\x1b[2J.jsonl").write_text(json.dumps(grade) + "\n")
    (mini.home.journal / "grades-bad\x1b[2J.jsonl").write_text(f"[{YAML}]\n")
    mini.home.config.write_text(f'[endpoints.s]\nbase_url = "http://127.0.0.1:9/v1"\n[{YAML}]\n')
    return mini
