"""Every operator of ONNX that has a formula, in its options and versions, against onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("onnxruntime")

from closedform.readers.onnx.operators import OPERATORS, REFUSED
from onnx_graphs import check, helper, model, of

DRAW = np.random.default_rng(0)
Make = Callable[[], Any]


def f(*shape: int) -> np.ndarray:
    """Return random numbers in float32."""
    return DRAW.normal(size=shape).astype(np.float32)


def p(*shape: int) -> np.ndarray:
    """Return random positive numbers in float32."""
    return DRAW.uniform(0.5, 2, size=shape).astype(np.float32)


ELEMENTS: dict[str, Make] = {
    **{op: lambda op=op: of(op, [4]) for op in (
        "Abs", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
        "HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round",
        "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Tan",
        "Tanh", "ThresholdedRelu", "Asinh", "Acosh", "Atanh", "Dropout",
        "Asin", "Acos", "Atan",
    )},
    "Gelu by tanh": lambda: of("Gelu", [4], approximate="tanh"),
    "Swish": lambda: of("Swish", [4], opset=24, alpha=1.5),
    "Elu alpha": lambda: of("Elu", [4], alpha=0.3),
    "Celu alpha": lambda: of("Celu", [4], alpha=0.3),
    "Selu gamma": lambda: of("Selu", [4], alpha=0.3, gamma=1.4),
    "LeakyRelu alpha": lambda: of("LeakyRelu", [4], alpha=0.3),
    "Shrink bias": lambda: of("Shrink", [4], bias=0.2, lambd=0.7),
    "ThresholdedRelu alpha": lambda: of("ThresholdedRelu", [4], alpha=0.3),
    "HardSigmoid alpha": lambda: of("HardSigmoid", [4], alpha=0.3, beta=0.4),
    **{op: lambda op=op: of(op, [4], consts={1: p(4)}) for op in (
        "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu",
    )},
    **{f"{op} of two": lambda op=op: of(op, [2, 4], [1, 4]) for op in (
        "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu",
    )},
    "Sum": lambda: of("Sum", [4], [4], consts={2: f(4)}),
    "Mean": lambda: of("Mean", [4], [4], consts={2: f(4)}),
    "Mod": lambda: of("Mod", [4], consts={1: p(4)}, fmod=1),
    "Mod of whole numbers": lambda: of(
        "Mod", ("int64", [4]), consts={1: np.array([2, 3, -2, 5])}, out="int64"
    ),
    "Div of whole numbers": lambda: of(
        "Div", ("int64", [4]), consts={1: np.array([2, 3, -2, 5])}, out="int64"
    ),
    **{op: lambda op=op: of(op, [4], [4], out="bool") for op in (
        "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal",
    )},
    **{op: lambda op=op: of(op, ("bool", [2]), ("bool", [2]), out="bool") for op in (
        "And", "Or", "Xor",
    )},
    "Not": lambda: of("Not", ("bool", [2]), out="bool"),
    "IsNaN": lambda: of("IsNaN", [4], out="bool"),
    "IsInf": lambda: of("IsInf", [4], out="bool", detect_negative=0),
    "Where": lambda: of("Where", ("bool", [2]), [2], [2]),
    "Clip": lambda: of("Clip", [4], consts={1: np.float32(-0.5), 2: np.float32(0.7)}),
    "Clip above": lambda: of("Clip", [4], consts={1: None, 2: np.float32(0.7)}),
    "Clip-6": lambda: of("Clip", [4], opset=10, min=-0.5, max=0.7),
    "Cast": lambda: of("Cast", [4], to=7, out="int64"),
    "Cast to truths": lambda: of("Cast", [4], to=9, out="bool"),
    "CastLike": lambda: of("CastLike", ("int64", [4]), consts={1: np.float32(0)}),
}  # fmt: skip

SHAPES: dict[str, Make] = {
    "Reshape": lambda: of("Reshape", [2, 3], consts={1: [0, 3, 2]}),
    "Reshape the rest": lambda: of("Reshape", [2, 3], consts={1: [-1, 6]}),
    "Flatten": lambda: of("Flatten", [2, 3]),
    "Squeeze": lambda: of("Squeeze", [1, 3], consts={1: [1]}),
    "Squeeze-11": lambda: of("Squeeze", [1, 3], opset=11, axes=[1]),
    "Unsqueeze": lambda: of("Unsqueeze", [3], consts={1: [1, -1]}),
    "Unsqueeze-11": lambda: of("Unsqueeze", [3], opset=11, axes=[1]),
    "Transpose": lambda: of("Transpose", [2, 3], perm=[0, 2, 1]),
    "Expand": lambda: of("Expand", [1, 3], consts={1: [1, 4, 3]}),
    "Tile": lambda: of("Tile", [2, 3], consts={1: [1, 2, 1]}),
    "Slice": lambda: of("Slice", [5, 3], consts={1: [-1, 0], 2: [-99, 2], 3: [1, 2], 4: [-2, 1]}),
    "Slice-9": lambda: of("Slice", [5, 3], opset=9, starts=[1], ends=[3], axes=[1]),
    "Concat": lambda: of("Concat", [2], [3], axis=1),
    "Split": lambda: of("Split", [5], consts={1: [2, 3]}, results=2, axis=1),
    "Split into equal ones": lambda: of("Split", [5], results=2, axis=1, num_outputs=2),
    "Split-11": lambda: of("Split", [5], results=2, axis=1, split=[2, 3], opset=11),
    "Pad": lambda: of("Pad", [5], consts={1: [0, 1, 0, 2], 2: np.float32(1.5)}),
    "Pad some axes": lambda: of("Pad", [5], consts={1: [1, -2], 2: None, 3: [1]}),
    **{f"Pad {mode}": lambda mode=mode: of("Pad", [5], consts={1: [0, 1, 0, 2]}, mode=mode)
       for mode in ("reflect", "edge", "wrap")},
    "Pad-2": lambda: of("Pad", [5], pads=[0, 1, 0, 2], value=2.0, opset=10),
    "Trilu": lambda: of("Trilu", [3, 4], upper=0),
    "Trilu above": lambda: of("Trilu", [3, 4], consts={1: np.array(1)}),
    "DepthToSpace": lambda: of("DepthToSpace", [8, 2, 3], blocksize=2),
    "DepthToSpace CRD": lambda: of("DepthToSpace", [8, 2, 3], blocksize=2, mode="CRD"),
    "SpaceToDepth": lambda: of("SpaceToDepth", [2, 4, 6], blocksize=2),
    "Compress": lambda: of("Compress", [4], consts={1: np.array([True, False, True])}, axis=1),
    "Gather": lambda: of("Gather", [5, 2], consts={1: [3, -1]}, axis=1),
    "Gather one": lambda: of("Gather", [5, 2], consts={1: np.array(2)}, axis=1),
    "Gather rows of a table": lambda: of("Gather", ("int64", [3]), consts={0: f(5, 2)}),
    "Gather columns of a table": lambda: of("Gather", ("int64", [3]), consts={0: f(2, 5)}, axis=1),
    "OneHot": lambda: of(
        "OneHot", ("int64", []), consts={1: np.array(4), 2: np.array([0, 1], np.float32)}
    ),
}  # fmt: skip

REDUCTIONS: dict[str, Make] = {
    **{f"Reduce{op}": lambda op=op: of(f"Reduce{op}", [3, 4], consts={1: [1]}, keepdims=0)
       for op in ("Sum", "Mean", "Prod", "Max", "Min", "L1", "L2", "SumSquare", "LogSum",
                  "LogSumExp")},
    **{f"Reduce{op}-11": lambda op=op: of(f"Reduce{op}", [3, 4], axes=[-1], opset=11)
       for op in ("Sum", "Mean", "Max", "L2")},
    "ReduceSum of all": lambda: of("ReduceSum", [3, 4], consts={1: [1, -1]}, keepdims=0),
    "ReduceSum of none": lambda: of("ReduceSum", [3, 4], noop_with_empty_axes=1),
    **{op: lambda op=op: of(op, [5], axis=1, out="int64") for op in ("ArgMax", "ArgMin")},
    "ArgMax last": lambda: of("ArgMax", ("int64", [5]), axis=1, out="int64", keepdims=0,
                              select_last_index=1),
    "TopK": lambda: of("TopK", [5], consts={1: [3]}, results=2, largest=0),
    "TopK of one": lambda: of("TopK", [5], consts={1: [1]}, results=2),
    "TopK-9": lambda: of("TopK", [5], opset=9, k=2, results=2),
    **{op: lambda op=op: of(op, [2, 3]) for op in ("Softmax", "LogSoftmax", "Hardmax")},
    **{f"{op}-11": lambda op=op: of(op, [2, 3], opset=11) for op in ("Softmax", "LogSoftmax")},
    "Softmax over an axis": lambda: of("Softmax", [2, 3], axis=1),
    "CumSum": lambda: of("CumSum", [4], consts={1: np.array(1)}),
    "CumSum backwards": lambda: of("CumSum", [4], consts={1: np.array(-1)}, exclusive=1, reverse=1),
    "LpNormalization": lambda: of("LpNormalization", [4], axis=1),
    "LpNormalization 1": lambda: of("LpNormalization", [4], p=1),
}  # fmt: skip

WINDOWS = {
    "": {}, "strided": {"strides": [2], "pads": [1, 2]}, "dilated": {"dilations": [2]},
    "same": {"auto_pad": "SAME_UPPER", "strides": [2]}, "lower": {"auto_pad": "SAME_LOWER"},
    "valid": {"auto_pad": "VALID"},
}  # fmt: skip
UP = {"": {"ceil_mode": 1, "strides": [2]}, "padded": {"ceil_mode": 1, "strides": [2],
                                                      "pads": [1, 1]}}  # fmt: skip
TURNED: dict[str, dict[str, Any]] = {
    "": {}, "strided": {"strides": [2], "pads": [1, 0]}, "dilated": {"dilations": [2]},
    "padded": {"strides": [2], "output_padding": [1], "pads": [1, 1]},
    "shaped": {"strides": [2], "output_shape": [9]},
    "shaped upper": {"strides": [2], "output_shape": [8], "auto_pad": "SAME_UPPER"},
    "same": {"auto_pad": "SAME_LOWER", "strides": [2]},
}  # fmt: skip

LAYERS: dict[str, Make] = {
    "MatMul": lambda: of("MatMul", [3, 4], consts={1: f(4, 2)}),
    "MatMul of two": lambda: of("MatMul", [3, 4], [4, 2]),
    "MatMul from the left": lambda: of("MatMul", [3, 4], consts={0: f(5, 3)}),
    "Gemm": lambda: of("Gemm", [4], consts={1: f(4, 3), 2: f(3)}, alpha=0.5, beta=2.0),
    "Gemm turned": lambda: of("Gemm", [4], consts={1: f(3, 4), 2: f(1, 3)}, transB=1),
    "Gemm alone": lambda: of("Gemm", [4], consts={1: f(3, 4)}, transB=1, alpha=1.5),
    **{f"Einsum {e}": lambda e=e, rest=rest: of("Einsum", *rest[0], consts=rest[1], equation=e)
       for e, rest in {
           "bij,jk->bik": ([[3, 4]], {1: f(4, 2)}), "bij,bik->bjk": ([[3, 4], [3, 5]], {}),
           "bi,bj,ijk->bk": ([[3], [4]], {2: f(3, 4, 2)}),
           "...i,ij->...j": ([[2, 3, 4]], {1: f(4, 2)}), "bii->bi": ([[3, 3]], {}),
           "b i j -> b j i": ([[3, 4]], {}), "bi,ij": ([[3]], {1: f(3, 2)}),
       }.items()},
    **{f"Conv {name}": lambda kw=kw: of("Conv", [2, 8], consts={1: f(4, 2, 3), 2: f(4)}, **kw)
       for name, kw in WINDOWS.items()},
    "Conv grouped": lambda: of("Conv", [4, 5, 5], consts={1: f(4, 2, 2, 3)}, group=2,
                               pads=[0, 1, 1, 0]),
    **{f"{op} {name}": lambda op=op, kw=kw: of(op, [2, 8], kernel_shape=[3], opset=22, **kw)
       for op in ("MaxPool", "AveragePool", "LpPool") for name, kw in WINDOWS.items()},
    **{f"{op} up {name} {n}": lambda op=op, kw=kw, n=n: of(op, [2, n], kernel_shape=[3], opset=22,
                                                          **kw)
       for op in ("MaxPool", "AveragePool") for n in (6, 7) for name, kw in UP.items()},
    "MaxPool up-13": lambda: of("MaxPool", [2, 6], kernel_shape=[2], strides=[3], ceil_mode=1,
                                opset=13),
    "AveragePool with its padding": lambda: of("AveragePool", [2, 8], kernel_shape=[3],
                                               count_include_pad=1, **WINDOWS["strided"]),
    **{f"ConvTranspose {name}": lambda kw=kw: of(
        "ConvTranspose", [4, 4], consts={1: f(4, 2, 3), 2: f(2)}, **kw)
       for name, kw in TURNED.items()},
    "GlobalAveragePool": lambda: of("GlobalAveragePool", [2, 3, 3]),
    "GlobalMaxPool": lambda: of("GlobalMaxPool", [2, 3, 3]),
    "BatchNormalization": lambda: of(
        "BatchNormalization", [3, 2], consts={1: f(3), 2: f(3), 3: f(3), 4: p(3)}, epsilon=1e-3
    ),
    "BatchNormalization-9": lambda: of(
        "BatchNormalization", [3, 2], consts={1: f(3), 2: f(3), 3: f(3), 4: p(3)}, opset=9
    ),
    "InstanceNormalization": lambda: of("InstanceNormalization", [3, 4], consts={1: f(3), 2: f(3)}),
    "GroupNormalization": lambda: of(
        "GroupNormalization", [4, 3], consts={1: f(4), 2: f(4)}, num_groups=2
    ),
    "GroupNormalization-18": lambda: of(
        "GroupNormalization", [4, 3], consts={1: f(2), 2: f(2)}, num_groups=2, opset=18
    ),
    "LayerNormalization": lambda: of("LayerNormalization", [4, 3], consts={1: f(3), 2: f(3)}),
    "LayerNormalization over two axes": lambda: of(
        "LayerNormalization", [4, 3], consts={1: f(4, 3)}, axis=1, epsilon=0.01
    ),
    "RMSNormalization": lambda: of("RMSNormalization", [4, 3], consts={1: f(3)}, opset=23),
    **{f"Resize {mode} {place}": lambda mode=mode, place=place: of(
        "Resize", [2, 3, 4], consts={1: None, 2: np.array([1, 1, 2, 1.5], np.float32)}, mode=mode,
        coordinate_transformation_mode=place)
       for mode in ("nearest", "linear")
       for place in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel",
                     "half_pixel_symmetric")},
    **{f"Resize {mode}": lambda mode=mode: of(
        "Resize", [2, 5, 4], consts={1: None, 2: np.array([1, 1, 2, 0.75], np.float32)},
        nearest_mode=mode) for mode in ("floor", "ceil", "round_prefer_ceil")},
    "Resize to sizes": lambda: of("Resize", [2, 3, 4], consts={1: None, 2: None, 3: [5, 6]},
                                  axes=[2, 3], mode="linear"),
    "Upsample": lambda: of("Upsample", [2, 3, 3], consts={1: np.array([1, 1, 2, 2], np.float32)},
                           opset=9),
}  # fmt: skip

WITHOUT_DOUBLE: dict[str, Make] = {
    "MeanVarianceNormalization": lambda: of(
        "MeanVarianceNormalization", [3, 4, 2], axes=[1, 2, 3]
    ),
    "LRN": lambda: of("LRN", [4, 2, 2], size=3, alpha=0.5, beta=0.6, bias=1.5),
    "GlobalLpPool": lambda: of("GlobalLpPool", [2, 3, 3], p=3),
    "OneHot first": lambda: of(
        "OneHot", ("int64", [3]), consts={1: [4], 2: np.array([-1, 2], np.float32)}, axis=1
    ),
    "MatMulInteger": lambda: of(
        "MatMulInteger", ("uint8", [4]), out="int32",
        consts={1: np.arange(8, dtype=np.uint8).reshape(4, 2), 2: np.array(3, np.uint8)},
    ),
    "ConvTranspose grouped": lambda: of("ConvTranspose", [4, 4], consts={1: f(4, 2, 3)}, group=2),
}  # fmt: skip
"""Those that neither onnxruntime nor ONNX's own implementation computes in float64."""

