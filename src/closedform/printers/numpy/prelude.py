"""The functions that a printed NumPy program carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "erf": '''def erf(x):
    """Error function."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), dtype=float)''',
    "squared_distances": '''def squared_distances(x, points, weights):
    """The weighted squared distance of each column of x from each point, a row for each point."""
    total = np.zeros((len(points), 1))
    for values, point, weight in zip(x, points.T, weights.T):
        total = total + weight[:, None] * np.square(values - point[:, None])
    return total''',
    "sum32": '''def sum32(first, *others):
    """A sum in which every partial sum is rounded to float32."""
    total = np.asarray(first).astype(np.float32)
    for other in others:
        total = total + np.asarray(other).astype(np.float32)
    return total.astype(float)''',
    "kth_smallest": '''def kth_smallest(k, *columns):
    """The k-th smallest; missing if any is."""
    values = np.stack(np.broadcast_arrays(*columns))
    return np.where(np.isnan(values).any(axis=0), np.nan, np.sort(values, axis=0)[k - 1])''',
    "weighted_median": '''def weighted_median(weights, *columns):
    """The least value at or below which half of all weight lies; missing if any is."""
    values = np.stack(np.broadcast_arrays(*columns), axis=-1)
    order = np.argsort(values, axis=-1)
    reached = np.cumsum(np.asarray(weights)[order], axis=-1)
    first = (reached >= 0.5 * reached[..., -1:]).argmax(axis=-1)[..., None]
    found = np.take_along_axis(values, np.take_along_axis(order, first, axis=-1), axis=-1)
    return np.where(np.isnan(values).any(axis=-1), np.nan, found[..., 0])''',
    "sigmoid": '''def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small / (1 + small), 1 / (1 + small))''',
    "softplus": '''def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))''',
    "single": '''def single(x):
    """x rounded to the nearest float32."""
    return np.asarray(x).astype(np.float32).astype(float)''',
    "least": '''def least(x, *others):
    """The smallest; missing if any is."""
    for other in others:
        x = np.minimum(x, other)
    return x''',
    "most": '''def most(x, *others):
    """The greatest; missing if any is."""
    for other in others:
        x = np.maximum(x, other)
    return x''',
    "stack": '''def stack(*columns):
    """Columns as the rows of one matrix."""
    return np.array(np.broadcast_arrays(*map(np.atleast_1d, columns)), dtype=float)''',
    "absent": '''def absent(labels):
    """Where there is no label."""
    return np.equal(np.asarray(labels, dtype=object), None)''',
    "same": '''def same(a, b):
    """Where two labels are equal; nowhere one is missing."""
    return np.equal(np.asarray(a, dtype=object), np.asarray(b, dtype=object)) & ~absent(a)''',
    "among": '''def among(x, labels):
    """Where a label is one of some."""
    return np.asarray(np.frompyfunc(labels.__contains__, 1, 1)(x), dtype=bool)''',
    "choose": '''def choose(condition, a, b):
    """Label a where the condition holds, else b."""
    return np.where(condition, np.asarray(a, dtype=object), np.asarray(b, dtype=object))''',
    "look_up": '''def look_up(table, x, default):
    """The number beside a label; None is the missing one."""
    return np.asarray(np.frompyfunc(lambda v: table.get(v, default), 1, 1)(x), dtype=float)''',
    "look_up_number": '''def look_up_number(keys, values, x, default, missing):
    """The value beside a number among sorted keys."""
    at = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
    found = np.where(keys[at] == x, values[at], default)
    return np.where(np.isnan(x), missing, found)''',
    "stretch": '''def stretch(x, edges, origins, coefs, side, missing):
    """A polynomial for each stretch between the edges."""
    i = np.searchsorted(edges, x, side=side)
    value = coefs[i, -1]
    for j in range(coefs.shape[1] - 2, -1, -1):
        value = value * (x - origins[i]) + coefs[i, j]
    return np.where(np.isnan(x), missing, value)''',
    "tree_of": '''def tree_of(depth, below, feature, threshold, child, missing_left, sets=None):
    """The arrays of one tree; siblings stand side by side, a leaf is its own child."""
    asks = np.zeros(len(child), dtype=bool)
    codes = np.zeros((0, 0), dtype=bool)
    if sets:
        codes = np.zeros((len(child), 1 + max(max(s, default=0) for s in sets.values())), bool)
        for i, members in sets.items():
            asks[i], codes[i, members] = True, True
    feature, child = np.array(feature), np.array(child)
    leaf = child == np.arange(len(child))
    left = np.array(missing_left, dtype=bool)
    return depth, below, feature, np.array(threshold), child, left, leaf, asks, codes''',
    "leaf": '''def leaf(tree, x):
    """The leaf that each row reaches, level by level."""
    depth, below, feature, threshold, child, missing_left, last, asks, codes = tree
    rows = x.shape[1]
    flat, offset, start = x.reshape(-1), np.arange(rows), feature * rows
    at = np.zeros(rows, dtype=int)
    for _ in range(depth):
        value, limit = flat.take(start.take(at) + offset), threshold.take(at)
        right = ~(value < limit) & ~last.take(at) if below else ~(value <= limit)
        if codes.size:
            code = np.clip(np.nan_to_num(value), 0, codes.shape[1] - 1).astype(int)
            right = np.where(asks.take(at), ~(codes[at, code] & (code == value)), right)
        missing = np.isnan(value)
        if missing.any():
            right = np.where(missing, ~missing_left.take(at), right)
        at = child.take(at) + right
    return at''',
    "forest": '''def forest(total, weight, trees, x):
    """total + weight * (the value of the leaf that each row reaches), tree after tree."""
    for tree, values in trees:
        total = total + weight * values.take(leaf(tree, x))
    return total''',
    "forest32": '''def forest32(total, trees, x):
    """total + the value of the leaf that each row reaches, each sum rounded to float32."""
    total = np.asarray(total).astype(np.float32)
    for tree, values in trees:
        total = total + values.astype(np.float32).take(leaf(tree, x))
    return total.astype(float)''',
    "without": '''def without(refused, column):
    """A column without its values in refused rows."""
    return np.where(refused, None if column.dtype == object else np.nan, column)''',
    "is_absent": '''def is_absent(value):
    """Whether one value is missing: None, NaN or pandas' NA."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)''',
    "numbers": '''def numbers(column):
    """A column as floats; None is missing."""
    column = np.asarray(column)
    if column.dtype.kind in "fiub":
        return np.atleast_1d(column.astype(float))
    listed = np.atleast_1d(np.asarray(column, dtype=object)).tolist()
    return np.array([np.nan if is_absent(v) else float(v) for v in listed])''',
    "labels": '''def labels(column):
    """A column of labels; None is missing."""
    listed = np.atleast_1d(np.asarray(column, dtype=object)).tolist()
    made = np.empty(len(listed), dtype=object)
    made[:] = [None if is_absent(v) else v for v in listed]
    return made''',
    "columns_of": '''def columns_of(data):
    """A column for each of INPUTS: from a dict, a DataFrame, or an array (rows, inputs)."""
    if hasattr(data, "columns") or hasattr(data, "keys"):
        keys = {str(key): key for key in (data.columns if hasattr(data, "columns") else data)}
        some = data[next(iter(keys.values()))] if keys else ()
        wanted = [i not in UNREAD for i in range(len(INPUTS))]
        found = [data[keys[name]] if w else some for name, w in zip(INPUTS, wanted)]
    else:
        found = np.asarray(data, dtype=object if LABELS else None).T
    if len(found) != len(INPUTS):
        raise ValueError(f"expected {len(INPUTS)} columns, not {len(found)}")
    return [np.full(np.size(c), np.nan) if i in UNREAD else c for i, c in enumerate(found)]''',
    "matrix": '''def matrix(data):
    """The inputs as the rows of one matrix."""
    if isinstance(data, np.ndarray) and data.dtype == float and data.shape[1:] == (len(INPUTS),):
        return data.T
    return np.array([numbers(column) for column in columns_of(data)], dtype=float)''',
    "mixed": '''def mixed(data):
    """The inputs as columns of numbers and of labels."""
    found = enumerate(columns_of(data))
    return [labels(column) if i in LABELS else numbers(column) for i, column in found]''',
}
NEEDS: dict[str, tuple[str, ...]] = {
    "same": ("absent",),
    "forest": ("leaf",),
    "forest32": ("leaf",),
    "matrix": ("numbers", "columns_of"),
    "mixed": ("numbers", "labels", "columns_of"),
    "labels": ("is_absent",),
    "numbers": ("is_absent",),
}
