"""Which imports of a model file are everyday ones.

The mark is for the eye only: it draws attention to what is out of the ordinary. A pickle is refused
or trusted as a whole, since everyday names can be combined into harm as well.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

_CLASS: Final = r"_?[A-Z][A-Za-z0-9]*"
_PICKLED_BY_CYTHON: Final = rf"{_CLASS}|__pyx_unpickle_\w+"

# (module, name): both must match as a whole. Functions are listed one by one, because modules of
# every package also hold `load`, `eval` and the modules that they import themselves.
_EVERYDAY: Final[tuple[tuple[str, str], ...]] = (
    ("builtins", "bool|bytearray|bytes|complex|dict|float|frozenset|int|list|object|range|set"),
    ("builtins", "slice|str|tuple"),
    ("collections", "Counter|OrderedDict|defaultdict|deque"),
    ("copyreg", "_reconstructor|__newobj__|__newobj_ex__"),
    ("_codecs", "encode"),
    ("datetime", "date|datetime|time|timedelta|timezone"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("numpy", "dtype|matrix|ndarray"),
    (r"numpy\._?core\.multiarray", "_reconstruct|scalar"),
    (r"numpy\._?core\.numeric", "_frombuffer"),
    (r"numpy\._core\._internal", "_convert_to_stringdtype_kwargs"),
    (r"numpy\.dtypes", r"[A-Z]\w*DType"),
    (r"numpy\.ma(\.core)?", "MaskedArray|_mareconstruct"),
    (r"numpy\.random\._pickle", "__(randomstate|generator|bit_generator)_ctor"),
    (r"numpy\.random(\.\w+)?", "RandomState|Generator|SeedSequence|MT19937|PCG64|PCG64DXSM|Philox"),
    (r"numpy\.random(\.\w+)?", r"SFC64|__pyx_unpickle_\w+"),
    (r"sklearn(\.\w+)*", _PICKLED_BY_CYTHON),
    (r"sklearn\.neighbors\.\w+", "newObj"),
    (r"sklearn\.metrics\._dist_metrics", "newObj"),
    (r"sklearn\.feature_selection(\.\w+)*", "chi2|f_(classif|regression)|mutual_info_\\w+"),
    (r"scipy\.sparse(\.\w+)*", "(bsr|coo|csc|csr|dia|dok|lil)_(array|matrix)"),
    (r"scipy\.(interpolate|spatial|stats|sparse|special|optimize)(\.\w+)*", _PICKLED_BY_CYTHON),
    (r"scipy\.spatial(\.\w+)*", "cKDTree"),
    (r"scipy\.stats(\.\w+)*", r"rv_(continuous|discrete)_frozen|\w+_gen"),
    (r"scipy\.special(\.\w+)*", "expit|logit|log_expit|erf|ndtr|ndtri|softmax|xlogy"),
    (r"pandas\.(core|_libs)(\.\w+)*", _PICKLED_BY_CYTHON),
    (r"pandas\.core\.indexes\.\w+", "_new_Index|_new_DatetimeIndex|_new_PeriodIndex"),
    (r"pandas\._libs\.\w+", "_unpickle_block"),
    ("pandas", "Categorical|CategoricalDtype|DataFrame|Index|Interval|Series|Timedelta|Timestamp"),
)  # fmt: skip
_NEVER: Final = re.compile(
    r"(.*\.)?(externals|tests|_testing|conftest|datasets|computation|_test\w*)(\..*)?"
)
_RULES: Final = tuple((re.compile(module), re.compile(name)) for module, name in _EVERYDAY)
_UFUNC_MODULES: Final = re.compile(r"numpy(\._?core\.(_multiarray_umath|umath))?")


def is_familiar(module: str, name: str) -> bool:
    """Tell whether models of scikit-learn, NumPy, SciPy or pandas commonly import this name."""
    if _NEVER.fullmatch(module):
        return False
    if any(m.fullmatch(module) and n.fullmatch(name) for m, n in _RULES):
        return True
    found = vars(np).get(name) if _UFUNC_MODULES.fullmatch(module) else None
    return isinstance(found, np.ufunc) or (
        isinstance(found, type) and issubclass(found, np.generic)
    )
