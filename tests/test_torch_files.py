"""`.pt2` files: read, and never run, whatever is written in them."""

import json
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest

import closedform as cf

pytest.importorskip("torch")

import torch
from torch import nn

from torch_modules import Of, network


def saved(path: Any, module: Any, example: Any, **options: Any) -> Any:
    """Write a module as torch.export.save does."""
    torch.export.save(torch.export.export(module.eval(), (example,), **options), path)
    return path


@pytest.mark.parametrize("dynamic", [True, False])
def test_a_file_of_an_exported_program_is_read(tmp_path, dynamic):
    module = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.BatchNorm1d(8), nn.Linear(8, 1))
    shapes = ({0: torch.export.Dim.DYNAMIC},) if dynamic else None
    path = saved(tmp_path / "model.bin", module, torch.randn(4, 1, 6), dynamic_shapes=shapes)
    formula = cf.read(path)
    assert formula.verify(module, torch.randn(30, 1, 6)).ok
    assert [f.name for f in cf.read(path, names=list("abcdef")).inputs] == list("abcdef")


def test_rows_of_any_length_need_an_example():
    any_ = torch.export.Dim.DYNAMIC
    program = torch.export.export(
        Of(lambda x: x.sum(1)), (torch.randn(4, 3),), dynamic_shapes=(({0: any_, 1: any_},),)
    )
    with pytest.raises(cf.BadInput, match="any length"):
        cf.read(program)
    assert len(cf.read(program, example=torch.randn(1, 5)).inputs) == 5


def rewritten(path: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    """Change the graph in a .pt2 file."""
    with ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    name = next(n for n in parts if n.endswith("models/model.json"))
    graph = json.loads(parts[name])
    change(graph)
    parts[name] = json.dumps(graph).encode()
    with ZipFile(path, "w") as new:
        for key, content in parts.items():
            new.writestr(key, content)
    return path


def first_node(graph: dict[str, Any]) -> dict[str, Any]:
    """Return the first operation of a graph."""
    return graph["graph_module"]["graph"]["nodes"][0]


def first_length(graph: dict[str, Any]) -> dict[str, Any]:
    """Return the number of rows of the input."""
    return graph["graph_module"]["graph"]["tensor_values"]["input"]["sizes"][0]


EVIL = "__import__('os').system('touch {}')"
HOSTILE: dict[str, Callable[[dict[str, Any], str], None]] = {
    "a shape that is code": lambda graph, run: first_length(graph).update(
        {"as_expr": {"expr_str": run, "hint": {"as_int": 2}}}
    ),
    "a shape that is a power": lambda graph, run: first_length(graph).update(
        {"as_expr": {"expr_str": "9**9**9**9", "hint": {"as_int": 2}}}
    ),
    "another function": lambda graph, run: first_node(graph).update(target="torch.hub.load"),
    "a file": lambda graph, run: first_node(graph).update(
        target="torch.ops.aten.from_file.default"
    ),
    "another library": lambda graph, run: first_node(graph).update(target="torch.ops.evil.f.x"),
    "a named tuple": lambda graph, run: graph["graph_module"].update(
        treespec_namedtuple_fields={"x": {"fields": ["a"]}}
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_could_run_code_is_refused(tmp_path, name):
    trace = tmp_path / "was here"
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    path = saved(tmp_path / "m.pt2", network(), torch.randn(4, 3), dynamic_shapes=shapes)
    rewritten(path, lambda graph: HOSTILE[name](graph, EVIL.format(trace)))
    with pytest.raises(cf.UnsupportedModel, match=r"This .pt2 file is not read"):
        cf.read(path)
    assert not trace.exists()


def test_notes_guards_and_example_inputs_of_a_file_are_never_run(tmp_path):
    trace = tmp_path / "was here"
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    path = saved(tmp_path / "m.pt2", network(), torch.randn(4, 3), dynamic_shapes=shapes)
    rewritten(path, lambda graph: graph.update(guards_code=[EVIL.format(trace)]))
    with ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with ZipFile(path, "w") as new:
        for name, content in parts.items():
            evil = b"cos\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."
            new.writestr(name, evil if name.endswith("sample_inputs/model.pt") else content)
    assert len(cf.read(path).inputs) == 3
    assert not trace.exists()


def test_a_damaged_file_is_one_clear_error(tmp_path):
    path = saved(tmp_path / "m.pt2", network(), torch.randn(4, 3))
    whole = path.read_bytes()
    for end in (len(whole) // 3, len(whole) - 30):
        path.write_bytes(whole[:end])
        with pytest.raises((cf.BadFile, cf.UnsupportedModel)):
            cf.read(path)
    for change in (
        lambda graph: graph.pop("graph_module"),
        lambda graph: graph.update(schema_version=7),
        lambda graph: first_node(graph).update(inputs=[1, None]),
        lambda graph: first_node(graph).update(target="torch.ops.aten.no_such_thing.default"),
        lambda graph: graph["graph_module"]["signature"].update(input_specs=[]),
    ):
        path.write_bytes(whole)
        with pytest.raises(cf.BadFile, match="is damaged"):
            cf.read(rewritten(path, change))
