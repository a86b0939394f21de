"""Flows on disk: Zarr v3 by xarray, a folder or a zip, written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import warnings
import zipfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .dataset import checked
from .errors import RecordError, StorageError
from .files import METADATA_LIMIT, check_free, place, remove, replacing

if TYPE_CHECKING:
    import xarray as xr

#: Types that a record may hold, each with its codecs. None of them runs code from the record.
CODECS = {
    **dict.fromkeys(("int8", "uint8", "int32", "int64", "float64"), ("bytes", "gzip")),
    "string": ("vlen-utf8", "gzip"),
}
#: Largest record that is opened, in bytes after decompression.
LIMIT = 2**31
#: Largest page that a record carries, in bytes before compression, and what is in each.
PAGE_LIMIT = 2**26
PAGE_KEYS = {"spec", "table", "charts", "preview", "cutoff"}


def save(data: xr.Dataset, path: str | PathLike[str], *, page: bytes | None = None) -> Path:
    """Write `data` to `path`, a folder, or a zip file if it ends in .zip; return the path.

    Parameters
    ----------
    data
        A flow's dataset.
    path
        Where to.
    page
        JSON in UTF-8 that shows the flow where no Python runs. It is kept beside the numbers as
        the array `page`, under the same digest, and `load` leaves it behind.

    Raises
    ------
    StorageError
        If the disk is full, the place cannot be written, or something is there that is no record
        of this project. What was there is untouched.
    ParameterError
        If `path` is no path.
    """
    target = place(path)
    if not target.name or target.name == "..":
        raise StorageError(
            "saving",
            given=str(target) or "no name",
            allowed="a new path, or that of an older record",
            mend='add the name of the record, as in "results/flow.zarr"',
        )
    check_free(target, "record")
    if page is not None:
        data = data.assign(page=("page_byte", np.frombuffer(page, dtype=np.uint8)))
    with replacing(target, _put) as partial:
        _write(data, partial, zipped=target.suffix.lower() == ".zip")
    return target


def _write(data: xr.Dataset, path: Path, *, zipped: bool) -> None:
    from zarr.codecs import GzipCodec  # zarr takes longer to import than all of core
    from zarr.errors import UnstableSpecificationWarning, ZarrUserWarning

    # an index would turn its texts into objects, whose type is lost where there are none
    stamped = data.assign_attrs(digest=digest(data)).drop_indexes(list(data.xindexes))
    for name in stamped.variables:
        if stamped[name].dtype.kind == "U":  # variable-length strings are what browsers read
            stamped[name] = stamped[name].astype(np.dtypes.StringDType())
        stamped[name].encoding.clear()
    encoding: dict[Any, dict[str, Any]] = {
        name: {"compressors": [GzipCodec(level=5)], "chunks": _chunks(stamped[name])}
        for name in stamped.variables
    }
    folder = path.with_suffix(".unzipped") if zipped else path
    with warnings.catch_warnings():
        # strings and consolidated metadata: no stable specification yet, read by xarray and zarrita
        warnings.simplefilter("ignore", UnstableSpecificationWarning)
        warnings.simplefilter("ignore", ZarrUserWarning)
        try:
            # a chunk of zeros is written too: one that is missing was lost
            stamped.to_zarr(
                folder,
                mode="w",
                zarr_format=3,
                consolidated=True,
                encoding=encoding,
                write_empty_chunks=True,
            )
            if zipped:
                _zip(folder, path)
        finally:
            if zipped:
                remove(folder)


def _zip(folder: Path, path: Path) -> None:
    """Pack a store, uncompressed: its chunks are compressed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())


def _chunks(variable: xr.DataArray) -> tuple[int, ...]:
    """One chunk a picture, one a table: a page fetches just the scales that it shows."""
    return tuple(max(1, n) for n in variable.shape)


def _put(partial: Path, target: Path) -> None:
    if not target.is_dir() and not (partial.is_dir() and target.exists()):
        os.replace(partial, target)
        return
    old = partial.with_suffix(".old")
    os.rename(target, old)
    try:
        os.rename(partial, target)
    except OSError:
        os.rename(old, target)
        raise
    remove(old)