HIDDEN, WIDTH, STEPS = 3, 2, 4


def recurrent(op: str, gates: int, ways: int = 1, peep: bool = False, **options: Any) -> Any:
    """Return a model of a recurrent layer over four steps."""
    consts = {
        "w": f(ways, gates * HIDDEN, WIDTH),
        "r": f(ways, gates * HIDDEN, HIDDEN),
        "b": f(ways, 2 * gates * HIDDEN),
    }
    names = ["xt", "w", "r", "b"]
    if peep:
        consts["p"] = f(ways, 3 * HIDDEN)
        names += ["", "", "", "p"]
    results = ["seen", "last", "cell"][: 3 if op == "LSTM" else 2]
    nodes = [
        helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
        helper.make_node(op, names, results, hidden_size=HIDDEN, **options),
        helper.make_node("Transpose", ["seen"], ["y"], perm=[2, 0, 1, 3]),
        helper.make_node("Transpose", ["last"], ["end"], perm=[1, 0, 2]),
    ]
    return model(nodes, {"x": [STEPS, WIDTH]}, {"y": "float32", "end": "float32"}, consts, opset=14)


RECURRENT: dict[str, Make] = {
    **{f"{op} {name}": lambda op=op, gates=gates, kw=kw: recurrent(op, gates, **kw)
       for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4))
       for name, kw in {
           "": {}, "both ways": {"ways": 2, "direction": "bidirectional"},
           "backwards": {"direction": "reverse"},
       }.items()},
    "GRU reset last": lambda: recurrent("GRU", 3, linear_before_reset=1),
    "LSTM with peepholes": lambda: recurrent("LSTM", 4, peep=True),
}  # fmt: skip

