"""The functions that a printed Wolfram Language package carries, each only where it is used.

What they are for: Indeterminate, a missing number, stays unevaluated in a comparison; and two
machine numbers that differ in their last seven bits are equal to the language's own `==` and `<=`,
while their difference is exact.
"""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "asNumber": """(* What is no number is missing. *)
asNumber[x_] := Which[
    x === True, 1., x === False, 0., NumericQ[x], N[x],
    x === Infinity || x === -Infinity, x, True, Indeterminate]""",
    "asLabel": """(* A text, or a number: 1, 1. and True are one label. *)
asLabel[x_] := Which[
    StringQ[x], x, x === True, 1., x === False, 0., NumericQ[x], N[x], True, Missing[]]""",
    "given": """(* A number as it is returned: a missing one as Missing[]. *)
given[x_] := If[absent[x], Missing[], N[x]]""",
    "absent": "absent[x_] := ! NumberQ[x] && ! infinite[x]",
    "infinite": "infinite[x_] := x === Infinity || x === -Infinity",
    "less": """(* Not x < y: to the language, numbers are equal that differ in their last bits. *)
less[x_, y_] := With[{d = x - y}, If[NumberQ[d], d < 0, d === -Infinity]]""",
    "atMost": """atMost[x_, y_] := With[{d = x - y},
    If[NumberQ[d], d <= 0, d === -Infinity || infinite[x] && x === y]]""",
    "equal": """equal[x_, y_] := With[{d = x - y},
    If[NumberQ[d], d == 0, infinite[x] && x === y]]""",
    "same": "same[x_, y_] := x === y && ! MatchQ[x, _Missing]",
    "among": "among[x_, values_] := AnyTrue[values, equal[x, #] &]",
    "least": "least[x__] := If[AnyTrue[{x}, absent], Indeterminate, Min[x]]",
    "greatest": "greatest[x__] := If[AnyTrue[{x}, absent], Indeterminate, Max[x]]",
    "kth": """(* The k-th smallest. *)
kth[k_, x__] := If[AnyTrue[{x}, absent], Indeterminate, Sort[{x}, less[#1, #2] &][[k]]]""",
    "over": """(* x / y, with infinities where y is 0. *)
over[x_, y_] := Which[
    absent[x] || absent[y], Indeterminate,
    equal[y, 0], Which[equal[x, 0], Indeterminate, less[0, x], Infinity, True, -Infinity],
    infinite[y], If[infinite[x], Indeterminate, 0.],
    True, x / y]""",
    "exp": """exp[x_] := Which[
    absent[x], Indeterminate, x > 709.782712893384, Infinity, x < -745.2, 0., True, Exp[N[x]]]""",
    "log": """log[x_] := Which[
    absent[x], Indeterminate, x === Infinity, x, equal[x, 0], -Infinity,
    x < 0, Indeterminate, True, Log[N[x]]]""",
    "sqrt": """sqrt[x_] := Which[
    absent[x], Indeterminate, x === Infinity, x, less[x, 0], Indeterminate, True, Sqrt[N[x]]]""",
    "tanh": """tanh[x_] := Which[
    absent[x], Indeterminate, x > 20, 1., x < -20, -1., True, Tanh[N[x]]]""",
    "sine": "sine[x_] := If[absent[x] || infinite[x], Indeterminate, Sin[N[x]]]",
    "cosine": "cosine[x_] := If[absent[x] || infinite[x], Indeterminate, Cos[N[x]]]",
    "arctan": "arctan[x_] := If[absent[x], Indeterminate, N[ArcTan[x]]]",
    "arcsin": "arcsin[x_] := If[atMost[-1, x] && atMost[x, 1], ArcSin[N[x]], Indeterminate]",
    "arccos": "arccos[x_] := If[atMost[-1, x] && atMost[x, 1], ArcCos[N[x]], Indeterminate]",
    "erf": """erf[x_] := Which[
    absent[x], Indeterminate, x > 6, 1., x < -6, -1., True, Erf[N[x]]]""",
    "floor": "floor[x_] := Which[absent[x], Indeterminate, infinite[x], x, True, N[Floor[x]]]",
    "size": "size[x_] := If[absent[x], Indeterminate, Abs[x]]",
    "sign": """sign[x_] := Which[
    absent[x], Indeterminate, less[0, x], 1., less[x, 0], -1., True, 0.]""",
    "sigmoid": """(* 1 / (1 + exp(-x)), without overflow. *)
sigmoid[x_] := If[absent[x], Indeterminate,
    With[{small = exp[-Abs[x]]}, If[less[x, 0], small / (1. + small), 1. / (1. + small)]]]""",
    "power": """(* As in C: 1 to any power is 1, and a root of a negative number is missing. *)
power[x_, y_] := Which[
    equal[y, 0] || equal[x, 1], 1.,
    absent[x] || absent[y], Indeterminate,
    infinite[y], endless[Abs[x], y],
    less[x, 0] && ! infinite[x] && ! equal[y, Floor[y]], Indeterminate,
    infinite[x], endlessBase[x, y],
    equal[x, 0], If[less[y, 0], Infinity, 0.],
    Abs[y * Log[Abs[N[x]]]] > 745.2, steep[x, y],
    True, fitting[N[x]^If[equal[y, Floor[y]], Floor[y], y]]]""",
    "odd": "odd[y_] := equal[y, Floor[y]] && ! equal[y, 2 * Floor[y / 2]]",
    "endless": """endless[x_, y_] := Which[
    equal[x, 1], 1., less[1, x] === (y === Infinity), Infinity, True, 0.]""",
    "endlessBase": """endlessBase[x_, y_] := Which[
    less[y, 0], 0., x === -Infinity && odd[y], -Infinity, True, Infinity]""",
    "steep": """steep[x_, y_] := If[less[y * Log[Abs[N[x]]], 0], 0.,
    If[less[x, 0] && odd[y], -Infinity, Infinity]]""",
    "fitting": """(* A number beyond the largest double is infinite. *)
fitting[x_] := Which[
    ! NumberQ[x], Infinity, Abs[x] <= $MaxMachineNumber, N[x], x > 0, Infinity, True, -Infinity]""",
    "single": """(* The nearest float32: of 24 bits; Round takes the even one of two. *)
single[x_] := If[absent[x] || infinite[x] || equal[x, 0], If[absent[x], Indeterminate, x],
    Module[{e = Floor[Log[2., Abs[x]]], scale, value},
        If[! less[Abs[x], 2.^(e + 1)], e = e + 1];
        If[less[Abs[x], 2.^e], e = e - 1];
        scale = 2.^(23 - Max[e, -126]);
        value = N[Round[x * scale]] / scale;
        If[less[Abs[value], 2.^128], value, Sign[x] * Infinity]]]""",
    "sumOfSingles": """(* A sum in which every partial sum is rounded to single precision. *)
sumOfSingles[x_, rest___] := Fold[single[#1 + single[#2]] &, single[x], {rest}]""",
}

