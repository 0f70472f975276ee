"""XML that nobody trusts as plain elements: no entities, no document types, bounded in all."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from closedform.loading.stream import Broken
from closedform.readers.documents import understood
from closedform.readers.pmml.branches import ALWAYS, NEVER, Recording
from closedform.readers.pmml.document import Element

DEEPEST = 5000
"""Levels of elements; a tree that splits off one row at a time is as deep as it has rows."""
MOST_ELEMENTS = 20_000_000
"""Elements of a file; each takes some 400 bytes, or 100 in a tree."""

IGNORED = frozenset(
    ("Extension", "ModelStats", "ModelVerification", "ModelExplanation", "MiningBuildTask",
     "Partition")
)  # fmt: skip
"""Elements that say nothing about what a model predicts."""
SET_PREDICATES = ("SimpleSetPredicate", "CompoundPredicate")
EMBEDDED = ("DecisionTree", "Regression")
"""Models that stand in a node of a tree."""

Handlers = tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]


def parsed(raw: bytes) -> Element:
    """Return the outermost element of an XML text.

    Raises:
        Broken: it is not well-formed, defines entities, or is larger or deeper than is meant.
    """
    building, collects = _Building(), gc.isenabled()
    gc.disable()  # a million elements that all stay: looking through them takes 2/3 of the time
    try:
        building.parser.Parse(raw, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Broken(f"it is no whole XML text ({str(error)[:120]})") from error
    finally:
        if collects:
            gc.enable()
    if building.root is None:
        raise Broken("it holds no element")
    return building.root


class _Building:
    """Elements on their way out of the parser; the nodes of a tree become rows of columns."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(intern={})
        self.parser.buffer_text = True
        self.parser.EntityDeclHandler = _no_entities
        self.parser.StartDoctypeDeclHandler = _no_subset
        self.root: Element | None = None
        self.open: list[Element] = []
        self.texts: list[list[str]] = []  # joined at the end: += on 100 MB would take minutes
        self.skipped = 0
        self.count = 0
        self.tree: Recording | None = None
        self.outside = 0
        self.in_tree: Handlers = (self.start, self.end)
        self._everywhere()

    def _everywhere(self) -> None:
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if self.skipped or (tag in IGNORED and self.open):
            self.skipped += 1
            return
        if tag == "Node" and self.tree is None and self.open and self.open[-1].tag == "TreeModel":
            self.tree, self.outside = Recording(), len(self.open)
            self.in_tree = self._rows_of(self.tree)
            self._in_tree()
            self.in_tree[0](name, attributes)
            return
        self.grow(1)
        made = Element(tag, attributes)
        if len(self.open) == self.outside and self.tree is not None:
            _note(made, self.tree)
        elif self.open:
            self.open[-1].children.append(made)
        else:
            self.root = made
        self.open.append(made)
        self.texts.append([])

    def grow(self, count: int) -> None:
        self.count += count
        levels = len(self.open) + (0 if self.tree is None else len(self.tree.open))
        if levels >= DEEPEST or self.count > MOST_ELEMENTS:
            raise Broken(f"it has more than {DEEPEST:,} levels or {MOST_ELEMENTS:,} elements")

    def end(self, name: str) -> None:
        if self.skipped:
            self.skipped -= 1
        else:
            text = "".join(self.texts.pop())
            self.open.pop().text = "" if text.isspace() else text
        if self.tree is not None and not self.skipped and len(self.open) == self.outside:
            self._in_tree()

    def text(self, text: str) -> None:
        if not self.skipped and self.open:
            self.texts[-1].append(text)

    def _in_tree(self) -> None:
        self.parser.StartElementHandler, self.parser.EndElementHandler = self.in_tree
        self.parser.CharacterDataHandler = None

    def _rows_of(self, tree: Recording) -> Handlers:
        """Return what takes nodes, and the predicates and class shares in them, as rows of a tree.

        All that is called for each of a million nodes is local here: 2 s less for 4 million.
        """
        opened, tests, shares, share_nodes = tree.open, tree.tests, tree.shares, tree.share_nodes
        parent, node_attributes = tree.parent, tree.attributes
        plain, nodes = {"True": ALWAYS, "False": NEVER}, {"Node"}

        def start(name: str, attributes: dict[str, str]) -> None:
            if name == "SimplePredicate":
                if tests[-1] is None:  # else the node has one already
                    tests[-1] = attributes
            elif name in nodes:
                if not len(parent) % 1000 or len(opened) + self.outside >= DEEPEST:
                    self.grow(2 * 1000)
                opened.append(len(parent))
                parent.append(opened[-2] if len(opened) > 1 else -1)
                node_attributes.append(attributes)
                tests.append(None)
            elif name == "ScoreDistribution":
                shares.append(attributes)
                share_nodes.append(opened[-1])
            elif name in plain:
                tree.other(plain[name])
            elif ":" in name:
                tag = name.rpartition(":")[2]
                if tag == "Node":
                    nodes.add(name)
                self.in_tree[0](tag, attributes)
            else:
                self._everywhere()
                self.start(name, attributes)

        def end(name: str) -> None:
            if name in nodes:
                opened.pop()
                if not opened:
                    self.finish(tree)

        return start, end

    def finish(self, tree: Recording) -> None:
        self.grow(len(tree.shares))
        self.open[-1].children.append(understood(tree, Recording.finished))
        self.tree, self.outside = None, 0
        self._everywhere()


def _note(element: Element, tree: Recording) -> None:
    """Note an element in a node that is no row of its own: a set, several tests, a model."""
    if element.tag in SET_PREDICATES:
        tree.other(element)
    tree.embedded = tree.embedded or element.tag in EMBEDDED


def _no_entities(*_: Any) -> None:
    raise Broken("it defines entities of XML, which no model needs")


def _no_subset(name: str, system: str | None, public: str | None, internal: bool) -> None:
    if internal:
        raise Broken("it brings a document type of its own, which no model needs")
