"""The functions that a printed PyTorch module carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "Forest": '''CELLS = 1_000_000  # rows × trees that are walked at once; each takes some 60 bytes


class Forest(nn.Module):
    """Trees side by side: from columns to the leaf that each row reaches in each tree."""

    def __init__(self, depth, below, **arrays):
        super().__init__()
        self.depth, self.below = depth, below
        self.register_buffer("sets", None)
        for name, values in arrays.items():
            kind = torch.float64 if name == "threshold" else torch.int64
            kind = torch.bool if name in ("missing_left", "sets") else kind
            setattr(self, name, nn.Buffer(torch.tensor(values, dtype=kind)))

    def forward(self, x):
        few = max(1, CELLS // len(self.roots))
        if torch.compiler.is_compiling() or x.dim() != 2 or len(x) <= few:
            return self.walk(x)
        return torch.cat([self.walk(part) for part in x.split(few)])

    def walk(self, x):
        at = self.roots.expand(*x.shape[:-1], -1)
        for _ in range(self.depth):
            value, limit = x.gather(-1, self.feature[at]), self.threshold[at]
            left = value < limit if self.below else value <= limit
            if self.sets is not None:
                asked = self.member[at] >= 0
                left = (left & ~asked) | (asked & self.is_member(at, value))
            left = left | (torch.isnan(value) & self.missing_left[at])
            # A leaf is its own child.
            at = torch.where(self.child[at] == at, at, self.child[at] + ~left)
        return at

    def is_member(self, at, value):
        last = self.sets.shape[1] - 1
        code = torch.nan_to_num(value, nan=-1.0).clamp(0, last).long()
        return self.sets[self.member[at].clamp(min=0), code] & (code == value)''',
    "guarded": '''def guarded(function, x, inside):
    """function(x), its slope 0 where x is outside: no NaN comes back from what is not used."""
    safe = torch.where(inside, x, 0.5)
    return torch.where(inside, function(safe), function(x.detach()))''',
    "exp": '''def exp(x):
    """The exponential function, whose slope is 0 where it overflows."""
    return guarded(torch.exp, x, x < 700)''',
    "expm1": '''def expm1(x):
    """exp(x) - 1."""
    return guarded(torch.expm1, x, x < 700)''',
    "log": '''def log(x):
    """The natural logarithm."""
    return guarded(torch.log, x, x > 0)''',
    "log1p": '''def log1p(x):
    """log(1 + x)."""
    return guarded(torch.log1p, x, x > -1)''',
    "sqrt": '''def sqrt(x):
    """The square root."""
    return guarded(torch.sqrt, x, x > 0)''',
    "asin": '''def asin(x):
    """The arcsine."""
    return guarded(torch.asin, x, torch.abs(x) < 1)''',
    "acos": '''def acos(x):
    """The arccosine."""
    return guarded(torch.acos, x, torch.abs(x) < 1)''',
    "probit": '''def probit(p):
    """The quantile of the normal distribution."""
    return guarded(torch.special.ndtri, p, (p > 0) & (p < 1))''',
    "divide": '''def divide(a, b):
    """a / b."""
    still = a.detach() if torch.is_tensor(a) else a
    return torch.where(b == 0, still / b.detach(), a / torch.where(b == 0, 1.0, b))''',
    "power": '''def power(a, b):
    """a to the power of b."""
    still = b.detach() if torch.is_tensor(b) else b
    safe, inside = torch.where(a > 0, a, 1.0), (a != 0) if b == int(b) else a > 0
    if torch.is_tensor(b):
        return torch.where(a > 0, safe**b, a.detach() ** still)
    return torch.where(inside, torch.where(inside, a, 1.0) ** b, a.detach() ** b)''',
    "softplus": '''def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return torch.logaddexp(x, torch.zeros_like(x))''',
    "sign": '''def sign(x):
    """-1, 0 or 1; missing where x is."""
    return torch.where(torch.isnan(x), x, torch.sign(x))''',
    "relu": '''def relu(x):
    """The greater of x and 0."""
    return torch.relu(x)''',
    "single": '''def single(x):
    """x rounded to the nearest float32."""
    return x.to(torch.float32).to(x.dtype)''',
    "columns_like": '''def columns_like(*values):
    """Numbers as tensors like the others."""
    like = next(v for v in values if torch.is_tensor(v))
    return [v if torch.is_tensor(v) else torch.full_like(like, v) for v in values]''',
    "least": '''def least(*values):
    """The smallest; missing if any is."""
    first, *others = columns_like(*values)
    for other in others:
        first = torch.minimum(first, other)
    return first''',
    "most": '''def most(*values):
    """The greatest; missing if any is."""
    first, *others = columns_like(*values)
    for other in others:
        first = torch.maximum(first, other)
    return first''',
    "stack": '''def stack(*columns):
    """Columns as one matrix."""
    tensors = torch.broadcast_tensors(*columns_like(*columns))
    return torch.stack(tensors, -1)''',
    "choose": '''def choose(condition, a, b, x):
    """One of two numbers."""
    return torch.where(condition, x.new_tensor(a), x.new_tensor(b))''',
    "squared_distances": '''def squared_distances(x, points, weights):
    """The weighted squared distance of each row from each point, a column for each point."""
    total = 0.0
    for i in range(points.shape[1]):
        total = total + weights[:, i] * torch.square(x[..., i, None] - points[:, i])
    return total''',
    "sum32": '''def sum32(x, *values):
    """A sum in which every partial sum is rounded to float32."""
    columns = [v if torch.is_tensor(v) else x.new_full(x.shape[:-1], v) for v in values]
    total = columns[0].to(torch.float32)
    for column in columns[1:]:
        total = total + column.to(torch.float32)
    return total.to(x.dtype)''',
    "added": '''def added(total, values):
    """total + the columns of values, one after the other."""
    for column in values.unbind(-1):
        total = total + column
    return total''',
    "added32": '''def added32(total, values):
    """total + the columns of values, each sum rounded to float32."""
    start = total if torch.is_tensor(total) else values.new_full((), total)
    return added(start.to(torch.float32), values.to(torch.float32)).to(values.dtype)''',
    "kth_smallest": '''def kth_smallest(k, *columns):
    """The k-th smallest; missing if any is."""
    values = stack(*columns)
    found = values.sort(-1).values[..., k - 1]
    return torch.where(torch.isnan(values).any(-1), torch.nan, found)''',
    "weighted_median": '''def weighted_median(weights, *columns):
    """The least value at or below which half of all weight lies; missing if any is."""
    values, order = stack(*columns).sort(dim=-1, stable=True)
    reached = values.new_tensor(weights)[order].cumsum(-1)
    first = (reached < 0.5 * reached[..., -1:]).sum(-1, keepdim=True)
    found = values.gather(-1, first)[..., 0]
    return torch.where(torch.isnan(values).any(-1), torch.nan, found)''',
    "among": '''def among(x, keys):
    """Where a number is one of some."""
    return (x[..., None] == keys).any(-1)''',
    "look_up": '''def look_up(keys, values, x):
    """The value beside a number among sorted keys; then those of other numbers and of none."""
    count = len(keys)
    at = torch.searchsorted(keys, x.contiguous().detach()).clamp(max=count - 1)
    at = torch.where(keys[at] == x, at, count)
    return values[torch.where(torch.isnan(x), count + 1, at)]''',
    "stretch": '''def stretch(x, edges, origins, coefs, side, missing):
    """A polynomial for each stretch between the edges."""
    i = torch.searchsorted(edges, x.contiguous().detach(), side=side)
    i = i.clamp(max=len(coefs) - 1)
    value = coefs[i, -1]
    for j in range(coefs.shape[1] - 2, -1, -1):
        value = value * (x - origins[i]) + coefs[i, j]
    return torch.where(torch.isnan(x), missing, value)''',
    "code": '''def code(x):
    """The code of each label as a whole number; -1 where there is none."""
    return torch.nan_to_num(x, nan=-1.0).long()''',
}
NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("exp", "expm1", "log", "log1p", "sqrt", "asin", "acos", "probit"), ("guarded",)
    ),
    "stack": ("columns_like",),
    "least": ("columns_like",),
    "most": ("columns_like",),
    "kth_smallest": ("stack",),
    "weighted_median": ("stack",),
    "added32": ("added",),
}
"""The helpers that a helper calls."""

CLASS = '''class Model(nn.Module):
    """DESCRIPTION

    Takes a tensor of shape (rows, inputs), or a dict of columns or a DataFrame; NaN is missing.
    """

    def __init__(self):
        super().__init__()
        # Numbers take the type and the device of this one: model.float(), model.cuda().
        self.register_buffer("unit", torch.ones((), dtype=DTYPE), persistent=False)
INIT
    def evaluate(self, data):
        """Return every output for all rows, by name."""
        x = self.columns(data)
BODY

    def forward(self, data):
        """Return the prediction for all rows."""
        found = self.evaluate(data)
        return ANSWER

    def columns(self, data):
        """Return the inputs as one matrix (rows, inputs) of numbers."""
        if not torch.is_tensor(data):
            names = {str(key): key for key in data}
            some = [i for i, name in enumerate(INPUTS) if name in names]
            found = {i: self.column(i, data[names[INPUTS[i]]]) for i in some}
            absent = [INPUTS[i] for i in range(len(INPUTS)) if i not in found and i not in UNREAD]
            if absent:
                raise KeyError(f"these columns are absent: {', '.join(absent)}")
            like = next(iter(found.values()), self.unit)
            nothing = torch.full_like(like, torch.nan)
            listed = [found.get(i, nothing) for i in range(len(INPUTS))]
            return torch.stack(listed, -1) if listed else self.unit.new_zeros((1, 0))
        if data.shape[-1] != len(INPUTS):
            raise ValueError(f"expected {len(INPUTS)} columns, not {data.shape[-1]}")
        x = data.to(self.unit)
LABELLED        return x

    def column(self, i, values):
        """Return one column as numbers."""
        kind = getattr(getattr(values, "dtype", None), "kind", "O")
        if kind in "fiub":
            values = torch.from_numpy(np.array(values, dtype=float))
        elif not torch.is_tensor(values):
            values = list(values)
            if i in UNREAD:
                values = [torch.nan] * len(values)
COLUMN            values = [torch.nan if is_absent(v) else float(v) for v in values]
            values = torch.tensor(values, dtype=self.unit.dtype)
        return NUMBERED
'''
"""The layout of the module; `printers.torch` fills in the words in capitals."""

LABELLED = """        listed = enumerate(x.unbind(-1))
        return torch.stack([known(c) if i in LABELLED else c for i, c in listed], -1)
"""
CODED = """            elif i in LABELLED:
                values = [-1 if is_absent(v) else CODES.get(v, -2) for v in values]
"""
KNOWN = '''def known(x):
    """Codes of labels: NaN for none, which is -1, and -2 for one that is not in LABELS."""
    inside = (x >= 0) & (x < len(LABELS))
    return torch.where(inside, x, torch.where((x == -1) | torch.isnan(x), torch.nan, -2.0))'''
LABELS_OF = '''def labels_of(codes):
    """The labels that codes stand for, as a list; None where there is none."""
    return [LABELS[code] if code >= 0 else None for code in codes.tolist()]'''
ABSENT = '''def is_absent(value):
    """Whether one value is missing: None, NaN or pandas' NA."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)'''
