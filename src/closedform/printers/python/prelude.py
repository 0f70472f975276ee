"""The functions that a printed Python program carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "exp": '''def exp(x):
    """e to the power of x; infinite where it is too large."""
    return math.exp(x) if not x > 709.782712893384 else math.inf''',
    "log": '''def log(x):
    """Natural logarithm; -inf at 0, missing below."""
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)''',
    "log1p": '''def log1p(x):
    """log(1 + x), exact near 0."""
    return math.log1p(x) if x > -1 else (-math.inf if x == -1 else math.nan)''',
    "expm1": '''def expm1(x):
    """exp(x) - 1, exact near 0."""
    return math.expm1(x) if not x > 709.782712893384 else math.inf''',
    "sqrt": '''def sqrt(x):
    """Square root; missing below 0."""
    return math.sqrt(x) if x >= 0 else math.nan''',
    "asin": '''def asin(x):
    """Arcsine; missing beyond -1 and 1."""
    return math.asin(x) if abs(x) <= 1 else math.nan''',
    "acos": '''def acos(x):
    """Arccosine; missing beyond -1 and 1."""
    return math.acos(x) if abs(x) <= 1 else math.nan''',
    "sin": '''def sin(x):
    """Sine; missing at infinity."""
    return math.nan if math.isinf(x) else math.sin(x)''',
    "cos": '''def cos(x):
    """Cosine; missing at infinity."""
    return math.nan if math.isinf(x) else math.cos(x)''',
    "floor": '''def floor(x):
    """The whole number at or below x."""
    return x if x == 0 or not math.isfinite(x) else float(math.floor(x))''',
    "sign": '''def sign(x):
    """-1, 0 or 1."""
    return x if x != x else float((x > 0) - (x < 0))''',
    "divide": '''def divide(a, b):
    """a / b; infinite or missing where b is 0."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or a != a or b != b else math.copysign(
        math.inf, math.copysign(1, a) * math.copysign(1, b))''',
    "power": '''def power(a, b):
    """a to the power of b; missing where that is no real number."""
    if b == 2:
        return a * a
    try:
        return math.pow(a, b)
    except ValueError:
        return math.copysign(math.inf, a if b % 2 == 1 else 1) if a == 0 else math.nan
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf''',
    "squared_distance": '''def squared_distance(x, point, weights):
    """The weighted sum of squared differences from a point."""
    total = 0.0
    for value, at, weight in zip(x, point, weights):
        away = value - at
        total += weight * (away * away)
    return total''',
    "sum32": '''def sum32(first, *others):
    """A sum in which every partial sum is rounded to float32."""
    total = single(first)
    for other in others:
        total = single(total + single(other))
    return total''',
    "kth_smallest": '''def kth_smallest(k, *values):
    """The k-th smallest; missing if any is."""
    return math.nan if any(v != v for v in values) else sorted(values)[k - 1]''',
    "weighted_median": '''def weighted_median(weights, *values):
    """The least value at or below which half of all weight lies; missing if any is."""
    if any(v != v for v in values):
        return math.nan
    order = sorted(range(len(values)), key=values.__getitem__)
    total, sums = 0.0, []
    for i in order:
        total += weights[i]
        sums.append(total)
    return next(values[i] for i, reached in zip(order, sums) if reached >= 0.5 * total)''',
    "sigmoid": '''def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    small = math.exp(-abs(x))
    return small / (1 + small) if x < 0 else 1 / (1 + small)''',
    "softplus": '''def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x''',
    "least": '''def least(*values):
    """The smallest; missing if any is."""
    return math.nan if any(v != v for v in values) else min(values)''',
    "most": '''def most(*values):
    """The greatest; missing if any is."""
    return math.nan if any(v != v for v in values) else max(values)''',
    "missing": '''def missing(x):
    """Whether a value is missing: None or NaN."""
    return x is None or x != x''',
    "single": '''def single(x):
    """x rounded to the nearest float32."""
    if x != x or math.isinf(x) or x == 0:
        return x
    step = 2.0 ** (max(math.frexp(x)[1], -125) - 24)
    near = round(x / step) * step
    return math.copysign(near if abs(near) < 2.0**128 else math.inf, x)''',
    "same": '''def same(a, b):
    """Whether two labels are equal; false where one is missing."""
    return not missing(a) and a == b''',
    "look_up": '''def look_up(table, x, default, absent):
    """The number beside a label; `default` for other labels, `absent` for none."""
    return absent if missing(x) else table.get(x, default)''',
    "stretch": '''def stretch(x, edges, origins, coefs, right_closed, absent):
    """A polynomial for each stretch between the edges."""
    if x != x:
        return absent
    lo, hi = 0, len(edges)
    while lo < hi:
        mid = (lo + hi) // 2
        if edges[mid] < x or (edges[mid] == x and not right_closed):
            lo = mid + 1
        else:
            hi = mid
    value = coefs[lo][-1]
    for c in coefs[lo][-2::-1]:
        value = value * (x - origins[lo]) + c
    return value''',
    "leaf": '''def leaf(tree, x):
    """The leaf that x reaches in (feature, threshold, left child, missing goes left)."""
    feature, threshold, child, missing_left = tree
    at = 0
    while child[at] != at:
        value = x[feature[at]]
        left = missing_left[at] if value != value else value <= threshold[at]
        at = child[at] + (not left)
    return at''',
    "leaf_below": '''def leaf_below(tree, x):
    """The leaf that x reaches where a row goes left below a threshold, not at it."""
    feature, threshold, child, missing_left = tree
    at = 0
    while child[at] != at:
        value = x[feature[at]]
        left = missing_left[at] if value != value else value < threshold[at]
        at = child[at] + (not left)
    return at''',
    "leaf_among": '''def leaf_among(tree, x):
    """The leaf that x reaches where a test may ask for a category: threshold is then a set."""
    feature, threshold, child, missing_left = tree
    at = 0
    while child[at] != at:
        value, test = x[feature[at]], threshold[at]
        if value != value:
            left = missing_left[at]
        else:
            left = value in test if isinstance(test, frozenset) else value <= test
        at = child[at] + (not left)
    return at''',
    "forest": '''def forest(walk, total, weight, trees, x):
    """total + weight * (the value of the leaf that x reaches), tree after tree."""
    for tree, values in trees:
        total += weight * values[walk(tree, x)]
    return total''',
    "forest32": '''def forest32(walk, total, trees, x):
    """total + the value of the leaf that x reaches, tree after tree, rounded to float32."""
    for tree, values in trees:
        total = single(total + values[walk(tree, x)])
    return total''',
    "as_number": '''def as_number(value):
    """A float; None is missing."""
    return math.nan if value is None else float(value)''',
    "as_label": '''def as_label(value):
    """A label; NaN is missing."""
    return None if value != value else value''',
}
NEEDS: dict[str, tuple[str, ...]] = {
    "look_up": ("missing",),
    "same": ("missing",),
    "sum32": ("single",),
    "forest32": ("single",),
}
