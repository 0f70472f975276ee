"""The functions that a printed Rust module carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "missing": """/// Whether a number is missing.
fn missing(x: f64) -> bool {
    x.is_nan()
}""",
    "same": """/// Whether two labels are equal; not where one is missing.
fn same(a: i32, b: i32) -> bool {
    a != -1 && a == b
}""",
    "round32": """/// The nearest number of single precision.
fn round32(x: f64) -> f64 {
    f64::from(x as f32)
}""",
    "sign": """/// -1, 0 or 1.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}""",
    "sigmoid": """/// 1 / (1 + exp(-x)), without overflow.
fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}""",
    "softplus": """/// log(1 + exp(x)), without overflow.
fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + (-x.abs()).exp().ln_1p()
}""",
    "power": """/// a to the power of b; missing where that is not defined.
fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}""",
    "least": """/// The smaller one; missing if one is (unlike f64::min).
fn least(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}""",
    "most": """/// The greater one; missing if one is (unlike f64::max).
fn most(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}""",
    "least_of": """/// The smallest; missing if any is.
fn least_of(x: &[f64]) -> f64 {
    x.iter().copied().reduce(least).unwrap_or(f64::NAN)
}""",
    "most_of": """/// The greatest; missing if any is.
fn most_of(x: &[f64]) -> f64 {
    x.iter().copied().reduce(most).unwrap_or(f64::NAN)
}""",
    "dot": """/// start + weights[0] * x[0] + weights[1] * x[1] + ...
fn dot(start: f64, weights: &[f64], x: &[f64]) -> f64 {
    weights.iter().zip(x).fold(start, |total, (w, x)| total + w * x)
}""",
    "affine": """/// out = bias + weights * x, a row of weights for each value.
fn affine(out: &mut [f64], bias: &[f64], weights: &[f64], x: &[f64]) {
    for (i, row) in weights.chunks_exact(x.len()).enumerate() {
        out[i] = dot(bias[i], row, x);
    }
}""",
    "squared_distance": """/// The weighted sum of squared differences from a point.
fn squared_distance(point: &[f64], weights: &[f64], x: &[f64]) -> f64 {
    let mut total = 0.0;
    for (i, weight) in weights.iter().enumerate() {
        let away = x[i] - point[i];
        total += weight * (away * away);
    }
    total
}""",
    "distances": """/// out = the squared distances from several points, one in each row.
fn distances(out: &mut [f64], points: &[f64], weights: &[f64], x: &[f64]) {
    let rows = points.chunks_exact(x.len()).zip(weights.chunks_exact(x.len()));
    for (i, (point, weights)) in rows.enumerate() {
        out[i] = squared_distance(point, weights, x);
    }
}""",
    "sum32": """/// A sum in which every partial sum is rounded to single precision.
fn sum32(x: &[f64]) -> f64 {
    f64::from(x.iter().skip(1).fold(x[0] as f32, |total, x| total + *x as f32))
}""",
    "kth_smallest": """/// The k-th smallest of some numbers; missing if any is.
fn kth_smallest(k: usize, x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[k - 1]
}""",
    "weighted_median": """/// The least with half of all weight at or below it; missing if any is.
fn weighted_median(weights: &[f64], x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| (x[i] + 0.0).total_cmp(&(x[j] + 0.0)));
    let mut total = 0.0;
    let mut sums = Vec::with_capacity(x.len());
    for &i in &order {
        total += weights[i];
        sums.push(total);
    }
    let first = sums.iter().position(|&sum| sum >= total / 2.0);
    first.map_or(f64::NAN, |i| x[order[i]])
}""",
    "look_up": """/// The number beside a label; `other` for one not known, `absent` for none.
fn look_up(label: i32, table: &[f64], other: f64, absent: f64) -> f64 {
    match label {
        -1 => absent,
        0.. => table[label as usize],
        _ => other,
    }
}""",
    "look_up_number": """/// The number beside a number; `other` beside one not known.
fn look_up_number(x: f64, keys: &[f64], table: &[f64], other: f64, absent: f64) -> f64 {
    let at = keys.partition_point(|key| *key < x);
    if at < keys.len() && keys[at] == x {
        return table[at];
    }
    if x.is_nan() { absent } else { other }
}""",
    "stretch": """/// A polynomial for each stretch between the edges.
fn stretch(
    x: f64, edges: &[f64], origins: &[f64], coefs: &[f64], right_closed: bool, absent: f64,
) -> f64 {
    if x.is_nan() {
        return absent;
    }
    let at = edges.partition_point(|edge| *edge < x || (*edge == x && !right_closed));
    let terms = coefs.len() / origins.len();
    let (last, others) = coefs[at * terms..(at + 1) * terms].split_last().unwrap_or((&0.0, &[]));
    others.iter().rev().fold(*last, |value, c| value * (x - origins[at]) + c)
}""",
    "among": """/// Whether a number is one of the codes of a set.
fn among(set: i32, x: f64) -> bool {
    let set = set as usize;
    x >= 0.0
        && x < f64::from(SIZES[set])
        && x == x.floor()
        && CODES[STARTS[set] as usize + x as usize]
}""",
    "leaf": """/// The leaf that x reaches from a root.
fn leaf(root: i32, x: &[f64]) -> usize {
    let mut at = root as usize;
    while CHILD[at] as usize != at {
        let value = x[FEATURE[at] as usize];
        let goes_left = || GOES_LEFT;
        let left = if value.is_nan() { MISSING_LEFT[at] } else { goes_left() };
        at = CHILD[at] as usize + usize::from(!left);
    }
    at
}""",
    "forest": """/// start + weight * (the value of the leaf that x reaches), tree after tree.
fn forest(start: f64, weight: f64, first: usize, end: usize, x: &[f64]) -> f64 {
    (first..end).fold(start, |total, i| {
        total + weight * LEAVES[OFFSETS[i] as usize + leaf(ROOTS[i], x)]
    })
}""",
    "forests": """/// The same for the sums of several classes, whose trees are walked once.
fn forests(out: &mut [f64], start: &[f64], weight: f64, first: usize, end: usize, x: &[f64]) {
    out.copy_from_slice(start);
    for i in first..end {
        let at = leaf(ROOTS[i], x);
        for (k, total) in out.iter_mut().enumerate() {
            *total += weight * LEAVES[OFFSETS[i + k * (end - first)] as usize + at];
        }
    }
}""",
    "forest32": """/// The same in single precision, each partial sum rounded.
fn forest32(start: f64, first: usize, end: usize, x: &[f64]) -> f64 {
    f64::from((first..end).fold(start as f32, |total, i| {
        total + LEAVES[OFFSETS[i] as usize + leaf(ROOTS[i], x)] as f32
    }))
}""",
    "text_code": """/// The position of a label; -1 if missing, `other` if not known.
fn text_code(label: Option<&str>, other: i32) -> i32 {
    let Some(label) = label else { return -1 };
    TEXTS.binary_search(&label).map_or(other, |at| at as i32)
}""",
    "number_code": """/// The same of a label that is a number; NaN is missing.
fn number_code(label: f64, first: i32, other: i32) -> i32 {
    if label.is_nan() {
        return -1;
    }
    let at = NUMBERS.partition_point(|known| *known < label);
    if at < NUMBERS.len() && NUMBERS[at] == label { first + at as i32 } else { other }
}""",
}
