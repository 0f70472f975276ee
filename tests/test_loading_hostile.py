"""Files that are damaged, or made to do harm."""

import copyreg
import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from joblib.numpy_pickle import NumpyArrayWrapper

from closedform.errors import BadFile, MissingExtra, UntrustedFile
from closedform.loading import Limits, inspect_file, load_model, pickles
from closedform.loading.scan import scan
from model_files import LABELS, MKDIR, MODELS, PLACES, RAW, WRITERS, Evil, X, joblib_bytes, short


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some.file"


# A pickle that nobody trusts


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("place", PLACES)
def test_evil_is_listed_and_never_runs(place, writer, canary, file):
    WRITERS[writer](PLACES[place](canary), file)
    _refused(file, canary, MKDIR)


@pytest.mark.parametrize("raw", RAW)
def test_evil_written_by_hand_is_listed_and_never_runs(raw, canary, file):
    file.write_bytes(RAW[raw](canary))
    assert ("more bytes follow" in str(inspect_file(file))) == (raw == "junk after")
    _refused(file, canary, {"dotted": "shutil.os.mkdir", "junk after": MKDIR}.get(raw, "os.mkdir"))


def _refused(file, canary, name):
    report = inspect_file(file)
    assert report.complete
    assert name in report.unfamiliar
    assert report.imports[: len(report.unfamiliar)] == report.unfamiliar
    with pytest.raises(UntrustedFile, match="Nothing of it was run") as refusal:
        load_model(file, trusted_types=[name])
    assert f"! {name}\n" in str(refusal.value)
    assert report.sha256 in str(refusal.value)
    assert not canary.exists()
    data = file.read_bytes()
    joblib.load(file) if report.kind == "joblib" or report.compression else pickle.loads(data)
    assert canary.is_dir()  # so the file does run, where it is not refused


def test_a_registered_extension_is_listed_and_never_runs(canary, file):
    for code in (7, 700, 70_000):
        copyreg.add_extension("os", "mkdir", code)
        try:
            small = b"\x82" + bytes([code % 256]) if code < 256 else b""
            middle = b"\x83" + struct.pack("<H", code) if 255 < code < 65536 else b""
            large = b"\x84" + struct.pack("<i", code) if code > 65535 else b""
            file.write_bytes(b"\x80\x04" + small + middle + large + short(canary) + b"\x85R.")
            assert inspect_file(file).unfamiliar == (f"copyreg extension {code}",)
            with pytest.raises(UntrustedFile):
                load_model(file)
            assert not canary.exists()
            load_model(file, trust_pickle=True)
            canary.rmdir()
        finally:
            copyreg.remove_extension("os", "mkdir", code)


def test_a_name_that_is_computed_stops_the_scan(file, canary):
    computed = b"\x80\x04" + short("os") + b"cbuiltins\nstr\n" + short("mkdir") + b"\x85R\x93"
    file.write_bytes(computed + short(canary) + b"\x85R.")
    assert not (report := inspect_file(file)).complete
    assert "computed" in report.notes[0]
    assert "INCOMPLETE" in str(report)
    with pytest.raises(UntrustedFile, match="cannot be followed"):
        load_model(file, trust_pickle=True)
    assert not canary.exists()


def test_a_trusted_file_imports_nothing_that_was_not_listed(file, canary):
    for place, dump in (("top", pickle.dumps), ("in an object array", joblib_bytes)):
        file.write_bytes(dump(PLACES[place](canary)))
        with file.open("rb") as opened:
            findings, _, _ = pickles.look(opened, None, Limits())
            findings.raw.remove(tuple(MKDIR.split(".")))
            with pytest.raises(pickles.Unlisted, match=MKDIR):
                pickles.load(opened, None, findings, Limits())
        assert not canary.exists()


def test_names_in_a_message_cannot_deceive(file):
    for name in ("os\x1b[2K", "sklearn\u200b", "skl\u0435arn", "\u202emetsys"):
        file.write_bytes(b"\x80\x04" + short(name) + short("Ridge") + b"\x93.")
        (listed,) = inspect_file(file).unfamiliar
        assert listed == ascii(f"{name}.Ridge")[1:-1]


def test_a_long_list_is_cut_in_the_message_only(file):
    file.write_bytes(b"\x80\x04" + b"".join(f"cm\nn{i}\n0".encode() for i in range(500)) + b"N.")
    report = inspect_file(file)
    assert len(report.imports) == 500
    assert "… and 440 more" in str(report)
    assert len(str(report).splitlines()) < 70


# Damaged and hostile files


