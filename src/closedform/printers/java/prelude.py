"""The functions that a printed Java class carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "missing": """/** Whether a number is missing. */
private static boolean missing(double x) {
    return x != x;
}""",
    "same": """/** Whether two labels are equal; not where one is missing. */
private static boolean same(int a, int b) {
    return a != -1 && a == b;
}""",
    "round32": """/** The nearest number of single precision. */
private static double round32(double x) {
    return (float) x;
}""",
    "sign": """/** -1, 0 or 1. */
private static double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}""",
    "sigmoid": """/** 1 / (1 + exp(-x)), without overflow. */
private static double sigmoid(double x) {
    final double small = Math.exp(-Math.abs(x));
    return x < 0 ? small / (1 + small) : 1 / (1 + small);
}""",
    "softplus": """/** log(1 + exp(x)), without overflow. */
private static double softplus(double x) {
    return (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));
}""",
    "power": """/** a to the power of b; of C's kind, where 1 to any power is 1. */
private static double power(double a, double b) {
    if (b == 2) {
        return a * a;
    }
    return a == 1 || (a == -1 && Double.isInfinite(b)) ? 1 : Math.pow(a, b);
}""",
    "least": """/** The smaller one; missing if one is. */
private static double least(double a, double b) {
    return a != a || a < b ? a : b;
}""",
    "most": """/** The greater one; missing if one is. */
private static double most(double a, double b) {
    return a != a || a > b ? a : b;
}""",
    "least_of": """/** The smallest; missing if any is. */
private static double least_of(double[] x) {
    double found = x[0];
    for (double other : x) {
        found = least(found, other);
    }
    return found;
}""",
    "most_of": """/** The greatest; missing if any is. */
private static double most_of(double[] x) {
    double found = x[0];
    for (double other : x) {
        found = most(found, other);
    }
    return found;
}""",
    "dot": """/** start + weights[from] * x[0] + weights[from + 1] * x[1] + ... */
private static double dot(double start, double[] weights, double[] x, int from) {
    for (int i = 0; i < x.length; i++) {
        start += weights[from + i] * x[i];
    }
    return start;
}

private static double dot(double start, double[] weights, double[] x) {
    return dot(start, weights, x, 0);
}""",
    "affine": """/** out = bias + weights * x, a row of weights for each value. */
private static void affine(double[] out, double[] bias, double[] weights, double[] x) {
    for (int i = 0; i < out.length; i++) {
        out[i] = dot(bias[i], weights, x, i * x.length);
    }
}""",
    "squared_distance": """/** The weighted sum of squared differences from a point. */
private static double squared_distance(double[] point, double[] weights, double[] x, int from) {
    double total = 0;
    for (int i = 0; i < x.length; i++) {
        final double away = x[i] - point[from + i];
        total += weights[from + i] * (away * away);
    }
    return total;
}

private static double squared_distance(double[] point, double[] weights, double[] x) {
    return squared_distance(point, weights, x, 0);
}""",
    "distances": """/** out = the squared distances from several points, one in each row. */
private static void distances(double[] out, double[] points, double[] weights, double[] x) {
    for (int i = 0; i < out.length; i++) {
        out[i] = squared_distance(points, weights, x, i * x.length);
    }
}""",
    "sum32": """/** A sum in which every partial sum is rounded to single precision. */
private static double sum32(double[] x) {
    float total = (float) x[0];
    for (int i = 1; i < x.length; i++) {
        total += (float) x[i];
    }
    return total;
}""",
    "kth_smallest": """/** The k-th smallest of some numbers; missing if any is. */
private static double kth_smallest(int k, double[] x) {
    final double[] sorted = x.clone();
    Arrays.sort(sorted); // missing ones come last
    final double last = sorted[sorted.length - 1];
    return last != last ? last : sorted[k - 1];
}""",
    "weighted_median": """/** The least with half of all weight up to it; missing if any is. */
private static double weighted_median(double[] weights, double[] x) {
    final Integer[] order = new Integer[x.length];
    final double[] sums = new double[x.length];
    for (int i = 0; i < x.length; i++) {
        if (x[i] != x[i]) {
            return x[i];
        }
        order[i] = i;
    }
    Arrays.sort(order, (i, j) -> x[i] < x[j] ? -1 : x[i] > x[j] ? 1 : 0);
    double total = 0;
    for (int i = 0; i < x.length; i++) {
        total += weights[order[i]];
        sums[i] = total;
    }
    int first = 0;
    while (sums[first] < total / 2) {
        first++;
    }
    return x[order[first]];
}""",
    "look_up": """/** The number beside a label; `other` for one not known, `absent` for none. */
private static double look_up(int label, double[] table, double other, double absent) {
    return label >= 0 ? table[label] : label == -1 ? absent : other;
}""",
    "look_up_number": """/** The number beside a number; `other` beside one not known. */
