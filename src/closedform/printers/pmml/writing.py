"""PMML 4.4: derived fields for what is computed, tree models for trees, a model that gives it all.

Checked with JPMML's evaluator. Sums and products are expressions, what is missing goes through
them; a function of what is missing would be refused, so the document defines functions that ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from closedform import ops
from closedform.about import __version__
from closedform.formula import Feature, Formula
from closedform.ir import Node, Type, toposort
from closedform.passes.lower import lowered
from closedform.printers.ensemble import without_untested
from closedform.printers.label_codes import LabelCodes
from closedform.printers.pmml.classifiers import (
    chance_fields,
    leaf_classes,
    regression,
    softmax_of,
    tree_model,
)
from closedform.printers.pmml.spelling import (
    HELPERS,
    Expressions,
    apply,
    field,
)
from closedform.printers.pmml.text import element, label_text, legal, lines, number
from closedform.printers.pmml.trees import mining_schema, model, split, tested
from closedform.printers.program import banner
from closedform.printers.spell import Speller, names_for

LONGEST = 16
"""Terms of a sum in one expression: each is a level deeper, and XML readers recurse."""

NEVER: dict[str, str] = {}
"""Operations that have no spelling: there is none."""


def write(formula: Formula) -> str:
    """Return a PMML document.

    The prediction is the target, every other output an output field of its own name; where the
    prediction is a label that may be one of the inputs, it is an output field too. The fields are
    the inputs that are read, under their own names. A missing value is none, and so are all
    outputs of a row that the model refuses.

    Raises:
        UnsupportedTarget: a column of labels holds both texts and numbers, or a label a character
            that XML cannot hold.
    """
    text = _Document(formula).text()
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(lines(text)) + "\n"


def field_names(inputs: Sequence[Feature], outputs: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what inputs and outputs are called: their own names, or with a number behind them."""
    from closedform.printers.onnx.writing import tensor_names

    given = tensor_names(legal(name) for name in outputs)
    return tensor_names((legal(f.name) for f in inputs), given), given


