"""The functions that a printed R program carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "column": """# A column of the data: by its name (or what R makes of it), else by its place.
column <- function(data, i) {
  known <- if (is.list(data)) names(data) else colnames(data)
  at <- if (is.null(known)) i else match(INPUTS[i], known)
  if (is.na(at)) at <- match(make.names(INPUTS[i]), known)
  if (is.na(at)) stop("the data have no column ", dQuote(INPUTS[i], FALSE))
  if (is.list(data)) data[[at]] else data[, at]
}""",
    "numbers": """# A column as numbers; NA is missing.
numbers <- function(values) {
  if (is.factor(values)) values <- as.character(values)
  as.numeric(values)
}""",
    "texts": """# A column of labels as texts; NA is missing.
texts <- function(values) enc2utf8(as.character(values))""",
    "is_true": """# Where a test holds; it does not where a value is missing.
is_true <- function(test) test & !is.na(test)""",
    "pick": """# One or the other, row by row; ifelse() would take its shape from the test.
pick <- function(test, yes, no) {
  rows <- max(length(test), length(yes), length(no))
  found <- rep_len(no, rows)
  taken <- which(rep_len(test, rows))
  found[taken] <- rep_len(yes, rows)[taken]
  found
}""",
    "sigmoid": """# 1 / (1 + exp(-x)), without overflow.
sigmoid <- function(x) {
  small <- exp(-abs(x))
  1 / (1 + small) * (x >= 0) + small / (1 + small) * (x < 0)
}""",
    "softplus": """# log(1 + exp(x)), without overflow.
softplus <- function(x) (x + abs(x)) / 2 + log1p(exp(-abs(x)))""",
    "power": """# a to the power of b; missing where that is not defined.
power <- function(a, b) {
  found <- a^b
  below <- which(a == 0 & 1 / a < 0 & b %% 2 == 1) # R forgets the sign of -0
  found[below] <- -found[below]
  found
}""",
    "least": """# The smaller one; missing if one is.
least <- function(a, b) pmin(a, b)""",
    "most": """# The greater one; missing if one is.
most <- function(a, b) pmax(a, b)""",
    "least_of": """# The smallest of each row; missing if any is.
least_of <- function(x) Reduce(least, asplit(x, 2))""",
    "most_of": """# The greatest of each row; missing if any is.
most_of <- function(x) Reduce(most, asplit(x, 2))""",
    "single": """# The nearest number of single precision.
single <- function(x) {
  near <- which(is.finite(x))
  bytes <- writeBin(as.double(x[near]), raw(), size = 4)
  x[near] <- readBin(bytes, "double", length(near), size = 4)
  x
}""",
    "sum32": """# A sum of the columns in which every partial sum is rounded to single precision.
sum32 <- function(x) {
  total <- single(x[, 1])
  for (j in seq_len(ncol(x))[-1]) total <- single(total + single(x[, j]))
  total
}""",
    "dot": """# start + weights[1] * x[, 1] + weights[2] * x[, 2] + ...
dot <- function(start, weights, x) {
  total <- start
  for (j in seq_along(weights)) total <- total + weights[j] * x[, j]
  total
}""",
    "affine": """# bias + x times the weights, which have a row for each unit.
affine <- function(x, weights, bias) {
  total <- matrix(rep(bias, each = nrow(x)), nrow(x), length(bias))
  for (j in seq_len(ncol(x))) total <- total + x[, j] %o% weights[, j]
  total
}""",
    "squared_distance": """# The weighted sum of squared differences from a point.
squared_distance <- function(x, point, weights) {
  total <- 0
  for (j in seq_along(point)) total <- total + weights[j] * (x[, j] - point[j])^2
  total
}""",
    "distances": """# The same from several points, one in each row.
distances <- function(x, points, weights) {
  each <- lapply(seq_len(nrow(points)), function(i) squared_distance(x, points[i, ], weights[i, ]))
  matrix(unlist(each), nrow(x), nrow(points))
}""",
    "kth_smallest": """# The k-th smallest of each row; missing if any is.
kth_smallest <- function(k, x) {
  of_row <- function(row) if (anyNA(row)) NaN else sort(row)[k]
  vapply(seq_len(nrow(x)), function(i) of_row(x[i, ]), 0)
}""",
    "weighted_median": """# The least with half of all weight at or below it; missing if any is.
weighted_median <- function(weights, x) {
  of_row <- function(row) {
    if (anyNA(row)) return(NaN)
    order <- order(row)
    reached <- cumsum(weights[order])
    row[order[which(reached >= reached[length(reached)] / 2)[1]]]
  }
  vapply(seq_len(nrow(x)), function(i) of_row(x[i, ]), 0)
}""",
    "look_up": """# The value beside a key; `other` for one not known, `absent` for none.
look_up <- function(x, keys, values, other, absent) {
  found <- values[match(x, keys)]
  found[is.na(match(x, keys))] <- other
  found[is.na(x)] <- absent
  found
}""",
    "stretch": """# A polynomial for each stretch between the edges.
stretch <- function(x, edges, origins, coefs, right_closed, absent) {
  i <- findInterval(x, edges, left.open = right_closed) + 1
  value <- coefs[i, ncol(coefs)]
  for (j in rev(seq_len(ncol(coefs) - 1))) value <- value * (x - origins[i]) + coefs[i, j]
  value[is.na(x)] <- absent
  value
}""",
    "among": """# Whether a number is one of the codes of a set.
among <- function(set, x) {
  known <- is_true(x >= 0 & x < SIZES[set] & x == floor(x))
  known[known] <- CODES[STARTS[set[known]] + x[known]]
  known
}""",
    "leaf": """# The leaf that each row of x reaches from a root.
leaf <- function(root, x) {
  at <- rep(root, nrow(x))
  going <- seq_along(at)
  while (length(going <- going[CHILD[at[going]] != at[going]])) {
    here <- at[going]
    value <- x[cbind(going, FEATURE[here])]
    left <- value <= THRESHOLD[here]
    asked <- which(MEMBER[here] > 0); left[asked] <- among(MEMBER[here[asked]], value[asked])
    left <- pick(is.na(value), MISSING_LEFT[here], left)
    at[going] <- CHILD[here] + !is_true(left)
  }
  at
}""",
    "leaf_value": """# The value of a leaf.
leaf_value <- function(at) LEAVES[at]""",
    "forest": """# start + weight * (the value of the leaf that x reaches), tree after tree.
forest <- function(start, weight, first, last, x) {
  total <- start
  for (i in first:last) total <- total + weight * LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)]
  total
}""",
    "forest32": """# The same in single precision, each partial sum rounded.
forest32 <- function(start, first, last, x) {
  total <- single(start)
  for (i in first:last) {
    total <- single(total + single(LEAVES[OFFSETS[i] + leaf(ROOTS[i], x)]))
  }
  total
}""",
    "without": """# An output for each row; missing in refused rows.
without <- function(refused, values) {
  values[is_true(refused)] <- NA
  values
}""",
}
NEEDS: dict[str, tuple[str, ...]] = {
    "leaf": ("pick", "is_true"), "among": ("is_true",), "sum32": ("single",),
    "forest32": ("leaf", "single"), "distances": ("squared_distance",), "without": ("is_true",),
}  # fmt: skip
"""The helpers that a helper calls in R alone."""
