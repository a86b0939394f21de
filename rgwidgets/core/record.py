"""Flows on disk: Zarr v3 by xarray, a folder or a zip, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .dataset import checked
from .errors import RecordError, StorageError

#: Codecs that a record may name. None of them runs code from the record.
CODECS = frozenset({"bytes", "gzip", "vlen-utf8", "crc32c"})
TYPES = frozenset({"bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64",
                   "string", "fixed_length_utf32"})
#: Largest record that is opened, in bytes after decompression.
LIMIT = 2**31


def save(data: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Write `data` to `path`, a folder, or a zip file if it ends in .zip; return the path.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written. What was there is untouched.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(data, partial, zipped=target.suffix == ".zip")
        _put(partial, target)
    except (OSError, ExceptionGroup) as error:
        _remove(partial)
        reason = error.strerror if isinstance(error, OSError) else str(error.exceptions[0])
        raise StorageError(
            f"saving to {target.name}", given=reason or str(error),
            allowed="a place with room that can be written",
            mend="free some space or save elsewhere; nothing was changed",
        ) from error
    except BaseException:
        _remove(partial)
        raise
    return target


def _write(data: xr.Dataset, path: Path, *, zipped: bool) -> None:
    from zarr.codecs import GzipCodec  # zarr takes longer to import than all of core
    from zarr.errors import UnstableSpecificationWarning, ZarrUserWarning

    stamped = data.assign_attrs(digest=digest(data))
    for name in stamped.variables:
        if stamped[name].dtype.kind == "U":  # variable-length strings are what browsers read
            stamped[name] = stamped[name].astype(object)
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
            stamped.to_zarr(folder, mode="w", zarr_format=3, consolidated=True, encoding=encoding)
            if zipped:
                _zip(folder, path)
        finally:
            if zipped:
                _remove(folder)


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
    if not target.is_dir():
        os.replace(partial, target)
        return
    old = partial.with_suffix(".old")
    os.rename(target, old)
    try:
        os.rename(partial, target)
    except OSError:
        os.rename(old, target)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def load(path: str | PathLike[str]) -> xr.Dataset:
    """Read a record into memory. Nothing in it is executed.

    Raises
    ------
    RecordError
        If there is no record, or it is truncated, altered, too large, or names a codec or type
        that a flow does not use.
    """
    from zarr.storage import LocalStore, ZipStore

    source = Path(path)
    if not source.exists():
        raise RecordError("record", given=str(source), allowed="a folder or .zip file that exists")
    try:
        for name, text in _metadata(source):
            _refuse_hostile(name, text)
        store = LocalStore(source, read_only=True) if source.is_dir() else ZipStore(source)
        try:
            with xr.open_zarr(store, consolidated=False, chunks=None, mask_and_scale=False) as lazy:
                data = lazy.load()
        finally:
            store.close()
    except RecordError:
        raise
    except Exception as error:  # a damaged store fails in as many ways as there are bytes
        raise _damaged(source, f"{type(error).__name__}: {error}") from error
    for name in data.variables:
        data[name].attrs.pop("_FillValue", None)
        if data[name].dtype.kind in "OT":
            data[name] = data[name].copy(data=_texts(data[name].values))
    data = checked(data)
    if data.attrs.pop("digest", None) != digest(data):
        raise _damaged(source, "contents that do not match the digest")
    return data


def _damaged(source: Path, given: str) -> RecordError:
    return RecordError(f"record {source.name}", given=given, allowed="a whole, unaltered record",
                       mend="copy it again from where it was made, or compute it again")


def digest(data: xr.Dataset) -> str:
    """SHA-256 over names, shapes and contents of all variables and over the attributes."""
    total = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        array = data[name].values
        if array.dtype.kind in "OUT":
            content = json.dumps(_texts(array).tolist()).encode()
        else:
            content = np.ascontiguousarray(array).tobytes() + str(array.dtype).encode()
        total.update(f"{name}{array.shape}".encode() + content)
        total.update(json.dumps(data[name].attrs, sort_keys=True, default=str).encode())
    attrs = {k: v for k, v in data.attrs.items() if k != "digest"}
    total.update(json.dumps(attrs, sort_keys=True, default=str).encode())
    return total.hexdigest()


def _texts(array: NDArray[Any]) -> NDArray[np.str_]:
    """Strings of any of numpy's kinds as fixed-width ones."""
    return np.array([str(text) for text in array.ravel()], dtype=str).reshape(array.shape)


def _metadata(source: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each piece of metadata; refuses links, odd names and bombs on the way."""
    if source.is_dir():
        for file in source.rglob("*"):
            if stat.S_ISLNK(file.lstat().st_mode):
                raise _hostile(file.name, "a link")
            if file.name == "zarr.json":
                yield file.name, file.read_bytes()[: 2**24]
        return
    with zipfile.ZipFile(source) as archive:
        if sum(info.file_size for info in archive.infolist()) > LIMIT:
            raise _hostile(source.name, "more than 2 GiB when unpacked")
        for info in archive.infolist():
            if info.filename.startswith(("/", "\\")) or ".." in Path(info.filename).parts:
                raise _hostile(info.filename, "a path that leaves the record")
            if info.filename.endswith("zarr.json"):
                yield info.filename, archive.read(info)


def _refuse_hostile(name: str, text: bytes) -> None:
    """Refuse metadata that would load code, allocate without limit, or is no metadata."""
    node = json.loads(text)
    nested = (node.get("consolidated_metadata") or {}).get("metadata") or {}
    arrays = [n for n in (node, *nested.values()) if n.get("node_type") == "array"]
    size = 0
    for array in arrays:
        kind = array["data_type"]
        kind = kind.get("name") if isinstance(kind, dict) else kind
        if kind not in TYPES:
            raise _hostile(name, f"data type {kind}")
        for codec in array.get("codecs", ()):
            if codec.get("name") not in CODECS:
                raise _hostile(name, f"codec {codec.get('name')}")
        count = 1
        for length in array["shape"]:
            count *= int(length)
        size += 8 * count
    if size > LIMIT:
        raise _hostile(name, "arrays of more than 2 GiB")


def _hostile(name: str, given: str) -> RecordError:
    return RecordError(f"record ({name})", given=given, allowed="a record that rgwidgets wrote",
                       mend="do not open records from people that you do not trust")