private static double look_up_number(
        double x, double[] keys, double[] table, double other, double absent) {
    final int at = Arrays.binarySearch(keys, x + 0.0); // -0.0 is 0.0
    return x != x ? absent : at >= 0 ? table[at] : other;
}""",
    "stretch": """/** A polynomial for each stretch between the edges. */
private static double stretch(
        double x, double[] edges, double[] origins, double[] coefs, boolean right_closed,
        double absent) {
    if (x != x) {
        return absent;
    }
    int lo = 0;
    for (int hi = edges.length; lo < hi; ) {
        final int mid = (lo + hi) >>> 1;
        if (edges[mid] < x || (edges[mid] == x && !right_closed)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    final int terms = coefs.length / origins.length;
    double value = coefs[lo * terms + terms - 1];
    for (int i = terms - 2; i >= 0; i--) {
        value = value * (x - origins[lo]) + coefs[lo * terms + i];
    }
    return value;
}""",
    "among": """/** Whether a number is one of the codes of a set. */
private static boolean among(int set, double x) {
    return x >= 0 && x < SIZES[set] && x == Math.floor(x) && CODES[STARTS[set] + (int) x];
}""",
    "leaf": """/** The leaf that x reaches from a root. */
private static int leaf(int at, double[] x) {
    while (CHILD[at] != at) {
        final double value = x[FEATURE[at]];
        final boolean left = value != value ? MISSING_LEFT[at] : GOES_LEFT;
        at = left ? CHILD[at] : CHILD[at] + 1;
    }
    return at;
}""",
    "forest": """/** start + weight * (the value of the leaf that x reaches), tree after tree. */
private static double forest(double start, double weight, int first, int end, double[] x) {
    for (int i = first; i < end; i++) {
        start += weight * LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)];
    }
    return start;
}""",
    "forests": """/** The same for the sums of several classes, whose trees are walked once. */
private static void forests(
    double[] out, double[] start, double weight, int first, int end, double[] x
) {
    System.arraycopy(start, 0, out, 0, out.length);
    for (int i = first; i < end; i++) {
        final int at = leaf(ROOTS[i], x);
        for (int k = 0; k < out.length; k++) {
            out[k] += weight * LEAVES[OFFSETS[i + k * (end - first)] + at];
        }
    }
}""",
    "forest32": """/** The same in single precision, each partial sum rounded. */
private static double forest32(double start, int first, int end, double[] x) {
    float total = (float) start;
    for (int i = first; i < end; i++) {
        total += (float) LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)];
    }
    return total;
}""",
    "text_code": """/** The position of a label; -1 if missing, `other` if not known. */
private static int text_code(String label, int other) {
    return label == null ? -1 : CODES_OF.getOrDefault(label, other);
}""",
    "number_code": """/** The same of a label that is a number; NaN is missing. */
private static int number_code(double label, int first, int other) {
    final int at = Arrays.binarySearch(NUMBERS, label + 0.0); // -0.0 is 0.0
    return label != label ? -1 : at >= 0 ? first + at : other;
}""",
    "codes_of": """/** The position of each label. */
private static Map<String, Integer> codes_of(String[] labels) {
    final Map<String, Integer> found = new HashMap<>();
    for (String label : labels) {
        found.put(label, found.size());
    }
    return found;
}""",
    "words": """/** The words of some texts; as elements they would exceed the 64 KB of a method. */
private static String[] words(String... texts) {
    final StringJoiner whole = new StringJoiner(" ");
    for (String text : texts) {
        whole.add(text);
    }
    return whole.toString().split(" ");
}""",
    "numbers": """/** Numbers that are written as words. */
private static double[] numbers(String... texts) {
    final String[] words = words(texts);
    final double[] found = new double[words.length];
    for (int i = 0; i < words.length; i++) {
        found[i] = Double.parseDouble(words[i]);
    }
    return found;
}""",
    "wholes": """/** Whole numbers that are written as words. */
private static int[] wholes(String... texts) {
    final String[] words = words(texts);
    final int[] found = new int[words.length];
    for (int i = 0; i < words.length; i++) {
        found[i] = Integer.parseInt(words[i]);
    }
    return found;
}""",
    "truths": """/** Truths that are written as 1 and 0. */
private static boolean[] truths(String... texts) {
    final String[] words = words(texts);
    final boolean[] found = new boolean[words.length];
    for (int i = 0; i < words.length; i++) {
        found[i] = words[i].equals("1");
    }
    return found;
}""",
    "near": """/** Whether two numbers agree to 1e-9 of their size; missing agrees with missing. */
private static boolean near(double a, double b) {
    return a == b || (a != a && b != b) || Math.abs(a - b) <= 1e-9 * (1 + Math.abs(b));
}""",
}
CALLS = {
    "numbers": ("words",),
    "wholes": ("words",),
    "truths": ("words",),
}
"""The helpers that a helper calls in Java alone."""
