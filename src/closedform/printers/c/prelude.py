"""The functions that a printed C program carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "missing": """/* Whether a number is missing. */
static bool missing(real x)
{
    return x != x;
}""",
    "same": """/* Whether two labels are equal; not where one is missing. */
static bool same(int a, int b)
{
    return a != -1 && a == b;
}""",
    "sign": """/* -1, 0 or 1. */
static real sign(real x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}""",
    "sigmoid": """/* 1 / (1 + exp(-x)), without overflow. */
static real sigmoid(real x)
{
    const real small = exp(-fabs(x));
    return x < 0 ? small / (1 + small) : 1 / (1 + small);
}""",
    "softplus": """/* log(1 + exp(x)), without overflow. */
static real softplus(real x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}""",
    "power": """/* a to the power of b; missing where that is not defined. */
static real power(real a, real b)
{
    return b == 2 ? a * a : pow(a, b);
}""",
    "least": """/* The smaller one; missing if one is (unlike fmin). */
static real least(real a, real b)
{
    return a != a || a < b ? a : b;
}""",
    "most": """/* The greater one; missing if one is (unlike fmax). */
static real most(real a, real b)
{
    return a != a || a > b ? a : b;
}""",
    "least_of": """/* The smallest; missing if any is. */
static real least_of(int count, const real *x)
{
    real found = x[0];
    for (int i = 1; i < count; i++)
        found = least(found, x[i]);
    return found;
}""",
    "most_of": """/* The greatest; missing if any is. */
static real most_of(int count, const real *x)
{
    real found = x[0];
    for (int i = 1; i < count; i++)
        found = most(found, x[i]);
    return found;
}""",
    "dot": """/* start + weights[0] * x[0] + weights[1] * x[1] + ... */
static real dot(real start, int count, const real *weights, const real *x)
{
    for (int i = 0; i < count; i++)
        start += weights[i] * x[i];
    return start;
}""",
    "affine": """/* out = bias + weights * x, a row of weights for each value. */
static void affine(real *out, int rows, int columns, const real *bias, const real *weights,
                   const real *x)
{
    for (int i = 0; i < rows; i++)
        out[i] = dot(bias[i], columns, weights + i * columns, x);
}""",
    "squared_distance": """/* The weighted sum of squared differences from a point. */
static real squared_distance(int count, const real *point, const real *weights, const real *x)
{
    real total = 0;
    for (int i = 0; i < count; i++) {
        const real away = x[i] - point[i];
        total += weights[i] * (away * away);
    }
    return total;
}""",
    "distances": """/* out = the squared distances from several points, one in each row. */
static void distances(real *out, int rows, int columns, const real *points, const real *weights,
                      const real *x)
{
    for (int i = 0; i < rows; i++) {
        const int at = i * columns;
        out[i] = squared_distance(columns, points + at, weights + at, x);
    }
}""",
    "sum32": """/* A sum in which every partial sum is rounded to single precision. */
static real sum32(int count, const real *x)
{
    float total = (float)x[0];
    for (int i = 1; i < count; i++)
        total += (float)x[i];
    return total;
}""",
    "kth_smallest": """/* The k-th smallest of some numbers; missing if any is. */
static real kth_smallest(int k, int count, real *scratch, const real *x)
{
    for (int i = 0; i < count; i++) {
        if (x[i] != x[i])
            return x[i];
        scratch[i] = x[i];
    }
    for (int lo = 0, hi = count - 1; lo < hi;) { /* Hoare's selection */
        const real pivot = scratch[lo + (hi - lo) / 2];
        int i = lo, j = hi;
        while (i <= j) {
            while (scratch[i] < pivot)
                i++;
            while (scratch[j] > pivot)
                j--;
            if (i <= j) {
                const real kept = scratch[i];
                scratch[i++] = scratch[j];
                scratch[j--] = kept;
            }
        }
        if (k - 1 <= j)
            hi = j;
        else if (k - 1 >= i)
            lo = i;
        else
            break;
    }
    return scratch[k - 1];
}""",
    "reached": """/* The least number with `half` of all weight at or below it; adds up what is. */
static real reached(int count, const real *weights, const real *x, real half, real *sum)
{
    real found = 0;
    *sum = 0;
    for (int done = 0; done < count && (done == 0 || *sum < half);) {
        real next = 0; /* the smallest above what was found last */
        for (int i = 0, some = 0; i < count; i++)
            if ((done == 0 || x[i] > found) && (!some || x[i] < next)) {
                next = x[i];
                some = 1;
            }
        for (int i = 0; i < count; i++)
            if (x[i] == next) {
                *sum += weights[i];
                done++;
            }
        found = next;
    }
    return found;
}""",
    "weighted_median": """/* The least with half of all weight at or below it; missing if any is. */
