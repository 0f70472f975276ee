"""The house rules that a machine can check: layers, size, docstrings and names.

A check takes one `Source` and yields its faults, each as "what happened; what to do". At the end a
fault is planted for each of them, since a check that cannot fail says nothing.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path, PurePath
from statistics import median

import pytest

CORE = {"ir", "ops", "length", "formula"}
RUNNING = CORE | {"columns", "layers", "evaluate"}
ANYTHING = {""}
# Layer → what its modules may import. `errors` and `about` are open to all.
MAY_IMPORT = {
    "about": set(),
    "errors": set(),
    "ir": set(),
    "ops": {"ir"},
    "length": {"ir", "ops"},
    "formula": {"ir", "ops", "length"},
    "columns": CORE,
    "layers": CORE,
    "evaluate": CORE | {"columns", "layers"},
    "batches": RUNNING,
    "store": CORE,
    "loading": set(),
    "progress": set(),
    "families": CORE,
    "passes": RUNNING,
    "asking": CORE | {"columns"},
    "readers": RUNNING | {"asking", "families", "passes", "loading"},
    "printers": RUNNING | {"passes.lower", "passes.rounding"},
    "native": RUNNING,
    "probes": RUNNING,
    "verify": RUNNING | {"asking", "passes", "printers", "probes", "progress", "store"},
    "fitting": RUNNING | {"passes"},
    "shorten": RUNNING | {"passes", "fitting", "probes", "progress"},
    "discover": RUNNING
    | {"passes", "fitting", "shorten", "probes", "verify", "readers", "progress"},
    "frontiers": RUNNING
    | {"passes", "fitting", "shorten", "probes", "verify", "discover", "readers", "store"}
    | {"printers", "progress"},
    "laws": RUNNING
    | {"passes", "fitting", "shorten", "probes", "verify", "discover", "frontiers", "readers"}
    | {"printers", "store", "progress"},
    "hybrid": RUNNING
    | {"passes", "fitting", "shorten", "verify", "discover", "frontiers", "laws", "asking"}
    | {"printers", "probes", "store", "progress"},
    "explanations": RUNNING
    | {"passes", "fitting", "shorten", "verify", "discover", "frontiers", "laws", "hybrid"}
    | {"readers", "printers", "probes", "store", "families", "progress"},
    "reports": ANYTHING,
    "cli": ANYTHING,
    "mlflow_flavor": ANYTHING,
    "__main__": ANYTHING,
    "__init__": ANYTHING,
}
# What a layer may import inside functions and for type checking only: f.to(), f.certify() …
MAY_IMPORT_LATE = {
    "formula": {"batches", "evaluate", "native", "passes", "printers", "readers", "verify"}
    | {"store"}
}
# Where a package other than NumPy may be imported, and inside functions only.
MEETS_FRAMEWORKS = {"asking", "batches", "cli", "frontiers", "loading", "native", "printers"}
MEETS_FRAMEWORKS |= {
    "discover",
    "explanations",
    "hybrid",
    "laws",
    "mlflow_flavor",
    "probes",
    "progress",
    "readers",
    "shorten",
    "verify",
}
# Modules whose decorators, or what they derive from, need a framework at the top. Others import
# them late.
COMPILED = {
    f"native/{name}.py": {"numba", "llvmlite"} for name in ("kernels", "row_kernel", "dense")
} | {"verify/bound/kernels.py": {"numba"}}
COMPILED |= {"laws/regression.py": {"sklearn"}, "hybrid/block.py": {"torch"}}
ALWAYS_THERE = sys.stdlib_module_names | {"numpy"}

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Source:
    """One Python file: its path below the package, or below the repository, and its text."""

    path: PurePath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, str(self.path))

    @property
    def layer(self) -> str:
        """The first folder below the package, or the module itself."""
        return self.path.with_suffix("").parts[0]

    @cached_property
    def functions(self) -> dict[str, int]:
        """Every function with the lines of its body; docstring, blanks and comments don't count."""
        lines = self.text.splitlines()
        return {
            f"{self.path}:{node.lineno} {node.name}": _body_length(node, lines)
            for node in ast.walk(self.tree)
            if isinstance(node, FUNCTION)
        }


def _body_length(function: ast.FunctionDef, lines: list[str]) -> int:
    body = function.body[ast.get_docstring(function) is not None :]
    span = lines[body[0].lineno - 1 : function.end_lineno] if body else []
    return sum(line.strip() != "" and not line.lstrip().startswith("#") for line in span)


def _sources(folder: Path, below: Path) -> list[Source]:
    files = sorted(folder.rglob("*.py"))
    return [Source(file.relative_to(below), file.read_text(encoding="utf-8")) for file in files]


PACKAGE = _sources(ROOT / "src/closedform", ROOT / "src/closedform")
BESIDE = [s for part in ("tests", "examples", "benchmarks") for s in _sources(ROOT / part, ROOT)]