LEAKY = {"activations": ["LeakyRelu", "Affine"], "activation_alpha": [0.3, 0.5],
         "activation_beta": [0.1]}  # fmt: skip
WITHOUT_DOUBLE |= {
    **{f"{op} within limits": lambda op=op, gates=gates: recurrent(op, gates, clip=0.3)
       for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4))},
    "LSTM coupled": lambda: recurrent("LSTM", 4, input_forget=1),
    "LSTM of others": lambda: recurrent(
        "LSTM", 4, activations=["HardSigmoid", "Relu", "Softsign"], activation_alpha=[0.3],
        activation_beta=[0.4]),
    "RNN leaky": lambda: recurrent("RNN", 1, 2, direction="bidirectional", **LEAKY),
    **{f"RNN {name}": lambda name=name, kw=kw: recurrent("RNN", 1, activations=[name], **kw)
       for name, kw in {
           "Elu": {"activation_alpha": [0.7]}, "Softplus": {},
           "ScaledTanh": {"activation_alpha": [0.7], "activation_beta": [1.3]},
           "ThresholdedRelu": {"activation_alpha": [0.2]},
       }.items()},
}  # fmt: skip


def chain(*steps: Any, consts: Any = None, opset: int = 21) -> Any:
    """Return a model of several operators: (operator, inputs, outputs, attributes)."""
    nodes = [helper.make_node(op, ins, outs, **(more[0] if more else {}))
             for op, ins, outs, *more in steps]  # fmt: skip
    return model(nodes, {"x": [4]}, {nodes[-1].output[0]: "float32"}, consts, opset)