NEEDS: dict[str, tuple[str, ...]] = {
    "given": ("absent",),
    "absent": ("infinite",),
    "atMost": ("infinite",),
    "equal": ("infinite",),
    "among": ("equal",),
    "least": ("absent",),
    "greatest": ("absent",),
    "kth": ("absent", "less"),
    "over": ("absent", "infinite", "less", "equal"),
    "exp": ("absent",),
    "log": ("absent", "equal"),
    "sqrt": ("absent", "less"),
    "tanh": ("absent",),
    "sine": ("absent", "infinite"),
    "cosine": ("absent", "infinite"),
    "arctan": ("absent",),
    "arcsin": ("atMost",),
    "arccos": ("atMost",),
    "erf": ("absent",),
    "floor": ("absent", "infinite"),
    "size": ("absent",),
    "sign": ("absent", "less"),
    "sigmoid": ("absent", "less", "exp"),
    "power": (
        *("absent", "infinite", "less", "equal"),
        *("endless", "endlessBase", "steep", "fitting"),
    ),
    "odd": ("equal",),
    "endless": ("less", "equal"),
    "endlessBase": ("less", "odd"),
    "steep": ("less", "odd"),
    "single": ("absent", "infinite", "less", "equal"),
    "sumOfSingles": ("single",),
}
"""The helpers that a helper calls."""
