"""The functions that a printed JavaScript module carries, each only where it is used."""

from __future__ import annotations

import re

HELPERS: dict[str, str] = {
    "missing": """/** Whether a number is missing. */
function missing(x) {
    return x !== x;
}""",
    "same": """/** Whether two labels are equal; not where one is missing. */
function same(a, b) {
    return a !== -1 && a === b;
}""",
    "sign": """/** -1, 0 or 1. */
function sign(x) {
    return x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x;
}""",
    "sigmoid": """/** 1 / (1 + exp(-x)), without overflow. */
function sigmoid(x) {
    const small = Math.exp(-Math.abs(x));
    return x < 0 ? small / (1 + small) : 1 / (1 + small);
}""",
    "softplus": """/** log(1 + exp(x)), without overflow. */
function softplus(x) {
    return (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));
}""",
    "power": """/** a to the power of b; of C's kind, where 1 to any power is 1. */
function power(a, b) {
    if (b === 2) return a * a;
    return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b);
}""",
    "least": """/** The smaller one; missing if one is. */
function least(a, b) {
    return a !== a || a < b ? a : b;
}""",
    "most": """/** The greater one; missing if one is. */
function most(a, b) {
    return a !== a || a > b ? a : b;
}""",
    "least_of": """/** The smallest; missing if any is. */
function least_of(x) {
    return x.reduce(least);
}""",
    "most_of": """/** The greatest; missing if any is. */
function most_of(x) {
    return x.reduce(most);
}""",
    "dot": """/** start + weights[0] * x[0] + weights[1] * x[1] + ... */
function dot(start, weights, x, from = 0) {
    for (let i = 0; i < x.length; i++) start += weights[from + i] * x[i];
    return start;
}""",
    "affine": """/** out = bias + weights * x, a row of weights for each value. */
function affine(out, bias, weights, x) {
    for (let i = 0; i < out.length; i++) out[i] = dot(bias[i], weights, x, i * x.length);
}""",
    "squared_distance": """/** The weighted sum of squared differences from a point. */
function squared_distance(point, weights, x, from = 0) {
    let total = 0;
    for (let i = 0; i < x.length; i++) {
        const away = x[i] - point[from + i];
        total += weights[from + i] * (away * away);
    }
    return total;
}""",
    "distances": """/** out = the squared distances from several points, one in each row. */
function distances(out, points, weights, x) {
    for (let i = 0; i < out.length; i++)
        out[i] = squared_distance(points, weights, x, i * x.length);
}""",
    "sum32": """/** A sum in which every partial sum is rounded to single precision. */
function sum32(x) {
    let total = Math.fround(x[0]);
    for (let i = 1; i < x.length; i++) total = Math.fround(total + Math.fround(x[i]));
    return total;
}""",
    "kth_smallest": """/** The k-th smallest of some numbers; missing if any is. */
function kth_smallest(k, x) {
    if (x.some((value) => value !== value)) return NaN;
    return Array.from(x).sort((a, b) => a - b)[k - 1];
}""",
    "weighted_median": """/** The least with half of all weight at or below it. */
function weighted_median(weights, x) {
    if (x.some((value) => value !== value)) return NaN;
    const order = x.map((_, i) => i).sort((i, j) => x[i] - x[j] || i - j);
    let total = 0;
    const sums = order.map((i) => (total += weights[i]));
    return x[order[sums.findIndex((sum) => sum >= total / 2)]];
}""",
    "look_up": """/** The number beside a label; `other` for one not known, `absent` for none. */
function look_up(label, table, other, absent) {
    return label >= 0 ? table[label] : label === -1 ? absent : other;
}""",
    "look_up_number": """/** The number beside a number; `other` beside one not known. */
function look_up_number(x, keys, table, other, absent) {
    const at = keys.indexOf(x);
    return at >= 0 ? table[at] : x !== x ? absent : other;
}""",
    "stretch": """/** A polynomial for each stretch between the edges. */
function stretch(x, edges, origins, coefs, right_closed, absent) {
    if (x !== x) return absent;
    let lo = 0;
    for (let hi = edges.length; lo < hi; ) {
        const mid = (lo + hi) >> 1;
        if (edges[mid] < x || (edges[mid] === x && !right_closed)) lo = mid + 1;
        else hi = mid;
    }
    const terms = coefs.length / origins.length;
    let value = coefs[lo * terms + terms - 1];
    for (let i = terms - 2; i >= 0; i--)
        value = value * (x - origins[lo]) + coefs[lo * terms + i];
    return value;
}""",
    "among": """/** Whether a number is one of the codes of a set. */
function among(set, x) {
    return x >= 0 && x < SIZES[set] && x === Math.floor(x) && CODES[STARTS[set] + x] === 1;
}""",
    "leaf": """/** The leaf that x reaches from a root. */
function leaf(at, x) {
    while (CHILD[at] !== at) {
        const value = x[FEATURE[at]];
        const left = value !== value ? MISSING_LEFT[at] : GOES_LEFT;
        at = left ? CHILD[at] : CHILD[at] + 1;
    }
    return at;
}""",
    "forest": """/** start + weight * (the value of the leaf that x reaches), tree after tree. */
function forest(start, weight, first, end, x) {
    for (let i = first; i < end; i++) start += weight * LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)];
    return start;
}""",
    "forests": """/** The same for the sums of several classes, whose trees are walked once. */
function forests(out, start, weight, first, end, x) {
    for (let k = 0; k < out.length; k++) out[k] = start[k];
    for (let i = first; i < end; i++) {
        const at = leaf(ROOTS[i], x);
        for (let k = 0; k < out.length; k++)
            out[k] += weight * LEAVES[OFFSETS[i + k * (end - first)] + at];
    }
}""",
    "forest32": """/** The same in single precision, each partial sum rounded. */
function forest32(start, first, end, x) {
    let total = Math.fround(start);
    for (let i = first; i < end; i++)
        total = Math.fround(total + Math.fround(LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)]));
    return total;
}""",
    "as_number": """/** A number; null and what is absent are missing. */
function as_number(value) {
    return value === null || value === undefined ? NaN : Number(value);
}""",
    "code": """/** The position of a label; -1 if missing, `other` if not known. */
function code(label, other) {
    if (label === null || label === undefined || label !== label) return -1;
    const known = CODES_OF.get(typeof label === "boolean" ? Number(label) : label);
    return known === undefined ? other : known;
}""",
}

