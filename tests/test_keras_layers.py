"""Keras' layers, each with the options that change what it gives, against Keras itself."""

import warnings
from typing import Any

import pytest

pytest.importorskip("torch")

from closedform.readers.keras.activations import ACTIVATIONS
from closedform.readers.keras.recurrent import CELLS
from closedform.readers.keras.table import LAYERS, REFUSED
from closedform.readers.keras.walking import WRAPPERS
from keras_models import L, chain, check, check_file, keras

pytestmark = pytest.mark.filterwarnings("ignore")

Made = dict[str, tuple[list[Any], tuple[int, ...]]]

LINE, PLANE, STEPS = (7, 2), (5, 4, 2), (4, 3)
"""Shapes of a row: places with channels, an image, a sequence."""


AUGMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale",
         "RandomInvert", "RandomPerspective", "Solarization", "AugMix", "CutMix", "MixUp",
         "RandAugment"), ()
    ),
    **dict.fromkeys(
        ("RandomHue", "RandomSaturation", "RandomColorDegeneration", "RandomSharpness"), (0.5,)
    ),
    "RandomColorJitter": (0.2,), "RandomPosterization": (3,), "RandomShear": (0.2, 0.2),
}  # fmt: skip
"""Layers that change images in training, with what they are made of."""


def layers() -> Made:
    """Return layers by what is tried, with the shape of a row."""
    return {
        "dense": ([L.Dense(3, activation="gelu"), L.Dense(2, use_bias=False)], (4,)),
        "dense over steps": ([L.Dense(2, activation="elu")], STEPS),
        "einsum dense": ([L.EinsumDense("bsm,mhd->bshd", (None, 2, 3), bias_axes="hd")], STEPS),
        "einsum dense bare": ([L.EinsumDense("...x,xy->...y", 2, activation="relu")], STEPS),
        "activation": ([L.Activation("softsign"), L.Activation("linear")], (4,)),
        "relu": ([L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.25)], (4,)),
        "relu low": ([L.ReLU(max_value=1.0, threshold=0.5)], (4,)),
        "leaky relu": ([L.LeakyReLU(0.2)], (4,)),
        "elu": ([L.ELU(0.7)], (4,)),
        "prelu": ([L.PReLU()], STEPS),
        "prelu shared": ([L.PReLU(shared_axes=[1])], STEPS),
        "softmax": ([L.Softmax(axis=-1)], STEPS),
        "softmax axes": ([L.Softmax(axis=(1, 2))], STEPS),
        "conv1d": ([L.Conv1D(4, 3, strides=2, padding="same", groups=2)], LINE),
        "conv1d causal": (
            [L.Conv1D(3, 2, dilation_rate=2, padding="causal", activation="tanh")], LINE),
        "conv1d valid": ([L.Conv1D(2, 3, use_bias=False)], LINE),
        "conv2d": ([L.Conv2D(2, (2, 3), strides=(1, 2), padding="same")], PLANE),
        "conv2d dilated": ([L.Conv2D(2, 2, dilation_rate=(2, 1), padding="same")], PLANE),
        "conv3d": ([L.Conv3D(2, 2)], (3, 3, 2, 1)),
        "depthwise": ([L.DepthwiseConv2D(2, depth_multiplier=2, activation="relu")], PLANE),
        "depthwise line": ([L.DepthwiseConv1D(3, strides=2, padding="same")], LINE),
        "separable": ([L.SeparableConv2D(3, 2, padding="same")], PLANE),
        "separable line": ([L.SeparableConv1D(3, 2, depth_multiplier=2, use_bias=False)], LINE),
        "transposed": ([L.Conv1DTranspose(3, 3, strides=2, padding="same")], LINE),
        "transposed even": ([L.Conv1DTranspose(2, 4, strides=2, padding="same")], LINE),
        "transposed wide": ([L.Conv1DTranspose(2, 2, strides=3)], LINE),
        "transposed plane": ([L.Conv2DTranspose(2, (2, 3), strides=(2, 1))], (3, 2, 2)),
        "transposed more": ([L.Conv1DTranspose(2, 3, strides=2, output_padding=1)], LINE),
        "transposed dilated": ([L.Conv1DTranspose(2, 3, dilation_rate=2)], LINE),
        "transposed 3d": ([L.Conv3DTranspose(1, 2)], (2, 2, 1, 2)),
        "max pool": ([L.MaxPooling1D(3, strides=2, padding="same")], LINE),
        "max pool plane": ([L.MaxPooling2D((2, 3), strides=(1, 2))], PLANE),
        "max pool 3d": ([L.MaxPooling3D(2)], (2, 3, 2, 2)),
        "avg pool": ([L.AveragePooling1D(3, strides=2, padding="same")], LINE),
        "avg pool plane": ([L.AveragePooling2D(2, padding="same")], PLANE),
        "avg pool 3d": ([L.AveragePooling3D(2)], (2, 3, 2, 2)),
        "global max": ([L.GlobalMaxPooling1D()], LINE),
        "global max plane": ([L.GlobalMaxPooling2D(keepdims=True)], PLANE),
        "global max 3d": ([L.GlobalMaxPooling3D()], (2, 3, 2, 2)),
        "global avg": ([L.GlobalAveragePooling1D(keepdims=True)], LINE),
        "global avg plane": ([L.GlobalAveragePooling2D()], PLANE),
        "global avg 3d": ([L.GlobalAveragePooling3D()], (2, 3, 2, 2)),
        "batch norm": ([L.BatchNormalization()], STEPS),
        "batch norm axis": ([L.BatchNormalization(axis=1, scale=False, epsilon=0.1)], STEPS),
        "batch norm bare": ([L.BatchNormalization(center=False)], (4,)),
        "layer norm": ([L.LayerNormalization()], STEPS),
        "layer norm axes": ([L.LayerNormalization(axis=[1, 2], center=False, epsilon=0.1)], STEPS),
        "layer norm rms": ([L.LayerNormalization(rms_scaling=True)], STEPS),
        "group norm": ([L.GroupNormalization(2)], (3, 4)),
        "group norm channel": ([L.GroupNormalization(-1, axis=1, scale=False)], (4, 3)),
        "unit norm": ([L.UnitNormalization()], STEPS),
        "unit norm axis": ([L.UnitNormalization(axis=1)], STEPS),
        "rms norm": ([L.RMSNormalization()], STEPS),
        "spectral norm": ([L.SpectralNormalization(L.Dense(2))], (4,)),
        "normalization": ([L.Normalization(mean=[1.0, 2, 3], variance=[4.0, 1, 0])], STEPS),
        "normalization axis": (
            [L.Normalization(axis=1, mean=[1.0, 2, 3, 4], variance=[1.0, 2, 3, 4])], STEPS),
        "normalization whole": ([L.Normalization(axis=None, mean=1.0, variance=2.0)], STEPS),
        "normalization back": (
            [L.Normalization(mean=[1.0, 2, 3], variance=[4.0, 1, 2], invert=True)], STEPS),
        "rescaling": ([L.Rescaling(1 / 3, offset=-1)], (4,)),
        "rescaling each": ([L.Rescaling([0.5, 2.0, 3.0, 1.0], offset=[0.0, 1, 2, 3])], (4,)),
        "flatten": ([L.Flatten()], PLANE),
        "reshape": ([L.Reshape((2, -1))], (4, 3)),
        "permute": ([L.Permute((3, 1, 2)), L.Flatten()], PLANE),
        "repeat": ([L.RepeatVector(3), L.Dense(2)], (4,)),
        "cropping": ([L.Cropping1D((1, 2))], LINE),
        "cropping plane": ([L.Cropping2D(((1, 0), (0, 1)))], PLANE),
        "cropping 3d": ([L.Cropping3D(1)], (3, 3, 4, 1)),
        "zero padding": ([L.ZeroPadding1D((1, 2)), L.Dense(2)], LINE),
        "zero padding plane": ([L.ZeroPadding2D(((1, 0), (0, 2)))], PLANE),
        "zero padding 3d": ([L.ZeroPadding3D(1)], (1, 1, 2, 1)),
        "up sampling": ([L.UpSampling1D(2)], LINE),
        "up sampling plane": ([L.UpSampling2D((2, 3))], (2, 3, 1)),
        "up sampling between": ([L.UpSampling2D(2, interpolation="bilinear")], (2, 3, 1)),
        "up sampling 3d": ([L.UpSampling3D(2)], (1, 2, 1, 1)),
        "simple rnn": ([L.SimpleRNN(3)], STEPS),
        "lstm": ([L.LSTM(3, return_sequences=True), L.LSTM(2)], STEPS),
        "lstm backwards": ([L.LSTM(3, go_backwards=True, return_sequences=True)], STEPS),
        "lstm options": ([L.LSTM(2, activation="relu", recurrent_activation="hard_sigmoid",
                                 use_bias=False, unroll=True)], STEPS),
        "gru": ([L.GRU(3)], STEPS),
        "gru before": ([L.GRU(3, reset_after=False, go_backwards=True)], STEPS),
        "gru bare": ([L.GRU(2, use_bias=False, return_sequences=True)], STEPS),
        "rnn stacked": ([L.RNN([L.LSTMCell(2), L.GRUCell(3), L.SimpleRNNCell(2)])], STEPS),
        "bidirectional": ([L.Bidirectional(L.LSTM(2, return_sequences=True))], STEPS),
        "bidirectional sum": ([L.Bidirectional(L.GRU(2), merge_mode="sum")], STEPS),
        "bidirectional ave": ([L.Bidirectional(L.SimpleRNN(2), merge_mode="ave")], STEPS),
        "bidirectional mul": ([L.Bidirectional(L.LSTM(2), merge_mode="mul",
                                               backward_layer=L.GRU(2, go_backwards=True))], STEPS),
        "time distributed": ([L.TimeDistributed(L.Dense(2, activation="tanh"))], STEPS),
        "time distributed conv": ([L.TimeDistributed(L.Conv1D(2, 2))], (2, 3, 2)),
        "dropout": ([L.Dropout(0.5), L.SpatialDropout1D(0.5), L.GaussianNoise(1.0),
                     L.GaussianDropout(0.5), L.AlphaDropout(0.5), L.Identity(), L.Dense(2),
                     L.ActivityRegularization(0.1)], STEPS),
        "masked lstm": ([L.Masking(-1.0), L.LSTM(3)], STEPS),
        "masked mean": ([L.Masking(0.0), L.Dense(2), L.GlobalAveragePooling1D()], STEPS),
        "nested": ([keras.Sequential([L.Dense(3, activation="tanh")]), L.Dense(2)], (4,)),
        "channels first": ([L.Permute((2, 1)), L.Conv1D(3, 2, data_format="channels_first"),
                            L.MaxPooling1D(2, data_format="channels_first"),
                            L.GlobalAveragePooling1D(data_format="channels_first")], LINE),
        "category": ([L.Discretization(bin_boundaries=[-0.5, 0.1, 1.0])], (3,)),
        "category one hot": (
            [L.Discretization(bin_boundaries=[-0.5, 1.0], output_mode="one_hot")], (1,)),
        "category many": (
            [L.Discretization(bin_boundaries=[-0.5, 1.0], output_mode="multi_hot")], (4,)),
        "category counts": (
            [L.Discretization(bin_boundaries=[-0.5, 1.0], output_mode="count")], (4,)),
        "adaptive": ([L.AdaptiveAveragePooling1D(3)], LINE),
        "adaptive plane": ([L.AdaptiveAveragePooling2D((2, 3))], PLANE),
        "adaptive 3d": ([L.AdaptiveAveragePooling3D(2)], (2, 3, 2, 2)),
        "adaptive max": ([L.AdaptiveMaxPooling1D(3)], LINE),
        "adaptive max plane": ([L.AdaptiveMaxPooling2D(2)], PLANE),
        "adaptive max 3d": ([L.AdaptiveMaxPooling3D(2)], (2, 3, 2, 2)),
        "resizing": ([L.Resizing(3, 7)], PLANE),
        "resizing nearest": ([L.Resizing(7, 3, interpolation="nearest")], PLANE),
        "center crop": ([L.CenterCrop(2, 3)], PLANE),
        "random images": ([getattr(L, kind)(*given) for kind, given in AUGMENTS.items()]
                          + [L.Flatten()], (3, 4, 3)),
        "random": ([L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomContrast(0.1),
                    L.RandomTranslation(0.1, 0.1), L.RandomBrightness(0.1), L.Flatten()],
                   (2, 2, 3)),
        "dropout plane": ([L.SpatialDropout2D(0.5)], PLANE),
        "dropout 3d": ([L.SpatialDropout3D(0.5)], (2, 3, 2, 2)),
        "attention gated": ([L.Dense(4), Gated()], STEPS),
    }  # fmt: skip


