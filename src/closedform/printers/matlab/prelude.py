"""The functions that a printed MATLAB program carries, each only where it is used."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "column": """% A column of the data: a struct or table by its field, else by its place.
function values = column(data, i, field, name)
    if isstruct(data)
        values = data.(field);
    elseif isnumeric(data)
        values = data(:, i);
    elseif iscell(data)
        values = data{i};
    elseif any(strcmp(data.Properties.VariableNames, name))
        values = data.(name);
    else
        values = data.(field);
    end
end""",
    "numbers": """% A column as numbers; NaN is missing.
function x = numbers(values)
    x = double(values(:));
end""",
    "texts": """% A column of labels as a cell array of texts; NaN is missing.
function found = texts(values, empty_is_known)
    if ischar(values)
        values = cellstr(values);
    elseif ~iscell(values)
        gone = ismissing(values);
        values = cellstr(values);
        values(gone) = {NaN};
    end
    found = values(:);
    for i = 1:numel(found)
        if ~ischar(found{i})
            found{i} = NaN;
        elseif isempty(found{i})
            found{i} = '';
            if ~empty_is_known
                found{i} = NaN;
            end
        end
    end
end""",
    "missing": """% Where a number is missing.
function found = missing(x)
    found = isnan(x);
end""",
    "missing_text": """% Where a label is missing.
function found = missing_text(x)
    found = ~cellfun(@ischar, as_cell(x));
end""",
    "same_text": """% Where two labels are equal; nowhere one is missing.
function found = same_text(a, b)
    found = strcmp(as_cell(a), as_cell(b));
end""",
    "member": """% Where a number is one of some.
function found = member(x, known)
    found = ismember(x, known);
end""",
    "member_text": """% Where a label is one of some.
function found = member_text(x, known)
    found = false(size(as_cell(x)));
    for i = 1:numel(known)
        found = found | strcmp(as_cell(x), known{i});
    end
end""",
    "pick": """% One or the other, row by row.
function found = pick(test, yes, no)
    rows = max([numel(test), numel(yes), numel(no)]);
    found = spread(no, rows);
    yes = spread(yes, rows);
    test = logical(spread(test, rows));
    found(test) = yes(test);
end""",
    "pick_text": """% The same of labels.
function found = pick_text(test, yes, no)
    found = pick(test, as_cell(yes), as_cell(no));
end""",
    "as_cell": """% A label for all rows as a cell.
function found = as_cell(x)
    if iscell(x)
        found = x;
    else
        found = {x};
    end
end""",
    "side_by_side": """% Columns as a matrix; a single number stands for every row.
function x = side_by_side(varargin)
    rows = max(cellfun(@numel, varargin));
    x = zeros(rows, numel(varargin));
    for j = 1:numel(varargin)
        x(:, j) = varargin{j};
    end
end""",
    "sigmoid": """% 1 / (1 + exp(-x)), without overflow.
function y = sigmoid(x)
    small = exp(-abs(x));
    y = (x >= 0) ./ (1 + small) + (x < 0) .* small ./ (1 + small);
end""",
    "softplus": """% log(1 + exp(x)), without overflow.
function y = softplus(x)
    y = (x + abs(x)) / 2 + log1p(exp(-abs(x)));
end""",
    "real_log": """% The logarithm; missing below 0, where MATLAB's is complex.
function y = real_log(x)
    x(x < 0) = NaN;
    y = log(x);
end""",
    "real_log1p": """% The logarithm of 1 + x; missing below -1.
function y = real_log1p(x)
    x(x < -1) = NaN;
    y = log1p(x);
end""",
    "real_sqrt": """% The square root; missing below 0.
function y = real_sqrt(x)
    x(x < 0) = NaN;
    y = sqrt(x);
end""",
    "real_asin": """% The arcsine; missing beyond -1 and 1.
function y = real_asin(x)
    x(abs(x) > 1) = NaN;
    y = asin(x);
end""",
    "real_acos": """% The arccosine; missing beyond -1 and 1.
function y = real_acos(x)
    x(abs(x) > 1) = NaN;
    y = acos(x);
