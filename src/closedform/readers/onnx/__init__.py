"""ONNX: a graph read operator by operator onto arrays of nodes.

How an operator is added. `operators.OPERATORS` (domain ai.onnx) and `ml.OPERATORS` (ai.onnx.ml) are
tables: name of an operator → `function(call)`. A `call.Call` holds one node of the graph:

- `call.tensor(i)`: input number i as an array. Of dtype object with nodes where it depends on the
  model's inputs; else plain numbers (float64 for every float type, int64 for every integer type,
  bool) or text (dtype "U"). `call.kind(i)` is its element type in the graph: "float32", "int64",
  "string" … `call.has(i)` tells whether it is given; `call.values[i]` is the `Value` itself, a
  `Maps`, or a list of them (a sequence). `call.constant(i)` insists on an input that is known.
- `call.option(name, default)`: an attribute as plain Python (text, number, list, array). What the
  function has not asked for, but the node has, is refused by name.
- `call.version`: the opset of its domain; `call.wanted`: how many outputs are used.
- `call.reading`: the `Reading`, for `refuse`, `knows`, `differs` … `call.note_classes(labels)` says
  that this is a classifier, and what its classes are.

It returns a tensor (of the kind of the first input), a `Value(tensor, kind)` where the kind is
another one, `Maps(keys, tensor)` for a sequence of maps, a list for a sequence, or a tuple of these
for several outputs. The first axis of the tensors counts rows, and several equal ones are there.
It raises `NoFormula(what)` for what it cannot do; the walk gathers all of them. Where all inputs
are known, the function is not called: ONNX's own reference implementation computes the result
(in float64), unless the operator stands in `folding.NEVER`.

Labels. A tensor of kind "string" that depends on the inputs holds LABEL nodes, and so may one of a
class label of kind "int64" (`ops.label(3)`); numbers are REAL nodes, truths BOOL nodes.
"""

from closedform.readers.onnx.model import model_of, read_file, read_model

__all__ = ["model_of", "read_file", "read_model"]
