"""Models, the formats in which they are saved, and pickles that would do harm if they ran."""

import gzip
import io
import os
import pickle

import joblib
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

X = np.random.default_rng(0).normal(size=(60, 4))
Y = X[:, 0] + X[:, 1] ** 2
LABELS = np.where(Y > 1, "yes", "no").astype(object)  # an array of Python objects
MKDIR = f"{os.mkdir.__module__}.mkdir"

MODELS = {
    "linear": lambda: Ridge().fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), SVC().fit(X, LABELS)).fit(X, LABELS),
    "forest": lambda: RandomForestClassifier(3, random_state=0).fit(X, LABELS),
    "boosting": lambda: HistGradientBoostingRegressor(max_iter=3).fit(X, Y),
    "columns": lambda: make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), [0]), (FunctionTransformer(np.log1p), [1]), remainder="passthrough"
        ),
        LogisticRegression(),
    ).fit(np.abs(X.round()), LABELS),
}
WRITERS = {
    **{f"pickle {p}": lambda m, f, p=p: f.write_bytes(pickle.dumps(m, p)) for p in range(6)},
    **{f"joblib {p}": lambda m, f, p=p: joblib.dump(m, f, protocol=p) for p in range(6)},
    **{
        f"joblib {c}": lambda m, f, c=c: joblib.dump(m, f, compress=(c, 3))
        for c in ("zlib", "gzip", "bz2", "lzma", "xz")
    },
    "pickle gzip": lambda m, f: f.write_bytes(gzip.compress(pickle.dumps(m))),
}


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        return os.mkdir, (self.canary,)


def short(text):
    """Spell a string as a pickle does."""
    data = str(text).encode()
    return pickle.SHORT_BINUNICODE + bytes([len(data)]) + data


# Each puts a call of os.mkdir elsewhere: what(canary) is written, by `joblib.dump` or as bytes.
PLACES = {
    "top": Evil,
    "list": lambda c: [1, Evil(c)],
    "dict key": lambda c: {(1, Evil(c)): 2},
    "set": lambda c: {Evil(c)},
    "after an array": lambda c: [X, Evil(c), X],
    "in an object array": lambda c: [X, np.array([1, Evil(c)], dtype=object), X],
    "in a structured array": lambda c: np.array([(Evil(c), 1.0)], dtype=[("a", "O"), ("b", "f8")]),
    "in a model": lambda c: Ridge(alpha=Evil(c)),
}
RAW = {
    "INST": lambda c: f"(S'{c}'\nios\nmkdir\n.".encode(),
    "OBJ": lambda c: f"(cos\nmkdir\nS'{c}'\no.".encode(),
    "escaped STRING": lambda c: b"\x80\x04S'\\x6fs'\nV\\u006dkdir\n\x93" + short(c) + b"\x85R.",
    "dotted": lambda c: b"\x80\x04" + short("shutil") + short("os.mkdir") + b"\x93" + short(c)
    + b"\x85R.",
    "memo": lambda c: b"\x80\x04" + short("os") + b"\x940" + short("mkdir") + b"q\x07\x94h\x00h"
    + b"\x07\x93" + short(c) + b"\x85R.",
    "junk after": lambda c: pickle.dumps(Evil(c)) + b"junk",
    "frames": lambda c: b"\x80\x04\x95\x04\0\0\0\0\0\0\0" + short("os") + b"\x95\x07\0\0\0\0\0\0\0"
    + short("mkdir") + b"\x93" + short(c) + b"\x85R.",
}  # fmt: skip


def joblib_bytes(model, **options):
    """What `joblib.dump` writes."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()