end""",
    "power": """% a to the power of b; missing where that is not a real number.
function y = power(a, b)
    rows = max(numel(a), numel(b));
    a = spread(a, rows);
    b = spread(b, rows);
    a(a < 0 & isfinite(a) & isfinite(b) & b ~= floor(b)) = NaN;
    y = zeros(size(a));
    for i = 1:numel(a)
        y(i) = power_of_one(a(i), b(i));
    end
end

function y = power_of_one(a, b)
    if a == 1 || b == 0 || (a == -1 && isinf(b))
        y = 1;
    elseif b == 2
        y = a * a;
    elseif isinf(b) || isinf(a)
        y = abs(a) ^ b;
        if a < 0 && mod(b, 2) == 1
            y = -y;
        end
    else
        y = a ^ b;
    end
end""",
    "least": """% The smaller one; missing if one is (unlike min).
function y = least(a, b)
    y = min(a, b);
    y((isnan(a) | isnan(b)) & true(size(y))) = NaN;
end""",
    "most": """% The greater one; missing if one is (unlike max).
function y = most(a, b)
    y = max(a, b);
    y((isnan(a) | isnan(b)) & true(size(y))) = NaN;
end""",
    "least_of": """% The smallest of each row; missing if any is.
function y = least_of(x)
    y = min(x, [], 2);
    y(any(isnan(x), 2)) = NaN;
end""",
    "most_of": """% The greatest of each row; missing if any is.
function y = most_of(x)
    y = max(x, [], 2);
    y(any(isnan(x), 2)) = NaN;
end""",
    "single_of": """% The nearest number of single precision.
function y = single_of(x)
    y = double(single(x));
end""",
    "sum32": """% A sum of the columns in which every partial sum is rounded to single precision.
function total = sum32(x)
    total = single(x(:, 1));
    for j = 2:size(x, 2)
        total = total + single(x(:, j));
    end
    total = double(total);
end""",
    "dot": """% start + weights(1) * x(:, 1) + weights(2) * x(:, 2) + ...
function total = dot(start, weights, x)
    total = start;
    for j = 1:numel(weights)
        total = total + weights(j) .* x(:, j);
    end
end""",
    "affine": """% bias + x times the weights, which have a row for each unit.
function total = affine(x, weights, bias)
    total = repmat(bias, size(x, 1), 1);
    for j = 1:size(x, 2)
        total = total + x(:, j) .* weights(:, j)';
    end
end""",
    "squared_distance": """% The weighted sum of squared differences from a point.
function total = squared_distance(x, point, weights)
    total = zeros(size(x, 1), 1);
    for j = 1:numel(point)
        total = total + weights(j) .* (x(:, j) - point(j)) .^ 2;
    end
end""",
    "distances": """% The same from several points, one in each row.
function total = distances(x, points, weights)
    total = zeros(size(x, 1), size(points, 1));
    for i = 1:size(points, 1)
        total(:, i) = squared_distance(x, points(i, :), weights(i, :));
    end
end""",
    "kth_smallest": """% The k-th smallest of each row; missing if any is.
function y = kth_smallest(k, x)
    sorted = sort(x, 2);
    y = sorted(:, k);
    y(any(isnan(x), 2)) = NaN;
end""",
    "weighted_median": """% The least with half of all weight at or below it; missing if any is.
function y = weighted_median(weights, x)
    y = NaN(size(x, 1), 1);
    for i = find(~any(isnan(x), 2))'
        [sorted, order] = sort(x(i, :));
        reached = cumsum(weights(order));
        y(i) = sorted(find(reached >= reached(end) / 2, 1));
    end
end""",
    "look_up": """% The value beside a key; `other` for one not known, `absent` for none.
function y = look_up(x, keys, values, other, absent)
    [known, at] = ismember(x, keys);
    y = repmat(other, size(x));
    y(known) = values(at(known));
    y(isnan(x)) = absent;
end""",
    "look_up_text": """% The same beside a text.
