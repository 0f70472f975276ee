"""What a pickle would import, found without running any of it.

A pickle is a program for a small stack machine. This is that machine with nothing behind it: a
name that would be imported is written down, a call gives a stand-in, and nothing is hashed,
compared or built. What it must still know is where the next instruction is. joblib puts the raw
bytes of an array into the middle of the program, and how many there are follows from the array's
shape and dtype, so those two are followed; where they cannot be, the scan stops and says so.
"""

from __future__ import annotations

import codecs
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from closedform.loading.findings import Findings, Pair, python3_name
from closedform.loading.stand_ins import (
    DTYPE_CALLS,
    UNKNOWN,
    Dtype,
    Fields,
    Name,
    keep,
    leaf,
    set_dtype,
)
from closedform.loading.stream import Broken, Limits, Stopped, Tokens

ARRAY_WRAPPER: Final = "joblib.numpy_pickle.NumpyArrayWrapper"
# Wrappers of joblib < 0.10: their arrays are in other files, which are pickles again.
OLD_WRAPPERS: Final = frozenset(
    f"joblib.{module}.{name}"
    for module in ("numpy_pickle", "numpy_pickle_compat")
    for name in ("NDArrayWrapper", "ZNDArrayWrapper")
)
_LONGEST_TEXT: Final = 512
_CHECK_EVERY: Final = 1 << 14


def scan(file: BinaryIO, limits: Limits) -> Findings:
    """Follow the pickle at the start of `file`, and return what it names.

    A file that is damaged, or that cannot be followed to its end, gives what was found until there.
    """
    tokens, findings = Tokens(file), Findings()
    machine = _Machine(tokens, findings, limits)
    try:
        machine.run()
    except Stopped as reason:
        findings.stopped = str(reason)
    except Broken as reason:
        findings.broken = str(reason)
    findings.end = tokens.at if findings.complete else machine.started
    return findings


