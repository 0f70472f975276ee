"""More PMML documents written by hand: the models beside trees, regressions and ensembles."""

from pmml_cases import (
    BINARY,
    CLASS,
    NUMBER,
    argument,
    document,
    rows,
    schema,
    simple,
)

CASES = {}

# --- general regression -------------------------------------------------------------------------

PREDICTORS = (
    '<ParameterList><Parameter name="p0"/><Parameter name="p1" referencePoint="0.5"/>'
    '<Parameter name="p2"/><Parameter name="p3"/></ParameterList>'
    '<FactorList><Predictor name="c"/></FactorList>'
    '<CovariateList><Predictor name="x"/></CovariateList>'
    '<PPMatrix><PPCell value="1" predictorName="x" parameterName="p1"/>'
    '<PPCell value="a" predictorName="c" parameterName="p2"/>'
    '<PPCell value="b" predictorName="c" parameterName="p3"/>'
    '<PPCell value="2" predictorName="x" parameterName="p3"/></PPMatrix>'
)
BETAS = {"p0": 0.2, "p1": 0.3, "p2": -0.4, "p3": 0.05}


def betas(category="", factor=1.0, only=None):
    """Return PCell elements."""
    target = f'targetCategory="{category}"' if category else ""
    return "".join(
        f'<PCell {target} parameterName="{p}" beta="{b * factor}"/>'
        for p, b in BETAS.items() if only is None or p in only
    )  # fmt: skip


def general(kind, options="", cells=None, target=NUMBER, function="regression"):
    """Return a file with a GeneralRegressionModel."""
    names = ["x", "c"]
    cells = betas() if cells is None else cells
    return document(
        f'<GeneralRegressionModel functionName="{function}" modelType="{kind}" {options}>'
        f"{schema(names)}{PREDICTORS}<ParamMatrix>{cells}</ParamMatrix></GeneralRegressionModel>",
        names, target,
    ), rows(names)  # fmt: skip


CASES["general: regression"] = general("regression")
CASES["general: generalLinear"] = general("generalLinear")
for link in ("identity", "log", "logit", "probit", "cloglog", "loglog", "logc"):
    CASES[f"general: {link}"] = general("generalizedLinear", f'linkFunction="{link}"')
CASES["general: power"] = general("generalizedLinear", 'linkFunction="power" linkParameter="0.5"')
CASES["general: oddspower"] = general(
    "generalizedLinear", 'linkFunction="oddspower" linkParameter="0.5"'
)
CASES["general: negbin"] = general("generalizedLinear", 'linkFunction="negbin" distParameter="2"')
CASES["general: offset and trials"] = general(
    "generalizedLinear", 'linkFunction="logit" offsetValue="0.25" trialsValue="5"'
)
CASES["general: two classes"] = general(
    "generalizedLinear", 'linkFunction="logit" targetReferenceCategory="p"', betas("q"), BINARY,
    "classification",
)  # fmt: skip
CASES["general: multinomial"] = general(
    "multinomialLogistic", 'targetReferenceCategory="q"', betas("p") + betas("r", -1.5), CLASS,
    "classification",
)  # fmt: skip
for link in ("logit", "probit", "cloglog", "loglog"):
    cells = "".join(
        f'<PCell targetCategory="{c}" parameterName="p0" beta="{b}"/>'
        for c, b in (("p", -1), ("q", 1))
    )
    CASES[f"general: ordinal by {link}"] = general(
        "ordinalMultinomial", f'cumulativeLink="{link}"',
        cells + betas(only=("p1", "p2", "p3")), CLASS.replace("categorical", "ordinal"),
        "classification",
    )  # fmt: skip
