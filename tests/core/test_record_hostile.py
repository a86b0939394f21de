"""What is no record, or a trap made to look like one, is refused before any of it is trusted."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rgwidgets.core import Flow, record
from rgwidgets.core.errors import RecordError

FORMS = pytest.mark.parametrize("form", ["r.zarr", "r.zip"])
Refused = Callable[[Path], RecordError]


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    node = json.loads(path.read_text())
    change(node)
    path.write_text(json.dumps(node))


def pieces(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


# -- not a record ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda p: None,
        lambda p: p.mkdir(),
        lambda p: (p.mkdir(), (p / "zarr.json").mkdir()),
        lambda p: (p.mkdir(), (p / "notes.txt").write_text("hello")),
        lambda p: p.write_bytes(b""),
        lambda p: p.write_text("not a record"),
        lambda p: p.write_bytes(os.urandom(4000)),
        lambda p: os.mkfifo(p),
        lambda p: p.symlink_to(p.parent / "nowhere"),
        lambda p: zipfile.ZipFile(p, "w").close(),
    ],
    ids=[
        "nothing",
        "empty folder",
        "folder for metadata",
        "folder of notes",
        "empty file",
        "text",
        "noise",
        "pipe",
        "dead link",
        "empty zip",
    ],
)
@FORMS
def test_what_is_no_record_is_refused(
    tmp_path: Path, form: str, make: Callable[[Path], object], refused: Refused
) -> None:
    make(tmp_path / form)
    refused(tmp_path / form)


@pytest.mark.parametrize("path", ["", "/", "a" * 5000, "a/" * 3000, "nul\0"])
def test_an_impossible_path_is_refused(path: str) -> None:
    with pytest.raises(RecordError):
        Flow.load(path)


def test_another_format_is_refused_by_name(
    data: xr.Dataset, tmp_path: Path, refused: Refused
) -> None:
    path = record.save(data.assign_attrs(format="rgwidgets-flow/9"), tmp_path / "r.zip")
    assert "got rgwidgets-flow/9; allowed: rgwidgets-flow/2, rgwidgets-flow/1" in str(refused(path))


@pytest.mark.slow
@pytest.mark.parametrize("column", ["attack", "certificate_how", "samples", "relevance_error"])
def test_a_record_without_a_column_names_it(
    data: xr.Dataset, tmp_path: Path, column: str, refused: Refused
) -> None:
    path = record.save(data.drop_vars(column), tmp_path / "r.zarr")
    assert f"without {column}" in str(refused(path))


def test_a_record_with_an_attack_above_its_certificate_is_refused(
    data: xr.Dataset, tmp_path: Path, refused: Refused
) -> None:
    data["attack"][1, 0] = 99.0
    assert "at most the certificate" in str(refused(record.save(data, tmp_path / "r.zip")))


# -- hostile ---------------------------------------------------------------------------------------


def spoil(folder: Path, change: Callable[[dict[str, Any]], object], name: str = "attack") -> None:
    """Change one array's metadata, in its own place and in the summary."""
    edit(folder / name / "zarr.json", change)
    edit(folder / "zarr.json", lambda node: change(node["consolidated_metadata"]["metadata"][name]))


def codec(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda node: node["codecs"].append({"name": name, "configuration": {}})


def put(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda node: node.update({key: value})


def grid(*chunk: object) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk)}}


def shaped(*shape: object) -> Callable[[dict[str, Any]], object]:
    return lambda node: node.update({"shape": list(shape), "chunk_grid": grid(*shape)})


