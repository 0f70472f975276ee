"""`keras.ops` in a graph, one by one, against Keras itself."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from closedform.readers.keras.operations import OPERATIONS as OPERATIONS_READ
from keras_models import L, chain, check, keras

pytestmark = pytest.mark.filterwarnings("ignore")

o = keras.ops


def of_operations(function: Any, *shapes: tuple[int, ...]) -> Any:
    """Return a model that computes one function of its inputs."""
    inputs = [keras.Input(shape) for shape in shapes or [(4,)]]
    return keras.Model(inputs, function(*inputs))


OPERATIONS: dict[str, Any] = {
    "elementary": lambda x: o.concatenate([f(o.abs(x) + 0.5) for f in (
        o.exp, o.log, o.log1p, o.expm1, o.sqrt, o.rsqrt, o.square, o.reciprocal, o.log2, o.log10,
        o.sinh, o.cosh, o.tan, o.arcsinh, o.exp2, o.erf)], axis=1),
    "steps": lambda x: o.concatenate([f(x * 3) for f in (
        o.floor, o.ceil, o.sign, o.round, o.trunc, o.sin, o.cos, o.negative)], axis=1),
    "two": lambda x: o.concatenate([f(x, o.flip(x, axis=1) + 3.0) for f in (
        o.add, o.subtract, o.multiply, o.divide, o.minimum, o.maximum, o.divide_no_nan,
        o.floor_divide, o.mod, o.hypot, o.logaddexp)], axis=1),
    "power": lambda x: o.power(o.abs(x), 1.5) + x**2 + 2.0**x,
    "compared": lambda x: o.where(o.logical_and(x > 0, o.logical_not(x > 1)), x, o.zeros_like(x))
    + o.where(o.logical_or(x <= -1, o.equal(x, 0.0)), 1.0, -1.0),
    "clipped": lambda x: o.clip(x, -0.5, 0.5) + o.relu(x) + o.cast(x > 0, "float32"),
    "reduced": lambda x: o.stack([
        o.sum(x, axis=1), o.mean(x, axis=-1), o.var(x, axis=1), o.std(x, axis=1), o.max(x, axis=1),
        o.min(x, axis=1), o.prod(x, axis=1), o.logsumexp(x, axis=1), o.norm(x, axis=1),
        o.cast(o.argmax(x, axis=1), "float32"), o.cast(o.any(x > 1, axis=1), "float32"),
    ], axis=1),
    "moved": lambda x: o.concatenate([
        o.reshape(x, (-1, 2, 2))[:, 0], o.flip(x, axis=1), o.roll(x, 1, axis=1),
        o.repeat(x, 2, axis=1), o.tile(x, (1, 2)), o.take(x, [1, 3], axis=1),
        o.pad(x, ((0, 0), (1, 2))), x[:, 1:3], x[..., -1:],
        o.squeeze(o.expand_dims(x, 1), 1), *o.split(x, 2, axis=1), o.cumsum(x, axis=1)], axis=1),
    "matrices": lambda x: o.einsum("bi,bj->bij", x, x) @ o.expand_dims(x, -1)
    + o.swapaxes(o.matmul(o.expand_dims(x, 1), o.ones((4, 3))), 1, 2)[:, :1],
    "normed": lambda x: o.normalize(x, axis=1) + o.softmax(x) + o.log_softmax(x)
    + o.layer_normalization(x),
    "activated": lambda x: o.concatenate([f(x) for f in (
        o.elu, o.celu, o.gelu, o.glu, o.hard_shrink, o.hard_sigmoid, o.hard_silu, o.hard_tanh,
        o.leaky_relu, o.log_sigmoid, o.relu6, o.selu, o.sigmoid, o.silu, o.soft_shrink, o.softplus,
        o.softsign, o.sparse_plus, o.sparse_sigmoid, o.sparsemax, o.squareplus, o.tanh,
        o.tanh_shrink, keras.activations.relu, lambda x: o.threshold(x, 0.1, 2.0),
        lambda x: keras.activations.relu(x, 0.1, 1.0, 0.2))], axis=1),
    "chosen": lambda x: o.where(o.logical_xor(x < 0, x >= 0.5), o.absolute(x), o.fabs(x) * 2)
    + o.where(o.not_equal(x, 0.0), o.ones_like(x), o.full_like(x, 3.0))
    + o.where(o.logical_or(o.isnan(x), o.isinf(x)), 0.0, o.stop_gradient(x))
    + o.cast(o.all(x > -1, axis=1, keepdims=True), "float32"),
    "angles": lambda x: o.deg2rad(x) + o.rad2deg(x) + o.arccosh(o.abs(x) + 1)
    + o.arctanh(o.tanh(x)) + o.arcsin(o.sin(x)) + o.arccos(o.tanh(x)) * o.arctan(x)
    + o.arctan2(x, x + 0.5),
    "more reduced": lambda x: o.stack([
        o.amax(x, axis=1), o.amin(x, axis=1), o.average(x, axis=1), *o.moments(x, axes=1),
        o.cast(o.argmin(x, axis=1), "float32"), o.norm(x, ord=1, axis=1)], axis=1),
    "more moved": lambda x: o.concatenate([
        o.append(x, x, axis=1), o.copy(x), o.vstack([x]), o.hstack([x, x]),
        o.diagonal(o.reshape(x, (-1, 2, 2)), axis1=1, axis2=2),
        o.moveaxis(x[..., None], 2, 1)[:, 0], *o.unstack(x[:, None], axis=1, num=1),
        o.transpose(o.reshape(x, (-1, 2, 2)), (0, 2, 1))[:, 0],
        o.reshape(o.ravel(x), (-1, 4)), o.reshape(o.one_hot(o.cast(x > 0, "int32"), 2), (-1, 8)),
        o.reshape(o.tril(o.reshape(x, (-1, 2, 2))), (-1, 4)),
        o.reshape(o.triu(o.reshape(x, (-1, 2, 2)), k=1), (-1, 4))], axis=1),
    "more matrices": lambda x: o.concatenate([
        o.tensordot(x, np.ones((4, 2), "float32"), axes=1), o.dot(x, np.ones((4, 3), "float32")),
        o.inner(x, np.arange(8.0, dtype="float32").reshape(2, 4)),
        o.reshape(o.outer(x, np.arange(2.0, dtype="float32")), (-1, 8)), o.true_divide(x, 3.0),
    ], axis=1),
    "more normed": lambda x: o.rms_normalization(x) + o.batch_normalization(
        x, np.ones(4, "float32"), np.full(4, 2.0, "float32"), axis=-1, epsilon=0.1),
    "attended": lambda x: o.dot_product_attention(
        *[o.reshape(x * k, (-1, 2, 1, 2)) for k in (1.0, 2.0, 3.0)], is_causal=True),
    "shifted": lambda x: x + np.arange(4.0, dtype="float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_in_a_graph_is_read(name):
    check(of_operations(OPERATIONS[name]))


def test_every_operation_in_the_table_is_tried():
    tried = {type(op).__name__ for f in OPERATIONS.values() for op in of_operations(f).operations}
    assert set(OPERATIONS_READ) - {"BroadcastTo"} <= tried  # which needs the number of rows


def test_code_may_ask_for_the_number_of_rows():
    def spread(x: Any) -> Any:
        return o.reshape(o.broadcast_to(x[:, None], (o.shape(x)[0], 2, 4)), (o.shape(x)[0], 8))

    check(chain(L.Dense(4), L.Lambda(spread)))