class _Machine:
    """Follows one pickle to its STOP and writes what it names into `findings`."""

    def __init__(
        self, tokens: Tokens, findings: Findings, limits: Limits, *, raw_arrays: bool = True
    ) -> None:
        self.tokens, self.findings, self.limits = tokens, findings, limits
        self.raw_arrays = raw_arrays
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.below = 0  # values under the marks
        self.memo: dict[int, Any] = {}
        self.started = 0  # where the current instruction began

    def run(self) -> None:
        """Follow the pickle; raises `Broken` or `Stopped` with the reason."""
        try:
            while not self._follow(_CHECK_EVERY):
                pass
        except (IndexError, KeyError) as error:
            raise Broken("an instruction uses a value that is not there") from error

    def _follow(self, count: int) -> bool:
        """Follow at most `count` instructions; tell whether STOP was among them."""
        for done in range(count):
            self.started = self.tokens.at
            code = self.tokens.byte()
            if code == pickle.STOP[0]:
                self.pop()
                self._charge_opcodes(done + 1)
                return True
            action = OPCODES.get(code)
            if action is None:
                raise Broken(f"{code:#04x} is no pickle instruction")
            action(self)
        self._charge_opcodes(count)
        return False

    def _charge_opcodes(self, count: int) -> None:
        self.findings.opcodes += count
        if self.findings.opcodes > self.limits.opcodes:
            raise Stopped(f"it has more than {self.limits.opcodes:,} instructions")
        alive = len(self.stack) + self.below + len(self.marks) + len(self.memo)
        if alive > self.limits.objects:
            raise Stopped(f"it keeps more than {self.limits.objects:,} values at once")

    # The stack.

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def top(self) -> Any:
        return self.stack[-1]

    def mark(self) -> None:
        self.below += len(self.stack)
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        self.below -= len(self.stack)
        return items

    def discard(self) -> None:
        if self.stack:
            self.pop()
        else:
            self.pop_mark()

    def remember(self, key: int) -> None:
        self.memo[key] = self.top()

    # Values.

    def text(self, data: bytes | None, encoding: str = "utf-8") -> None:
        """Push a short string; a long one cannot be a name, so it is not kept."""
        if data is None:
            return self.push(UNKNOWN)
        self.findings.text += len(data)
        if self.findings.text > self.limits.text:
            raise Stopped(f"it has more than {self.limits.text:,} bytes of short strings")
        errors = "surrogatepass" if encoding == "utf-8" else "strict"
        try:
            self.push(data.decode(encoding, errors))
        except UnicodeDecodeError as error:
            raise Broken(f"a string is not {encoding}") from error

    def counted_text(self, size: int, encoding: str = "utf-8") -> None:
        if size > _LONGEST_TEXT:
            self.tokens.skip(size)
            return self.push(UNKNOWN)
        self.text(self.tokens.take(size), encoding)

    def quoted_line(self) -> None:
        data = self.tokens.line(_LONGEST_TEXT)
        if data is not None and not (len(data) > 1 and data[0] == data[-1] and data[0] in b"\"'"):
            raise Broken("a string has no quotes")
        self.text(data if data is None else _unescaped(data[1:-1]), "ascii")

    def counted_bytes(self, size: int) -> None:
        if size < 0:
            raise Broken("a value has a negative length")
        self.tokens.skip(size)
        self.push(UNKNOWN)

    def counted_integer(self, size: int) -> None:
        if 0 <= size <= 8:
            return self.push(self.tokens.number(size, signed=True))
        self.counted_bytes(size)

    def integer_line(self, *, truths: bool = False) -> int:
        data = self.tokens.line(_LONGEST_TEXT) or b""
        if truths and data in (b"00", b"01"):  # how protocols 0 and 1 spell False and True
            return data == b"01"
        try:
            return int(data.removesuffix(b"L"), 0)
        except ValueError as error:
            raise Broken("a number cannot be read") from error

    def tuple_of(self, items: list[Any]) -> None:
        """Push a flat tuple: nothing needed is nested, and a deep one would cost memory."""
        self.push(tuple(map(leaf, items)) if len(items) <= 64 else UNKNOWN)

    def dict_of(self, items: list[Any]) -> None:
        self.push(Fields())
        self.set_items(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.top()
        if len(items) % 2:
            raise Broken("a dict has a key without a value")
        if isinstance(target, Fields):
            for i in range(0, len(items), 2):
                keep(target, items[i], items[i + 1])

    # Names and calls.

    def named(self, module: Any, name: Any) -> None:
        """Push what `module` and `name` would import, and write it down."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise Stopped("it imports a name that is computed, or very long")
        self.findings.raw.add((module, name))
        if self.protocol < 3:
            module, name = python3_name(module, name)
        self.findings.names.add((module, name))
        if f"{module}.{name}" in OLD_WRAPPERS:
            raise Stopped("it was written by joblib < 0.10, which keeps arrays in other files")
        self.push(Name(f"{module}.{name}"))

    def name_lines(self) -> Pair:
        lines = [self.tokens.line(_LONGEST_TEXT) for _ in range(2)]
        module, name = (UNKNOWN if it is None else it.decode("utf-8", "replace") for it in lines)
        return module, name  # type: ignore[return-value]  # named() refuses UNKNOWN

    def extension(self, code: int) -> None:
        self.findings.extensions.add(code)
        self.push(UNKNOWN)

    def persistent(self) -> None:
        self.findings.persistent = True
        self.push(UNKNOWN)

    def outside(self) -> None:
        raise Broken("it needs buffers that are kept outside the file")

    def call(self, function: Any, arguments: Any, *, is_new: bool = False) -> None:
        """Push what a call would give: a stand-in, save for the few that decide where bytes are."""
        made: Any = UNKNOWN
        if isinstance(function, Name):
            if function.full in DTYPE_CALLS:
                made = DTYPE_CALLS[function.full](arguments)
            elif function.full == "copyreg._reconstructor" and _is_filled(arguments):
                function, is_new = arguments[0], True
        if isinstance(function, Name) and function.full == ARRAY_WRAPPER:
            if not is_new:
                raise Stopped("it makes an array in a way that joblib does not")
            made = Fields(wraps_array=True)
        self.push(made)

    def reduce(self) -> None:
        arguments = self.pop()
        self.call(self.pop(), arguments)

    def new(self, extra: int) -> None:
        del self.stack[len(self.stack) - extra :]
        arguments = self.pop()
        self.call(self.pop(), arguments, is_new=True)

    def instance(self) -> None:
        items = self.pop_mark()
        self.call(items[0], tuple(items[1:]))

    def named_instance(self) -> None:
        self.named(*self.name_lines())
        name = self.pop()
        self.call(name, tuple(self.pop_mark()))

    def build(self) -> None:
        """Give the top of the stack its state; an array's bytes follow right after."""
        state, target = self.pop(), self.top()
        if isinstance(target, Dtype):
            return set_dtype(target, state)
        if isinstance(state, Fields):
            version = state.values.get("_sklearn_version")
            if isinstance(version, str):
                self.findings.sklearn.add(version)
        if self.raw_arrays and isinstance(target, Fields) and target.wraps_array:
            if not isinstance(state, Fields):
                raise Stopped("it describes an array in a way that joblib does not")
            target.values |= state.values
            self.stack[-1] = UNKNOWN
            self._pass_array(target.values)

    def _pass_array(self, values: dict[str, Any]) -> None:
        shape, dtype = values.get("shape"), values.get("dtype")
        if not (isinstance(dtype, Dtype) and isinstance(shape, tuple)):
            raise Stopped("it has an array whose size cannot be told without loading it")
        if not self.tokens.between_frames():
            raise Stopped("it has array data inside a frame, which joblib does not write")
        if dtype.has_objects:
            return self._pass_objects()
        if not all(type(size) is int and size >= 0 for size in shape):
            raise Broken("an array has an impossible shape")
        if values.get("numpy_array_alignment_bytes") is not None:
            self.tokens.skip(self.tokens.byte())
        self.tokens.skip(math.prod(shape) * dtype.itemsize)

    def _pass_objects(self) -> None:
        """Follow the pickle of an array of Python objects: complete, with its own stack and memo.

        joblib reads it with the plain unpickler, so no raw bytes follow a wrapper in there.
        """
        inner = _Machine(self.tokens, self.findings, self.limits, raw_arrays=False)
        try:
            inner.run()
        finally:
            self.started = inner.started
        if not self.tokens.leave_frame():
            raise Stopped("it has a frame that is longer than its content")

    def set_protocol(self, protocol: int) -> None:
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise Broken(f"pickle protocol {protocol} does not exist")
        self.protocol = protocol


def _is_filled(arguments: Any) -> bool:
    return isinstance(arguments, tuple) and bool(arguments)


def _unescaped(data: bytes) -> bytes:
    if b"\\" not in data:
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape stays as it is
        try:
            return codecs.escape_decode(data)[0]
        except ValueError as error:
            raise Broken("a string has a damaged escape") from error


def _constant(value: Any) -> Callable[[_Machine], None]:
    return lambda s: s.push(value)


def _passed(size: int) -> Callable[[_Machine], None]:
    return lambda s: s.counted_bytes(size)


Action = Callable[[_Machine], Any]

# Every instruction of protocols 0 to 5 except STOP, by what it does to the stack.
OPCODES: Final[dict[int, Action]] = {
    code[0]: action
    for code, action in {
        pickle.PROTO: lambda s: s.set_protocol(s.tokens.byte()),
        pickle.FRAME: lambda s: s.tokens.frame(s.tokens.number(8)),
        pickle.MARK: _Machine.mark,
        pickle.POP: _Machine.discard,
        pickle.POP_MARK: _Machine.pop_mark,
        pickle.DUP: lambda s: s.push(s.top()),
        # constants
        pickle.NONE: _constant(None),
        pickle.NEWTRUE: _constant(True),
        pickle.NEWFALSE: _constant(False),
        pickle.EMPTY_TUPLE: _constant(()),
        pickle.EMPTY_LIST: _constant(UNKNOWN),
        pickle.EMPTY_SET: _constant(UNKNOWN),
        pickle.EMPTY_DICT: lambda s: s.push(Fields()),
        # numbers
        pickle.INT: lambda s: s.push(s.integer_line(truths=True)),
        pickle.BININT: lambda s: s.push(s.tokens.number(4, signed=True)),
        pickle.BININT1: lambda s: s.push(s.tokens.byte()),
        pickle.BININT2: lambda s: s.push(s.tokens.number(2)),
        pickle.LONG: lambda s: s.push(s.integer_line()),
        pickle.LONG1: lambda s: s.counted_integer(s.tokens.byte()),
        pickle.LONG4: lambda s: s.counted_integer(s.tokens.number(4, signed=True)),
        pickle.FLOAT: lambda s: (s.tokens.line(_LONGEST_TEXT), s.push(UNKNOWN)),
        pickle.BINFLOAT: _passed(8),
        # bytes and text
        pickle.BINBYTES: lambda s: s.counted_bytes(s.tokens.number(4)),
        pickle.SHORT_BINBYTES: lambda s: s.counted_bytes(s.tokens.byte()),
        pickle.BINBYTES8: lambda s: s.counted_bytes(s.tokens.number(8)),
        pickle.BYTEARRAY8: lambda s: s.counted_bytes(s.tokens.number(8)),
        pickle.STRING: _Machine.quoted_line,
        pickle.BINSTRING: lambda s: s.counted_text(s.tokens.number(4), "latin-1"),
        pickle.SHORT_BINSTRING: lambda s: s.counted_text(s.tokens.byte(), "latin-1"),
        pickle.UNICODE: lambda s: s.text(s.tokens.line(_LONGEST_TEXT), "raw-unicode-escape"),
        pickle.BINUNICODE: lambda s: s.counted_text(s.tokens.number(4)),
        pickle.SHORT_BINUNICODE: lambda s: s.counted_text(s.tokens.byte()),
        pickle.BINUNICODE8: lambda s: s.counted_text(s.tokens.number(8)),
        pickle.NEXT_BUFFER: _Machine.outside,
        pickle.READONLY_BUFFER: _Machine.top,
        # containers
        pickle.TUPLE: lambda s: s.tuple_of(s.pop_mark()),
        pickle.TUPLE1: lambda s: s.tuple_of([s.pop()]),
        pickle.TUPLE2: lambda s: s.tuple_of([s.pop(), s.pop()][::-1]),
        pickle.TUPLE3: lambda s: s.tuple_of([s.pop(), s.pop(), s.pop()][::-1]),
        pickle.LIST: lambda s: (s.pop_mark(), s.push(UNKNOWN)),
        pickle.DICT: lambda s: s.dict_of(s.pop_mark()),
        pickle.FROZENSET: lambda s: (s.pop_mark(), s.push(UNKNOWN)),
        pickle.APPEND: lambda s: (s.pop(), s.top()),
        pickle.APPENDS: lambda s: (s.pop_mark(), s.top()),
        pickle.ADDITEMS: lambda s: (s.pop_mark(), s.top()),
        pickle.SETITEM: lambda s: s.set_items([s.pop(), s.pop()][::-1]),
        pickle.SETITEMS: lambda s: s.set_items(s.pop_mark()),
        # memory
        pickle.GET: lambda s: s.push(s.memo[s.integer_line()]),
        pickle.BINGET: lambda s: s.push(s.memo[s.tokens.byte()]),
        pickle.LONG_BINGET: lambda s: s.push(s.memo[s.tokens.number(4)]),
        pickle.PUT: lambda s: s.remember(s.integer_line()),
        pickle.BINPUT: lambda s: s.remember(s.tokens.byte()),
        pickle.LONG_BINPUT: lambda s: s.remember(s.tokens.number(4)),
        pickle.MEMOIZE: lambda s: s.remember(len(s.memo)),
        # names, calls and state
        pickle.GLOBAL: lambda s: s.named(*s.name_lines()),
        pickle.STACK_GLOBAL: lambda s: s.named(*[s.pop(), s.pop()][::-1]),
        pickle.INST: _Machine.named_instance,
        pickle.OBJ: _Machine.instance,
        pickle.REDUCE: _Machine.reduce,
        pickle.NEWOBJ: lambda s: s.new(0),
        pickle.NEWOBJ_EX: lambda s: s.new(1),
        pickle.BUILD: _Machine.build,
        pickle.EXT1: lambda s: s.extension(s.tokens.byte()),
        pickle.EXT2: lambda s: s.extension(s.tokens.number(2)),
        pickle.EXT4: lambda s: s.extension(s.tokens.number(4, signed=True)),
        pickle.PERSID: lambda s: (s.tokens.line(_LONGEST_TEXT), s.persistent()),
        pickle.BINPERSID: lambda s: (s.pop(), s.persistent()),
    }.items()
}
