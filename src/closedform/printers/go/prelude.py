"""The functions that a printed Go file carries, each only where it is used.

`float64(…)` around a product keeps a compiler from fusing it with the sum that it stands in.
"""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "missing": """// missing tells whether a number is missing.
func missing(x float64) bool {
    return x != x
}""",
    "same": """// same tells whether two labels are equal; not where one is missing.
func same(a, b int) bool {
    return a != -1 && a == b
}""",
    "choose": """// choose is a where a condition holds, else b.
func choose[T any](condition bool, a, b T) T {
    if condition {
        return a
    }
    return b
}""",
    "constant": """// constant keeps a number from being added exactly, as Go adds constants.
func constant(x float64) float64 {
    return x
}""",
    "round32": """// round32 is the nearest number of single precision.
func round32(x float64) float64 {
    return float64(float32(x))
}""",
    "sign": """// sign is -1, 0 or 1.
func sign(x float64) float64 {
    switch {
    case x > 0:
        return 1
    case x < 0:
        return -1
    case x == 0:
        return 0
    }
    return x
}""",
    # On amd64, math.Log(5e-324) is -709.09 rather than -744.44 (Go 1.19).
    "natural_log": """// natural_log is the logarithm, also of numbers below the least normal one.
func natural_log(x float64) float64 {
    if x > 0 && x < 0x1p-1022 {
        return math.Log(x*0x1p54) - 54*math.Ln2
    }
    return math.Log(x)
}""",
    "sigmoid": """// sigmoid is 1 / (1 + exp(-x)), without overflow.
func sigmoid(x float64) float64 {
    small := math.Exp(-math.Abs(x))
    if x < 0 {
        return small / (1 + small)
    }
    return 1 / (1 + small)
}""",
    "softplus": """// softplus is log(1 + exp(x)), without overflow.
func softplus(x float64) float64 {
    small := math.Log1p(math.Exp(-math.Abs(x)))
    if x > 0 {
        return x + small
    }
    return small
}""",
    "power": """// power is a to the power of b; missing where that is not defined.
func power(a, b float64) float64 {
    if b == 2 {
        return a * a
    }
    return math.Pow(a, b)
}""",
    "least": """// least is the smaller one; missing if one is.
func least(a, b float64) float64 {
    if a != a || a < b {
        return a
    }
    return b
}""",
    "most": """// most is the greater one; missing if one is.
func most(a, b float64) float64 {
    if a != a || a > b {
        return a
    }
    return b
}""",
    "least_of": """// least_of is the smallest; missing if any is.
func least_of(x []float64) float64 {
    found := x[0]
    for _, other := range x[1:] {
        found = least(found, other)
    }
    return found
}""",
    "most_of": """// most_of is the greatest; missing if any is.
func most_of(x []float64) float64 {
    found := x[0]
    for _, other := range x[1:] {
        found = most(found, other)
    }
    return found
}""",
    "dot": """// dot is start + weights[0]*x[0] + weights[1]*x[1] + ...
func dot(start float64, weights, x []float64) float64 {
    for i, weight := range weights {
        start += float64(weight * x[i])
    }
    return start
}""",
    "affine": """// affine sets out to bias + weights * x, a row of weights for each value.
func affine(out, bias, weights, x []float64) {
    for i := range out {
        out[i] = dot(bias[i], weights[i*len(x):(i+1)*len(x)], x)
    }
}""",
    "squared_distance": """// squared_distance is the weighted sum of squares from a point.
func squared_distance(point, weights, x []float64) float64 {
    total := 0.0
    for i, weight := range weights {
        away := x[i] - point[i]
        total += float64(weight * float64(away*away))
    }
    return total
}""",
    "distances": """// distances sets out to the squared distances from several points, row by row.
func distances(out, points, weights, x []float64) {
    for i := range out {
        begin, end := i*len(x), (i+1)*len(x)
        out[i] = squared_distance(points[begin:end], weights[begin:end], x)
    }
}""",
    "sum32": """// sum32 is a sum in which every partial sum is rounded to single precision.
func sum32(x []float64) float64 {
    total := float32(x[0])
    for _, other := range x[1:] {
        total += float32(other)
    }
    return float64(total)
}""",
    "kth_smallest": """// kth_smallest is the k-th smallest of some numbers; missing if any is.
func kth_smallest(k int, x []float64) float64 {
    sorted := append([]float64{}, x...)
    sort.Float64s(sorted) // missing ones come first
    if missing(sorted[0]) {
        return sorted[0]
    }
    return sorted[k-1]
}""",
    "weighted_median": """// weighted_median is the least with half of all weight, or missing.
func weighted_median(weights, x []float64) float64 {
    order, sums := make([]int, len(x)), make([]float64, len(x))
    for i := range order {
        if missing(x[i]) {
            return x[i]
        }
        order[i] = i
    }
    sort.SliceStable(order, func(i, j int) bool { return x[order[i]] < x[order[j]] })
    total := 0.0
    for i, at := range order {
        total += weights[at]
        sums[i] = total
    }
    first := 0
    for sums[first] < total/2 {
        first++
    }
    return x[order[first]]
}""",
    "look_up": """// look_up is the number beside a label; other for one not known, absent for none.
func look_up(label int, table []float64, other, absent float64) float64 {
    switch {
    case label >= 0:
        return table[label]
    case label == -1:
        return absent
    }
    return other
}""",
    "look_up_number": """// look_up_number is the number beside a number; other for one not known.
func look_up_number(x float64, keys, table []float64, other, absent float64) float64 {
    if missing(x) {
        return absent
    }
    if at := sort.SearchFloat64s(keys, x); at < len(keys) && keys[at] == x {
        return table[at]
    }
    return other
}""",
    "stretch": """// stretch is a polynomial for each stretch between the edges.
func stretch(x float64, edges, origins, coefs []float64, rightClosed bool, absent float64) float64 {
    if missing(x) {
        return absent
    }
    at := sort.Search(len(edges), func(i int) bool {
        return edges[i] > x || (edges[i] == x && rightClosed)
    })
    terms := len(coefs) / len(origins)
    coefs = coefs[at*terms : (at+1)*terms]
    value := coefs[terms-1]
    for i := terms - 2; i >= 0; i-- {
        value = float64(value*(x-origins[at])) + coefs[i]
    }
    return value
}""",
    "among": """// among tells whether a number is one of the codes of a set.
func among(set int32, x float64) bool {
    return x >= 0 && x < float64(sizes[set]) && x == math.Floor(x) && codes[starts[set]+int32(x)]
}""",
    "leaf": """// leaf is the leaf that x reaches from a root.
func leaf(root int32, x []float64) int32 {
    at := root
    for child[at] != at {
        value := x[feature[at]]
        left := GOES_LEFT
        if missing(value) {
            left = missing_left[at]
        }
        at = child[at]
        if !left {
            at++
        }
    }
    return at
}""",
    "forest": """// forest is start + weight * (the value of the leaf of x), tree after tree.
func forest(start, weight float64, first, end int, x []float64) float64 {
    for i := first; i < end; i++ {
        start += float64(weight * leaves[offsets[i]+leaf(roots[i], x)])
    }
    return start
}""",
    "forests": """// forests is the same for the sums of several classes, their trees walked once.
func forests(out, start []float64, weight float64, first, end int, x []float64) {
    copy(out, start)
    for i := first; i < end; i++ {
        at := leaf(roots[i], x)
        for k := range out {
            out[k] += float64(weight * leaves[offsets[i+k*(end-first)]+at])
        }
    }
}""",
    "forest32": """// forest32 is the same in single precision, each partial sum rounded.
func forest32(start float64, first, end int, x []float64) float64 {
    total := float32(start)
    for i := first; i < end; i++ {
        total += float32(leaves[offsets[i]+leaf(roots[i], x)])
    }
    return float64(total)
}""",
    "goes_left": """// goes_left tells where a number goes at a node, by a limit or a set of codes.
func goes_left(at int32, value float64) bool {
    if member[at] >= 0 {
        return among(member[at], value)
    }
    return value <= threshold[at]
}""",
    "text_code": """// text_code is the position of a label; -1 if missing, other if not known.
func text_code(label *string, other int) int {
    if label == nil {
        return -1
    }
    if at := sort.SearchStrings(texts, *label); at < len(texts) && texts[at] == *label {
        return at
    }
    return other
}""",
    "number_code": """// number_code is the same of a label that is a number; NaN is missing.
func number_code(label float64, first, other int) int {
    if missing(label) {
        return -1
    }
    if at := sort.SearchFloat64s(numbers, label); at < len(numbers) && numbers[at] == label {
        return first + at
    }
    return other
}""",
    "text_of": """// text_of is the label with a code, another one where the code is of none.
func text_of(code int, other *string) *string {
    if code >= 0 {
        return &texts[code]
    }
    return other
}""",
    "number_of": """// number_of is the same of a label that is a number.
func number_of(code, first int, other float64) float64 {
    if code >= 0 {
        return numbers[code-first]
    }
    return other
}""",
}
_ASKING = ("kth_smallest", "weighted_median", "look_up_number", "stretch", "leaf", "number_code")
CALLS = dict.fromkeys(_ASKING, ("missing",))
"""The helpers that a helper calls in Go alone."""