CONTRASTS = PREDICTORS.replace(
    '<Predictor name="c"/>',
    '<Predictor name="c" contrastMatrixType="other"><Categories><Category value="a"/><Category '
    'value="b"/><Category value="d e"/></Categories><Matrix nbRows="3" nbCols="2"><Array '
    'type="real" n="2">1 0</Array><Array type="real" n="2">0.5 1</Array><Array type="real" n="2">'
    "-1 -1</Array></Matrix></Predictor>",
)
made, some = general("generalLinear")
CASES["general: contrasts"] = (made.replace(PREDICTORS, CONTRASTS), some)
COX = (
    '<BaseCumHazardTables maxTime="2.5"><BaselineCell time="-1" cumHazard="0.1"/>'
    '<BaselineCell time="0.5" cumHazard="0.4"/><BaselineCell time="1.5" cumHazard="0.9"/>'
    "</BaseCumHazardTables>"
)
CASES["general: Cox"] = (
    document(
        '<GeneralRegressionModel functionName="regression" modelType="CoxRegression" '
        f'endTimeVariable="z">{schema(["x", "z", "c"])}{PREDICTORS}<ParamMatrix>{betas()}'
        f"</ParamMatrix>{COX}</GeneralRegressionModel>", ["x", "z", "c"],
    ),
    [r for r in rows(["x", "z", "c"]) if r["z"] is not None],
)  # fmt: skip

# --- networks -----------------------------------------------------------------------------------


def network(activation, options="", kind="regression", target=NUMBER, last="identity", norm=""):
    """Return a file with a network of two inputs and three hidden neurons."""

    def neuron(name, bias, *connections):
        inner = "".join(f'<Con from="{f}" weight="{w}"/>' for f, w in connections)
        return f'<Neuron id="{name}" bias="{bias}" width="1.5">{inner}</Neuron>'

    hidden = "".join(
        neuron(f"h{i}", 0.1 * i - 0.2, ("i0", 0.3 * i - 0.4), ("i1", 0.5 - 0.2 * i))
        for i in range(3)
    )
    count = 1 if kind == "regression" else 3
    top = "".join(
        neuron(f"o{j}", 0.05, *[(f"h{i}", 0.6 - 0.3 * i + 0.2 * j) for i in range(3)])
        for j in range(count)
    )
    inputs = "".join(
        f'<NeuralInput id="i{i}"><DerivedField name="in{i}" optype="continuous" dataType="double">'
        f'<NormContinuous field="{n}"><LinearNorm orig="0" norm="0.1"/><LinearNorm orig="2" '
        'norm="1"/></NormContinuous></DerivedField></NeuralInput>' for i, n in enumerate("xz")
    )  # fmt: skip
    if kind == "regression":
        given = ['<NormContinuous field="y"><LinearNorm orig="-10" norm="-5"/><LinearNorm '
                 'orig="10" norm="8"/></NormContinuous>']  # fmt: skip
    else:
        given = [f'<NormDiscrete field="y" value="{c}"/>' for c in "pqr"]
    outputs = "".join(
        f'<NeuralOutput outputNeuron="o{i}"><DerivedField name="out{i}" optype="continuous" '
        f'dataType="double">{g}</DerivedField></NeuralOutput>' for i, g in enumerate(given)
    )  # fmt: skip
    return document(
        f'<NeuralNetwork functionName="{kind}" activationFunction="{activation}" {options}>'
        f'{schema(["x", "z"])}<NeuralInputs>{inputs}</NeuralInputs><NeuralLayer>{hidden}'
        f'</NeuralLayer><NeuralLayer activationFunction="{last}" {norm}>{top}</NeuralLayer>'
        f"<NeuralOutputs>{outputs}</NeuralOutputs></NeuralNetwork>", ["x", "z"], target,
    ), rows(["x", "z"])  # fmt: skip


for name in ("logistic", "tanh", "identity", "exponential", "reciprocal", "square", "Gauss", "sine",
             "cosine", "Elliott", "rectifier"):  # fmt: skip
    CASES[f"network: {name}"] = network(name)
CASES["network: leaky rectifier"] = network("rectifier", 'x-leakage="0.1"')
CASES["network: threshold"] = network("threshold", 'threshold="0.2"')
CASES["network: radialBasis"] = network("radialBasis", 'altitude="1.2"')
for norm in ("softmax", "simplemax"):
    CASES[f"network: classes by {norm}"] = network(
        "logistic", kind="classification", target=CLASS, last="exponential",
        norm=f'normalizationMethod="{norm}"',
    )  # fmt: skip

# --- support vectors ----------------------------------------------------------------------------