def load(path: str | PathLike[str]) -> xr.Dataset:
    """Read a record into memory. Nothing in it is executed.

    Raises
    ------
    RecordError
        If there is no record, or it is truncated, altered, too large, or names a codec or type
        that a flow does not use.
    """
    source = Path(path) if isinstance(path, str) else place(path)
    try:
        _refuse_source(source)
        data = _read(source)
    except RecordError:
        raise
    except Exception as error:  # a damaged store fails in as many ways as there are bytes
        raise _damaged(source, f"{type(error).__name__}: {error}") from error
    for name in data.variables:
        data[name].attrs.pop("_FillValue", None)
        if data[name].dtype.kind in "OT":
            data[name] = data[name].copy(data=_texts(data[name].values))
    stamp = data.attrs.pop("digest", None)
    data = checked(data)
    if stamp != digest(data):
        raise _damaged(source, "contents that do not match the digest")
    return _without_page(source, data)


def _without_page(source: Path, data: xr.Dataset) -> xr.Dataset:
    """The numbers alone; a record that an older version wrote has no page to leave behind."""
    if "page" not in data.variables:
        return data
    page = data["page"]
    if page.dtype != np.uint8 or page.ndim != 1 or page.size > PAGE_LIMIT:
        raise _hostile(source.name, f"a page of {page.dtype} {page.shape}")
    try:
        held = json.loads(page.values.tobytes())
    except (ValueError, RecursionError) as error:
        raise _hostile(source.name, f"a page that is no JSON ({error})") from error
    if not isinstance(held, dict) or not set(held) >= PAGE_KEYS:
        raise _hostile(source.name, "a page of another kind")
    return data.drop_vars("page")


def _read(source: Path) -> xr.Dataset:
    import xarray as xr
    from zarr.errors import ZarrUserWarning
    from zarr.storage import LocalStore, ZipStore

    _refuse_hostile(source)
    store = LocalStore(source, read_only=True) if source.is_dir() else ZipStore(source)
    try:
        with warnings.catch_warnings():
            # a folder that a file manager or JupyterLab leaves is of no concern
            warnings.simplefilter("ignore", ZarrUserWarning)
            # nothing is decoded: a scale in "seconds" is no time span to xarray
            with xr.open_zarr(store, consolidated=False, chunks=None, decode_cf=False) as lazy:
                data: xr.Dataset = lazy.load()
                return data
    finally:
        store.close()


def _refuse_source(source: Path) -> None:
    mend = "pass the path that `save` returned"
    if not source.exists():
        raise RecordError(
            "record", given=str(source), allowed="a folder or .zip file that exists", mend=mend
        )
    if source.is_dir() and not (source / "zarr.json").is_file():
        raise RecordError(
            "record",
            given=f"{source}, a folder without zarr.json",
            allowed="a folder that holds a record",
            mend=mend,
        )
    if not source.is_dir() and not source.is_file():
        raise RecordError(
            "record", given=f"{source}, which is no file", allowed="a folder or file", mend=mend
        )


def _damaged(source: Path, given: str) -> RecordError:
    return RecordError(
        f"record {source.name}",
        given=given,
        allowed="a whole, unaltered record",
        mend="copy it again from where it was made, or compute it again",
    )


def digest(data: xr.Dataset) -> str:
    """SHA-256 over names, shapes and contents of all variables and over the attributes."""
    total = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        array = data[name].values
        if array.dtype.kind in "OUT":
            content = json.dumps(_texts(array).tolist()).encode()
        else:
            content = np.ascontiguousarray(array).tobytes() + str(array.dtype).encode()
        total.update(f"{name}{data[name].dims}{array.shape}".encode() + content)
        total.update(json.dumps(data[name].attrs, sort_keys=True, default=str).encode())
    attrs = {k: v for k, v in data.attrs.items() if k != "digest"}
    total.update(json.dumps(attrs, sort_keys=True, default=str).encode())
    return total.hexdigest()


def _texts(array: NDArray[Any]) -> NDArray[np.str_]:
    """Strings of any of numpy's kinds as fixed-width ones."""
    return np.array([str(text) for text in array.ravel()], dtype=str).reshape(array.shape)