PLACES = [
    ("Transpose", ["x"], ["a"]), ("Gather", ["a", "from"], ["v"]), ("Shape", ["v"], ["s"]),
    ("Expand", ["at", "s"], ["i"]),
]  # fmt: skip
AT = {"at": np.array([[1], [3]]), "from": np.array([0, 2])}

CHAINS: dict[str, Make] = {
    "Shape, Size and Constant": lambda: chain(
        ("Shape", ["x"], ["s"], {"start": 1}), ("Size", ["x"], ["n"]),
        ("Constant", [], ["k"], {"value_ints": [-1]}), ("Concat", ["k", "s"], ["t"], {"axis": 0}),
        ("Constant", [], ["c"], {"value_float": 0.5}), ("Mul", ["x", "c"], ["h"]),
        ("Reshape", ["h", "t"], ["y"]),
    ),
    "Sequences": lambda: chain(
        ("SplitToSequence", ["x"], ["s"], {"axis": 1, "keepdims": 1}),
        ("SequenceAt", ["s", "one"], ["a"]), ("SequenceErase", ["s", "one"], ["t"]),
        ("SequenceInsert", ["t", "a"], ["u"]), ("SequenceLength", ["u"], ["n"]),
        ("ConcatFromSequence", ["u"], ["y"], {"axis": 1}), consts={"one": np.array(1)},
    ),
    "Sequences made": lambda: chain(
        ("SequenceEmpty", [], ["e"]), ("SequenceInsert", ["e", "x"], ["s"]),
        ("SequenceAt", ["s", "zero"], ["a"]), ("SequenceConstruct", ["a", "x"], ["t"]),
        ("ConcatFromSequence", ["t"], ["y"], {"axis": 1, "new_axis": 1}),
        consts={"zero": np.array(0)},
    ),
    "ScatterND": lambda: chain(
        ("Transpose", ["x"], ["a"]), ("Gather", ["a", "from"], ["v"]),
        ("ScatterND", ["a", "at", "v"], ["b"], {"reduction": "add"}), ("Transpose", ["b"], ["y"]),
        consts={"at": np.array([[1], [3]]), "from": np.array([0, 2])},
    ),
    "ScatterElements": lambda: chain(
        *PLACES, ("ScatterElements", ["a", "i", "v"], ["b"], {"axis": 0, "reduction": "mul"}),
        ("GatherElements", ["b", "i"], ["c"], {"axis": 0}),
        ("Concat", ["b", "c"], ["d"], {"axis": 0}), ("Transpose", ["d"], ["y"]), consts=AT,
    ),
    "Scatter": lambda: chain(
        *PLACES, ("Scatter", ["a", "i", "v"], ["b"], {"axis": 0}), ("Transpose", ["b"], ["y"]),
        consts=AT, opset=10,
    ),
    "ReverseSequence": lambda: chain(
        ("Shape", ["x"], ["s"], {"end": 1}), ("Expand", ["n", "s"], ["k"]),
        ("ReverseSequence", ["x", "k"], ["y"], {"time_axis": 1, "batch_axis": 0}),
        consts={"n": np.array([3])},
    ),
    "CumProd": lambda: chain(
        ("CumProd", ["x", "one"], ["y"]), consts={"one": np.array(1)}, opset=26
    ),
    "What is known": lambda: chain(
        ("ConstantOfShape", ["k"], ["c"]), ("EyeLike", ["c"], ["e"]), ("Range", ["z", "n", "o"],
        ["r"]), ("Add", ["e", "r"], ["w"]), ("MatMul", ["x", "w"], ["y"]),
        consts={"k": np.array([4, 4]), "z": 0.0, "n": 4.0, "o": 1.0},
    ),
    "GatherND": lambda: chain(
        ("Transpose", ["x"], ["a"]), ("GatherND", ["a", "at"], ["b"]),
        ("Transpose", ["b"], ["y"]), consts={"at": np.array([[1], [3], [1]])},
    ),
}  # fmt: skip