KERNELS = {
    "linear": "<LinearKernelType/>",
    "polynomial": '<PolynomialKernelType gamma="0.5" coef0="1" degree="2"/>',
    "radial": '<RadialBasisKernelType gamma="0.3"/>',
    "sigmoid": '<SigmoidKernelType gamma="0.2" coef0="-0.5"/>',
}


def machine(weights, bias, options=""):
    """Return a SupportVectorMachine of three vectors."""
    ids = "".join(f'<SupportVector vectorId="v{i}"/>' for i in range(3))
    values = "".join(f'<Coefficient value="{w}"/>' for w in weights)
    return (
        f"<SupportVectorMachine {options}><SupportVectors>{ids}</SupportVectors>"
        f'<Coefficients absoluteValue="{bias}">{values}</Coefficients></SupportVectorMachine>'
    )


VECTORS = (
    '<VectorDictionary><VectorFields><FieldRef field="x"/><FieldRef field="z"/>'
    '<CategoricalPredictor name="c" value="a" coefficient="1"/></VectorFields>'
    '<VectorInstance id="v0"><Array n="3" type="real">0.5 -1 1</Array></VectorInstance>'
    '<VectorInstance id="v1"><REAL-SparseArray n="3"><Indices>2</Indices><REAL-Entries>1.5'
    "</REAL-Entries></REAL-SparseArray></VectorInstance>"
    '<VectorInstance id="v2"><Array n="3" type="real">-1 2 0</Array></VectorInstance>'
    "</VectorDictionary>"
)


def vectors(kernel, machines, kind="regression", target=NUMBER, options=""):
    """Return a file with a SupportVectorMachineModel."""
    names = ["x", "z", "c"]
    return document(
        f'<SupportVectorMachineModel functionName="{kind}" {options}>{schema(names)}'
        f"{KERNELS[kernel]}{VECTORS}{machines}</SupportVectorMachineModel>", names, target,
    ), rows(names)  # fmt: skip


for kernel in KERNELS:
    CASES[f"vectors: {kernel}"] = vectors(kernel, machine((1, -0.5, 0.25), 0.1))
ONE = machine((1, -0.5, 0.25), 0.1, 'targetCategory="p" alternateTargetCategory="q"')
PAIRS = (
    ONE + machine((0.3, 0.2, -1), 0.2, 'targetCategory="p" alternateTargetCategory="r"')
    + machine((-1, 0.7, 0.4), -0.1,
              'targetCategory="q" alternateTargetCategory="r" threshold="0.1"')
)  # fmt: skip
CASES["vectors: one against one"] = vectors(
    "radial", PAIRS, "classification", CLASS, 'classificationMethod="OneAgainstOne"'
)
EACH = "".join(
    machine(w, b, f'targetCategory="{c}"')
    for c, w, b in (("p", (1, -0.5, 0.25), 0.1), ("q", (0.3, 0.2, -1), 0.2), ("r", (-1, 1, 0), 0))
)
CASES["vectors: one against all"] = vectors(
    "radial", EACH, "classification", CLASS, 'classificationMethod="OneAgainstAll"'
)

# --- naive Bayes --------------------------------------------------------------------------------


def counts(*numbers):
    """Return TargetValueCounts of the classes."""
    inner = "".join(
        f'<TargetValueCount value="{c}" count="{n}"/>' for c, n in zip("pqr", numbers, strict=True)
    )
    return f"<TargetValueCounts>{inner}</TargetValueCounts>"