function y = look_up_text(x, keys, values, other, absent)
    x = as_cell(x);
    gone = missing_text(x);
    plain = x;
    plain(gone) = {''};
    [known, at] = ismember(plain, keys);
    y = repmat(other, size(x));
    y(known) = values(at(known));
    y(gone) = absent;
end""",
    "stretch": """% A polynomial for each stretch between the edges.
function y = stretch(x, edges, origins, coefs, right_closed, absent)
    i = ones(size(x));
    for k = 1:numel(edges)
        if right_closed
            i = i + (x > edges(k));
        else
            i = i + (x >= edges(k));
        end
    end
    y = reshape(coefs(i, end), size(x));
    for j = size(coefs, 2) - 1:-1:1
        y = y .* (x - reshape(origins(i), size(x))) + reshape(coefs(i, j), size(x));
    end
    y(isnan(x)) = absent;
end""",
    "among": """% Whether a number is one of the codes of a set.
function known = among(c, set, x)
    known = x >= 0 & x < c.SIZES(set) & x == floor(x);
    known(known) = c.CODES(c.STARTS(set(known)) + x(known));
end""",
    "leaf": """% The leaf that each row of x reaches from a root.
function at = leaf(c, root, x)
    at = repmat(root, size(x, 1), 1);
    going = (1:size(x, 1))';
    while true
        going = going(c.CHILD(at(going)) ~= at(going));
        if isempty(going)
            break
        end
        here = at(going);
        value = x(sub2ind(size(x), going, c.FEATURE(here)));
        left = value <= c.THRESHOLD(here);
        asked = c.MEMBER(here) > 0; left(asked) = among(c, c.MEMBER(here(asked)), value(asked));
        gone = isnan(value);
        left(gone) = c.MISSING_LEFT(here(gone));
        at(going) = c.CHILD(here) + ~left;
    end
end""",
    "leaf_value": """% The value of a leaf.
function y = leaf_value(c, at)
    y = c.LEAVES(at);
end""",
    "forest": """% start + weight * (the value of the leaf that x reaches), tree after tree.
function total = forest(c, start, weight, first, last, x)
    total = start;
    for i = first:last
        total = total + weight * c.LEAVES(c.OFFSETS(i) + leaf(c, c.ROOTS(i), x));
    end
end""",
    "forest32": """% The same in single precision, each partial sum rounded.
function total = forest32(c, start, first, last, x)
    total = single(start);
    for i = first:last
        total = total + single(c.LEAVES(c.OFFSETS(i) + leaf(c, c.ROOTS(i), x)));
    end
    total = double(total);
end""",
    "spread": """% A value for each row.
function values = spread(values, rows)
    if numel(values) == 1
        values = repmat(values, rows, 1);
    end
end""",
    "without": """% An output for each row; missing in refused rows.
function values = without(refused, values)
    if iscell(values)
        values(refused) = {NaN};
    elseif islogical(values)
        values(refused) = false;
    else
        values(refused) = NaN;
    end
end""",
    "given": """% Labels for each row; a missing one is '', or NaN where that is a label itself.
function found = given(x, rows, empty_is_known)
    found = spread(as_cell(x), rows);
    if ~empty_is_known
        found(missing_text(found)) = {''};
    end
end""",
    "rows_of": """% How many rows the data have.
function rows = rows_of(data)
    if isstruct(data)
        fields = fieldnames(data);
        data = data.(fields{1});
        rows = numel(data);
    elseif iscell(data)
        rows = numel(data{1});
    else
        rows = size(data, 1);
    end
end""",
}
NEEDS: dict[str, tuple[str, ...]] = {
    "pick": ("spread",), "pick_text": ("pick", "as_cell", "spread"),
    "given": ("spread", "as_cell", "missing_text"),
    "same_text": ("as_cell",), "member_text": ("as_cell",), "missing_text": ("as_cell",),
    "look_up_text": ("as_cell", "missing_text"), "distances": ("squared_distance",),
    "power": ("spread",), "least_of": (), "most_of": (), "softplus": (), "sigmoid": (), "leaf": (),
}  # fmt: skip
"""The helpers that a helper calls in MATLAB alone."""