@pytest.mark.parametrize("writer", [*WRITERS, "skops"])
def test_every_truncation_is_one_clear_error(writer, file):
    write = WRITERS.get(writer, skops.io.dump)
    write(MODELS["forest"](), file)
    data = file.read_bytes()
    cuts = {*range(0, len(data), 97), *range(max(0, len(data) - 30), len(data))}
    for size in sorted(cuts if writer != "skops" else sorted(cuts)[::20]):
        file.write_bytes(data[:size])
        with pytest.raises(BadFile) as refusal:
            load_model(file, trust_pickle=True)
        assert refusal.value.hint


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x80\x04", b"\x80\x05\x95", b"PK\x03\x04", b"{"]),
)
def test_random_bytes_give_a_report_or_a_bad_file(tmp_path_factory, data, start):
    _survives(tmp_path_factory.getbasetemp() / "random", start + data)


SEEDS = [
    pickle.dumps(MODELS["linear"](), 0),
    pickle.dumps([LABELS, X[:3], {1: (2, "a")}]),
    joblib_bytes([LABELS[:3], X[:3]]),
    joblib_bytes(X[:3], compress=3),
    skops.io.dumps(MODELS["linear"]()),
]


@given(st.sampled_from(SEEDS), st.data())
def test_changed_bytes_give_a_report_or_a_bad_file(tmp_path_factory, seed, data):
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    _survives(tmp_path_factory.getbasetemp() / "changed", bytes(changed))


def _survives(path, data):
    path.write_bytes(data)
    try:
        report = inspect_file(path)
    except BadFile:
        return
    except MissingExtra:
        assert data.startswith(b"\x04\x22\x4d\x18")  # lz4
        return
    assert report.size == len(data)
    if report.kind != "skops":  # a changed skops file may be a sound one
        with pytest.raises((UntrustedFile, BadFile)):
            load_model(path)


def test_a_bad_file_says_where_and_what_it_named(file, canary):
    data = pickle.dumps([Evil(canary), 1.5])
    file.write_bytes(data[:-4])
    with pytest.raises(BadFile, match=rf"byte \d+: the file ends too early.*{MKDIR}"):
        inspect_file(file)
    file.write_bytes(pickle.dumps(Evil(canary))[:-1] + b"\xff")
    with pytest.raises(BadFile, match=rf"byte {len(file.read_bytes()) - 1}: 0xff is no pickle"):
        inspect_file(file)


@pytest.mark.parametrize("what", ["copyreg\n_reconstructor", "numpy\ndtype", "builtins\nint"])
@pytest.mark.parametrize("arguments", [b"N", b")", b"]", b"cos\nname\n", b"K\x01", b"(NNt", b"}"])
@pytest.mark.parametrize("state", [b"N", b")", b"K\x01", b"}", b"(NNNNNNNNt", b"(KKKKKKKKt"])
def test_odd_calls_give_a_report_or_a_bad_file(what, arguments, state, file):
    for call in (b"R", b"\x81"):
        _survives(file, b"\x80\x04c" + what.encode() + b"\n" + arguments + call + state + b"b.")


