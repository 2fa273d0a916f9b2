"""No line of the lab unpickles, evaluates or hands a text to a shell; what looks like it is listed, with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "lab").rglob("*.py")), ROOT / "worker.py"]

MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "code",
    "codeop",
    "runpy",
    "pty",
}
NAMES = {"eval", "exec", "compile", "__import__", "execfile"}
CALLS = {
    "torch.load", "torch.hub.load", "torch.jit.load", "np.load", "numpy.load", "np.loadtxt", "pandas.read_pickle",
    "yaml.load", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv", "subprocess.getoutput",
    "subprocess.getstatusoutput", "importlib.import_module", "PeftModel.from_pretrained", "ctypes.CDLL",
}  # fmt: skip
ALLOWED = {
    ("lab/tasks/executor.py", "importlib.import_module"): "of the table KINDS only, which no message can add to",
    ("lab/tasks/executor.py", "ctypes.CDLL"): "libc itself, for prctl: the executor dies with its parent",
    ("lab/bench/measure.py", "ctypes.CDLL"): "libc itself, to hand memory back between two measurements",
    ("lab/bench/peft_serve.py", "peft.PeftModel.from_pretrained"): "what we are measured against, on our own adapters",
}


def _name(node: ast.expr) -> str:
    """`a.b.c` of a dotted expression."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _suspicious(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, name) for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name = _name(node.func)
            given = {word.arg: word.value for word in node.keywords}
            if name in NAMES or name in CALLS:
                yield node.lineno, name
            for option, bad in (("shell", True), ("allow_pickle", True), ("trust_remote_code", True)):
                value = given.get(option)
                if value is not None and not (isinstance(value, ast.Constant) and value.value is not bad):
                    yield node.lineno, f"{option}=…"
            if name.endswith(".from_pretrained") and "trust_remote_code" not in given and "gguf_file" not in given:
                yield node.lineno, name


def found() -> list[tuple[str, int, str]]:
    """(file, line, what) of everything that is not allowed."""
    rows = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        for line, what in _suspicious(ast.parse(path.read_text("utf-8"))):
            if (name, what) not in ALLOWED:
                rows.append((name, line, what))
    return rows


def test_no_line_of_the_lab_can_unpickle_or_run_what_it_reads():
    assert found() == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval(x)",
        "torch.load(x)",
        "np.load(x, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=how)",
        "AutoModel.from_pretrained(x)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "os.system(x)",
    ],
)
def test_the_search_finds_what_it_is_for(code):
    assert list(_suspicious(ast.parse(code)))


def test_every_exception_is_still_needed():
    used = {
        (path.relative_to(ROOT).as_posix(), what)
        for path in FILES
        for _, what in _suspicious(ast.parse(path.read_text("utf-8")))
    }
    assert set(ALLOWED) - used == set()
