import importlib.util
import os
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.errors import BadFile, MissingExtra
from closedform.loading import read_table, tables


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table.txt"


@pytest.fixture
def bare(monkeypatch):
    """No pandas, no pyarrow."""
    monkeypatch.setattr(tables, "find_spec", lambda _: None)


MIXED = (
    "age,name,weight (kg),ok,note,code\n"
    "41,Ana,70.5,True,,007\n"
    ",Bo,NaN,False,,NA\n"
    '3e1,"x, ""y""",-inf,true,,8\n'
)


def test_columns_become_numbers_truths_or_text(file, bare):
    file.write_text(MIXED)
    columns = read_table(file)
    assert list(columns) == ["age", "name", "weight (kg)", "ok", "note", "code"]
    np.testing.assert_array_equal(columns["age"], [41.0, np.nan, 30.0])
    np.testing.assert_array_equal(columns["weight (kg)"], [70.5, np.nan, -np.inf])
    np.testing.assert_array_equal(columns["note"], [np.nan] * 3)
    np.testing.assert_array_equal(columns["code"], [7.0, np.nan, 8.0])
    assert columns["name"].tolist() == ["Ana", "Bo", 'x, "y"']
    assert columns["ok"].dtype == bool


def test_with_pandas_the_same_values_come_as_a_frame(file, monkeypatch):
    file.write_text(MIXED)
    frame = read_table(file)
    monkeypatch.setattr(tables, "find_spec", lambda _: None)
    columns = read_table(file)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == list(columns)
    for name, cells in columns.items():
        np.testing.assert_array_equal(frame[name].to_numpy(cells.dtype), cells)


@pytest.mark.parametrize("cells", [["1_000", "2"], ["NA", "NA"], ["1", "2 m"], ["True", "NA"]])
def test_what_is_no_column_of_numbers_stays_text(file, bare, cells):
    file.write_text("\n".join(["column", *cells]))
    assert read_table(file)["column"].tolist() == cells


@pytest.mark.parametrize(("pandas", "missing"), [(True, np.nan), (False, None)])
def test_missing_text(file, monkeypatch, pandas, missing):
    """Like pandas' own reader: an encoder tells NaN from None, and models were fitted on NaN."""
    monkeypatch.setattr(tables, "find_spec", lambda _: pandas)
    file.write_text('land\nNA\n""\nDE\n')
    land = list(read_table(file)["land"])
    assert land[::2] == ["NA", "DE"]  # Namibia
    assert land[1] is missing or (missing is not None and np.isnan(land[1]))


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_come_back_bit_for_bit(tmp_path_factory, values):
    file = tmp_path_factory.getbasetemp() / "numbers"
    pd.DataFrame({"x": values}).to_csv(file, index=False)
    assert [v.hex() for v in read_table(file)["x"].tolist()] == [float(v).hex() for v in values]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(TEXT))
def test_text_comes_back(tmp_path_factory, values):
    file = tmp_path_factory.getbasetemp() / "text"
    cells = ["text", *values]
    pd.DataFrame({"a": cells, "b": 1.0}).to_csv(file, index=False, lineterminator="\r\n")
    assert read_table(file)["a"].tolist() == cells


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_delimiters_and_byte_order_marks(file, bare, delimiter, start):
    text = start + "\na,b c\n1,2\n\n3,4".replace(",", delimiter)
    file.write_text(text, encoding="utf-8")
    assert {k: v.tolist() for k, v in read_table(file).items()} == {"a": [1, 3], "b c": [2, 4]}


def test_a_frame_saved_with_its_index(file):
    pd.DataFrame({"x": [1.5, 2.5]}).to_csv(file)
    assert list(read_table(file)) == ["Unnamed: 0", "x"]
    assert list(pd.read_csv(file)) == ["Unnamed: 0", "x"]