@pytest.mark.filterwarnings("ignore:Duplicate dimension names")
@pytest.mark.parametrize(
    "change, said",
    [
        (codec("numcodecs.pickle"), "'numcodecs.pickle'"),
        (codec("numcodecs.json2"), "'numcodecs.json2'"),
        (codec("sharding_indexed"), "'sharding_indexed'"),
        (codec("blosc"), "codecs ('bytes', 'gzip', 'blosc') of float64"),
        (codec("gzip"), "codecs ('bytes', 'gzip', 'gzip') of float64"),
        (codec("nobody.knows"), "'nobody.knows'"),
        (put("codecs", ["pickle"]), ""),
        (put("codecs", "pickle"), ""),
        (put("codecs", [{"name": ["bytes"]}]), ""),
        (put("codecs", []), ""),
        (put("data_type", "object"), "data type object"),
        (put("data_type", "|O"), "data type"),
        (put("data_type", {"name": "object"}), "data type"),
        (
            put(
                "data_type",
                {"name": "fixed_length_utf32", "configuration": {"length_bytes": 2**40}},
            ),
            "data type",
        ),
        (put("data_type", None), "data type None"),
        (put("storage_transformers", [{"name": "run"}]), "storage transformers"),
        (shaped(2**40, 2**40), "arrays of more than 2 GiB"),
        (shaped(2**20, 2**20), "arrays of more than 2 GiB"),
        (shaped(-4, 2), "length -4"),
        (shaped(-(2**40), 2), "length"),
        (shaped("4", "2"), "length '4'"),
        (shaped(4.0, 2.0), "length 4.0"),
        (shaped(True, True), "length True"),
        (shaped(None, 2), "length None"),
        (shaped(), ""),
        (put("shape", 8), ""),
        (put("shape", [8]), ""),
        (put("shape", [4, 2, 1]), ""),
        (put("chunk_grid", grid(2**40, 2**40)), "chunks of"),
        (put("chunk_grid", grid(0, 0)), "chunks of"),
        (put("chunk_grid", None), ""),
        (put("node_type", "group"), ""),
        (put("node_type", "spell"), ""),
        (put("zarr_format", 2), ""),
        (put("dimension_names", ["cutoff", "cutoff"]), ""),
        (put("dimension_names", None), ""),
        (put("fill_value", "x"), ""),
    ],
)
def test_metadata_that_no_flow_has_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], said: str, refused: Refused
) -> None:
    spoil(folder, change)
    assert said in str(refused(folder))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["gzip", "bytes", "vlen-utf8", "string", "float64", "int8", "default"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)


def helped(error: RecordError) -> None:
    assert error.given
    assert error.allowed
    assert error.mend


def exchanged(node: Any, draw: st.DataObject) -> Any:
    """The same JSON with something else at one place of it."""
    if not isinstance(node, (dict, list)) or not node or draw.draw(st.integers(0, 4)) == 0:
        return draw.draw(JSON)
    keys = list(node) if isinstance(node, dict) else range(len(node))
    place = draw.draw(st.sampled_from(keys))
    node[place] = exchanged(node[place], draw)
    return node


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["attack", "attack_how", "cutoff", "observable", "field_0", ""]),
    draw=st.data(),
)
def test_metadata_changed_at_any_place_is_refused_or_makes_no_difference(
    saved: tuple[xr.Dataset, Path], tmp_path: Path, name: str, draw: st.DataObject
) -> None:
    data, original = saved
    harmed = tmp_path / "harmed.zarr"
    shutil.copytree(original, harmed, dirs_exist_ok=True)
    root = json.loads((original / "zarr.json").read_text())
    if name:
        node = exchanged(json.loads((original / name / "zarr.json").read_text()), draw)
        root["consolidated_metadata"]["metadata"][name] = node
        (harmed / name / "zarr.json").write_text(json.dumps(node))
    else:
        root = exchanged(root, draw)
    (harmed / "zarr.json").write_text(json.dumps(root))
    try:
        assert Flow.load(harmed).to_xarray().identical(data)
    except RecordError as error:
        helped(error)


def test_many_arrays_that_are_too_large_together_are_refused(
    folder: Path, refused: Refused
) -> None:
    for name in ("attack", "average", "resample"):
        spoil(folder, shaped(2**14, 2**13), name)
    assert "arrays of more than 2 GiB" in str(refused(folder))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        '"text"',
        "null",
        "{}",
        "{",
        "NaN",
        "[" * 100_000,
        '{"node_type": []}',
        '{"node_type": "group", "consolidated_metadata": 3}',
        '{"node_type": "group", "consolidated_metadata": {"metadata": []}}',
        '{"node_type": "array"}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        "\ud800",
        "9" * 10_000,
    ],
    ids=range(15),
)
@pytest.mark.parametrize("name", ["zarr.json", "attack/zarr.json"])
def test_json_that_is_no_metadata_is_refused(
    folder: Path, name: str, text: str, refused: Refused
) -> None:
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(folder)