def _imports(source: Source) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, full name of what is imported, whether only later: on a call, or for types)."""
    package = ".".join(["closedform", *source.path.parts[:-1]])
    todo: list[tuple[ast.AST, bool]] = [(source.tree, False)]
    while todo:
        node, late = todo.pop()
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        late = late or typing or isinstance(node, FUNCTION)
        todo += [(child, late) for child in ast.iter_child_nodes(node)]
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            yield from ((node.lineno, f"{origin}.{alias.name}", late) for alias in node.names)


def layers(source: Source) -> Iterator[str]:
    """A module imports only what its layer may, and frameworks only inside functions."""
    layer = source.layer
    if layer not in MAY_IMPORT:
        yield f"{source.path}: {layer!r} is no layer yet; give it a line in MAY_IMPORT"
    now = MAY_IMPORT.get(layer, set()) | {layer, "errors", "about"}
    for line, name, late in _imports(source):
        top, _, inner = name.partition(".")
        allowed = now | MAY_IMPORT_LATE.get(layer, set()) if late else now
        if top == "closedform":
            if allowed.isdisjoint(_and_parents(inner)):
                yield f"{source.path}:{line}: {layer} may not import {name}; see MAY_IMPORT"
        elif top in COMPILED.get(source.path.as_posix(), ()):
            continue
        elif top not in ALWAYS_THERE and not late:
            yield f"{source.path}:{line}: imports {top} at the top; import it where it is used"
        elif top not in ALWAYS_THERE and layer not in MEETS_FRAMEWORKS:
            yield f"{source.path}:{line}: {layer} may not import {top}; see MEETS_FRAMEWORKS"


def _and_parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:i]) for i in range(1, len(parts) + 1)} | ANYTHING


def documented(source: Source) -> Iterator[str]:
    """Every public module, class, function and method has a docstring and full annotations."""
    todo: list[tuple[str, ast.AST]] = [(str(source.path), source.tree)]
    while todo:
        name, node = todo.pop()
        if not ast.get_docstring(node) and "overload" not in _decorators(node):
            yield f"{name} has no docstring; say what it is for, with shapes, units and errors"
        if isinstance(node, FUNCTION):
            for missing in _unannotated(node):
                yield f"{name}: {missing} has no type; annotate it"
            continue
        for child in node.body:
            if isinstance(child, (*FUNCTION, ast.ClassDef)) and not child.name.startswith("_"):
                todo.append((f"{source.path}:{child.lineno} {child.name}", child))


def _decorators(node: ast.AST) -> set[str]:
    return {ast.unparse(d).rpartition(".")[2] for d in getattr(node, "decorator_list", ())}


def _unannotated(function: ast.FunctionDef) -> Iterator[str]:
    a = function.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    bare = [arg.arg for arg in given if arg.annotation is None]
    yield from (f"argument {name!r}" for name in bare if name not in ("self", "cls"))
    if function.returns is None:
        yield "what it returns"


def short_file(source: Source) -> Iterator[str]:
    """A file has at most 450 lines."""
    lines = len(source.text.splitlines())
    if lines > 450:
        yield f"{source.path} has {lines} lines, more than 450; split it by subject"


def short_functions(source: Source) -> Iterator[str]:
    """A function has at most 80 lines."""
    for where, lines in source.functions.items():
        if lines > 80:
            yield f"{where} has {lines} lines, more than 80; split it, or make it a table"


def named(source: Source) -> Iterator[str]:
    """No file or class has a name that says nothing."""
    words = {word for part in source.path.with_suffix("").parts for word in part.split("_")}
    for word in sorted(words & {"util", "utils", "helper", "helpers", "base"}):
        yield f"{source.path} is named {word!r}; name a file by what it holds"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and ("Manager" in node.name or "Mixin" in node.name):
            yield f"{source.path}:{node.lineno} {node.name}; name a class by what it is"


def typical(lengths: dict[str, int]) -> Iterator[str]:
    """The median function has at most 8 lines, and 95 % of all at most 40."""
    middle = median(lengths.values()) if lengths else 0
    longest = sorted(lengths, key=lengths.__getitem__, reverse=True)
    long = [where for where in longest if lengths[where] > 40]
    if middle > 8:
        yield f"the median function has {middle:g} lines, more than 8; see {longest[:5]}"
    if len(long) > 0.05 * len(lengths):
        yield f"{len(long)} of {len(lengths)} functions have more than 40 lines; split {long}"


def loaded_by(statement: str) -> set[str]:
    """Return the packages whose files a fresh interpreter loads for a statement, after NumPy."""
    code = f"""import sys, numpy; before = set(sys.modules); {statement}
for name in set(sys.modules) - before:
    if getattr(sys.modules[name], "__file__", None): print(name.partition(".")[0])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _report(faults: Iterable[str]) -> None:
    found = list(faults)
    if found:
        pytest.fail("\n".join([f"{len(found)} fault(s):", *found]), pytrace=False)