def _refuse_hostile(source: Path) -> None:
    """Refuse links, odd names, bombs, and metadata that no flow of ours has."""
    nodes = {}
    for name, length, content in _pieces(source):
        if name.endswith("zarr.json"):
            if length > METADATA_LIMIT:
                raise _hostile(name, f"metadata of {length} bytes")
            nodes[name.removesuffix("zarr.json").strip("/")] = json.loads(content.read())
    if "" not in nodes:
        raise _damaged(source, "no zarr.json at its root")
    counts = {n: _count(n, node) for n, node in nodes.items() if node["node_type"] == "array"}
    size = 8 * sum(counts.values())
    if size > LIMIT:
        raise _hostile(source.name, "arrays of more than 2 GiB")
    for name, _, content in _pieces(source):
        array, _, inner = name.partition("/")
        if array not in counts or inner == "zarr.json" or Path(name).name.startswith("."):
            continue  # nobody reads what a file manager leaves
        head, unpacked = _unpacked(content)
        size += unpacked
        if size > LIMIT:
            raise _hostile(name, "more than 2 GiB when unpacked")
        # the reader makes room for as many texts as a chunk says that it holds
        if nodes[array]["data_type"] == "string" and head != counts[array]:
            raise _hostile(name, f"{head} texts where there are {counts[array]}")
    _refuse_summary(nodes)


def _refuse_summary(nodes: dict[str, Any]) -> None:
    """Refuse consolidated metadata that differs: we read the pieces, browsers the summary."""
    inside = nodes[""].get("consolidated_metadata") or {"metadata": {}}
    for name, node in inside["metadata"].items():
        if nodes.get(name) != node:
            raise _hostile(name, "a summary that contradicts it")


def _pieces(source: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """(name, length, open file) of each file of a record."""
    if source.is_dir():
        for file in source.rglob("*"):
            status = file.lstat()
            if stat.S_ISREG(status.st_mode):
                with file.open("rb") as content:
                    yield file.relative_to(source).as_posix(), status.st_size, content
            elif not stat.S_ISDIR(status.st_mode):
                raise _hostile(file.name, "a link, or what is no file")
        return
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > LIMIT:
            raise _hostile(source.name, "more than 2 GiB when unpacked")
        if len({member.filename for member in members}) != len(members):
            raise _hostile(source.name, "two files of one name")
        for member in members:
            name = member.filename
            if name.startswith(("/", "\\")) or ".." in Path(name.replace("\\", "/")).parts:
                raise _hostile(name, "a path that leaves the record")
            if not member.is_dir():
                with archive.open(member) as content:
                    yield name, member.file_size, content


def _unpacked(content: IO[bytes]) -> tuple[int, int]:
    """First number of a chunk, and its bytes after decompression, counted to the limit."""
    with gzip.GzipFile(fileobj=content) as stream:
        head = stream.read(4)
        size = len(head)
        while size <= LIMIT and (piece := stream.read(2**20)):
            size += len(piece)
    return int.from_bytes(head, "little"), size


def _count(name: str, array: dict[str, Any]) -> int:
    """Entries of an array; refuses types, codecs and grids that no flow has."""
    kind = array["data_type"]
    if str(kind) not in CODECS:
        raise _hostile(name, f"data type {kind}")
    codecs = tuple(codec["name"] for codec in array["codecs"])
    if codecs != CODECS[kind]:
        raise _hostile(name, f"codecs {codecs} of {kind}")
    if array.get("storage_transformers"):
        raise _hostile(name, "storage transformers")
    count = 1
    for length, chunk in zip(
        array["shape"], array["chunk_grid"]["configuration"]["chunk_shape"], strict=True
    ):
        if type(length) is not int or chunk != max(1, length) or length < 0:
            raise _hostile(name, f"length {length!r} in chunks of {chunk!r}")
        count *= chunk
    return count


def _hostile(name: str, given: str) -> RecordError:
    return RecordError(
        f"record ({name})",
        given=given,
        allowed="a record that rgwidgets wrote",
        mend="do not open records from people that you do not trust",
    )