def test_metadata_of_many_megabytes_is_not_parsed(folder: Path, refused: Refused) -> None:
    path = folder / "attack" / "zarr.json"
    path.write_text(path.read_text() + " " * 2**24)
    assert "metadata of" in str(refused(folder))


@pytest.mark.parametrize("name", ["attack/c/0/0", "attack/zarr.json", "attack", "extra"])
def test_a_link_is_not_followed(folder: Path, name: str, tmp_path: Path, refused: Refused) -> None:
    original = folder / name
    target = tmp_path / "elsewhere"
    if original.exists():
        original.rename(target)
    else:
        target.write_text("secret")
    original.symlink_to(target)
    assert "a link" in str(refused(folder))


def test_a_pipe_inside_does_not_hang(folder: Path, refused: Refused) -> None:
    (folder / "attack" / "zarr.json").unlink()
    os.mkfifo(folder / "attack" / "zarr.json")
    assert "no file" in str(refused(folder))


def test_a_chunk_that_unpacks_without_end_is_refused_before_it_fills_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(record, "LIMIT", 2**20)
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb") as stream:
        stream.write(bytes(2**22))
    (folder / "attack" / "c" / "0" / "0").write_bytes(bomb.getvalue())
    assert "when unpacked" in str(refused(folder))


@pytest.mark.parametrize("said", [0, 1, 9, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("name", ["observable/c/0", "attack_how/c/0/0", "unit/c/0"])
def test_a_chunk_that_says_to_hold_more_texts_than_there_are_is_refused(
    folder: Path, name: str, said: int, refused: Refused
) -> None:
    path = folder / name
    texts = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(said.to_bytes(4, "little") + texts[4:]))
    assert f"{said} texts where there are" in str(refused(folder))


def test_a_text_that_says_to_be_longer_than_it_is_is_refused(
    folder: Path, refused: Refused
) -> None:
    path = folder / "unit" / "c" / "0"
    texts = bytearray(gzip.decompress(path.read_bytes()))
    texts[4:8] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(gzip.compress(bytes(texts)))
    refused(folder)


@pytest.mark.filterwarnings("ignore:Object at .* is not recognized")
def test_what_a_file_manager_leaves_in_a_folder_does_no_harm(
    folder: Path, data: xr.Dataset
) -> None:
    for place in (folder, folder / "attack", folder / "attack" / "c"):
        (place / ".DS_Store").write_text("icons")
    (folder / "Thumbs.db").write_text("icons")
    assert record.load(folder).identical(data)


def packed(path: Path, *members: tuple[str, bytes], source: Path | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in pieces(source) if source else ():
            archive.write(file, file.relative_to(source).as_posix())
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "\\evil", "..\\evil", "a\\..\\..\\evil"]
)
def test_a_zip_with_a_path_that_leaves_it_is_refused(
    folder: Path, tmp_path: Path, name: str, refused: Refused
) -> None:
    path = packed(tmp_path / "r.zip", (name, b"x"), source=folder)
    assert "leaves the record" in str(refused(path))


def test_a_zip_that_declares_gigabytes_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    path = packed(tmp_path / "r.zip", ("bomb", bytes(2**22)), source=folder)
    assert path.stat().st_size < 2**17
    monkeypatch.setattr(record, "LIMIT", 2**20)
    assert "when unpacked" in str(refused(path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_files_of_one_name_is_refused(
    folder: Path, tmp_path: Path, refused: Refused
) -> None:
    path = packed(tmp_path / "r.zip", ("zarr.json", b"{}"), source=folder)
    assert "two files of one name" in str(refused(path))


def test_an_innocent_repacked_zip_is_read(folder: Path, tmp_path: Path, data: xr.Dataset) -> None:
    assert record.load(packed(tmp_path / "r.zip", source=folder)).identical(data)
