BeginPackage["Iris`"];
irisInputs; irisEvaluate; irisPredict;
Begin["`Private`"];

(* What is no number is missing. *)
asNumber[x_] := Which[
    x === True, 1., x === False, 0., NumericQ[x], N[x],
    x === Infinity || x === -Infinity, x, True, Indeterminate];

(* A number as it is returned: a missing one as Missing[]. *)
given[x_] := If[absent[x], Missing[], N[x]];

absent[x_] := ! NumberQ[x] && ! infinite[x];

infinite[x_] := x === Infinity || x === -Infinity;

atMost[x_, y_] := With[{d = x - y},
    If[NumberQ[d], d <= 0, d === -Infinity || infinite[x] && x === y]];

equal[x_, y_] := With[{d = x - y},
    If[NumberQ[d], d == 0, infinite[x] && x === y]];

greatest[x__] := If[AnyTrue[{x}, absent], Indeterminate, Max[x]];

(* The columns, in the order of a list. *)
irisInputs = {
    "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"};

tree1[petalWidthCm_] :=
    If[atMost[petalWidthCm, 0.8000000417232512],
        1.,
        If[absent[petalWidthCm] || atMost[petalWidthCm, 1.7500000596046448],
            0.,
            0.]];

tree2[petalWidthCm_] :=
    If[atMost[petalWidthCm, 0.8000000417232512],
        0.,
        If[absent[petalWidthCm] || atMost[petalWidthCm, 1.7500000596046448],
            0.9074074074074074,
            0.021739130434782608]];

tree3[petalWidthCm_] :=
    If[atMost[petalWidthCm, 0.8000000417232512],
        0.,
        If[absent[petalWidthCm] || atMost[petalWidthCm, 1.7500000596046448],
            0.09259259259259259,
            0.9782608695652174]];

irisEvaluate[row_Association] := irisEvaluate[Map[row[#] &, irisInputs]];

irisEvaluate[row_List] := Quiet[Module[{
    sepalLengthCm = asNumber[row[[1]]], sepalWidthCm = asNumber[row[[2]]],
    petalLengthCm = asNumber[row[[3]]], petalWidthCm = asNumber[row[[4]]], pSetosa,
    pVersicolor, pVirginica, v1, label},
    pSetosa = tree1[petalWidthCm];
    pVersicolor = tree2[petalWidthCm];
    pVirginica = tree3[petalWidthCm];
    v1 = greatest[pSetosa, pVersicolor, pVirginica];
    label = Which[equal[pSetosa, v1], "setosa", equal[pVersicolor, v1], "versicolor",
        True, "virginica"];
    <|
        "label" -> label,
        "P(setosa)" -> given[pSetosa],
        "P(versicolor)" -> given[pVersicolor],
        "P(virginica)" -> given[pVirginica]|>]];

irisPredict[row_] := With[{found = irisEvaluate[row]}, found["label"]];

End[];
EndPackage[];
