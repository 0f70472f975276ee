"""The functions that a printed JAX module carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "leaves": '''def leaves(forest, x):
    """The leaf that each row reaches in each tree, level by level."""
    feature, threshold, child = (jnp.asarray(forest[k]) for k in ("feature", "threshold", "child"))
    missing_left = jnp.asarray(forest["missing_left"], dtype=bool)
    roots = jnp.asarray(forest["roots"])
    at = jnp.broadcast_to(roots, (*x.shape[:-1], len(forest["roots"])))
    for _ in range(forest["depth"]):
        value, limit = jnp.take_along_axis(x, feature[at], axis=-1), threshold[at]
        left = value < limit if forest["below"] else value <= limit
        if "sets" in forest:
            member = jnp.asarray(forest["member"])[at]
            left = jnp.where(member < 0, left, is_member(forest["sets"], member, value))
        left = jnp.where(jnp.isnan(value), missing_left[at], left)
        # A leaf is its own child.
        at = jnp.where(child[at] == at, at, child[at] + ~left)
    return at''',
    "is_member": '''def is_member(sets, row, value):
    """Whether a code is in a set."""
    code = jnp.clip(jnp.nan_to_num(value, nan=-1.0), 0, sets.shape[1] - 1).astype(int)
    return jnp.asarray(sets, dtype=bool)[jnp.maximum(row, 0), code] & (code == value)''',
    "guarded": '''def guarded(function, x, inside):
    """function(x), its slope 0 where x is outside: no NaN comes back from what is not used."""
    safe = jnp.where(inside, x, 0.5)
    return jnp.where(inside, function(safe), function(jax.lax.stop_gradient(x)))''',
    "exp": '''def exp(x):
    """The exponential function, whose slope is 0 where it overflows."""
    return guarded(jnp.exp, x, x < (700 if x.dtype == jnp.float64 else 88))''',
    "expm1": '''def expm1(x):
    """exp(x) - 1."""
    return guarded(jnp.expm1, x, x < (700 if x.dtype == jnp.float64 else 88))''',
    "log": '''def log(x):
    """The natural logarithm."""
    return guarded(jnp.log, x, x > 0)''',
    "log1p": '''def log1p(x):
    """log(1 + x)."""
    return guarded(jnp.log1p, x, x > -1)''',
    "sqrt": '''def sqrt(x):
    """The square root."""
    return guarded(jnp.sqrt, x, x > 0)''',
    "asin": '''def asin(x):
    """The arcsine."""
    return guarded(jnp.arcsin, x, jnp.abs(x) < 1)''',
    "acos": '''def acos(x):
    """The arccosine."""
    return guarded(jnp.arccos, x, jnp.abs(x) < 1)''',
    "probit": '''def probit(p):
    """The quantile of the normal distribution."""
    return guarded(jax.scipy.special.ndtri, p, (p > 0) & (p < 1))''',
    "divide": '''def divide(a, b):
    """a / b."""
    raw = jax.lax.stop_gradient(a) / jax.lax.stop_gradient(b)
    return jnp.where(b == 0, raw, a / jnp.where(b == 0, 1.0, b))''',
    "power": '''def power(a, b):
    """a to the power of b."""
    whole = not hasattr(b, "dtype") and b == int(b)
    inside = (a != 0) if whole else (a > 0)
    raw = jnp.power(jax.lax.stop_gradient(a), jax.lax.stop_gradient(b))
    return jnp.where(inside, jnp.power(jnp.where(inside, a, 1.0), b), raw)''',
    "softplus": '''def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return jnp.logaddexp(x, 0.0)''',
    "sign": '''def sign(x):
    """-1, 0 or 1; missing where x is."""
    return jnp.sign(x)''',
    "relu": '''def relu(x):
    """The greater of x and 0."""
    return jax.nn.relu(x)''',
    "single": '''def single(x):
    """x rounded to the nearest float32."""
    return x.astype(jnp.float32).astype(x.dtype)''',
    "least": '''def least(first, *others):
    """The smallest; missing if any is."""
    for other in others:
        first = jnp.minimum(first, other)
    return first''',
    "most": '''def most(first, *others):
    """The greatest; missing if any is."""
    for other in others:
        first = jnp.maximum(first, other)
    return first''',
    "stack": '''def stack(*columns):
    """Columns as one matrix."""
    return jnp.stack(jnp.broadcast_arrays(*columns), axis=-1)''',
    "choose": '''def choose(condition, a, b, x):
    """One of two numbers."""
    return jnp.where(condition, jnp.asarray(a, x.dtype), jnp.asarray(b, x.dtype))''',
    "squared_distances": '''def squared_distances(x, points, weights):
    """The weighted squared distance of each row from each point, a column for each point."""
    total = jnp.zeros((*x.shape[:-1], len(points)))
    for i in range(points.shape[1]):
        total = total + weights[:, i] * jnp.square(x[..., i, None] - points[:, i])
    return total''',
    "sum32": '''def sum32(x, *values):
    """A sum in which every partial sum is rounded to float32."""
    total = jnp.asarray(values[0]).astype(jnp.float32)
    for value in values[1:]:
        total = total + jnp.asarray(value).astype(jnp.float32)
    return jnp.broadcast_to(total.astype(x.dtype), x.shape[:-1])''',
    "added": '''def added(total, values):
    """total + the columns of values, one after the other."""
    columns = jnp.moveaxis(values, -1, 0)
    start = jnp.asarray(total, values.dtype) + jnp.zeros_like(columns[0])
    return jax.lax.scan(lambda now, column: (now + column, None), start, columns)[0]''',
    "added32": '''def added32(total, values):
    """total + the columns of values, each sum rounded to float32."""
    start = jnp.asarray(total).astype(jnp.float32)
    return added(start, values.astype(jnp.float32)).astype(values.dtype)''',
    "kth_smallest": '''def kth_smallest(k, *columns):
    """The k-th smallest; missing if any is."""
    values = stack(*columns)
    found = jnp.sort(values, axis=-1)[..., k - 1]
    return jnp.where(jnp.isnan(values).any(-1), jnp.nan, found)''',
    "weighted_median": '''def weighted_median(weights, *columns):
    """The least value at or below which half of all weight lies; missing if any is."""
    values = stack(*columns)
    order = jnp.argsort(values, axis=-1)
    reached = jnp.cumsum(jnp.asarray(weights)[order], axis=-1)
    first = jnp.argmax(reached >= 0.5 * reached[..., -1:], axis=-1)[..., None]
    at = jnp.take_along_axis(order, first, axis=-1)
    found = jnp.take_along_axis(values, at, axis=-1)[..., 0]
    return jnp.where(jnp.isnan(values).any(-1), jnp.nan, found)''',
    "among": '''def among(x, keys):
    """Where a number is one of some."""
    return (x[..., None] == keys).any(-1)''',
    "look_up": '''def look_up(keys, values, x):
    """The value beside a number among sorted keys; then those of other numbers and of none."""
    keys, values, count = jnp.asarray(keys), jnp.asarray(values), len(keys)
    at = jnp.minimum(jnp.searchsorted(keys, x), count - 1)
    at = jnp.where(keys[at] == x, at, count)
    return values[jnp.where(jnp.isnan(x), count + 1, at)]''',
    "stretch": '''def stretch(x, edges, origins, coefs, side, missing):
    """A polynomial for each stretch between the edges."""
    origins, coefs = jnp.asarray(origins), jnp.asarray(coefs)
    i = jnp.searchsorted(jnp.asarray(edges), x, side=side)
    i = jnp.minimum(i, len(coefs) - 1)
    value = coefs[i, -1]
    for j in range(coefs.shape[1] - 2, -1, -1):
        value = value * (x - origins[i]) + coefs[i, j]
    return jnp.where(jnp.isnan(x), missing, value)''',
    "code": '''def code(x):
    """The code of each label as a whole number; -1 where there is none."""
    return jnp.nan_to_num(x, nan=-1.0).astype(int)''',
    "is_absent": '''def is_absent(value):
    """Whether one value is missing: None, NaN or pandas' NA."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)''',
}
NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("exp", "expm1", "log", "log1p", "sqrt", "asin", "acos", "probit"), ("guarded",)
    ),
    "leaves": ("is_member",),
    "kth_smallest": ("stack",),
    "weighted_median": ("stack",),
    "added32": ("added",),
}
"""The helpers that a helper calls."""

