"""The functions that a printed VBA module carries, each only where it is used.

Null is missing. VBA raises an error where a number overflows or a function has no value, so that
these functions test their arguments first; a comparison with Null would be Null, neither true nor
false.
"""

from __future__ import annotations

from closedform.ops import special
from closedform.printers.vba.cells import CELLS, private


def _numbers(values: tuple[float, ...]) -> str:
    return ", _\n            ".join(repr(v).upper() for v in values)


def _ratio(coefs: tuple[tuple[float, ...], tuple[float, ...]], x: str) -> str:
    top, bottom = (f"Array( _\n            {_numbers(c)})" for c in coefs)
    return f"polynomial({top}, {x}) / _\n            polynomial({bottom}, {x})"


HELPERS: dict[str, str] = {
    "chars": "' A text from the codes of its characters, five digits each.\n"
    + private("chars", "codes", """
Dim i As Long
chars = ""
For i = 1 To Len(codes) Step 5
    chars = chars & ChrW(CLng(Mid(codes, i, 5)))
Next"""),
    "exactly": "' A number of more than the 15 digits that VBA keeps of one.\n"
    + private("exactly", "digits rest", "exactly = digits + rest"),
    "below": "' Whether a < b; not where one is missing.\n"
    + private("below", "a b", """
below = False
If Not (IsNull(a) Or IsNull(b)) Then below = (a < b)"""),
    "at_most": "' Whether a <= b; not where one is missing.\n"
    + private("at_most", "a b", """
at_most = False
If Not (IsNull(a) Or IsNull(b)) Then at_most = (a <= b)"""),
    "same": "' Whether a = b; not where one is missing.\n"
    + private("same", "a b", """
same = False
If Not (IsNull(a) Or IsNull(b)) Then same = (a = b)"""),
    "member": "' Whether a value is one of some.\n"
    + private("member", "x known", """
Dim i As Long
member = False
For i = 0 To UBound(known)
    If same(x, known(i)) Then member = True
Next"""),
    "pick": "' One or the other (IIf fails where the test is missing).\n"
    + private("pick", "test yes no", """
If test Then pick = yes Else pick = no"""),
    "divide": "' a / b; missing where b is 0.\n"
    + private("divide", "a b", """
divide = Null
On Error Resume Next
If Not same(b, 0) Then divide = a / b"""),
    "exp_of": "' The exponential function; missing where it overflows.\n"
    + private("exp_of", "x", """
exp_of = Null
If below(x, 709.78) Then exp_of = Exp(x)"""),
    "log_of": "' The natural logarithm; missing at 0 and below.\n"
    + private("log_of", "x", """
log_of = Null
If below(0, x) Then log_of = Log(x)"""),
    "sqrt_of": "' The square root; missing below 0.\n"
    + private("sqrt_of", "x", """
sqrt_of = Null
If at_most(0, x) Then sqrt_of = Sqr(x)"""),
    "abs_of": "' The size of a number.\n"
    + private("abs_of", "x", """
abs_of = Null
If Not IsNull(x) Then abs_of = Abs(x)"""),
    "sign": "' -1, 0 or 1.\n"
    + private("sign", "x", """
sign = Null
If Not IsNull(x) Then sign = CDbl(Sgn(x))"""),
    "floor": "' The greatest whole number that is not greater.\n"
    + private("floor", "x", """
floor = Null
If Not IsNull(x) Then floor = Int(x)"""),
    "sin_of": "' The sine.\n"
    + private("sin_of", "x", """
sin_of = Null
On Error Resume Next
If Not IsNull(x) Then sin_of = Sin(x)"""),
    "cos_of": "' The cosine.\n"
    + private("cos_of", "x", """
cos_of = Null
On Error Resume Next
If Not IsNull(x) Then cos_of = Cos(x)"""),
    "atan_of": "' The arctangent.\n"
    + private("atan_of", "x", """
atan_of = Null
If Not IsNull(x) Then atan_of = Atn(x)"""),
    "asin_of": "' The arcsine; missing beyond -1 and 1.\n"
    + private("asin_of", "x", """
asin_of = Null
If below(abs_of(x), 1) Then asin_of = Atn(x / Sqr((1 - x) * (1 + x)))
If same(abs_of(x), 1) Then asin_of = 2 * Atn(x)"""),
    "acos_of": "' The arccosine; missing beyond -1 and 1.\n"
    + private("acos_of", "x", """
acos_of = Null
If at_most(abs_of(x), 1) And below(-1, x) Then acos_of = 2 * Atn(Sqr((1 - x) / (1 + x)))
If same(x, -1) Then acos_of = 4 * Atn(1)"""),
    "expm1_of": "' exp(x) - 1, without cancellation near 0 (Kahan).\n"
    + private("expm1_of", "x", """
Dim u As Variant
expm1_of = Null
u = exp_of(x)
If IsNull(u) Then Exit Function
If Abs(x) > 1 Then
    expm1_of = u - 1
ElseIf u = 1 Then
    expm1_of = x
Else
    expm1_of = (u - 1) * x / Log(u)
End If"""),
    "log1p_of": "' log(1 + x), without cancellation near 0 (Kahan).\n"
    + private("log1p_of", "x", """
Dim u As Variant
log1p_of = Null
If Not below(-1, x) Then Exit Function
u = 1 + x
If x > 1 Then
    log1p_of = Log(u)
ElseIf u = 1 Then
    log1p_of = x
Else
    log1p_of = Log(u) * x / (u - 1)
End If"""),
    "tanh_of": "' The hyperbolic tangent, without cancellation near 0.\n"
    + private("tanh_of", "x", """
Dim m As Variant
tanh_of = Null
If IsNull(x) Then Exit Function
m = expm1_of(-2 * Abs(x))
tanh_of = Sgn(x) * -m / (2 + m)"""),
    "sigmoid": "' 1 / (1 + exp(-x)), without overflow.\n"
    + private("sigmoid", "x", """
Dim small As Variant
sigmoid = Null
If IsNull(x) Then Exit Function
small = Exp(-Abs(x))
If x < 0 Then sigmoid = small / (1 + small) Else sigmoid = 1 / (1 + small)"""),
    "softplus": "' log(1 + exp(x)), without overflow.\n"
    + private("softplus", "x", """
softplus = Null
If IsNull(x) Then Exit Function
softplus = log1p_of(Exp(-Abs(x)))
If x > 0 Then softplus = x + softplus"""),
    "probit": "' The normal quantile (AS 241); at 0 and 1 the greatest numbers.\n"
    + private("probit", "x", f"""
Dim q As Variant, r As Variant, far As Variant
probit = Null
If IsNull(x) Then Exit Function
If x < 0 Or x > 1 Then Exit Function
q = x - 0.5
If Abs(q) <= 0.425 Then
    r = 0.180625 - q * q
    probit = q * {_ratio(special.CENTRAL, "r")}
    Exit Function
End If
r = x
If q > 0 Then r = 1 - x
far = 1.79769313486231E+308
If r > 0 Then
    r = Sqr(-Log(r))
    If r <= 5 Then
        r = r - 1.6
        far = {_ratio(special.MIDDLE, "r")}
    Else
        r = r - 5
        far = {_ratio(special.TAIL, "r")}
    End If
End If
If q < 0 Then probit = -far Else probit = far"""),
    "polynomial": "' The value of a polynomial, the highest coefficient first.\n"
    + private("polynomial", "coefs x", """
Dim i As Long
polynomial = coefs(0)
For i = 1 To UBound(coefs)
    polynomial = coefs(i) + polynomial * x
Next"""),
    "erf_of": "' The error function (Cody's rational approximations).\n"
    + private("erf_of", "x", f"""
Dim size As Variant, inverse As Variant, rest As Variant
erf_of = Null
If IsNull(x) Then Exit Function
size = Abs(x)
If size > 6 Then
    erf_of = CDbl(Sgn(x))
ElseIf size <= 0.46875 Then
    erf_of = x * {_ratio(special.ERF_NEAR, "x * x")}
Else
    If size <= 4 Then
        rest = {_ratio(special.ERFC_MIDDLE, "size")}
    Else
        inverse = 1 / (x * x)
        rest = {_ratio(special.ERFC_FAR, "inverse")}
        rest = (1 / Sqr(4 * Atn(1)) - inverse * rest) / size
    End If
    erf_of = Sgn(x) * (1 - Exp(-x * x) * rest)
End If"""),
    "power": "' a to the power of b; missing where that is no number.\n"
    + private("power", "a b", """
power = Null
On Error Resume Next
If same(a, 1) Or same(b, 0) Then
    power = 1.0
ElseIf Not (IsNull(a) Or IsNull(b)) Then
    If b = 2 Then
        power = a * a
    ElseIf a = 0 Then
        If b > 0 Then power = 0.0
    ElseIf a > 0 Then
        power = a ^ b
    ElseIf b = Int(b) Then
        power = (-a) ^ b
        If b / 2 <> Int(b / 2) Then power = -power
    End If
End If"""),
    "least": "' The smaller one; missing if one is.\n"
    + private("least", "a b", """
least = b
If IsNull(a) Or below(a, b) Then least = a"""),
    "most": "' The greater one; missing if one is.\n"
    + private("most", "a b", """
most = b
If IsNull(a) Or below(b, a) Then most = a"""),
    "least_of": "' The smallest; missing if any is.\n"
    + private("least_of", "x", """
Dim i As Long
least_of = x(0)
For i = 1 To UBound(x)
    least_of = least(least_of, x(i))
Next"""),
    "most_of": "' The greatest; missing if any is.\n"
    + private("most_of", "x", """
Dim i As Long
most_of = x(0)
For i = 1 To UBound(x)
    most_of = most(most_of, x(i))
Next"""),
    "any_missing": "' Whether any of some numbers is missing.\n"
    + private("any_missing", "x", """
Dim i As Long
any_missing = False
For i = 0 To UBound(x)
    If IsNull(x(i)) Then any_missing = True
Next"""),
    "single_of": "' The nearest number of single precision.\n"
    + private("single_of", "x", """
single_of = Null
On Error Resume Next
If IsNull(x) Then Exit Function
If Abs(x) < 7E-46 Then single_of = 0.0 Else single_of = CDbl(CSng(x))"""),
    "sum32": "' A sum in which every partial sum is rounded to single precision.\n"
    + private("sum32", "x", """
Dim i As Long
sum32 = single_of(x(0))
For i = 1 To UBound(x)
    sum32 = single_of(sum32 + single_of(x(i)))
Next"""),
    "dot": "' start + weights(0) * x(0) + weights(1) * x(1) + ...\n"
    + private("dot", "start weights x", """
Dim i As Long
dot = start
For i = 0 To UBound(x)
    dot = dot + weights(i) * x(i)
Next"""),
    "affine": "' bias + weights * x, a row of weights for each value.\n"
    + private("affine", "x weights bias", """
Dim found() As Variant, i As Long, j As Long, count As Long
count = UBound(x) + 1
ReDim found(0 To UBound(bias))
For i = 0 To UBound(bias)
    found(i) = bias(i)
    For j = 0 To count - 1
        found(i) = found(i) + weights(i * count + j) * x(j)
    Next
Next
affine = found"""),
    "distance_from": "' The weighted sum of squared differences from a point of several.\n"
    + private("distance_from", "x points weights at", """
Dim j As Long, away As Variant
distance_from = 0.0
For j = 0 To UBound(x)
    away = x(j) - points(at + j)
    distance_from = distance_from + weights(at + j) * (away * away)
Next"""),
    "squared_distance": "' The weighted sum of squared differences from a point.\n"
    + private("squared_distance", "x point weights",
               "squared_distance = distance_from(x, point, weights, 0)"),
    "distances": "' The same from several points, one in each row.\n"
    + private("distances", "x points weights", """
Dim found() As Variant, i As Long, count As Long
count = UBound(x) + 1
ReDim found(0 To (UBound(points) + 1) / count - 1)
For i = 0 To UBound(found)
    found(i) = distance_from(x, points, weights, i * count)
Next
distances = found"""),
    "order_of": "' The positions of some numbers in their order.\n"
    + private("order_of", "x", """
Dim found() As Variant, i As Long, j As Long
ReDim found(0 To UBound(x))
For i = 0 To UBound(x)
    j = i
    Do While j > 0
        If x(found(j - 1)) <= x(i) Then Exit Do
        found(j) = found(j - 1)
        j = j - 1
    Loop
    found(j) = i
Next
order_of = found"""),
    "kth_smallest": "' The k-th smallest; missing if any is.\n"
    + private("kth_smallest", "k x", """
kth_smallest = Null
If any_missing(x) Then Exit Function
kth_smallest = x(order_of(x)(k - 1))"""),
    "weighted_median": "' The least with half of all weight at or below it; missing if any is.\n"
    + private("weighted_median", "weights x", """
Dim i As Long, order As Variant, total As Variant, reached As Variant
weighted_median = Null
If any_missing(x) Then Exit Function
order = order_of(x)
total = 0.0
For i = 0 To UBound(x)
    total = total + weights(order(i))
Next
reached = 0.0
For i = 0 To UBound(x)
    reached = reached + weights(order(i))
    If reached >= total / 2 Then
        weighted_median = x(order(i))
        Exit Function
    End If
Next"""),
    "look_up": "' The value beside a key; `other` for one not known, `absent` for none.\n"
    + private("look_up", "x keys table other absent", """
Dim i As Long
look_up = other
If IsNull(x) Then look_up = absent
For i = 0 To UBound(keys)
    If same(x, keys(i)) Then
        look_up = table(i)
        Exit Function
    End If
Next"""),
    "stretch": "' A polynomial for each stretch between the edges.\n"
    + private("stretch", "x edges origins coefs right_closed absent", """
Dim i As Long, j As Long, terms As Long
stretch = absent
If IsNull(x) Then Exit Function
i = 0
Do While i <= UBound(edges)
    If x < edges(i) Or (right_closed And x = edges(i)) Then Exit Do
    i = i + 1
Loop
terms = (UBound(coefs) + 1) / (UBound(origins) + 1)
stretch = coefs(i * terms + terms - 1)
For j = terms - 2 To 0 Step -1
    stretch = stretch * (x - origins(i)) + coefs(i * terms + j)
Next"""),
    "among": "' Whether a number is one of the codes of a set.\n"
    + private("among", "set_of x", """
among = False
If x < 0 Or x >= SIZES(set_of) Then Exit Function
If x = Int(x) Then among = CBool(CODES(STARTS(set_of) + CLng(x)))"""),
    "leaf": "' The leaf that x reaches from a root.\n"
    + private("leaf", "root x", """
Dim at As Long, value As Variant, left_side As Boolean
at = root
Do While CHILD(at) <> at
    value = x(FEATURE(at))
    If IsNull(value) Then
        left_side = CBool(MISSING_LEFT(at))
    Else
        left_side = (value <= THRESHOLD(at))
        If MEMBER(at) >= 0 Then left_side = among(MEMBER(at), value)
    End If
    If left_side Then at = CHILD(at) Else at = CHILD(at) + 1
Loop
leaf = at"""),
    "leaf_value": "' The value of a leaf.\n"
    + private("leaf_value", "at", "leaf_value = LEAVES(at)"),
    "forest": "' start + weight * (the value of the leaf that x reaches), tree after tree.\n"
    + private("forest", "start weight first last x", """
Dim i As Long
forest = start
For i = first To last
    forest = forest + weight * LEAVES(OFFSETS(i) + leaf(ROOTS(i), x))
Next"""),
    "forest32": "' The same in single precision, each partial sum rounded.\n"
    + private("forest32", "start first last x", """
Dim i As Long
forest32 = single_of(start)
For i = first To last
    forest32 = single_of(forest32 + single_of(LEAVES(OFFSETS(i) + leaf(ROOTS(i), x))))
Next"""),
    **CELLS,
}  # fmt: skip
NEEDS: dict[str, tuple[str, ...]] = {
    "member": ("same",), "divide": ("same",), "exp_of": ("below",), "log_of": ("below",),
    "sqrt_of": ("at_most",), "asin_of": ("below", "same", "abs_of"),
    "acos_of": ("below", "at_most", "same", "abs_of"), "expm1_of": ("exp_of", "below"),
    "log1p_of": ("below",), "tanh_of": ("expm1_of",), "softplus": ("log1p_of",),
    "erf_of": ("polynomial",), "probit": ("polynomial",), "power": ("same",),
    "least": ("below",), "most": ("below",),
    "all_of": ("for_cell",), "sum32": ("single_of",), "look_up": ("same",),
    "forest32": ("leaf", "single_of"),
    "distances": ("distance_from",), "squared_distance": ("distance_from",),
    "kth_smallest": ("any_missing", "order_of"), "weighted_median": ("any_missing", "order_of"),
}  # fmt: skip
"""The helpers that a helper calls in VBA alone."""
