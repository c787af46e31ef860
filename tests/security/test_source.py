"""What the source may not do: a shell, a pickle, code from a definition, a template unchained."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("wgen_tui", "experiments", "store")
SHELLS = {
    *("os.system", "os.popen", "os.spawnl", "os.spawnlp", "os.spawnv", "os.spawnvp"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn"),
    *("asyncio.create_subprocess_shell", "commands.getoutput"),
}
STARTERS = {
    f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")
} | {"Popen"}
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
ASKED = "None if ref.trust_pickle else True"  # by the user, on the command line
EVALUATE = {"eval", "exec", "compile", "__import__"}
UNSAFE_YAML = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in call.keywords if item.arg == name), None)


def problems(tree: ast.AST) -> Iterator[str]:
    """What a module does that none may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [item.name for item in node.names]
            origin = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            if names != ["UnpicklingError"]:  # to be caught
                yield from (f"imports {name}" for name in origin if name.split(".")[0] in PICKLES)
            if isinstance(node, ast.ImportFrom) and node.module in ("os", "subprocess"):
                full = {f"{node.module}.{name}" for name in names}
                yield from (f"imports {name}" for name in full & SHELLS)
            if "jinja2" in origin and {"Environment", "Template"} & set(names):
                yield "imports a Jinja environment without a sandbox"
        if isinstance(node, ast.Call):
            yield from calls(node)


def calls(call: ast.Call) -> Iterator[str]:
    name = dotted(call.func)
    shell = keyword(call, "shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        yield f"{name} with shell"
    if name in SHELLS | EVALUATE | UNSAFE_YAML:
        yield f"calls {name}"
    if name in STARTERS:
        words = call.args[0] if call.args else keyword(call, "args")
        if isinstance(words, ast.Constant | ast.JoinedStr):
            yield f"{name} of a text"
        if isinstance(words, ast.List) and words.elts:
            first = words.elts[0]
            if isinstance(first, ast.Constant) and first.value in ("sh", "bash", "/bin/sh"):
                yield f"{name} of a shell"
    if name == "torch.load":
        safe = keyword(call, "weights_only")
        if not (isinstance(safe, ast.Constant) and safe.value is True):
            yield "torch.load of a pickle"
    if name.endswith("AutoModelForCausalLM.from_pretrained"):
        safe = keyword(call, "use_safetensors")
        if safe is None or ast.unparse(safe) not in ("True", ASKED):
            yield "loads weights that need not be safetensors"
    if name in ("jinja2.Environment", "jinja2.Template", "Environment", "SandboxedEnvironment"):
        yield f"calls {name}"


def modules() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def test_no_module_does_it() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in modules()
        for problem in problems(ast.parse(path.read_text()))
    ]
    assert len(modules()) > 100
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(words, shell=True)",
        "subprocess.Popen(words, shell=maybe)",
        "subprocess.run('ls')",
        "subprocess.check_output(f'ls {name}')",
        "subprocess.run(['sh', '-c', words])",
        "Popen(args='ls')",
        "os.system('ls')",
        "os.popen('ls')",
        "from os import popen",
        "from subprocess import getoutput",
        "asyncio.create_subprocess_shell('ls')",
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModelForCausalLM.from_pretrained(name)",
        "eval(text)",
        "exec(text)",
        "yaml.load(text, Loader)",
        "jinja2.Template(text)",
        "jinja2.Environment()",
        "from jinja2 import Environment",
    ],
)
def test_each_would_be_seen(line: str) -> None:
    assert list(problems(ast.parse(line)))


def test_what_may_be_done_is_not_named() -> None:
    fine = """
import subprocess
subprocess.run([program, "--version"], check=True)
torch.load(path, weights_only=True)
AutoModelForCausalLM.from_pretrained(name, use_safetensors=True)
re.compile("x")
ImmutableSandboxedEnvironment()
"""
    assert list(problems(ast.parse(fine))) == []