COLUMNS = '''def columns(data):
    """The inputs as one matrix (rows, inputs) of numbers, or as one row."""
    if hasattr(data, "shape") and not hasattr(data, "columns"):
        if data.shape[-1] != len(INPUTS):
            raise ValueError(f"expected {len(INPUTS)} columns, not {data.shape[-1]}")
        x = jnp.asarray(data, dtype=float)
LABELLED        return x
    names = {str(key): key for key in data}
    found = {
        i: column(i, data[names[name]])
        for i, name in enumerate(INPUTS) if name in names and i not in UNREAD
    }
    absent = [INPUTS[i] for i in range(len(INPUTS)) if i not in found and i not in UNREAD]
    if absent:
        raise KeyError(f"these columns are absent: {', '.join(absent)}")
    shape = jnp.shape(next(iter([*found.values(), *(data[key] for key in names.values())]), [0.0]))
    nothing = jnp.full(shape, jnp.nan)
    listed = [found.get(i, nothing) for i in range(len(INPUTS))]
    return jnp.stack(listed, axis=-1) if listed else jnp.zeros((1, 0))'''
LABELLED = """        listed = ((i, x[..., i]) for i in range(len(INPUTS)))
        x = jnp.stack([known(c) if i in LABELLED else c for i, c in listed], axis=-1)
"""
COLUMN = '''def column(i, values):
    """One column as numbers."""
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if kind not in "fiub" and np.iterable(values):
        values = list(values)
CODED        values = [np.nan if is_absent(v) else float(v) for v in values]
    return NUMBERED'''
CODED = """        if i in LABELLED:
            values = [-1 if is_absent(v) else CODES.get(v, -2) for v in values]
"""
KNOWN = '''def known(x):
    """Codes of labels: NaN for none, which is -1, and -2 for one that is not in LABELS."""
    inside = (x >= 0) & (x < len(LABELS))
    return jnp.where(inside, x, jnp.where((x == -1) | jnp.isnan(x), jnp.nan, -2.0))'''
LABELS_OF = '''def labels_of(codes):
    """The labels that codes stand for, as a list; None where there is none."""
    return [LABELS[code] if code >= 0 else None for code in np.ravel(codes).tolist()]'''