def test_numbered_columns_are_names(file):
    pd.DataFrame(np.eye(3)).to_csv(file, index=False)
    assert list(read_table(file)) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,a,b,b\n1,2,3,4\n", "several columns named 'a', 'b'"),
        (b"a,b\n1,2\n1\n3,4\n1,2,3\n", "names 2 columns, but line 3 has 1, line 5 has 3"),
        (b"a,b\n" + b"1\n" * 9, "line 6 has 1 and 4 more lines differ"),
        (b'a\n"x\ny\n', "line"),
        (b'a,b\n"x"y,1\n', "line 2"),
        (b"1.5,2\n3,4\n", "holds numbers, not names"),
        (b"a,b\n\xff\xfe,1\n", "not UTF-8"),
        (b"a\0b\n1\n", "not a table"),
        (b"\x80\x04N.", "not a table"),
        (b"PK\x03\x04xlsx", "not a table"),
        (b"PAR1 but no more", "damaged"),
        (b"a\n" + b"x" * 200_000, "line 2"),
    ],
)
def test_what_is_no_table_is_one_clear_error(data, why, file):
    file.write_bytes(data)
    with pytest.raises(BadFile, match=why) as refusal:
        read_table(file)
    assert refusal.value.hint


def test_what_is_no_file(tmp_path):
    for name, why in (("none", "No such file"), ("", "a folder")):
        with pytest.raises(BadFile, match=why):
            read_table(os.path.join(tmp_path, name))


@given(st.binary(max_size=100))
def test_random_bytes_give_a_table_or_a_bad_file(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "random"
    file.write_bytes(data)
    with suppress(BadFile):
        assert len(read_table(file))


def test_parquet(file):
    frame = pd.DataFrame({"x": [1.5, None], "label": ["a", None], "n": [1, 2]})
    frame.to_parquet(file)
    pd.testing.assert_frame_equal(read_table(file), frame)


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
def test_parquet_without_its_packages(file, monkeypatch, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(tables, "find_spec", lambda name: None if name == missing else found(name))
    file.write_bytes(b"PAR1")
    with pytest.raises(MissingExtra, match=missing) as refusal:
        read_table(file)
    assert refusal.value.hint == 'pip install "closedform[parquet]"'


def test_a_column_stays_text_where_that_is_asked(file, bare):
    file.write_text("zip,n\n01097,1\n,2\n")
    columns = read_table(file, texts=["zip"])
    assert columns["zip"].tolist() == ["01097", None]
    assert columns["n"].tolist() == [1.0, 2.0]
    assert read_table(file)["zip"].tolist()[0] == 1097.0


@pytest.mark.parametrize("spelled", ["#N/A", "<NA>", "n/a", "NULL"])
def test_what_pandas_takes_for_missing_is_missing_in_a_column_of_numbers(file, bare, spelled):
    file.write_text(f"a\n1\n{spelled}\n")
    np.testing.assert_array_equal(read_table(file)["a"], [1.0, np.nan])


def test_bars_separate_cells_too(file, bare):
    file.write_text("a|b c\n1|2\n")
    assert {k: v.tolist() for k, v in read_table(file).items()} == {"a": [1.0], "b c": [2.0]}


def test_a_feather_file_is_a_table(file):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": ["x", None]})
    frame.to_feather(file)
    pd.testing.assert_frame_equal(read_table(file), frame)
    file.write_bytes(file.read_bytes()[:90])
    with pytest.raises(BadFile, match="is damaged"):
        read_table(file)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"PK\x03\x04 xl/workbook.xml", "a workbook or an archive"),
        (b"\x1f\x8b\x08", "compressed"),
        ("a,b\n1,2".encode("utf-16"), "text in UTF-16"),
        (b'[\n {"a": 1}]', "JSON"),
        (b'{"a": [1]}', "JSON"),
        (b"\x80\x04", "a pickle"),
        (b"a,b\n1,\x00", "binary"),
    ],
)
def test_what_is_no_table_is_named(file, raw, what):
    file.write_bytes(raw)
    with pytest.raises(BadFile, match=f"is not a table of text, but {what}"):
        read_table(file)


def test_a_column_may_be_called_like_the_beginning_of_json(file, bare):
    file.write_text("[N],{P}\n1,2\n")
    assert list(read_table(file)) == ["[N]", "{P}"]