class _Document:
    """One formula on its way to XML."""

    def __init__(self, formula: Formula) -> None:
        self.own = formula
        self.formula = formula = without_untested(formula)
        self.codes = LabelCodes(formula)
        self.codes.require_one_type()
        self.inputs, self.outputs = field_names(formula.inputs, formula.outputs)
        self.leaves, self.scores = leaf_classes(formula), softmax_of(formula)
        became, self.forests = split(formula)
        roots = [became[n] for n in formula.roots]
        self._split = dict(zip(self.own.roots, roots, strict=True))
        refused = formula.refused
        self.asks = [*roots, *([] if refused is None else [refused])]
        self.table: tuple[float, list[tuple[float, Node]]] | None = None
        self.asks += [n for f in self.forests for n in tested(f)]
        if self.usual:
            self.forests, self.asks = [], [self._split[n] for n in self._decisions().values()]
        self._spell()

    @property
    def usual(self) -> bool:
        """Whether it is a classifier of the kind that readers of PMML know."""
        return self.leaves is not None or self.scores is not None

    def _decisions(self) -> dict[str, Node]:
        """Return what such a classifier gives beside the class and its probabilities."""
        given = {*self.own.answer, *self.own.task.probability}
        return {k: n for k, n in self.own.outputs.items() if k not in given}

    def _spell(self) -> None:
        first = Expressions(self.asks)
        spelled = {"lin", "label", *first.language().spell}
        small = lowered(self.asks, spelled, target="pmml")
        target = None if self.usual else self.target
        whole = None if target is None else small[self._split[self.own.outputs[target[0]]]]
        if whole is not None and self._is_table(whole):
            # Then the sum is the regression itself, and its terms are fields.
            self.asks = [n for n in self.asks if small[n] is not whole]
            small |= {a: a for a in whole.args}
            self.asks += list(whole.args)
        final = _short_sums([small[n] for n in self.asks])
        self.became = {n: final[small[n]] for n in self.asks}
        if whole is not None and self._is_table(whole):
            weights = whole.data.weights.tolist()
            terms = [(w, self.became[a]) for w, a in zip(weights, whole.args, strict=True)]
            self.table = whole.data.bias, terms
        roots = list(dict.fromkeys(self.became.values()))
        self.names = self._names(roots)
        taken = {i: field(name) for i, name in enumerate(self.inputs)}
        self.places = {f.stands: f"trees{i}" for i, f in enumerate(self.forests, 1)}
        taken |= {n.data: field(name) for n, name in self.places.items()}
        language = Expressions(roots).language()
        references = {n: field(name) for n, name in self.names.items()}
        self.speller = Speller(language, taken, references)
        self.written = dict(zip(roots, self.speller.write(roots), strict=True))

    def _is_table(self, n: Node) -> bool:
        """Tell whether the prediction, and no other output, is a sum of what can be fields."""
        if n.op is not ops.LIN or not n.args or self.formula.refused is not None:
            return False
        alone = len(set(self._split.values())) == len(self.own.outputs)
        finite = bool(np.isfinite([n.data.bias, *n.data.weights]).all())
        return alone and finite and all(a.op is not ops.CONST for a in n.args)

    def _names(self, roots: Sequence[Node]) -> dict[Node, str]:
        """Return the nodes that are fields of their own: shared, long, rounded, or looked up."""
        own: dict[Node, str] = {}
        fields = [self.became[n] for f in self.forests for n in tested(f)]
        fields += [n for _, n in (self.table or (0, []))[1]]
        for n in toposort(roots):
            if n.op is ops.TABLE and n.args[0].op is not ops.INPUT:
                fields.append(n.args[0])
            # Of a table within a comparison JPMML says that it is categorical.
            fields += [n] if n.op in (ops.ROUND32, ops.TABLE) else []
        for n in fields:
            own.setdefault(n, "")
        chosen = names_for(self.formula, roots, own=own)
        used = {*self.inputs, *self.outputs, *(f"trees{i + 1}" for i in range(len(self.forests)))}
        found: dict[Node, str] = {}
        for n, name in chosen.items():
            plain = made = legal(name) or f"v{len(found) + 1}"
            count = 1
            while made in used:
                count += 1
                made = f"{plain}_{count}"
            used.add(made)
            found[n] = made
        self.taken = used
        return found

    # --- the parts --------------------------------------------------------------------------------

    def text(self) -> str:
        below, above = self._derived()
        if self.usual:
            return self._document([], below, self._usual())
        outputs = self._outputs(above)
        final = self._final(above, outputs)
        segments = self._segments(final)
        defined = [HELPERS[name] for name in self._helpers([*below, *above])]
        return self._document(defined, below, segments)

    def _document(self, defined: list[str], below: list[str], whole: str) -> str:
        told = banner(self.own, "")
        return element(
            "PMML",
            element("Header", element("Application", name="closedform", version=__version__),
                    description=legal(told)),
            element("DataDictionary", *self._fields()),
            element("TransformationDictionary", *defined, *below) if defined or below else "",
            whole, xmlns="http://www.dmg.org/PMML-4_4", version="4.4",
        )  # fmt: skip

    def _usual(self) -> str:
        names = dict(zip(self.own.outputs, self.outputs, strict=True))
        target = self.own.answer[0]
        classes = self._classes(self.own.outputs[target])
        fields = chance_fields(self.own, names, classes)
        fields += [
            element("OutputField", self.written[self.became[self._split[n]]].text, name=names[k],
                    optype="continuous", dataType="double", feature="transformedValue")
            for k, n in self._decisions().items()
        ]  # fmt: skip
        head = mining_schema([self.inputs[i] for i in self._asked()], names[target])
        head += element("Output", *fields)
        if self.leaves is not None:
            return tree_model(self.leaves, self.inputs, classes, head)
        assert self.scores is not None
        return regression(self.scores, self.inputs, classes, head)

    def _asked(self) -> list[int]:
        return sorted(self.own.needed)

    def _fields(self) -> Iterator[str]:
        for i in self._asked():
            feature = self.formula.inputs[i]
            label = feature.type is Type.LABEL
            yield element(
                "DataField", name=self.inputs[i],
                optype="categorical" if label else "continuous",
                dataType=self._kind(ops.input_(i, feature.type)),
            )  # fmt: skip
        if self.target is not None:
            n = self.own.outputs[self.target[0]]
            label = n.type is Type.LABEL
            values = [element("Value", value=v) for v in self._classes(n)] if label else []
            yield element(
                "DataField", *values, name=self.target[1],
                optype="categorical" if label else "continuous",
                dataType=self._target_kind(n),
            )  # fmt: skip

    def _target_kind(self, n: Node) -> str:
        whole = n.type is Type.LABEL and not self.codes.is_text(n)
        return "integer" if whole and all("." not in v for v in self._classes(n)) else self._kind(n)

    def _kind(self, n: Node) -> str:
        if n.type is Type.LABEL:
            return "string" if self.codes.is_text(n) else "double"
        return "boolean" if n.type is Type.BOOL else "double"

    def _classes(self, n: Node) -> list[str]:
        """Return the classes as the target's values: 1 rather than 1.0."""
        found = [s.data[0] for s in self.codes.groups.sources(n) if s.op is ops.LABEL]
        known = [v for v in dict.fromkeys(found) if v is not None]
        order = {label: i for i, label in enumerate(self.formula.task.classes)}
        known.sort(key=lambda v: order.get(v, len(order)))
        if all(not isinstance(v, str) and float(v).is_integer() for v in known):
            return [str(int(v)) for v in known]
        return [label_text(v) for v in known]

    @property
    def target(self) -> tuple[str, str] | None:
        """The output that is the model's prediction, and its field; None where none can be."""
        name = self.own.answer[0] if self.own.answer else None
        if name is None:
            return None
        n = self.own.outputs[name]
        sources = self.codes.groups.sources(n) if n.type is Type.LABEL else []
        closed = all(s.op is not ops.INPUT for s in sources)
        return (
            (name, dict(zip(self.own.outputs, self.outputs, strict=True))[name])
            if (
                n.type is Type.REAL
                or (n.type is Type.LABEL and closed and len(self._classes(n)) > 0)
            )
            else None
        )

    def _derived(self) -> tuple[list[str], list[str]]:
        """Return the derived fields that read inputs alone, and those that read trees as well."""
        late = {f.stands for f in self.forests}
        below: list[str] = []
        above: list[str] = []
        for n in toposort(list(self.written)):
            if any(a in late for a in n.args):
                late.add(n)
        for _, text, n in self.speller.lines:
            name = self.names[n]
            place = above if n in late else below
            if n.op is ops.ROUND32:  # a field of floats, and one of doubles: 0.1f·0.1f is a float
                single = self._fresh(f"{name}_single")
                place.append(_field(single, "float", text))
                text = field(single)
            place.append(_field(name, self._kind_of(n), text))
        self.late = late
        return below, above

    def _kind_of(self, n: Node) -> str:
        if n.type is not Type.LABEL:
            return "boolean" if n.type is Type.BOOL else "double"
        known = [s.data[0] for s in toposort([n]) if s.op is ops.LABEL and s.data[0] is not None]
        inputs = [s for s in toposort([n]) if s.op is ops.INPUT and s.type is Type.LABEL]
        text = any(isinstance(v, str) for v in known) or any(map(self.codes.is_text, inputs))
        return "string" if text or not (known or inputs) else "double"

    def _fresh(self, name: str) -> str:
        made, count = name, 1
        while made in self.taken:
            count += 1
            made = f"{name}_{count}"
        self.taken.add(made)
        return made

    def _helpers(self, texts: Sequence[str]) -> list[str]:
        whole = "".join(texts) + "".join(self.output_texts)
        return [name for name in HELPERS if f'function="{name}"' in whole]

    def _outputs(self, above: list[str]) -> list[str]:
        """Return the output fields, and note which field holds each output."""
        refused = self.formula.refused
        guard = None if refused is None else self.written[self.became[refused]].text
        if guard is not None and len(guard) > 60:
            name = self._fresh("refused")
            above.append(_field(name, "boolean", guard))
            guard = field(name)
        self.holds: dict[str, str] = {}
        self.output_texts: list[str] = []
        found = []
        for own, name in zip(self.own.outputs, self.outputs, strict=True):
            if self.table is not None and self.target is not None and self.target[0] == own:
                continue
            n = self.became[self._split[self.own.outputs[own]]]
            text = self.written[n].text
            if guard is not None:
                text = apply("if", apply("not", guard), text)
            is_target = self.target is not None and self.target[0] == own
            kind = self._kind(self.own.outputs[own])
            if is_target:
                self.holds[own] = self._held(n, name, kind, text, above)
                continue
            self.output_texts.append(text)
            optype = "continuous" if kind == "double" else "categorical"
            found.append(element("OutputField", text, name=name, optype=optype, dataType=kind,
                                 feature="transformedValue"))  # fmt: skip
        return found

    def _held(self, n: Node, name: str, kind: str, text: str, above: list[str]) -> str:
        """Return the field that holds an expression."""
        if n.op is ops.INPUT or n in self.names:
            place = self._place(n)
            if text == field(place):
                return place
        made = self._fresh(f"computed {name}")
        above.append(_field(made, kind, text))
        return made

    def _final(self, above: list[str], outputs: list[str]) -> str:
        """Return the model that gives the outputs."""
        target = self.target
        head = mining_schema(
            [*(self.inputs[i] for i in self._asked()), *self.places.values()],
            target[1] if target else None,
        )
        head += element("Output", *outputs) if outputs else ""
        head += element("LocalTransformations", *above) if above else ""
        if target is not None and self.own.outputs[target[0]].type is Type.LABEL:
            return self._classifier(head, self.holds[target[0]], self.own.outputs[target[0]])
        bias, terms = self._regression()
        predictors = [
            element("NumericPredictor", name=name, coefficient=number(w)) for w, name in terms
        ]
        table = element("RegressionTable", *predictors, intercept=number(bias))
        return element("RegressionModel", head, table, functionName="regression")

    def _regression(self) -> tuple[float, list[tuple[float, str]]]:
        """Return the intercept of the prediction, and its coefficients and fields."""
        if self.table is not None:
            return self.table[0], [(w, self._place(n)) for w, n in self.table[1]]
        return 0.0, [(1.0, self.holds[self.target[0]])] if self.target is not None else []

    def _place(self, n: Node) -> str:
        """Return the field that a node is."""
        if n.op is not ops.INPUT:
            return self.names[n]
        return self.places[n] if n in self.places else self.inputs[n.data]

    def _classifier(self, head: str, held: str, n: Node) -> str:
        leaves = [
            element("Node", element("SimplePredicate", field=held, operator="equal", value=v),
                    id=i, score=v)
            for i, v in enumerate(self._classes(n), 1)
        ]  # fmt: skip
        root = element("Node", "<True/>", *leaves, id=0)
        return element("TreeModel", head, root, functionName="classification",
                       splitCharacteristic="multiSplit")  # fmt: skip

    def _segments(self, final: str) -> str:
        if not self.forests:
            return final
        names = {n: self._field_of(n) for f in self.forests for n in tested(f)}
        reads = {n: self._behind(n) for n in names}
        parts = [model(f, names, reads, self.places[f.stands]) for f in self.forests]
        chain = [
            element("Segment", "<True/>", part, id=i) for i, part in enumerate([*parts, final], 1)
        ]
        target = self.target
        label = target is not None and self.own.outputs[target[0]].type is Type.LABEL
        schema = mining_schema(
            [self.inputs[i] for i in self._asked()], target[1] if target else None
        )
        return element(
            "MiningModel", schema,
            element("Segmentation", *chain, multipleModelMethod="modelChain"),
            functionName="classification" if label else "regression",
        )  # fmt: skip

    def _behind(self, n: Node) -> list[str]:
        """Return the inputs that a node reads."""
        return [self.inputs[x.data] for x in toposort([self.became[n]]) if x.op is ops.INPUT]

    def _field_of(self, n: Node) -> str:
        return self._place(self.became[n])


def _field(name: str, kind: str, text: str) -> str:
    optype = "continuous" if kind in ("double", "float") else "categorical"
    return element("DerivedField", text, name=name, optype=optype, dataType=kind)


def _short_sums(roots: Sequence[Node]) -> dict[Node, Node]:
    """Return what each node becomes when long sums are sums of sums, added in the same order."""
    from closedform.ir import rewrite

    return rewrite(roots, _in_parts)


def _in_parts(n: Node) -> Node | None:
    if n.op is not ops.LIN or len(n.args) <= LONGEST:
        return None
    weights = n.data.weights.tolist()
    total = ops.linear(n.data.bias, weights[:LONGEST], n.args[:LONGEST])
    for i in range(LONGEST, len(weights), LONGEST - 1):
        more = slice(i, i + LONGEST - 1)
        total = ops.linear(0.0, [1.0, *weights[more]], (total, *n.args[more]))
    return total
