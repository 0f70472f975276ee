"""Which function reads which of Keras' layers, and what becomes of masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from closedform.readers import tensors as t
from closedform.readers.keras import attention as at
from closedform.readers.keras import dense as de
from closedform.readers.keras import norms as no
from closedform.readers.keras import preprocessing as pre
from closedform.readers.keras import recurrent as rec
from closedform.readers.keras import shapes as sh
from closedform.readers.keras import windows as wi

Function = Callable[..., Any]

TRAINING_ONLY = frozenset(
    {
        "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
        "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization", "Identity", "TFDIdentity",
        "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast",
        "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
        "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale",
        "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
        "RandomSaturation", "RandomSharpness", "RandomShear", "Solarization", "AugMix", "CutMix",
        "MixUp", "RandAugment",
    }
)  # fmt: skip
"""Layers that give what they take, once the training is over."""

LAYERS: dict[str, Function] = {
    **dict.fromkeys(TRAINING_ONLY, sh.identity),
    "Dense": de.dense,
    "EinsumDense": de.einsum_dense,
    "Activation": de.activation,
    "ReLU": de.relu,
    "LeakyReLU": de.leaky_relu,
    "ELU": de.elu,
    "PReLU": de.prelu,
    "Softmax": de.softmax,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), wi.convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), wi.depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), wi.separable),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), wi.transposed),
    **{f"MaxPooling{n}D": wi.pooling(n, wi.greatest) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": wi.pooling(n, t.mean) for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": wi.global_pooling(wi.greatest) for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": wi.global_pooling(t.mean) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": wi.adaptive(n, wi.greatest) for n in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{n}D": wi.adaptive(n, t.mean) for n in (1, 2, 3)},
    "BatchNormalization": no.batch_normalization,
    "LayerNormalization": no.layer_normalization,
    "GroupNormalization": no.group_normalization,
    "UnitNormalization": no.unit_normalization,
    "RMSNormalization": no.rms_normalization,
    "Normalization": pre.normalization,
    "Rescaling": pre.rescaling,
    "Discretization": pre.discretization,
    "CategoryEncoding": pre.category_encoding,
    "Flatten": sh.flatten,
    "Reshape": sh.reshape,
    "Permute": sh.permute,
    "RepeatVector": sh.repeat_vector,
    **dict.fromkeys(("Cropping1D", "Cropping2D", "Cropping3D"), sh.cropping),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"), sh.zero_padding),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D", "UpSampling3D"), sh.up_sampling),
    "Resizing": sh.resizing,
    "CenterCrop": sh.center_crop,
    "Masking": sh.masking,
    "Add": sh.total,
    "Average": sh.average,
    "Subtract": sh.subtract,
    "Multiply": sh.multiply,
    "Maximum": sh.extreme(t.greatest),
    "Minimum": sh.extreme(t.smallest),
    **dict.fromkeys(("Concatenate", "TFDConcat"), sh.concatenate),
    "Dot": sh.dot,
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "RNN"), rec.recurrent),
    "Bidirectional": rec.bidirectional,
    **dict.fromkeys(("Attention", "AdditiveAttention"), at.attention),
    **dict.fromkeys(
        ("MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"), at.multi_head
    ),
}
"""Class of a layer → a function of the layer and of what it is called with."""

TAKES_MASK = frozenset(
    {"SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "GlobalAveragePooling1D", "Softmax"}
    | {"Attention", "AdditiveAttention"}
)
"""Layers whose `call` has a `mask`, which Keras fills in with that of what they take."""

MASKS_BY_NAME = frozenset({"MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"})
"""Layers whose `call` has a mask for each tensor: `query_mask` …"""

PASSES_MASK = TRAINING_ONLY | {
    "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "BatchNormalization",
    "LayerNormalization", "GroupNormalization", "UnitNormalization", "Normalization", "Rescaling",
    "TimeDistributed", *MASKS_BY_NAME, "Attention", "AdditiveAttention",
}  # fmt: skip
"""Layers that give the mask of the first tensor that they take to the first that they give."""

BEFORE = "Do it before the model, and read the model behind it."

REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        ("keeps whole images as its state, which is not read", "Use an LSTM of flattened steps."),
    ),
    **dict.fromkeys(
        ("AutoContrast", "Equalization", "ContrastLimitedAdaptiveHistogramEqualization"),
        ("spreads the values of an image by their ranks", BEFORE),
    ),
    **dict.fromkeys(
        ("MelSpectrogram", "STFTSpectrogram"), ("is a spectrum of a sound, not read", BEFORE)
    ),
    "RandomCrop": ("crops or resizes in some versions of Keras, and not in others", BEFORE),
    "MaxNumBoundingBoxes": ("is about boxes in images", BEFORE),
    **dict.fromkeys(
        ("JaxLayer", "FlaxLayer"), ("is code of JAX", "Read that: cf.read(function, example=X).")
    ),
    "TorchModuleWrapper": ("is a module of PyTorch", "Read that: cf.read(layer.module)."),
    "TFSMLayer": ("is a graph of TensorFlow", "Read the Keras model that it was made from."),
    "Lambda": ("is code", "Rebuild it with layers of Keras, or with keras.ops."),
    "Hashing": ("hashes its inputs, which has no formula", "Use a StringLookup or IntegerLookup."),
    "HashedCrossing": (
        "hashes its inputs, which has no formula", "Use a CategoryEncoding of each input.",
    ),
    "TextVectorization": (
        "reads words, not columns", "Read the model behind it, which takes whole numbers.",
    ),
}  # fmt: skip
"""Layers that have no formula: why, and what to do."""