HUGE = (2**62).to_bytes(8, "little")
BOMBS = {
    "declared bytes": b"\x80\x04\x8e" + HUGE,
    "declared bytearray": b"\x80\x05\x96" + HUGE,
    "declared text": b"\x80\x04\x8d" + HUGE,
    "declared frame": b"\x80\x04\x95" + HUGE,
    "declared number": b"\x80\x02\x8b\xff\xff\xff\x7f",
    "negative number": b"\x80\x02\x8b\xff\xff\xff\xff",
    "array": joblib_bytes(np.zeros(1)).replace(b"K\x01\x85", b"\x8a\x07" + b"\x01" * 7 + b"\x85"),
    "line": b"\x80\x02I" + b"1" * 1_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_declared_costs_nothing(bomb, file):
    file.write_bytes(BOMBS[bomb])
    tracemalloc.start()
    try:
        with pytest.raises(BadFile):
            inspect_file(file)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


NESTED = {
    "tuples": b")" + b"\x85" * 300_000 + b"N.",
    "doubled tuples as keys": b"}" + b")" + b"2\x86" * 5_000 + b"Ns.",
    "tuples in a set": b"\x8f(" + b")" + b"\x85" * 300_000 + b"\x90.",
    "lists": b"]" * 300_000 + b"a" * 299_999 + b".",
    "marks": b"(" * 300_000 + b"t" * 300_000 + b".",
    "dicts": b"}" + b"2Nsq\x00h\x00" * 10 + b"}K\x01}K\x01N" + b"s" * 2 + b".",
}


@pytest.mark.parametrize("nested", NESTED)
def test_nesting_costs_nothing(nested, file):
    """Hashing these, as a real dict does, takes for ever or overflows the C stack."""
    file.write_bytes(b"\x80\x04" + NESTED[nested])
    assert inspect_file(file).complete


@pytest.mark.parametrize(
    ("data", "limits", "why"),
    [
        (b"\x80\x04" + b"N0" * 50_000 + b"N.", Limits(opcodes=1000), "1,000 instructions"),
        (b"\x80\x04" + b"N" * 50_000 + b".", Limits(objects=1000), "1,000 values"),
        (b"\x80\x04" + b"(" * 50_000 + b"t" * 50_000 + b".", Limits(objects=1000), "1,000 values"),
        (b"\x80\x04" + b"N\x94" * 50_000 + b".", Limits(objects=30_000), "30,000 values"),
        (b"\x80\x04" + short("text") * 9_000 + b".", Limits(text=1000), "1,000 bytes"),
    ],
)
def test_a_limit_is_said_never_silent(data, limits, why, file):
    file.write_bytes(data)
    assert not (report := inspect_file(file, limits=limits)).complete
    assert why in report.notes[0]
    assert inspect_file(file).complete


def test_a_decompression_bomb_is_stopped(file):
    bomb = b"\x80\x04\x8e" + (1 << 24).to_bytes(8, "little") + bytes(1 << 24) + b"."
    for pack in (zlib.compress, gzip.compress):
        file.write_bytes(pack(bomb))
        assert inspect_file(file).complete
        with pytest.raises(BadFile, match="more than 1,000,000 bytes"):
            inspect_file(file, limits=Limits(inflated=1_000_000))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", " " * 2_000_000 + "{}")
    with pytest.raises(BadFile, match="more than 1,000,000 bytes"):
        inspect_file(file, limits=Limits(inflated=1_000_000))


def framed(data, start, more):
    """Change the declared size of the frame behind the PROTO at `start`."""
    size = int.from_bytes(data[start + 3 : start + 11], "little") + more
    return data[: start + 3] + size.to_bytes(8, "little") + data[start + 11 :]


def test_frames_that_would_lead_the_loader_elsewhere_stop_the_scan():
    """The loader has read a frame ahead, and goes on behind it; a simpler scan goes on inside."""
    plain, objects = joblib_bytes(X), joblib_bytes([LABELS, X])
    assert scan(io.BytesIO(plain), Limits()).complete
    assert "inside a frame" in scan(io.BytesIO(framed(plain, 0, 5)), Limits()).stopped
    assert (
        "end of its frame"
        in scan(io.BytesIO(framed(pickle.dumps(["text" * 9]), 0, -9)), Limits()).broken
    )
    inner = objects.index(b"\x80\x05\x95")
    assert scan(io.BytesIO(objects), Limits()).complete
    assert "longer than" in scan(io.BytesIO(framed(objects, inner, 5)), Limits()).stopped


def test_damage_inside_an_object_array_is_located():
    data = bytearray(joblib_bytes([LABELS, X]))
    at = data.index(b"\x80\x05\x95") + 11
    data[at] = 0xFF
    assert scan(io.BytesIO(data), Limits()).end == at


def test_the_size_of_a_dtype_is_that_of_its_state():
    data = joblib_bytes(np.zeros(3, [("a", "i4"), ("b", "f8")])).replace(b"\x03V12", b"\x03V11")
    assert b"V11" in data
    assert joblib.load(io.BytesIO(data)).itemsize == 12
    assert scan(io.BytesIO(data), Limits()).end == len(data)


def test_only_values_alive_at_once_count():
    marks = b"N" + b"(t0" * 20_000 + b"."
    hidden = b"N" * 1500 + b"(" + b"N0" * 16_000 + b"t" + b"0" * 1500 + b"."
    assert scan(io.BytesIO(marks), Limits(objects=1000)).complete
    assert "1,000 values" in scan(io.BytesIO(hidden), Limits(objects=1000)).stopped


def test_no_raw_bytes_follow_a_wrapper_inside_an_object_array(file):
    """There joblib uses the plain unpickler, for which it is an object like others."""
    wrapper = NumpyArrayWrapper(np.ndarray, (100,), "C", np.dtype("f8"))
    joblib.dump([np.array([wrapper], dtype=object), X], file)
    assert len(joblib.load(file)) == 2
    assert inspect_file(file).complete
    assert inspect_file(file).notes == ()


def test_values_outside_the_file_are_noted(file):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return "outside" if isinstance(value, np.ndarray) else None

    for protocol in (0, 4):
        with file.open("wb") as opened:
            Pickler(opened, protocol).dump([1, X])
        assert "outside the file" in inspect_file(file).notes[0]
        with pytest.raises(BadFile, match="persistent"):
            load_model(file, trust_pickle=True)


@pytest.mark.parametrize(
    "head", [b"ZF0x1a             x\x9c", b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n."]
)
def test_old_joblib_files_are_refused(head, file):
    file.write_bytes(head)
    with pytest.raises((BadFile, UntrustedFile), match=r"joblib < 0\.10"):
        load_model(file, trust_pickle=True)


def test_a_small_file_does_not_keep_the_scan_busy_with_instructions(file):
    file.write_bytes(gzip.compress(b"\x80\x04" + b"N0" * 1_500_000 + b"N."))  # in 3 kB
    report = inspect_file(file)
    assert not report.complete and "instructions" in report.notes[0]
