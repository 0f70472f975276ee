"""The functions that a printed Julia module carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "is_missing": """"Whether a value is missing: `missing`, `nothing` or NaN."
is_missing(x) = x === missing || x === nothing || (x isa Number && isnan(x))""",
    "same": """"Whether two values are equal; not where one is missing."
same(a, b) = !is_missing(a) && !is_missing(b) && a == b""",
    "member": """"Whether a value is one of some."
member(x, known) = any(v -> same(x, v), known)""",
    "pick": """"One or the other."
pick(test, yes, no) = test ? yes : no""",
    "real_log": """"The logarithm; missing below 0, where Julia's raises."
real_log(x) = x < 0 ? NaN : log(x)""",
    "real_log1p": """"log(1 + x); missing below -1."
real_log1p(x) = x < -1 ? NaN : log1p(x)""",
    "real_sqrt": """"The square root; missing below 0."
real_sqrt(x) = x < 0 ? NaN : sqrt(x)""",
    "real_sin": """"The sine; missing at infinity."
real_sin(x) = isinf(x) ? NaN : sin(x)""",
    "real_cos": """"The cosine; missing at infinity."
real_cos(x) = isinf(x) ? NaN : cos(x)""",
    "real_asin": """"The arcsine; missing beyond -1 and 1."
real_asin(x) = abs(x) > 1 ? NaN : asin(x)""",
    "real_acos": """"The arccosine; missing beyond -1 and 1."
real_acos(x) = abs(x) > 1 ? NaN : acos(x)""",
    "sigmoid": """"1 / (1 + exp(-x)), without overflow."
function sigmoid(x)
    small = exp(-abs(x))
    return x < 0 ? small / (1 + small) : 1 / (1 + small)
end""",
    "softplus": """"log(1 + exp(x)), without overflow."
softplus(x) = (x > 0 ? x : zero(x)) + log1p(exp(-abs(x)))""",
    "power": """"a to the power of b; missing where that is no real number."
function power(a, b)
    b == 2 && return a * a
    isinf(b) && return abs(a)^b
    a == -Inf && b != floor(b) && return Inf^b
    a < 0 && b != floor(b) && return NaN
    return Float64(a)^Float64(b)
end""",
    "least": """"The smaller one; missing if one is."
least(a, b) = isnan(a) || a < b ? a : b""",
    "most": """"The greater one; missing if one is."
most(a, b) = isnan(a) || a > b ? a : b""",
    "least_of": """"The smallest; missing if any is."
least_of(x) = reduce(least, x)""",
    "most_of": """"The greatest; missing if any is."
most_of(x) = reduce(most, x)""",
    "single_of": """"The nearest number of single precision."
single_of(x) = Float64(Float32(x))""",
    "sum32": """"A sum in which every partial sum is rounded to single precision."
function sum32(x)
    total = Float32(x[1])
    for i in 2:length(x)
        total += Float32(x[i])
    end
    return Float64(total)
end""",
    "dot": """"start + weights[1] * x[1] + weights[2] * x[2] + ..."
function dot(start, weights, x)
    for i in eachindex(weights)
        start += weights[i] * x[i]
    end
    return start
end""",
    "affine": """"bias + weights * x, a row of weights for each value."
affine(x, weights, bias) = [dot(bias[i], view(weights, i, :), x) for i in eachindex(bias)]""",
    "squared_distance": """"The weighted sum of squared differences from a point."
function squared_distance(x, point, weights)
    total = 0.0
    for i in eachindex(point)
        away = x[i] - point[i]
        total += weights[i] * (away * away)
    end
    return total
end""",
    "distances": """"The same from several points, one in each row."
distances(x, points, weights) =
    [squared_distance(x, view(points, i, :), view(weights, i, :)) for i in axes(points, 1)]""",
    "kth_smallest": """"The k-th smallest; missing if any is."
kth_smallest(k, x) = any(isnan, x) ? NaN : sort(x)[k]""",
    "weighted_median": """"The least with half of all weight at or below it; missing if any is."
function weighted_median(weights, x)
    any(isnan, x) && return NaN
    order = sortperm(x)
    reached = cumsum(weights[order])
    return x[order[findfirst(sum -> sum >= reached[end] / 2, reached)]]
end""",
    "look_up": """"The value beside a key; `other` for one not known, `absent` for none."
function look_up(x, keys, values, other, absent)
    is_missing(x) && return absent
    at = findfirst(key -> key == x, keys)
    return at === nothing ? other : values[at]
end""",
    "stretch": """"A polynomial for each stretch between the edges."
function stretch(x, edges, origins, coefs, right_closed, absent)
    isnan(x) && return absent
    i = 1 + count(edge -> edge < x || (edge == x && !right_closed), edges)
    value = coefs[i, end]
    for j in (size(coefs, 2) - 1):-1:1
        value = value * (x - origins[i]) + coefs[i, j]
    end
    return value
end""",
    "among": """"Whether a number is one of the codes of a set."
among(set, x) = 0 <= x < SIZES[set] && x == floor(x) && CODES[STARTS[set] + Int(x)]""",
    "leaf": """"The leaf that x reaches from a root."
function leaf(at, x)
    while CHILD[at] != at
        value = x[FEATURE[at]]
        left = value <= THRESHOLD[at]
        MEMBER[at] > 0 && (left = among(MEMBER[at], value))
        isnan(value) && (left = MISSING_LEFT[at])
        at = CHILD[at] + !left
    end
    return at
end""",
    "leaf_value": """"The value of a leaf."
leaf_value(at) = LEAVES[at]""",
    "forest": """"start + weight * (the value of the leaf that x reaches), tree after tree."
function forest(start, weight, first, last, x)
    for i in first:last
        start += weight * LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)]
    end
    return start
end""",
    "forest32": """"The same in single precision, each partial sum rounded."
function forest32(start, first, last, x)
    total = Float32(start)
    for i in first:last
        total += Float32(LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)])
    end
    return Float64(total)
end""",
    "as_number": """"A number; `missing` and `nothing` become NaN."
as_number(x) = is_missing(x) ? NaN : Float64(x)""",
    "as_label": """"A label as a text; what is missing becomes `missing`."
as_label(x) = is_missing(x) ? missing : string(x)""",
    "given": """"An output, `missing` where it is NaN."
given(x) = is_missing(x) ? missing : x""",
}
NEEDS: dict[str, tuple[str, ...]] = {
    "same": ("is_missing",), "member": ("same",), "affine": ("dot",), "softplus": (),
    "distances": ("squared_distance",), "look_up": ("is_missing",), "sigmoid": (),
    "as_number": ("is_missing",), "as_label": ("is_missing",), "given": ("is_missing",),
}  # fmt: skip
"""The helpers that a helper calls in Julia alone."""