@pytest.mark.parametrize("check", [layers, documented, short_functions, short_file, named])
def test_the_package_keeps_the_house_rules(check):
    _report(fault for source in PACKAGE for fault in check(source))


@pytest.mark.parametrize("check", [short_file, named])
def test_the_files_beside_the_package_keep_the_house_rules(check):
    _report(fault for source in BESIDE for fault in check(source))


def test_functions_are_short_as_a_rule():
    _report(typical({where: n for s in PACKAGE for where, n in s.functions.items()}))


def test_importing_the_package_loads_nothing_but_numpy():
    _report(
        f"`import closedform` loads {name}; import it where it is used"
        for name in loaded_by("import closedform") - ALWAYS_THERE - {"closedform"}
    )


def test_no_two_layers_may_import_each_other():
    order = TopologicalSorter(
        {layer: {name.partition(".")[0] for name in may} for layer, may in MAY_IMPORT.items()}
    )
    order.prepare()  # raises CycleError, which names the circle


LONG = "def f(x: int) -> int:\n" + "    x += 1\n" * 81
PLANTED = [
    (layers, "ir.py", "from closedform.ops import exp", "ir may not import closedform.ops.exp"),
    (layers, "ops.py", "from . import evaluate", "ops may not import closedform.evaluate"),
    (layers, "passes/prune.py", "def f():\n  import closedform.readers.sklearn", ":2: passes"),
    (layers, "printers/sql.py", "from ..passes import simplify", "import closedform.passes.simp"),
    (layers, "formula.py", "from closedform.printers import TARGETS", "formula may not import"),
    (layers, "formula.py", "def f():\n  from closedform import discover", "formula may not"),
    (layers, "ops.py", "from closedform import __version__", "import closedform.__version__"),
    (layers, "readers/sklearn.py", "from sklearn.svm import SVC", "imports sklearn at the top"),
    (layers, "passes/rules.py", "def f():\n    import sklearn", "passes may not import sklearn"),
    (layers, "misc/things.py", "", "'misc' is no layer yet"),
    (layers, "native/plan.py", "import numba", "imports numba at the top"),
    (layers, "native/kernels.py", "import sklearn", "imports sklearn at the top"),
    (documented, "ops.py", "", "ops.py has no docstring"),
    (documented, "ops.py", "'''D.'''\ndef f() -> int: ...", "ops.py:2 f has no docstring"),
    (documented, "ops.py", "class A:\n  def f(self, x) -> int: ...", "argument 'x' has no type"),
    (documented, "ops.py", "def f(*, x: int): ...", "what it returns has no type"),
    (short_functions, "ops.py", LONG, "ops.py:1 f has 81 lines"),
    (short_file, "ops.py", "\n" * 451, "ops.py has 451 lines"),
    (named, "printers/sql_utils.py", "", "is named 'utils'"),
    (named, "base/ops.py", "", "is named 'base'"),
    (named, "ops.py", "class TreeMixin: ...", "ops.py:1 TreeMixin"),
]
ALLOWED = [
    (layers, "printers/sql.py", "from closedform.passes.lower import lower\nimport math, numpy"),
    (layers, "passes/prune.py", "from closedform.passes import rules\nfrom .. import errors"),
    (layers, "formula.py", "def f():\n    from closedform.printers import TARGETS"),
    (layers, "formula.py", "if TYPE_CHECKING:\n    from closedform.verify import Certificate"),
    (layers, "readers/sklearn.py", "def f():\n    from sklearn.svm import SVC"),
    (layers, "native/kernels.py", "import numba"),
    (layers, "cli.py", "from closedform.frontiers import frontier"),
    (documented, "ops.py", "'''D.'''\ndef _f(x): ...\nclass _A: ..."),
    (short_functions, "ops.py", LONG.replace("    x += 1\n", "    # Why.\n\n", 1)),
    (short_file, "ops.py", "\n" * 450),
    (named, "database.py", "class Formula(BaseEstimator): ..."),
]


@pytest.mark.parametrize(("check", "path", "text", "fault"), PLANTED)
def test_a_planted_fault_is_found(check, path, text, fault):
    assert any(fault in found for found in check(Source(PurePath(path), text)))


@pytest.mark.parametrize(("check", "path", "text"), ALLOWED)
def test_what_is_allowed_is_left_alone(check, path, text):
    assert list(check(Source(PurePath(path), text))) == []


def test_planted_lengths_and_imports_are_found():
    assert "median" in next(typical({"f": 9, "g": 9}))
    assert "1 of 19" in next(typical({str(i): 1 + 40 * (i == 0) for i in range(19)}))
    assert list(typical({str(i): 8 + 72 * (i == 0) for i in range(20)})) == []
    assert "hypothesis" in loaded_by("import hypothesis")