ALL = {**ELEMENTS, **SHAPES, **REDUCTIONS, **LAYERS, **RECURRENT, **CHAINS}


QUANTISED: dict[str, Make] = {
    "QuantizeLinear": lambda: of(
        "QuantizeLinear", [3], consts={1: np.float32(0.05), 2: np.array(3, np.int8)}, out="int8"
    ),
    "QuantizeLinear by column": lambda: of(
        "QuantizeLinear", [3], consts={1: p(3) / 20, 2: np.array([3, 4, 5], np.uint8)}, out="uint8"
    ),
    "DequantizeLinear": lambda: chain(
        ("QuantizeLinear", ["x", "s", "z"], ["q"]), ("DequantizeLinear", ["q", "s", "z"], ["y"]),
        consts={"s": np.float32(0.03), "z": np.array(2, np.uint8)},
    ),
    "QLinearMatMul": lambda: chain(
        ("QuantizeLinear", ["x", "s", "z"], ["q"]),
        ("QLinearMatMul", ["q", "s", "z", "w", "sw", "zw", "s", "z"], ["r"]),
        ("DequantizeLinear", ["r", "s", "z"], ["y"]),
        consts={"s": np.float32(0.03), "z": np.array(128, np.uint8), "sw": np.float32(0.01),
                "w": DRAW.integers(0, 255, (4, 2)).astype(np.uint8), "zw": np.array(100, np.uint8)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTISED)
def test_rounding_to_steps_is_read_and_called_approximate(name):
    formula = check(QUANTISED[name](), near=1e-6)
    assert formula.trail[0].kind == "approx"
    assert "steps" in formula.trail[0].found["differs"][0]


TRIED = {
    n.op_type for make in (ALL | WITHOUT_DOUBLE | QUANTISED).values() for n in make().graph.node
}


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_with_a_formula_has_a_model_here(name):
    assert name in TRIED


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_operator_without_a_formula_says_why(name):
    made = model([helper.make_node(name, ["x"], ["y"])], {"x": [3]})
    with pytest.raises(cf.UnsupportedModel, match=f"{name} has no formula: "):
        cf.read(made)


@pytest.mark.parametrize("name", ALL)
def test_every_operator_gives_what_onnxruntime_does(name):
    check(ALL[name]())


@pytest.mark.parametrize("name", WITHOUT_DOUBLE)
def test_operators_that_no_engine_computes_in_float64_agree_within_float32(name):
    check(WITHOUT_DOUBLE[name](), fine=False, near=1e-5)


@pytest.mark.parametrize("axis, largest", [(-1, 0), (-1, 1), (1, 0)])
def test_the_places_of_equal_elements_are_taken_in_order(axis, largest):
    node = helper.make_node("TopK", ["x", "k"], ["v", "y"], axis=axis, largest=largest)
    made = model([node], {"x": [3, 4]}, {"y": "int64", "v": "float32"}, {"k": [3]})
    rows = DRAW.integers(0, 3, size=(200, 12)).astype(float)  # most have equal elements
    check(made, rows)


def test_elements_are_gathered_at_places_that_are_given():
    node = helper.make_node("GatherElements", ["x", "at"], ["y"], axis=1)
    made = model([node], {"x": [3], "at": ("int64", [2])})
    draw = np.random.default_rng(1)
    rows = np.hstack([draw.normal(size=(50, 3)), draw.integers(-3, 3, size=(50, 2))])
    check(made, rows.astype(np.float16).astype(float))
    assert np.isnan(cf.read(made)(np.array([[1.0, 2, 3, 3, 0]]))[0, 0])  # there is no such place
