"""SQL: one SELECT over a named table, as it is, as a view or as a dbt model."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.evaluate import bounds
from closedform.formula import Formula
from closedform.ir import Interval, Node, Type
from closedform.passes.lower import lower
from closedform.printers.ensemble import without_untested
from closedform.printers.program import banner, printable
from closedform.printers.spell import BREAK, Language, Speller
from closedform.printers.sql import guards
from closedform.printers.sql.dialects import DIALECTS, HIDDEN_BREAK, Dialect
from closedform.printers.sql.layout import laid_out
from closedform.printers.sql.names import column_names, legend, plain_names, spelled_name
from closedform.printers.sql.spelling import Writer, require_single, spelled
from closedform.printers.sql.stages import Choice, Stage, chosen, staged
from closedform.printers.zeros import with_zeros

KINDS = ("select", "view", "dbt", "schema")
TERMS = 100
"""So many terms are added in one expression: 1,000 levels are the limit of SQLite and DuckDB."""


def write(
    formula: Formula, *, dialect: str = "duckdb", table: str | Sequence[str] = "data",
    keep: str | Sequence[str] = (), kind: str = "select", name: str = "predictions",
    quoted: bool = True,
) -> str:  # fmt: skip
    """Return one SELECT that gives every output for each row of a table.

    Missing is NULL, and NaN where the engine has it; missing outputs, and all outputs of rows that
    the model refuses, are NULL.

    Args:
        formula: what is written.
        dialect: one of `DIALECTS`, as "duckdb" or "postgres".
        table: the table's name, "schema.table", or its parts as a sequence.
        keep: columns of the table that are passed through, as "id".
        kind: "select"; "view", which is called `name`; "dbt", a model of dbt over `table`, which is
            another model, or a source where it is "source.table"; "schema", that model's
            properties with tests, as YAML.
        name: what the view or the model is called.
        quoted: whether all names of columns and tables are quoted, which makes capitals matter in
            Snowflake, Oracle and PostgreSQL.

    Raises:
        BadInput: an unknown dialect or kind, or a name that stands for two things.
        UnsupportedTarget: sums in float32 where the engine has none, or more columns in one SELECT
            than it takes.
    """
    engine = _dialect(dialect)
    kept = (keep,) if isinstance(keep, str) else tuple(keep)
    parts = tuple(table.split(".")) if isinstance(table, str) else tuple(table)
    _check(formula, kind, kept, parts)
    if not all(name.split(".")):
        raise BadInput(f"{name!r} is no name of a view or a model.", hint="As in: name='scored'.")
    page = _Page(formula, engine, parts, kept, kind, quoted)
    if kind == "schema":
        return _schema(formula, page, name)
    view = ".".join(spelled_name(p, engine, quoted) for p in name.split("."))
    head = [f"{engine.create} {view} AS"] if kind == "view" else []
    body = "\n".join([page.banner(), *head, *page.query()]) + "\n"
    body = body.replace(HIDDEN_BREAK, BREAK)
    return page.model(body) if kind == "dbt" else body


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise BadInput(f"There is no dialect {name!r}.", hint="One of: " + ", ".join(DIALECTS))
    return DIALECTS[name]


def _check(formula: Formula, kind: str, kept: Sequence[str], parts: Sequence[str]) -> None:
    if kind not in KINDS:
        raise BadInput(f"There is no kind {kind!r}.", hint="One of: " + ", ".join(KINDS))
    if not parts or not all(parts):
        raise BadInput(f"{'.'.join(parts)!r} is no name of a table.", hint="As in: table='data'.")
    if kind == "dbt" and len(parts) > 2:
        raise BadInput(
            f"A source of dbt has two names, and {'.'.join(parts)!r} has {len(parts)}.",
            hint="As in: table='shop.orders'; the database stands in dbt's sources.yml.",
        )
    again = [name for name, count in Counter(k.casefold() for k in kept).items() if count > 1]
    if again or not all(kept):
        raise BadInput(
            f"{again[0]!r} is kept twice." if again else "'' is no column to keep.",
            hint="Name each column once, as in: keep=['id', 'day'].",
        )
    folded = {name.casefold() for name in formula.outputs}
    both = [name for name in kept if name.casefold() in folded]
    if both:
        raise BadInput(
            f"{both[0]!r} is both a column to keep and an output.",
            hint="Keep it under another name.",
        )


def columns_of_table(formula: Formula, dialect: str) -> list[str]:
    """Return the column of the table that holds each input; most are called as the input is."""
    return column_names([f.name for f in formula.inputs], _dialect(dialect))


@dataclass
class _Query:
    """The query in parts: what is read, the stages in between, and what is selected."""

    read: list[tuple[str, str]]
    stages: list[Stage]
    found: list[tuple[str, str]]


class _Page:
    """One formula on its way to being a query."""

    def __init__(
        self, formula: Formula, dialect: Dialect, table: Sequence[str], kept: Sequence[str],
        kind: str, quoted: bool,
    ) -> None:  # fmt: skip
        self.given, self.dialect, self.table = formula, dialect, table
        self.kind, self.quoted, self.kept = kind, quoted, kept
        self.columns = column_names([f.name for f in formula.inputs], dialect)
        self.outputs = column_names(list(formula.outputs), dialect)
        self.formula, self.parts = _prepared(formula, dialect)
        taken = {name.casefold() for name in (*kept, *table)} | {"t"}
        self.inputs = plain_names([f.name for f in formula.inputs], taken, "x")
        self.taken = taken.union(self.inputs)

    def name(self, text: str) -> str:
        return spelled_name(text, self.dialect, self.quoted)

    def banner(self) -> str:
        names = [f.name for f in self.given.inputs]
        said = [f"In {self.dialect.title}'s SQL; missing is NULL."]
        said += legend([names[i] for i in self.used()], [self.columns[i] for i in self.used()],
                       "column")  # fmt: skip
        said += legend(list(self.given.outputs), self.outputs, "output")
        text = "\n".join([banner(self.given, "-- "), *(f"-- {printable(s)}" for s in said)])
        return text.replace("${", "$ {") if self.dialect.variables else text

    def used(self) -> list[int]:
        return list(self.formula.used)

    def query(self) -> Iterator[str]:
        """Yield the statement line by line."""
        query = self._spelled()
        names = self._stage_names(len(query.stages))
        source = f"{self.source()} t"
        kept = [self.name(k) for k in self.kept]
        if query.read or query.stages:
            yield f"WITH {names[0]} AS ("
            raw = [f"t.{k}" for k in kept]
            yield from _select(raw, query.read or [("1", "one")], source, "    ")
            for stage, name, before in zip(query.stages, names[1:], names, strict=False):
                fence, hint, end = self.dialect.within
                yield f"), {name} AS {fence}("
                yield from _select([*kept, *stage.passed], stage.added, before, "    ", hint)
                yield from [f"    {end}"] * bool(end)
            yield ")"
            source = names[-1]
        elif kept:
            kept = [f"t.{k}" for k in kept]
        yield from _select(kept, query.found, source, "")
        yield from [self.dialect.ending] * bool(self.dialect.ending)

    def source(self) -> str:
        if self.kind == "dbt":
            function = "ref" if len(self.table) == 1 else "source"
            parts = self.table[-2:]
            return "{{ " + f"{function}({', '.join(map(_jinja_text, parts))})" + " }}"
        return ".".join(map(self.name, self.table))

    def _stage_names(self, count: int) -> list[str]:
        wanted = ["given", *(f"step_{i + 1}" for i in range(count))]
        return plain_names(wanted, self.taken, "step")

    def _spelled(self) -> _Query:
        choice = chosen(self.formula, self.dialect, _ranges(self.formula), self.parts)
        writer = Writer(self.formula, self.dialect, _ranges(self.formula, missing=True))
        language = Language("sql", self.dialect.number, writer.label, writer.table())
        named = self._named(list(choice.nodes))
        speller = Speller(language, dict(enumerate(self.inputs)), named)
        written = speller.write(self.formula.roots)
        lines = [(x, self._clean(text, n in choice.cleaned)) for x, text, n in speller.lines]
        found = [
            (self._clean(w.text, choice.passes_nan(n)), self.name(name))
            for n, w, name in zip(self.formula.roots, written, self.outputs, strict=True)
        ]
        read = [self._read(i, writer, choice) for i in self.formula.used]
        room = (self.dialect.columns or 10**9) - len(self.kept)
        last, given = [text for text, _ in found], [name for _, name in read]
        stages = staged(lines, last, given, room, self.dialect.trees)
        if len(stages) > (self.dialect.stages or 10**9):
            raise UnsupportedTarget(
                f"{len(stages):,} SELECTs would stand in one another, and {self.dialect.title} "
                f"takes {self.dialect.stages}.",
                hint="Write it for another engine, or fewer outputs, with formula.only(…).",
            )
        widest = max(len(read), len(found), *(len(s.passed) + len(s.added) for s in stages), 0)
        if widest > room:
            raise UnsupportedTarget(
                f"A SELECT of {widest + len(self.kept):,} columns would be needed, and "
                f"{self.dialect.title} takes {self.dialect.columns:,}.",
                hint="Ask for fewer outputs, with formula.only(…), or keep fewer columns.",
            )
        return _Query(read, stages, found)

    def _named(self, nodes: Sequence[Node]) -> dict[Node, str]:
        trees, values = iter(range(1, len(nodes) + 1)), iter(range(1, len(nodes) + 1))
        outputs = list(self.formula.outputs.items())
        own = {n: name for name, n in outputs[::-1]} | dict(self.formula.names)
        names = [
            own.get(n) or (f"tree_{next(trees)}" if n.op is ops.TREE else f"v{next(values)}")
            for n in nodes
        ]
        return dict(zip(nodes, plain_names(names, self.taken, "v"), strict=True))

    def _clean(self, text: str, may_be_nan: bool) -> str:
        """Return a value that is NULL where it is NaN, for engines that know both."""
        return self.dialect.not_a_number.format(text) if may_be_nan else text

    def _read(self, i: int, writer: Writer, choice: Choice) -> tuple[str, str]:
        """Return an input as it is read: a double or a text; NULL, not NaN, where that matters."""
        feature, column = self.given.inputs[i], f"t.{self.name(self.columns[i])}"
        node = ops.input_(i, Type.LABEL)
        if feature.type is Type.LABEL and writer.codes.is_text(node):
            return f"CAST({column} AS {self.dialect.text}){self.dialect.binary}", self.inputs[i]
        text = f"CAST({column} AS {self.dialect.double})"
        number = ops.input_(i)
        matters = feature.type is Type.LABEL or number in choice.cleaned
        return self._clean(text, matters and bool(self.dialect.not_a_number)), self.inputs[i]

    def model(self, body: str) -> str:
        """Return a model of dbt, in which nothing of ours is taken for Jinja."""
        source = self.source()
        before, _, after = body.partition(source)
        return (
            "{{ config(materialized='view') }}\n\n"
            + _without_jinja(before) + source + _without_jinja(after)
        )  # fmt: skip


def _prepared(formula: Formula, dialect: Dialect) -> tuple[Formula, set[Node]]:
    """Return the formula in what the dialect computes, and the parts of its long sums."""
    require_single(formula, dialect)
    known = spelled(dialect)
    # What no tree tests is not read either, and no stage may compute with it.
    made = guards.refusing(without_untested(formula))
    if not dialect.single:
        made = guards.in_doubles(made)
    made = lower(made, known, target=f"sql ({dialect.title})")
    made = guards.without_truths(guards.guarded(with_zeros(made), dialect))
    rivals = TERMS if dialect.extremes[0] else 4
    return guards.in_stages(made, TERMS, dialect.trees, rivals)


def _ranges(formula: Formula, missing: bool = False) -> dict[Node, Interval]:
    """Return the range of each node, with or without what is missing among the inputs."""
    inf = float("inf")
    box = {i: Interval(-inf, inf, missing and f.missing) for i, f in enumerate(formula.inputs)}
    return dict(zip(formula.nodes, bounds(formula.nodes, box), strict=True))


def _select(
    passed: Sequence[str],
    added: Sequence[tuple[str, str]],
    source: str,
    indent: str,
    hint: str = "",
) -> Iterator[str]:
    yield f"{indent}SELECT{hint}"
    items = [", ".join(passed[i : i + 8]) for i in range(0, len(passed), 8)]
    items += [_fitted(text, name, indent + "    ") for text, name in added]
    for i, item in enumerate(items):
        yield f"{indent}    {item}{',' if i + 1 < len(items) else ''}"
    yield f"{indent}FROM {source}"


def _fitted(text: str, name: str, indent: str) -> str:
    """Return an item of a SELECT, a long one on several lines."""
    return name if text == name.strip('"`[]') else laid_out(f"{text} AS {name}", indent)


def _jinja_text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _without_jinja(text: str) -> str:
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", text)


def _schema(formula: Formula, page: _Page, name: str) -> str:
    """Return the properties of a model of dbt; JSON's texts are YAML's too."""
    lines = ["version: 2", "models:", f"  - name: {json.dumps(name)}"]
    lines += [f"    description: {json.dumps(_without_jinja(formula.summary()))}", "    columns:"]
    for (output, n), column in zip(formula.outputs.items(), page.outputs, strict=True):
        lines.append(f"      - name: {json.dumps(column)}")
        classes = formula.task.of(output).classes
        if n.type is Type.LABEL and classes:
            listed = ", ".join(json.dumps(c) for c in classes)
            lines += ["        data_tests:", "          - accepted_values:"]
            lines.append(f"              values: [{_without_jinja(listed)}]")
    return "\n".join(lines) + "\n"