GAUSS = "".join(
    f'<TargetValueStat value="{c}"><GaussianDistribution mean="{m}" variance="{v}"/>'
    "</TargetValueStat>" for c, m, v in (("p", 0, 1), ("q", 1, 0.5), ("r", -1, 2))
)  # fmt: skip
BINNED = (
    '<BayesInput fieldName="z"><DerivedField name="zz" optype="categorical" dataType="string">'
    '<Discretize field="z"><DiscretizeBin binValue="lo"><Interval closure="openOpen" '
    'rightMargin="0.5"/></DiscretizeBin><DiscretizeBin binValue="hi"><Interval '
    'closure="closedClosed" leftMargin="0.5" rightMargin="2"/></DiscretizeBin></Discretize>'
    f'</DerivedField><PairCounts value="lo">{counts(1, 6, 2)}</PairCounts>'
    f'<PairCounts value="hi">{counts(5, 1, 1)}</PairCounts></BayesInput>'
)
BAYES = ["x", "z", "t"]
CASES["naive Bayes"] = (
    document(
        f'<NaiveBayesModel functionName="classification" threshold="0.001">{schema(BAYES)}'
        "<Output>" + "".join(
            f'<OutputField name="probability({c})" optype="continuous" dataType="double" '
            f'feature="probability" value="{c}"/>' for c in "pqr"
        ) + f'</Output><BayesInputs><BayesInput fieldName="x"><TargetValueStats>{GAUSS}'
        f'</TargetValueStats></BayesInput>{BINNED}<BayesInput fieldName="t"><PairCounts value="a">'
        f'{counts(3, 0, 4)}</PairCounts><PairCounts value="b">{counts(2, 5, 1)}</PairCounts>'
        f'</BayesInput></BayesInputs><BayesOutput fieldName="y">{counts(6, 5, 9)}</BayesOutput>'
        "</NaiveBayesModel>", BAYES, CLASS,
    ),
    rows(BAYES, 30),
)  # fmt: skip

# --- clusters and neighbours --------------------------------------------------------------------

MEASURES = {
    "euclidean": '<ComparisonMeasure kind="distance"><euclidean/></ComparisonMeasure>',
    "squaredEuclidean": '<ComparisonMeasure kind="distance"><squaredEuclidean/>'
    "</ComparisonMeasure>",
    "cityBlock": '<ComparisonMeasure kind="distance"><cityBlock/></ComparisonMeasure>',
    "chebychev": '<ComparisonMeasure kind="distance"><chebychev/></ComparisonMeasure>',
    "minkowski": '<ComparisonMeasure kind="distance"><minkowski p-parameter="3"/>'
    "</ComparisonMeasure>",
    "squaredEuclidean by gaussSim": '<ComparisonMeasure kind="distance"><squaredEuclidean/>'
    "</ComparisonMeasure>",
}
AFFINITIES = "<Output>" + "".join(
    f'<OutputField name="affinity {i}" optype="continuous" dataType="double" feature="affinity" '
    f'value="{i}"/>' for i in "123"
) + "</Output>"  # fmt: skip


def clusters(measure, weights="", inner='fieldWeight="2"'):
    """Return a file with a ClusteringModel."""
    points = "".join(
        f'<Cluster name="{n}"><Array n="2" type="real">{p}</Array></Cluster>'
        for n, p in (("one", "0 1"), ("two", "2.5 -1"), ("three", "-2 3"))
    )
    return document(
        '<ClusteringModel functionName="clustering" modelClass="centerBased" numberOfClusters="3">'
        f'{schema(["x", "z"], target=False)}{AFFINITIES}{MEASURES[measure]}'
        f'<ClusteringField field="x" {inner}/><ClusteringField field="z"/>{weights}{points}'
        "</ClusteringModel>", ["x", "z"], "",
    ), rows(["x", "z"])  # fmt: skip


for measure in MEASURES:
    inner = (
        'compareFunction="gaussSim" similarityScale="2"'
        if "gauss" in measure
        else 'fieldWeight="2"'
    )
    CASES[f"clusters: {measure}"] = clusters(measure, inner=inner)
CASES["clusters: weights of missing values"] = clusters(
    "euclidean", '<MissingValueWeights><Array n="2" type="real">1 3</Array></MissingValueWeights>'
)
for measure in ("simpleMatching", "jaccard", "tanimoto"):
    made, _ = clusters("euclidean", inner="")
    made = made.replace(
        MEASURES["euclidean"],
        f'<ComparisonMeasure kind="similarity"><{measure}/></ComparisonMeasure>',
    )
    for before, after in (("0 1", "0 1"), ("2.5 -1", "1 1"), ("-2 3", "1 0")):
        made = made.replace(f">{before}<", f">{after}<")
    CASES[f"clusters: {measure}"] = (
        made, [{"x": a, "z": b} for a in (0.0, 1.0) for b in (0.0, 1.0) if a or b],
    )  # fmt: skip


