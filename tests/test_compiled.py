"""C++, Java, TypeScript, Rust and Go: compiled, run, and equal to the formula bit for bit."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import splits_from
from closedform.printers.go.spacing import spaced
from closedform.printers.spell import BREAK
from closedform.verify.running import available, cpp, javascript, records, runner, typescript
from programs import assert_same, left_to_right
from strategies import BUILD, LABELS, formulas, rows
from test_c import relabelled, unknown_as_itself

# What each language's library and NumPy round differently is compared op by op, in test_targets.
EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
# Of two zeros that are the k-th, either is right; a division by it tells them apart.
AMONG = st.sampled_from([sorted(EXACT - {"kth"}), sorted(EXACT - {"div"})])
COMPILED = ("cpp", "java", "rust", "go")
ALL = (*COMPILED, "typescript")
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
A, B = ops.input_(0), ops.input_(1)


def only_where(target):
    """Run a test where the target's tools are; all but C++ only among the slow ones.

    test_targets runs each language on all operations and six models every day.
    """
    absent = pytest.mark.skipif(not available(target), reason="it cannot be run here")
    return pytest.param(target, marks=[absent] + [pytest.mark.slow] * (target != "cpp"))


HERE = [only_where(target) for target in ALL]


def ran(target, formula, X, **options):
    """Every output of the program for all rows; NaN of a label is none."""
    columns = [list(X[f.name]) for f in formula.inputs]
    text = formula.to(target, **options)
    found, error = runner(target)(text, formula.inputs, columns, [*formula.outputs], {})
    assert not error, error
    for name, n in formula.outputs.items():
        if n.type is Type.LABEL:
            found[name] = [None if v is None or v != v else v for v in found[name]]
        elif n.type is Type.BOOL:
            found[name] = [bool(v) for v in found[name]]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("target", [only_where(target) for target in COMPILED])
@settings(max_examples=12, phases=[Phase.generate], deadline=None)  # a compiler takes a second
@given(
    AMONG.flatmap(lambda among: formulas(outputs=12, size=50, among=among)), rows(), st.booleans()
)
def test_every_formula_compiles_runs_and_is_equal(target, formula, X, as_text):
    new = {v: f"{v}" if as_text else float(i) for i, v in enumerate(LABELS)}
    X = X | {"kind": [v if as_text or v in new else None for v in X["kind"]]}
    formula, X = relabelled(formula, X, new)
    wanted = left_to_right(formula, X)
    assert_same(unknown_as_itself(ran(target, formula, X), wanted, X), wanted)


def degenerate():
    """Formulas of which something is left out."""
    kind = ops.input_(0, Type.LABEL)
    label = Feature("kind", Type.LABEL, ("a", "b"))
    total = ops.lin(0.5, (2, A), (-1, B))
    return {
        "a constant": Formula({"y": ops.const(-0.0), "z": ops.const(np.inf)}, ()),
        "an input": Formula({"y": A, "z": A}, (Feature("a"), Feature("never read"))),
        "a label passed on": Formula({"y": kind, "kind": kind}, (label,)),
        "one output used by another": Formula(
            {"y": total, "z": ops.lin(1, (3, total)), "t": ops.less(total, A)},
            (Feature("y_code"), Feature("z")),
        ),
        "a refused row": Formula(
            {"y": ops.where(ops.missing(A), ops.const(1), B), "kind": ops.label("c")},
            (Feature("a", missing=False), Feature("b")),
        ),
        "numbers alone": Formula(
            {"y": ops.lin(0.1, (3, ops.const(0.1))), "z": ops.div(ops.const(1), ops.const(0)),
             "p": ops.mul(ops.const(0.1), ops.const(0.2), A)},
            (Feature("a"),),
        ),
        "a value that only a part of a tree asks for that no row reaches": Formula(
            {"y": ops.tree(splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.5, 0, 0])[0],
                           [0, 1.5, 2.5], [A, ops.exp(ops.lin(0.5, (2, B), (3, A)))]),
             "z": ops.tree(splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.25, 0, 0])[0],
                           [0, 1.5, 2.5], [A, ops.exp(ops.lin(0.5, (2, B), (3, A)))])},
            (Feature("a"), Feature("b")),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("target", HERE)
@pytest.mark.parametrize("name", degenerate())
def test_what_is_left_of_a_formula_still_is_a_program(target, name):
    formula = degenerate()[name]
    values = {Type.REAL: [0.3, float("nan"), 2.0], Type.LABEL: ["a", None, "z"]}
    X = {f.name: values[f.type] for f in formula.inputs}
    if not formula.inputs:
        for output, value in ran(target, formula, X).items():
            assert value in ([], [formula.outputs[output].data])
        return
    wanted = left_to_right(formula, X)
    if name == "a label passed on":
        wanted = {"y": ["a", None, "z"], "kind": ["a", None, "z"]}
    assert_same(ran(target, formula, X), wanted)


@pytest.mark.slow  # the compilers take from 5 seconds to a minute
@pytest.mark.parametrize("target", HERE)
def test_a_wide_sum_deep_values_and_many_classes_are_no_limit(target):
    rng = np.random.default_rng(0)
    inputs = [ops.input_(i) for i in range(3000)]
    wide = ops.linear(0.5, rng.normal(size=3000), inputs)
    deep = inputs[0]
    for i in range(1500):
        deep = ops.lin(0.5, (0.25, ops.mul(deep, deep)), (-0.5, inputs[i]))
    features = tuple(Feature(f"x{i}") for i in range(3000))
    formula = Formula({"y": wide, "z": deep}, features)
    X = {f"x{i}": rng.normal(size=3).tolist() for i in range(3000)}
    assert_same(ran(target, formula, X), left_to_right(formula, X))
    assert len(formula.to(target)) < 1_000_000


def iris(size):
    names = np.array(["plain", 'a "quoted"\\ label', "naïve ??/ */ \\u000a"])
    kind = names[KINDS.to_numpy()]
    if size == "small":
        return DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, kind)
    if size == "network":
        return MLPClassifier((40, 40), max_iter=30, random_state=0).fit(FLOWERS, kind)
    if size == "alone":
        return AdaBoostClassifier(n_estimators=6, random_state=0).fit(FLOWERS, kind)
    if size == "linear":
        return LogisticRegression(max_iter=500).fit(FLOWERS, KINDS)
    return RandomForestClassifier(60, random_state=0).fit(FLOWERS, kind)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("target", HERE)
@pytest.mark.parametrize("size", ["network", "large", "alone"])
def test_a_program_gives_what_the_model_gives(target, size):
    model = iris(size)
    found = cf.verify_program(cf.read(model), target, FLOWERS, model=model)
    assert found.ok, str(found)
    assert found.labels_differ == 0


@pytest.mark.parametrize("target", ["c", "javascript", *ALL])
def test_the_trees_of_all_classes_are_walked_once(target):
    text = cf.read(iris("large")).to(target)
    assert len(re.findall(r"\bforests\(", text)) == 2  # the function, and its one call
    assert not re.search(r"\bforest\(", text)


def test_what_go_calls_an_array_is_written_in_small_letters_everywhere():
    text = cf.read(iris("alone")).to("go")
    assert re.search(r"\bleaves\[\d+\+leaf1\]", text)
    assert not re.search(r"\b[A-Z]{3,}\b", text)


@pytest.mark.parametrize("target", [only_where(target) for target in ALL])
def test_sums_over_the_same_trees_may_differ_in_their_start_and_weight(target):
    shapes = [splits_from([1, -1, -1], [2, -1, -1], [i % 2, 0, 0], [i / 8, 0, 0])[0]
              for i in range(5)]  # fmt: skip

    def total(bias, weight, *before):
        trees = [ops.tree(s, [0, bias + i, -i / 3], [A, B]) for i, s in enumerate(shapes)]
        return ops.lin(bias, *before, *((weight, tree) for tree in trees))

    outputs = {"a": total(0.25, 1), "b": total(0.5, 1), "c": total(0.75, 3),
               "d": total(1.5, 1, (2, A)), "e": total(-2.5, 1), "f": total(5, 3)}  # fmt: skip
    formula = Formula(outputs, (Feature("a"), Feature("b")))
    X = {"a": [0.3, float("nan"), -2.0], "b": [float("nan"), 0.375, 0.5]}
    assert_same(ran(target, formula, X), left_to_right(formula, X))


def test_a_tree_of_few_tests_asks_none_in_vain():
    text = cf.read(iris("small")).to("cpp")
    plain = text[text.index("double tree1(") :].partition("\n}")[0]
    assert re.findall(r"return (.*);", plain) == [
        "0.0",
        "0.9074074074074074",
        "0.021739130434782608",
    ]
    sure = text[text.index("double tree3(") :].partition("\n}")[0]
    assert "missing" not in sure


CXX = cpp.tool() if available("cpp") else []
SELF_TESTS = {
    "cpp": ("model.hpp", [[*CXX, "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                           "-x", "c++", "-DMODEL_TEST", "-o", "model", "model.hpp"], ["./model"]]),
    "java": ("Model.java", [["javac", "-encoding", "UTF-8", "-Xlint:all", "-Werror", "Model.java"],
                            ["java", "Model"]]),
    "rust": ("model.rs", [["rustc", "--edition", "2018", "-D", "warnings", "--test", "-o", "model",
                           "model.rs"], ["./model"]]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("target", [only_where(target) for target in SELF_TESTS])
def test_a_program_tests_itself_without_a_warning_and_fails_where_it_is_wrong(target, tmp_path):
    name, commands = SELF_TESTS[target]
    for size, status in (("linear", 0), ("small", 0), ("wrong", 1)):
        text = cf.read(iris("linear" if size == "wrong" else size)).to(target, rows=FLOWERS)
        if size == "wrong":
            text = text.replace("P_1 = ", "P_1 = 0.001 + ").replace("P_1: ", "P_1: 0.001 + ", 1)
            text = text.replace("P_1: 0.001 + f64,", "P_1: f64,").replace(
                "let P_1: f64 = ", "let P_1: f64 = 0.001 + ")  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
        for command in commands:
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True,
                                  check=False)  # fmt: skip
        assert (done.returncode != 0) == bool(status), (size, done.stdout, done.stderr)


@pytest.mark.skipif(not available("cpp"), reason="it cannot be run here")
def test_a_header_of_single_precision_compiles_in_newer_standards_too(tmp_path):
    text = cf.read(iris("linear")).to("cpp", precision="float", name="pump", rows=FLOWERS)
    (tmp_path / "pump.hpp").write_text(text, encoding="utf-8")
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++", "-DPUMP_TEST"]
    for standard in ("-std=c++11", "-std=c++17"):
        done = subprocess.run([*CXX, standard, *flags, "-o", "pump", "pump.hpp"], cwd=tmp_path,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert subprocess.run([tmp_path / "pump"], check=False).returncode == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.skipif(not available("go"), reason="it cannot be run here")
def test_go_is_formatted_as_gofmt_has_it(tmp_path):
    for i, size in enumerate(("linear", "small", "network", "large")):
        text = cf.read(iris(size)).to("go", name="iris")
        (tmp_path / f"m{i}.go").write_text(text, encoding="utf-8")
    for i, formula in enumerate(degenerate().values()):
        (tmp_path / f"d{i}.go").write_text(formula.to("go"), encoding="utf-8")
    done = subprocess.run(["gofmt", "-d", str(tmp_path)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.0 + 2.0 * x", "1.0 + 2.0*x"),
        ("2.0 * x", "2.0 * x"),
        ("f(a + b, c)", "f(a+b, c)"),
        ("f(a + b)", "f(a + b)"),
        ("2.0 * (a + b)", "2.0 * (a + b)"),
        ("1.0 + 2.0 * (a + b)", "1.0 + 2.0*(a+b)"),
        ("a + b < c && !missing(d)", "a+b < c && !missing(d)"),
        ("-x + 1e-05", "-x + 1e-05"),
        ("x[i + 1]", "x[i+1]"),
        (f"a +{BREAK}f(b,{BREAK}c)", f"a +{BREAK}f(b, c)"),
    ],
)
def test_blanks_stand_where_gofmt_puts_them(text, wanted):
    assert spaced(text) == wanted


def test_products_in_a_sum_are_rounded_in_go():
    formula = Formula({"y": ops.lin(1, (2.5, A), (1, ops.mul(A, B)))}, (Feature("a"), Feature("b")))
    assert "1.0 + float64(2.5*a) + float64(a*b)" in formula.to("go")


def test_a_small_model_reads_well():
    golden = Path(__file__).parent / "golden"
    for target in ALL:
        file = golden / f"iris.{target}.txt"
        text = cf.read(iris("small")).to(target)
        lines = [line for line in text.splitlines() if "written by closedform" not in line]
        assert "\n".join(lines) + "\n" == file.read_text("utf-8"), target


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("cpp", ("a b", "class", "std", "x__y", "")),
        ("java", ("a b", "class", "é", "")),
        ("go", ("Model", "func", "a-b", "")),
    ],
)
def test_a_wrong_name_is_refused(target, names):
    for wrong in names:
        with pytest.raises(BadInput, match="is no"):
            Formula({"y": A}, (Feature("a"),)).to(target, name=wrong)
    with pytest.raises(BadInput, match="precision"):
        Formula({"y": A}, (Feature("a"),)).to("cpp", precision="half")


@pytest.mark.parametrize("target", COMPILED)
def test_labels_of_two_types_are_refused(target):
    kind = ops.input_(0, Type.LABEL)
    mixed = ops.where(ops.equal(kind, ops.label("a")), ops.const(1), ops.const(0))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        Formula({"y": mixed}, (Feature("kind", Type.LABEL, ("a", 1)),)).to(target)


def test_half_a_character_is_a_label_where_texts_may_hold_one():
    kind = ops.input_(0, Type.LABEL)
    formula = Formula(
        {"y": ops.table(kind, {"\ud83d": 1.0, "😀": 2.0}, 0.0), "z": kind},
        (Feature("kind", Type.LABEL, ("\ud83d", "😀")),),
    )
    for target in ("cpp", "java", "go", "c"):
        if available(target):
            found = ran(target, formula, {"kind": ["\ud83d", "😀", "\ude00"]})
            assert found == {"y": [1.0, 2.0, 0.0], "z": ["\ud83d", "😀", "\ude00"]}, target
    with pytest.raises(UnsupportedTarget, match="half of a character"):
        formula.to("rust")


@pytest.mark.parametrize("word", ["real", "floor", "NULL", "fabs(x)", "math.Pi"])
def test_a_word_of_the_program_is_a_label_like_any_other(word):
    kind = ops.input_(0, Type.LABEL)
    filled = ops.where(ops.missing(kind), ops.label(word), kind)
    formula = Formula({"real": filled}, (Feature("real", Type.LABEL, (word,)),))
    for target in ("c", "cpp", "go"):
        if available(target):
            assert ran(target, formula, {"real": [None, "x"]}) == {"real": [word, "x"]}


@pytest.mark.skipif(not available("typescript"), reason="it cannot be run here")
def test_typescript_takes_rows_by_name_or_in_order(tmp_path):
    text = cf.read(iris("small")).to("typescript")
    assert '    "petal width (cm)"?: number | null;' in text
    script = text + (
        "\nconst row: Row = { 'petal width (cm)': 1.4 };\n"
        "console.log(JSON.stringify([predict(row), evaluate([]).label, INPUTS.length]));\n"
    )
    (tmp_path / "model.mts").write_text(script, encoding="utf-8")
    node, file = [javascript.tool()], "model.mjs"
    if compiler := shutil.which("tsc"):
        build = [compiler, *typescript.STRICT, "--types", "", "model.mts"]
        done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
        complaints = [line for line in done.stdout.splitlines() if "error" in line]
        assert all("'console'" in line for line in complaints), done.stdout
    else:
        node, file = [*node, "--experimental-strip-types", "--no-warnings"], "model.mts"
    told = subprocess.run([*node, file], cwd=tmp_path, capture_output=True, text=True,
                          check=True)  # fmt: skip
    label, _, count = json.loads(told.stdout)
    assert (label, count) == ('a "quoted"\\ label', 4)


def test_typescript_is_refused_where_nothing_takes_its_types_out(monkeypatch):
    old = subprocess.CompletedProcess([], 0, "v20.20.2\n", "")
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "tsc" else name)
    monkeypatch.setattr(typescript, "run", lambda *_: old)
    formula = Formula({"y": ops.lin(1, (2, A))}, (Feature("a"),))
    with pytest.raises(UnsupportedTarget, match=r"Node 20\.20 reads no types"):
        cf.verify_program(formula, "typescript", {"a": [1.0]})


def test_what_a_compiler_complains_of_is_told_rather_than_its_first_line():
    go = "# command-line-arguments\n./program.go:7:9: undefined: LEAVES\n"
    assert records._first_error(go) == "./program.go:7:9: undefined: LEAVES"
    assert records._first_error("note\nx.c:1: error: no\n") == "x.c:1: error: no"
    assert records._first_error("# nothing else\n") == "# nothing else"
    assert records._first_error("") == "no message"


def test_the_labels_of_an_output_are_its_type_in_typescript():
    assert '"label": "a \\"quoted\\"\\\\ label" | ' in cf.read(iris("small")).to("typescript")
    kind = ops.input_(0, Type.LABEL)
    chosen = ops.where(ops.missing(kind), ops.label(None), ops.label(True))
    many = ops.label("c0")
    for i in range(1, 20):
        many = ops.where(ops.equal(kind, ops.label(f"c{i}")), ops.label(f"c{i}"), many)
    text = Formula({"a": chosen, "b": many, "kind": kind}, (Feature("kind", Type.LABEL),)).to(
        "typescript"
    )
    for line in ('"a": true | null;', '"b": string;', '"kind": string | number | boolean | null;'):
        assert f"    {line}\n" in text


@pytest.mark.parametrize("target", ["c", *COMPILED])
def test_it_is_said_which_number_stands_for_which_truth(target):
    text = cf.read(LogisticRegression().fit(FLOWERS, KINDS == 0)).to(target)
    assert "label: 1 if true, 0 if false" in text
