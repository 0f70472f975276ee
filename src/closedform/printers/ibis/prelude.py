"""The functions that a printed Ibis module carries, each only where it is used.

What is missing is NULL. Some engines have NaN too, and take it for greater than every number: it
is NULL in every column that is kept, and comparisons ask `x <= INFINITY`, which is false for it in
every engine.
"""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "Columns": '''class Columns:
    """A table, and its inputs."""

    def __init__(self, frame):
        self.frame, self.names = frame, []

    def number(self, name):
        """A column of numbers."""
        return self.frame[name].cast("float64")

    def text_label(self, name):
        """A column of labels that are text."""
        return self.frame[name].cast("string")

    def number_label(self, name):
        """A column of labels that are numbers."""
        return sound(self.frame[name].cast("float64"))''',
    "Work": '''class Work(Columns):
    """A table, and the columns that are kept in it for a while."""

    def add(self, *expressions):
        first = len(self.names)
        names = [f"{TEMPORARY}{first + i}" for i in range(len(expressions))]
        self.names += names
        self.frame = self.frame.mutate(**dict(zip(names, map(value, expressions))))
        floats = [n for n in names if self.frame[n].type().is_floating()]
        self.frame = self.frame.mutate(**{n: sound(self.frame[n]) for n in floats})
        return [self.frame[n] for n in names]

    def done(self, outputs, prefix):
        made = {f"{prefix}{name}": e for name, e in outputs.items()}
        return self.frame.mutate(**made).drop(*self.names)''',
    "Inline": '''class Inline(Columns):
    """Nothing is kept: what is used twice is written twice."""

    def add(self, *expressions):
        return [value(e) for e in expressions]''',
    "expressions": '''def expressions(frame):
    """Every output as one expression over a table, in which shared values are repeated."""
    return outputs(Inline(frame))''',
    "truth": '''def truth(x):
    """True or false, for every row."""
    return ibis.literal(x)''',
    "value": '''def value(x):
    """An expression; a number is one for every row."""
    return ibis.literal(x, type="float64") if isinstance(x, float) else x''',
    "sound": '''def sound(x):
    """A number, or NULL where it is NaN."""
    return ibis.cases((x <= INFINITY, x))''',
    "given": '''def given(x):
    """An output that is a number."""
    return sound(value(x))''',
    "given_label": '''def given_label(x, kind="string"):
    """An output that is a label."""
    return x.cast(kind)''',
    "choose": '''def choose(condition, a, b):
    """a where the condition holds, else b."""
    return ibis.ifelse(condition, value(a), value(b))''',
    "missing": '''def missing(x):
    """Where a number is missing."""
    return ~(value(x) <= INFINITY).fill_null(False)''',
    "no_label": '''def no_label(x):
    """Where there is no label."""
    return x.isnull()''',
    "less": '''def less(a, b):
    """a < b; false where one of them is missing."""
    found = value(a) < value(b)
    return (found if isinstance(b, float) else found & (b <= INFINITY)).fill_null(False)''',
    "less_equal": '''def less_equal(a, b):
    """a <= b; false where one of them is missing."""
    found = value(a) <= value(b)
    return (found if isinstance(b, float) else found & (b <= INFINITY)).fill_null(False)''',
    "equal": '''def equal(a, b):
    """a = b; false where one of them is missing."""
    return ((value(a) == value(b)) & (value(a) <= INFINITY)).fill_null(False)''',
    "same": '''def same(a, b):
    """Where two labels are equal; nowhere one is missing."""
    return (a == b).fill_null(False)''',
    "same_truth": '''def same_truth(a, b):
    """Where two conditions are equal."""
    return a == b''',
    "among": '''def among(x, values):
    """Where a number or a label is one of some."""
    return x.isin(values).fill_null(False) if values else x.isnull() & ibis.literal(False)''',
    "divide": '''def divide(a, b):
    """a / b, infinite where b is 0."""
    if isinstance(b, float):
        return value(a) / b
    a = value(a)
    none, end = b == 0.0, ibis.ifelse(b.cast("string").startswith("-"), -INFINITY, INFINITY)
    return ibis.cases((b != 0.0, a / b), (none & (a > 0.0), end), (none & (a < 0.0), -end))''',
    "power": '''def power(a, b):
    """a to the power of b."""
    whole = isinstance(b, float) and b == math.floor(b)
    a, b = value(a), value(b)
    inside = b == b if whole else (a >= 0.0) | (b == b.floor())
    below = ibis.cases((b < 0.0, INFINITY), (b > 0.0, 0.0))
    return ibis.cases(((b == 0.0) | (a == 1.0), 1.0), (a == 0.0, below), (inside, a**b))''',
    "least": '''def least(*values):
    """The smallest; missing if any is."""
    columns = [value(v) for v in values]
    absent = functools.reduce(operator.or_, map(missing, columns))
    return ibis.ifelse(absent, ibis.null("float64"), ibis.least(*columns))''',
    "most": '''def most(*values):
    """The greatest; missing if any is."""
    columns = [value(v) for v in values]
    absent = functools.reduce(operator.or_, map(missing, columns))
    return ibis.ifelse(absent, ibis.null("float64"), ibis.greatest(*columns))''',
    "log": '''def log(x):
    """The natural logarithm; no engine is asked for that of what is not positive."""
    return ibis.cases((x > 0.0, x.ln()), (x == 0.0, -INFINITY))''',
    "sqrt": '''def sqrt(x):
    """The square root."""
    return ibis.cases((x >= 0.0, x.sqrt()))''',
    "wave": '''def wave(function, x):
    """A sine or a cosine; some engines refuse infinity."""
    return ibis.cases((x.abs() < INFINITY, function(x)))''',
    "arc": '''def arc(function, x):
    """An arcsine or an arccosine."""
    return ibis.cases((x.abs() <= 1.0, function(x)))''',
    "floor": '''def floor(x):
    """The greatest whole number that is not greater; Ibis gives integers, which have an end."""
    return ibis.cases((x.abs() < 2.0**53, x.floor().cast("float64")), else_=x)''',
    "sigmoid": '''def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + (-x).exp())''',
    "sign": '''def sign(x):
    """-1, 0 or 1; missing where x is."""
    return ibis.cases((x > 0.0, 1.0), (x < 0.0, -1.0), (x == 0.0, 0.0))''',
    "single": '''def single(x):
    """x rounded to the nearest float32; some engines refuse what is too great for one."""
    inside = x.abs() < 3.4028235677973362e38
    return ibis.cases((inside, x.cast("float32").cast("float64")), (x > 0.0, INFINITY),
                      (x < 0.0, -INFINITY))''',
    "sum32": '''def sum32(first, *others):
    """A sum in which every partial sum is rounded to float32, where the engine has it."""
    total = value(first).cast("float32")
    for other in others:
        total = (total + value(other).cast("float32")).cast("float32")
    return total.cast("float64")''',
    "look_up": '''def look_up(table, x, default, none, test):
    """The number beside a label, or beside a number."""
    pairs = [(x == key, ibis.literal(v, type="float64")) for key, v in table.items()]
    return ibis.cases((test(x), value(none)), *pairs, else_=value(default))''',
    "Tree": '''class Tree:
    """A tree: siblings stand side by side, a leaf is its own child."""

    def __init__(self, below, feature, threshold, child, missing_left, value, sets):
        self.arrays = below, feature, threshold, child, missing_left, value, sets''',
    "tree": '''def tree(tree, *x):
    """A tree as one choice within the other."""
    below, feature, threshold, child, missing_left, leaf, sets = tree.arrays
    found = {}
    for i in reversed(range(len(child))):
        if child[i] == i:
            found[i] = ibis.literal(leaf[i], type="float64")
            continue
        v = x[feature[i]]
        test = v.isin([float(c) for c in sets[i]] or [-1.0]) if i in sets else (
            v < threshold[i] if below else v <= threshold[i]
        )
        left, right = found[child[i]], found[child[i] + 1]
        found[i] = ibis.ifelse(test.fill_null(bool(missing_left[i])), left, right)
    return found[0]''',
    "forest": '''def forest(total, trees, *x):
    """total + the trees, one after the other."""
    for one in trees:
        total = total + tree(one, *x)
    return total''',
    "forest32": '''def forest32(total, trees, *x):
    """total + the trees, each sum rounded to float32."""
    return sum32(total, *(tree(one, *x) for one in trees))''',
}
NEEDS: dict[str, tuple[str, ...]] = {
    "forest": ("Tree", "tree"),
    "forest32": ("Tree", "tree", "sum32"),
    "tree": ("Tree",),
    "least": ("missing",),
    "most": ("missing",),
}
"""The helpers that a helper calls."""