_NUMBERS = "weights: Numbers, x: Numbers"
SIGNATURES: dict[str, str] = {
    "missing": "(x: number): boolean",
    "same": "(a: number, b: number): boolean",
    **dict.fromkeys(("sign", "sigmoid", "softplus"), "(x: number): number"),
    **dict.fromkeys(("power", "least", "most"), "(a: number, b: number): number"),
    **dict.fromkeys(("least_of", "most_of"), "(x: number[]): number"),
    "dot": f"(start: number, {_NUMBERS}, from = 0): number",
    "affine": f"(out: number[], bias: Numbers, {_NUMBERS}): void",
    "squared_distance": f"(point: Numbers, {_NUMBERS}, from = 0): number",
    "distances": f"(out: number[], points: Numbers, {_NUMBERS}): void",
    "sum32": "(x: Numbers): number",
    "kth_smallest": "(k: number, x: number[]): number",
    "weighted_median": "(weights: Numbers, x: number[]): number",
    "look_up": "(label: number, table: Numbers, other: number, absent: number): number",
    "look_up_number": "(\n    x: number, keys: Float64Array, table: Numbers, other: number, "
    "absent: number,\n): number",
    "stretch": "(\n    x: number, edges: Numbers, origins: Numbers, coefs: Numbers, "
    "right_closed: boolean,\n    absent: number,\n): number",
    "among": "(set: number, x: number): boolean",
    "leaf": "(at: number, x: Numbers): number",
    "forest": "(\n    start: number, weight: number, first: number, end: number, x: Numbers,\n"
    "): number",
    "forests": "(\n    out: number[], start: Numbers, weight: number, first: number, end: number, "
    "x: Numbers,\n): void",
    "forest32": "(start: number, first: number, end: number, x: Numbers): number",
    "as_number": "(value: Value): number",
    "code": "(label: Value, other: number): number",
}
"""What a function takes and gives, as TypeScript says it."""
TYPED = {
    name: re.sub(
        r"^(function \w+)\(.*\) \{$", rf"\1{SIGNATURES[name]} {{", text, count=1, flags=re.M
    )
    for name, text in HELPERS.items()
}
"""The same functions in TypeScript."""
