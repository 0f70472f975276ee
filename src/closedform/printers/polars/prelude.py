"""The functions that a printed Polars module carries, each only where it is used.

Missing numbers are NaN inside, which Polars takes for greater than every number and equal to
itself: `x <= 2.5` is false for it, as it must be, and other comparisons ask.
"""

from __future__ import annotations

from closedform.printers.numpy.prelude import HELPERS as NUMPY

HELPERS: dict[str, str] = {
    "column": '''def column(name):
    """A column by its name, which is never a pattern."""
    return cs.by_name(name).as_expr() if name == "*" or name[:1] == "^" else pl.col(name)''',
    "Columns": '''class Columns:
    """The inputs."""

    def number(self, name):
        """A column of numbers; what is missing is NaN."""
        return column(name).cast(pl.Float64).fill_null(math.nan)

    def text_label(self, name):
        """A column of labels that are text."""
        return column(name).cast(pl.String)

    def number_label(self, name):
        """A column of labels that are numbers."""
        return column(name).cast(pl.Float64).fill_nan(None)''',
    "Work": '''class Work(Columns):
    """A table, and the columns that are kept in it for a while."""

    def __init__(self, frame):
        self.frame, self.count = frame, 0

    def add(self, *expressions):
        names = [f"{TEMPORARY}{self.count + i}" for i in range(len(expressions))]
        self.count += len(names)
        kept = [value(e).alias(name) for e, name in zip(expressions, names)]
        self.frame = self.frame.with_columns(kept)
        return [pl.col(name) for name in names]

    def done(self, outputs, prefix):
        made = [value(e).alias(f"{prefix}{name}") for name, e in outputs.items()]
        names = [f"{TEMPORARY}{i}" for i in range(self.count)]
        return self.frame.with_columns(made).drop(names)''',
    "Inline": '''class Inline(Columns):
    """Nothing is kept: what is used twice is written twice."""

    def add(self, *expressions):
        return expressions''',
    "expressions": '''def expressions():
    """Every output as one expression of the inputs, in which shared values are repeated."""
    return outputs(Inline())''',
    "truth": '''def truth(x):
    """True or false, for every row."""
    return pl.lit(x)''',
    "value": '''def value(x):
    """An expression; a number is one for every row."""
    return x if isinstance(x, pl.Expr) else pl.lit(x, dtype=pl.Float64)''',
    "given": '''def given(x):
    """An output that is a number; null where it is missing."""
    return value(x).fill_nan(None)''',
    "given_label": '''def given_label(x, kind=pl.String):
    """An output that is a label."""
    return x.cast(kind)''',
    "choose": '''def choose(condition, a, b):
    """a where the condition holds, else b."""
    return pl.when(condition).then(value(a)).otherwise(value(b))''',
    "missing": '''def missing(x):
    """Where a number is missing."""
    return value(x).is_nan()''',
    "no_label": '''def no_label(x):
    """Where there is no label."""
    return x.is_null()''',
    "less": '''def less(a, b):
    """a < b; false where one of them is missing."""
    found = value(a) < value(b)
    return found & b.is_not_nan() if isinstance(b, pl.Expr) else found''',
    "less_equal": '''def less_equal(a, b):
    """a <= b; false where one of them is missing."""
    found = value(a) <= value(b)
    return found & b.is_not_nan() if isinstance(b, pl.Expr) else found''',
    "equal": '''def equal(a, b):
    """a = b; false where one of them is missing."""
    return (value(a) == value(b)) & value(a).is_not_nan()''',
    "same": '''def same(a, b):
    """Where two labels are equal; nowhere one is missing."""
    return (a == b).fill_null(False)''',
    "same_truth": '''def same_truth(a, b):
    """Where two conditions are equal."""
    return a == b''',
    "among": '''def among(x, values):
    """Where a number or a label is one of some."""
    return x.is_in(values).fill_null(False) if values else x.is_null() & False''',
    "divide": '''def divide(a, b):
    """a / b."""
    return value(a) / b''',
    "power": '''def power(a, b):
    """a to the power of b."""
    return value(a).pow(b)''',
    "least": '''def least(*values):
    """The smallest; missing if any is."""
    columns = [value(v) for v in values]
    absent = pl.any_horizontal([c.is_nan() for c in columns])
    return pl.when(absent).then(math.nan).otherwise(pl.min_horizontal(columns))''',
    "most": '''def most(*values):
    """The greatest; missing if any is."""
    columns = [value(v) for v in values]
    absent = pl.any_horizontal([c.is_nan() for c in columns])
    return pl.when(absent).then(math.nan).otherwise(pl.max_horizontal(columns))''',
    "log": '''def log(x):
    """The natural logarithm."""
    return x.log()''',
    "floor": '''def floor(x):
    """The greatest whole number that is not greater."""
    return x.floor()''',
    "sigmoid": '''def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + (-x).exp())''',
    "sign": '''def sign(x):
    """-1, 0 or 1; missing where x is."""
    return x.sign()''',
    "single": '''def single(x):
    """x rounded to the nearest float32."""
    return x.cast(pl.Float32).cast(pl.Float64)''',
    "sum32": '''def sum32(first, *others):
    """A sum in which every partial sum is rounded to float32."""
    total = value(first).cast(pl.Float32)
    for other in others:
        total = total + value(other).cast(pl.Float32)
    return total.cast(pl.Float64)''',
    "look_up": '''def look_up(table, x, default, none, test):
    """The number beside a label, or beside a number."""
    found = x.replace_strict(
        list(table), list(table.values()), default=default, return_dtype=pl.Float64
    ) if table else pl.lit(default, dtype=pl.Float64)
    return pl.when(test(x)).then(none).otherwise(found)''',
    "Tree": '''class Tree:
    """A tree: siblings stand side by side, a leaf is its own child."""

    def __init__(self, below, feature, threshold, child, missing_left, value, sets):
        self.arrays = below, feature, threshold, child, missing_left, value, sets
        self.inner = sum(c != i for i, c in enumerate(child))
        depths = [0] * len(child)
        for i, c in enumerate(child):
            if c != i:
                depths[c] = depths[c + 1] = depths[i] + 1
        self.depth, self.values = max(depths), np.array(value, dtype=float)

    @property
    def table(self):
        """The tree as arrays that `leaf` walks."""
        below, feature, threshold, child, missing_left, _, sets = self.arrays
        return tree_of(self.depth, below, feature, threshold, child, missing_left, sets)''',
    "tree": '''def tree(tree, *x):
    """A tree as one choice within the other."""
    if tree.inner > LONGEST:
        return forest(0.0, [tree], *x)
    below, feature, threshold, child, missing_left, value, sets = tree.arrays
    found = {}
    for i in reversed(range(len(child))):
        if child[i] == i:
            found[i] = pl.lit(value[i])
            continue
        v = x[feature[i]]
        test = v.is_in([float(c) for c in sets[i]]) if i in sets else (
            v < threshold[i] if below else v <= threshold[i]
        )
        test = test | v.is_nan() if missing_left[i] else test & v.is_not_nan()
        found[i] = pl.when(test).then(found[child[i]]).otherwise(found[child[i] + 1])
    return found[0]''',
    "forest": '''def forest(total, trees, *x):
    """total + the trees, one after the other; many of them are walked with NumPy."""
    if sum(t.inner for t in trees) > LONGEST:
        return walked(forest_of, trees, [*x, total])
    for one in trees:
        total = total + tree(one, *x)
    return total''',
    "forest32": '''def forest32(total, trees, *x):
    """total + the trees, each sum rounded to float32."""
    if sum(t.inner for t in trees) > LONGEST:
        return walked(forest32_of, trees, [*x, total])
    return sum32(total, *(tree(one, *x) for one in trees))''',
    "walked": '''def walked(function, trees, x):
    """What a function of a matrix gives for each row."""
    tables = [(t.table, t.values) for t in trees]

    def run(rows):
        columns = [np.asarray(rows.struct.field(n), dtype=float) for n in rows.struct.fields]
        return pl.Series(function(tables, np.stack(columns)), dtype=pl.Float64)

    columns = pl.struct([value(v).alias(str(i)) for i, v in enumerate(x)])
    return columns.map_batches(run, return_dtype=pl.Float64, is_elementwise=True)''',
    "forest_of": '''def forest_of(trees, x):
    """The last row of x + the trees, one after the other."""
    total, x = x[-1], np.ascontiguousarray(x[:-1])
    for table, values in trees:
        total = total + values.take(leaf(table, x))
    return total''',
    "forest32_of": '''def forest32_of(trees, x):
    """The last row of x + the trees, each sum rounded to float32."""
    total, x = x[-1].astype(np.float32), np.ascontiguousarray(x[:-1])
    for table, values in trees:
        total = total + values.astype(np.float32).take(leaf(table, x))
    return total.astype(float)''',
    "tree_of": NUMPY["tree_of"],
    "leaf": NUMPY["leaf"],
}
NEEDS: dict[str, tuple[str, ...]] = {
    "forest": ("Tree", "tree", "walked", "forest_of", "tree_of", "leaf"),
    "forest32": ("forest", "forest32_of", "sum32"),
    "tree": ("forest",),
}
"""The helpers that a helper calls."""