static real weighted_median(int count, const real *weights, const real *x)
{
    real total, sum;
    for (int i = 0; i < count; i++)
        if (x[i] != x[i])
            return x[i];
    reached(count, weights, x, INFINITY, &total);
    return reached(count, weights, x, total / 2, &sum);
}""",
    "look_up": """/* The number beside a label; `other` for one not known, `absent` for none. */
static real look_up(int label, const real *table, real other, real absent)
{
    return label >= 0 ? table[label] : label == -1 ? absent : other;
}""",
    "look_up_number": """/* The number beside a number; `other` beside one not known. */
static real look_up_number(real x, int count, const real *keys, const real *table, real other,
                           real absent)
{
    for (int lo = 0, hi = count; lo < hi;) {
        const int mid = lo + (hi - lo) / 2;
        if (keys[mid] == x)
            return table[mid];
        if (keys[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return x != x ? absent : other;
}""",
    "stretch": """/* A polynomial for each stretch between the edges. */
static real stretch(real x, int count, int terms, const real *edges, const real *origins,
                    const real *coefs, bool right_closed, real absent)
{
    int lo = 0;
    if (x != x)
        return absent;
    for (int hi = count; lo < hi;) {
        const int mid = lo + (hi - lo) / 2;
        if (edges[mid] < x || (edges[mid] == x && !right_closed))
            lo = mid + 1;
        else
            hi = mid;
    }
    coefs += lo * terms;
    real value = coefs[terms - 1];
    for (int i = terms - 2; i >= 0; i--)
        value = value * (x - origins[lo]) + coefs[i];
    return value;
}""",
    "among": """/* Whether a number is one of the codes of a set. */
static bool among(int set, real x)
{
    return x >= 0 && x < SIZES[set] && x == floor(x) && CODES[STARTS[set] + (int)x];
}""",
    "leaf": """/* The leaf that x reaches from a root. */
static int leaf(int at, const real *x)
{
    while (CHILD[at] != at) {
        const real value = x[FEATURE[at]];
        const bool left = value != value ? MISSING_LEFT[at] : GOES_LEFT;
        at = CHILD[at] + !left;
    }
    return at;
}""",
    "forest": """/* start + weight * (the value of the leaf that x reaches), tree after tree. */
static real forest(real start, real weight, int first, int end, const real *x)
{
    for (int i = first; i < end; i++)
        start += weight * LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)];
    return start;
}""",
    "forests": """/* The same for the sums of several classes, whose trees are walked once. */
static void forests(real *out, int count, const real *start, real weight, int first, int end,
                    const real *x)
{
    for (int k = 0; k < count; k++)
        out[k] = start[k];
    for (int i = first; i < end; i++) {
        const int at = leaf(ROOTS[i], x);
        for (int k = 0; k < count; k++)
            out[k] += weight * LEAVES[OFFSETS[i + k * (end - first)] + at];
    }
}""",
    "forest32": """/* The same in single precision, each partial sum rounded. */
static real forest32(real start, int first, int end, const real *x)
{
    float total = (float)start;
    for (int i = first; i < end; i++)
        total += (float)LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)];
    return total;
}""",
    "text_code": """/* The position of a label; -1 if missing, `other` if not known. */
static int text_code(const char *label, int other)
{
    if (label == NULL)
        return -1;
    for (int lo = 0, hi = sizeof TEXTS / sizeof *TEXTS; lo < hi;) {
        const int mid = lo + (hi - lo) / 2, order = strcmp(TEXTS[mid], label);
        if (order == 0)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return other;
}""",
    "number_code": """/* The same of a label that is a number; NaN is missing. */
static int number_code(double label, int first, int other)
{
    for (int lo = 0, hi = sizeof NUMBERS / sizeof *NUMBERS; lo < hi;) {
        const int mid = lo + (hi - lo) / 2;
        if (NUMBERS[mid] == label)
            return first + mid;
        if (NUMBERS[mid] < label)
            lo = mid + 1;
        else
            hi = mid;
    }
    return label != label ? -1 : other;
}""",
}
CALLS = {"weighted_median": ("reached",)}
"""The helpers that a helper calls in C alone."""