class Gated(keras.layers.Layer):
    """A layer that is code, in terms of others and of operations."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.inner = L.Dense(4, activation="silu")

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        return self.inner(x) * keras.ops.sigmoid(x * self.scale) + keras.ops.mean(
            x, axis=1, keepdims=True
        )


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MADE = layers()


@pytest.mark.parametrize("name", MADE)
def test_every_layer_is_read(name, tmp_path):
    parts, shape = MADE[name]
    model = chain(*parts, shape=shape)
    formula = check(model)
    if not any(isinstance(part, Gated) for part in parts):
        check_file(model, formula, tmp_path / "model.keras")


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "threshold"])
def test_every_activation_is_read(name):
    check(chain(L.Dense(4), L.Activation(name), L.Lambda(lambda x: x)))


def kinds(model: Any) -> set[str]:
    """Return the classes of the layers in a model."""
    return {type(part).__name__ for part in model._flatten_layers()}


def test_every_layer_in_the_table_is_tried():
    from test_read_keras import GRAPHS

    tried = {kind for parts, shape in MADE.values() for kind in kinds(chain(*parts, shape=shape))}
    tried |= {kind for made in GRAPHS.values() for kind in kinds(made())}
    assert {*LAYERS, *WRAPPERS} - {"GroupQueryAttention", *LOOKED_UP} <= tried


LOOKED_UP = {"StringLookup", "IntegerLookup", "TFDConcat", "TFDIdentity"}
"""Layers that need TensorFlow: see test_keras_lookup.py and test_keras_tensorflow.py."""

PARTS = {"Layer", "Wrapper", "InputSpec", "InputLayer"}
"""What is no layer that a model is made of."""


def test_every_layer_of_keras_is_read_or_refused_with_a_reason():
    found = {x.__name__ for x in vars(L).values() if isinstance(x, type)}
    read = {*LAYERS, *WRAPPERS, *CELLS}
    assert found - PARTS <= read | set(REFUSED), "neither read nor refused"
    assert not read & set(REFUSED)
    assert found > set(REFUSED)
    assert all(why and hint.endswith(".") for why, hint in REFUSED.values())
