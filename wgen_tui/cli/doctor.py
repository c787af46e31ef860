"""`wgen-tui doctor`."""

from __future__ import annotations

import click

from wgen_tui.cli.output import Settings, emit_json, json_option, say, table
from wgen_tui.errors import ExitCode


@click.command()
@json_option
@click.pass_obj  # not pass_home: a home of a newer version is something to report
def command(settings: Settings, as_json: bool) -> int:
    """Show what this machine has and what is missing.

    Exits 1 if something will not work. Never shows a token.
    """
    from wgen_tui.services.doctor import examine

    findings = examine(settings.home)
    problems = [finding for finding in findings if finding.verdict == "problem"]
    if as_json:
        from wgen_tui.cli.shapes.doctor import Finding, Findings

        shown = [Finding.model_validate(finding) for finding in findings]
        emit_json(Findings(ok=not problems, findings=shown))
    else:
        table(
            ("", "what", "found", ""),
            [(item.topic, item.name, item.value, _mark(item.verdict)) for item in findings],
        )
        for finding in findings:
            if finding.hint:
                say(f"{finding.topic}, {finding.name}: {finding.hint}")
    return ExitCode.FAILED if problems else ExitCode.OK


def _mark(verdict: str) -> str:
    return {"ok": "", "note": "note", "problem": "PROBLEM"}[verdict]
