"""The laws that were found for a block: a table, the best, and files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from closedform.errors import BadFile, BadInput
from closedform.hybrid.law import BlockLaw, read_law
from closedform.ir import Array
from closedform.printers.display import with_text
from closedform.store.files import bytes_of, put

if TYPE_CHECKING:
    from closedform.hybrid.oracle import Oracle
    from closedform.hybrid.sampling import Sample
    from closedform.verify import Certificate

FORMAT: Final = "closedform laws of a block"
VERSION: Final = 1


@dataclass(frozen=True)
class Told:
    """How far a law is from its block, on rows that no step saw.

    Attributes:
        r2: the share of the variance of all outputs that it explains.
        worst: the greatest difference of any output of any row.
        method: what found it.
        of: of each output or direction with a law: its name, R² and greatest difference.
    """

    r2: float
    worst: float
    method: str
    of: tuple[tuple[str, float, float], ...]


def told_of(law: BlockLaw, rows: Array, said: Array, task: Any, method: str) -> Told:
    """Measure a law on rows kept aside: all outputs, and each that has a law."""
    with np.errstate(all="ignore"):
        found = np.asarray(law.formula(rows), dtype=float).reshape(len(rows), -1)
        made = law.outputs(found)
    own = said[:, task.given]
    own = own if law.directions is None else law.directions.along(own)
    each = [
        (name, _r2(a[:, None], b[:, None]), _worst(a, b))
        for name, a, b in zip(task.outputs, own.T, found.T, strict=True)
    ]
    return Told(_r2(said, made), _worst(said, made), method, tuple(each))


def _r2(said: Array, made: Array) -> float:
    spread = float(((said - said.mean(axis=0)) ** 2).sum())
    lost = float(((said - made) ** 2).sum())
    if not np.isfinite(lost):
        return float("-inf")
    return 1 - lost / spread if spread > 0 else float(lost == 0)


def _worst(said: Array, made: Array) -> float:
    away = np.abs(said - made)
    return float(away.max()) if np.isfinite(away).all() else float("inf")


@dataclass(frozen=True, eq=False)
class BlockLaws(Sequence[BlockLaw]):
    """The laws of a part of a network, from a constant to the nearest; `laws[i]` is one.

    Attributes:
        name: of the part.
        laws: the shortest first.
        told: how far each is from the block, on rows that no step saw.
        chosen: the number of the best.
        reason: why it is the best, in a sentence.
        notes: what the user should know.
        key: a hash of the rows, the block's answers and weights, and the options.
        lost: the share of the outputs' variance that fewer directions lose, whatever the formula.
        seen: how many rows passed by.
        rows: on how many the errors were measured.
        seed: of everything random.
        oracle, sample: the block, and its rows; None where the laws come from a file.
    """

    name: str
    laws: tuple[BlockLaw, ...]
    told: tuple[Told, ...]
    chosen: int
    reason: str
    notes: tuple[str, ...] = ()
    key: str = ""
    lost: float = 0.0
    seen: int = 0
    rows: int = 0
    seed: int = 0
    oracle: Oracle | None = field(default=None, repr=False)
    sample: Sample | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Return how many laws there are."""
        return len(self.laws)

    def __getitem__(self, index: Any) -> Any:
        """Return a law by its number, the shortest being 0."""
        return self.laws[index]

    def __iter__(self) -> Iterator[BlockLaw]:
        """Return the laws, the shortest first."""
        return iter(self.laws)

    @property
    def best(self) -> BlockLaw:
        """The law that is recommended; `reason` says why."""
        return self.laws[self.chosen]

    def pick(self, *, min_r2: float) -> BlockLaw:
        """Return the shortest law that explains so much of the variance on rows that no step saw.

        Raises:
            BadInput: none does.
        """
        fine = [law for law, t in zip(self.laws, self.told, strict=True) if t.r2 >= min_r2]
        if not fine:
            raise BadInput(
                f"No law explains {min_r2:g} of the variance.",
                hint=f"The best explains {max(t.r2 for t in self.told):.4g}; give more time, "
                "or reduce= with more directions.",
            )
        return fine[0]

    def verify(self, number: int | None = None, **options: Any) -> Certificate:
        """Return a certificate of how far a law is from the block, on the rows that were seen.

        Args:
            number: of the law; default: the best.
            options: of `Formula.verify`.

        Raises:
            BadInput: the laws come from a file, or the block could not be asked.
        """
        if self.oracle is None or self.sample is None:
            raise BadInput(
                "There is no block to compare with.",
                hint="Distill again: a file holds laws, but not the network.",
            )
        law = self.best if number is None else self.laws[number]
        return law.full.verify(self._ask, self.sample.rows, **options)

    def _ask(self, rows: Array) -> Array:
        assert self.oracle is not None
        made = self.oracle(np.asarray(rows, dtype=float))
        return made[:, 0] if made.shape[1] == 1 else made

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the network as plain values."""
        return {
            "format": FORMAT, "version": VERSION, "name": self.name, "best": self.chosen,
            "reason": self.reason, "notes": list(self.notes), "key": self.key,
            "lost": self.lost, "seen": self.seen, "rows": self.rows, "seed": self.seed,
            "told": [_plain(asdict(t)) for t in self.told],
            "laws": [json.loads(law.to_json()) for law in self.laws],
        }  # fmt: skip

    def save(self, path: Any) -> None:
        """Write the laws as plain JSON; see `cf.hybrid.load`.

        Raises:
            BadFile: the file cannot be written.
        """
        put(path, json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n")

    def __str__(self) -> str:
        """Return the table as text, the best marked by a star, and the reason below it."""
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        """Return the text, which is what a console should show."""
        return str(self)

    def _repr_html_(self) -> str:
        return with_text(str(self), self.laws[self.chosen].formula)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def read_laws(path: Any) -> BlockLaws:
    """Return the laws in a JSON file that `save` wrote; errors as of `load`."""
    found = load(path)
    if not isinstance(found, BlockLaws):
        raise BadFile(f"{path}: one law alone.", hint="Give a file that laws.save(path) wrote.")
    return found


def load(path: Any) -> Any:
    """Return the laws, or the law, in a JSON file that their `save` wrote; nothing in it is run.

    Raises:
        BadFile: the file is missing, malformed, of another version, or a formula was changed.
    """
    try:
        made = json.loads(bytes_of(path))
        if not isinstance(made, dict) or "format" not in made:
            raise BadFile('no laws of a block: there is no field "format".', hint=_WRITTEN)
        return _laws(made) if made["format"] == FORMAT else read_law(made)
    except BadFile as problem:
        raise BadFile(f"{path}: {problem.message}", hint=problem.hint) from problem
    except (
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
    ) as problem:  # fmt: skip
        raise BadFile(
            f"{path}: no laws of a block: {type(problem).__name__}: {problem}.",
            hint=_WRITTEN,
        ) from problem


_WRITTEN = "Give a file that law.save(path) or laws.save(path) wrote."


def _laws(made: Any) -> BlockLaws:
    if made["version"] != VERSION:
        raise BadFile("laws of a block of another version.", hint="Save them again, or update.")
    told = tuple(
        Told(_number(t["r2"], -np.inf), _number(t["worst"], np.inf), str(t["method"]),
             tuple((str(n), _number(a, -np.inf), _number(b, np.inf)) for n, a, b in t["of"]))
        for t in made["told"]
    )  # fmt: skip
    laws = tuple(read_law(law) for law in made["laws"])
    index = int(made["best"])
    if len(told) != len(laws) or not 0 <= index < len(laws):
        raise BadFile("the laws and what is told of them do not fit.", hint="Save them again.")
    return BlockLaws(
        str(made["name"]), laws, told, index, str(made["reason"]), tuple(map(str, made["notes"])),
        str(made["key"]), float(made["lost"]), int(made["seen"]), int(made["rows"]),
        int(made["seed"]),
    )  # fmt: skip


def _number(value: Any, absent: float) -> float:
    return absent if value is None else float(value)


def _lines(laws: BlockLaws) -> Iterator[str]:
    yield (
        f"{laws.name}: {len(laws)} law{'s' * (len(laws) > 1)} from {laws.seen:,} rows; errors on "
        f"{laws.rows:,} that no step saw"
    )
    if laws.lost:
        yield f"fewer directions lose {laws.lost:.2%} of the variance, whatever the formula"
    yield f"{'':2}{'#':>3} {'length':>7} {'R²':>9} {'greatest error':>15}  law"
    for i, (law, t) in enumerate(zip(laws.laws, laws.told, strict=True)):
        star = "*" if i == laws.chosen else ""
        yield f"{star:2}{i:3} {law.length:7} {t.r2:9.5f} {t.worst:15.3g}  {_one_line(law)}"
    yield f"* {laws.reason}"
    if len(laws.told[laws.chosen].of) > 1:
        yield "the best, output by output:"
        for name, r2, worst in laws.told[laws.chosen].of:
            yield f"  {name:>8}  R² {r2:.5f}  greatest error {worst:.3g}"
    yield from (f"note: {note}" for note in laws.notes)


def _one_line(law: BlockLaw) -> str:
    from closedform.frontiers.words import one_line

    text = one_line(law.formula)
    return text if len(text) <= 160 else text[:157] + "…"
