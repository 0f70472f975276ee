"""`.pt2` files: looked through first, so that loading one runs no code of whoever wrote it.

PyTorch's own loader evaluates the shapes that stand in such a file as Python, unpickles the inputs
and constants in it, looks up any name of an operation, and loads libraries that lie beside them.
Here all that is checked against what `torch.export.save` writes of an ordinary module; the rest is
left out, or refused. What remains is packed again, in memory, and loaded from there.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from closedform.asking.torch import inputs_of, quiet
from closedform.errors import UnsupportedModel
from closedform.loading.stream import Broken, shown

MODEL = "models/model.json"
CONFIGS = {
    "data/weights/": "data/weights/model_weights_config.json",
    "data/constants/": "data/constants/model_constants_config.json",
}
PLAIN = ("archive_format", "archive_version", "byteorder", ".data/version")
SAMPLES = "data/sample_inputs/model.pt"
MOST_JSON = 64 << 20
"""Bytes of the graph; 10,000 operations take 10 MiB."""

OPERATION = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+|torch\.sym_(int|float|max|min|not|ite)"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|pos|and_|or_)"
)
FORBIDDEN = re.compile(r"torch\.ops\.aten\.\w*(file|save|print|storage|resize|set_|data_ptr)\w*\.")
SHAPE = re.compile(
    r"((Mul|Add|Max|Min|Integer|FloorDiv|Mod|PythonMod|CleanDiv)\("
    r"|Symbol\('[a-z]\w{0,20}'(, (positive|integer|nonnegative)=True){0,3}\)"
    r"|\d{1,12}|[ ,+\-()]|(?<!\*)\*(?!\*))+"
)
"""Sums and products of free lengths: no powers, whose digits would fill the memory."""
NO_ARGUMENT = {"as_graph", "as_custom_obj", "as_operator", "as_nested_tensors"}
SPECS = {"parameter", "buffer", "tensor_constant", "user_input", "user_output", "buffer_mutation"}
TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict"}


def program_of(raw: bytes) -> Any:
    """Return the exported program in the bytes of a `.pt2` file.

    Raises:
        Broken: the file is damaged, or is not what torch.export.save writes.
        UnsupportedModel: it holds what could run code, or operations outside PyTorch itself.
    """
    import torch

    try:
        with quiet():
            program = torch.export.load(io.BytesIO(_repacked(raw)))
        program.example_inputs = _zeros(program)
        return program
    except (Broken, UnsupportedModel):
        raise
    except MemoryError:
        raise Broken("it asks for more memory than there is") from None
    except Exception as error:  # PyTorch's loader fails in many ways on what is malformed
        raise Broken(f"PyTorch cannot load it ({shown(str(error))[:200]})") from error


def _zeros(program: Any) -> Any:
    """Return inputs of the shapes that a program was traced with, all 0."""
    import torch

    made = []
    for value in inputs_of(program):
        shape = [k if isinstance(k, int) else k.node.hint for k in value.shape]
        made.append(torch.zeros(shape, dtype=value.dtype))
    return torch.utils._pytree.tree_unflatten(made, program.call_spec.in_spec)


def _repacked(raw: bytes) -> bytes:
    """Return the archive with what is needed alone."""
    import torch

    made = io.BytesIO()
    with ZipFile(io.BytesIO(raw)) as old, ZipFile(made, "w", ZIP_STORED) as new:
        root, sizes = _members(old, len(raw))
        found = {name: f"{root}/{name}" for name in (MODEL, *CONFIGS.values(), *PLAIN)}
        absent = [name for name, path in found.items() if path not in sizes and name[0] != "."]
        if absent:
            raise Broken(f"it has no {absent[0]}")
        kept = {name: old.read(path) for name, path in found.items() if path in sizes}
        kept[MODEL] = _checked(kept[MODEL])
        for folder, config in CONFIGS.items():
            for name in _tensors(kept[config]):
                kept[folder + name] = old.read(f"{root}/{folder}{name}")
        samples = io.BytesIO()
        torch.save(((), {}), samples)  # nobody needs those of the file, which are a pickle
        kept[SAMPLES] = samples.getvalue()
        for name, content in kept.items():
            new.writestr(f"{root}/{name}", content)
    return made.getvalue()


def _members(archive: ZipFile, size: int) -> tuple[str, dict[str, int]]:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if sum(sizes.values()) > size:
        raise Broken("its parts are compressed, which torch.export.save does not do")
    roots = {name.partition("/")[0] for name in sizes}
    if len(roots) != 1 or f"{next(iter(roots))}/{MODEL}" not in sizes:
        raise Broken(f"it has no {MODEL}")
    root = roots.pop()
    if sizes[f"{root}/{MODEL}"] > MOST_JSON:
        raise Broken(f"its graph takes more than {MOST_JSON >> 20} MiB")
    return root, sizes


def _tensors(config: bytes) -> Iterator[str]:
    """Yield the files of the tensors that a list names."""
    for name, entry in json.loads(config)["config"].items():
        if entry["use_pickle"]:
            raise _unsafe(f"{name} is kept as a pickle")
        if not re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"]):
            raise _unsafe(f"{name} is kept in {entry['path_name']!r}")
        yield entry["path_name"]


def _checked(text: bytes) -> bytes:
    """Return the graph, without notes and guards, if all that is in it is known to be harmless."""
    program = json.loads(text)
    program["guards_code"] = []  # Python to be run
    module = program["graph_module"]
    module["module_call_graph"] = module["module_call_graph"][:1]
    module["metadata"] = {}
    if module.get("treespec_namedtuple_fields"):
        raise _unsafe("it takes or gives a named tuple")
    for entry in module["module_call_graph"]:
        for key in ("in_spec", "out_spec"):
            _require_plain_tree(json.loads((entry["signature"] or {}).get(key) or "[1, {}]")[1])
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
    for spec in (*module["signature"]["input_specs"], *module["signature"]["output_specs"]):
        if not set(spec) <= SPECS:
            raise _unsafe(f"it takes or gives {', '.join(set(spec) - SPECS)}")
    if not all(re.fullmatch(r"\w{1,20}", name) for name in program["range_constraints"]):
        raise _unsafe("a length has an odd name")
    _require_harmless(program)
    return json.dumps(program).encode()


def _require_plain_tree(tree: Any) -> None:
    todo = [tree]
    while todo:
        part = todo.pop()
        if part.get("type") not in TREES:
            raise _unsafe(f"it takes or gives a {part['type']}")
        todo += part.get("children_spec", ())


def _require_harmless(program: Any) -> None:
    """Refuse operations that are not PyTorch's own, and shapes that are more than lengths."""
    todo = [program]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            target, shape = part.get("target"), part.get("expr_str")
            if target is not None and not _is_operation(target):
                raise _unsafe(f"it calls {target!r}")
            if shape is not None and not (len(shape) < 500 and SHAPE.fullmatch(shape)):
                raise _unsafe(f"a length is given as {shape[:60]!r}")
            if NO_ARGUMENT & set(part):
                raise _unsafe(f"it holds {', '.join(NO_ARGUMENT & set(part))}")
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _is_operation(target: Any) -> bool:
    known = isinstance(target, str) and OPERATION.fullmatch(target) is not None
    return known and FORBIDDEN.match(target) is None


def _unsafe(what: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"This .pt2 file is not read: {shown(what)}.",
        hint="If you trust who wrote it, load it yourself and give what you get: "
        "closedform.read(torch.export.load(path)).",
    )