def neighbours(options, kind="regression", target=NUMBER, measure="euclidean"):
    """Return a file with a NearestNeighborModel of six training rows."""
    given = [0, 1, 2, 3, 5, 8] if kind == "regression" else "pqrrqp"
    points = [(-2.2, 0.3), (0.1, 1.4), (0.7, -0.6), (2.9, 2.2), (6.1, 0.8), (4.3, -1.7)]
    table = "".join(
        f"<row><x>{a}</x><z>{b}</z><y>{g}</y></row>"
        for (a, b), g in zip(points, given, strict=True)
    )
    fields = "".join(f'<InstanceField field="{n}" column="{n}"/>' for n in "xzy")
    return document(
        f'<NearestNeighborModel functionName="{kind}" {options}>{schema(["x", "z"])}'
        f"<TrainingInstances><InstanceFields>{fields}</InstanceFields><InlineTable>{table}"
        f"</InlineTable></TrainingInstances>{MEASURES[measure]}<KNNInputs>"
        '<KNNInput field="x"/><KNNInput field="z" fieldWeight="1.5"/></KNNInputs>'
        "</NearestNeighborModel>", ["x", "z"], target,
    ), rows(["x", "z"])  # fmt: skip


for method in ("average", "weightedAverage"):
    CASES[f"neighbours: {method}"] = neighbours(
        f'numberOfNeighbors="3" continuousScoringMethod="{method}" threshold="0.1"'
    )
CASES["neighbours: nearest by cityBlock"] = neighbours('numberOfNeighbors="1"', measure="cityBlock")
for method in ("majorityVote", "weightedMajorityVote"):
    CASES[f"neighbours: {method}"] = neighbours(
        f'numberOfNeighbors="3" categoricalScoringMethod="{method}"', "classification", CLASS
    )

# --- scorecards and rules -----------------------------------------------------------------------


def attribute(points, predicate):
    """Return an Attribute of a scorecard."""
    return f'<Attribute partialScore="{points}">{predicate}</Attribute>'


CARD = (
    '<Characteristics><Characteristic name="age">'
    + attribute(-1, '<SimplePredicate field="x" operator="isMissing"/>')
    + attribute(3, simple("x", "lessThan", 0)) + attribute(5, simple("x", "lessOrEqual", 1))
    + attribute(12, "<True/>")
    + '</Characteristic><Characteristic name="kind">' + attribute(7, simple("c", "equal", "a"))
    + '<Attribute><SimplePredicate field="c" operator="equal" value="b"/><ComplexPartialScore>'
    f'<Apply function="*">{argument("x")}{argument(2.0)}</Apply></ComplexPartialScore></Attribute>'
    "</Characteristic></Characteristics>"
)  # fmt: skip
CASES["scorecard"] = (
    document(
        f'<Scorecard functionName="regression" initialScore="100" useReasonCodes="false">'
        f'{schema(["x", "c"])}{CARD}</Scorecard>', ["x", "c"],
    ),
    rows(["x", "c"]),
)  # fmt: skip


def rule(label, weight, predicate):
    """Return a SimpleRule."""
    weights = f'weight="{weight}" confidence="{weight}"'
    return f'<SimpleRule score="{label}" {weights}>{predicate}</SimpleRule>'


RULES = (
    rule("p", 0.3, simple("x", "lessThan", 1)) + rule("q", 0.5, simple("x", "greaterThan", 0))
    + "<CompoundRule>" + simple("z", "greaterOrEqual", 0)
    + rule("r", 0.4, simple("x", "greaterThan", 2)) + rule("p", 0.35, "<True/>") + "</CompoundRule>"
)  # fmt: skip
for method in ("firstHit", "weightedSum", "weightedMax"):
    for default in ('defaultScore="r" defaultConfidence="0.1"', ""):
        CASES[f"rules: {method} {default}".strip()] = (
            document(
                f'<RuleSetModel functionName="classification">{schema(["x", "z"])}'
                f'<RuleSet {default}><RuleSelectionMethod criterion="{method}"/>{RULES}</RuleSet>'
                "</RuleSetModel>",
                ["x", "z"], CLASS,
            ),
            rows(["x", "z"]),
        )  # fmt: skip
