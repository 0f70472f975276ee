"""Julia modules: not executed, but parsed by a grammar of Julia, and kept as they were read."""

from pathlib import Path

import pytest

import closedform as cf
from analysis_languages import DEGENERATE, FEATURES, REFUSING, small_formulas
from big_formulas import BIG, boosted
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.julia.prelude import HELPERS
from closedform.printers.julia.writing import text
from each_op import ONE
from test_hostile_names import NAMES, of_names

GOLDEN = Path(__file__).parent / "golden"


def errors(source):
    """Return the pieces of a program that the grammar does not know."""
    julia = pytest.importorskip("tree_sitter_julia")
    from tree_sitter import Language, Parser

    tree = Parser(Language(julia.language())).parse(source.encode())
    todo, found = [tree.root_node], []
    while todo:
        now = todo.pop()
        if now.is_error or now.is_missing:
            found.append(source.encode()[now.start_byte : now.end_byte + 60].decode())
        todo += now.children if now.has_error else []
    return found


def test_the_grammar_finds_what_is_no_julia():
    assert errors("f(x) = (x +\nend")
    assert errors("function f(x)\n    return x\n")


@pytest.mark.parametrize("name", HELPERS)
def test_every_helper_is_julia(name):
    assert not errors(HELPERS[name] + "\n")


@pytest.mark.parametrize("name", ["all ops", *DEGENERATE, *BIG, "refusing", "names"])
def test_every_module_is_julia(name):
    made = {
        "all ops": lambda: Formula(ONE, FEATURES), "refusing": lambda: REFUSING,
        "names": lambda: of_names(NAMES, ['a"b', "$x", "\\"], ["y", '"""', "$(exit())"]), **BIG,
    }  # fmt: skip
    formula = made[name]() if name in made else Formula(DEGENERATE[name], FEATURES)
    source = (boosted(20) if name == "boosted" else formula).to("julia")
    assert not errors(source)


def test_a_text_puts_nothing_in_its_place():
    assert text('a"$(x)\\\n😀é') == '"a\\"\\$(x)\\\\\\u000a\\U0001f600\\u00e9"'


def test_the_text_grows_with_the_trees_and_not_faster():
    short, long = (len(boosted(count).to("julia")) for count in (40, 160))
    assert long < 4.5 * short


def test_labels_of_two_types_and_strange_names_are_refused():
    kind = ops.input_(0, Type.LABEL)
    mixed = Formula({"y": ops.member(kind, ["a", 1])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        mixed.to("julia")
    for name in ("if", "a b", "1a", "x; y", "", "Base"):
        with pytest.raises(BadInput, match="no name in Julia"):
            REFUSING.to("julia", name=name)


@pytest.mark.parametrize("target", ["julia", "r", "matlab", "vba"])
@pytest.mark.parametrize("name", ["tree", "logistic"])
def test_small_programs_are_as_they_were_read(target, name):
    golden = (GOLDEN / f"{name}.{target}.txt").read_text(encoding="utf-8")
    kept = small_formulas()[name].to(target)
    assert kept.replace(f"closedform {cf.__version__}", "closedform VERSION") == golden
