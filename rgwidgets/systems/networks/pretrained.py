"""Any Hugging Face model, by name or from a folder: safetensors only, and no code of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError, RecordError, RGError, ShapeError, nearest
from rgwidgets.core.numeric import whole

from .extras import needed

#: what the network ends with → the class of transformers
HEADS = {
    "states": "AutoModel",
    "next token": "AutoModelForCausalLM",
    "masked token": "AutoModelForMaskedLM",
    "classes": "AutoModelForSequenceClassification",
    "image classes": "AutoModelForImageClassification",
}
#: weights in these run code when they are read, or are of another framework
_REFUSED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network with its tokenizer.

    Attributes
    ----------
    module
        The network, in evaluation mode, its weights frozen.
    tokenizer
        As transformers made it; None where the model comes without one.
    name
        As it was asked for.
    missing
        Weights that the files do not have: they are random, the same each time.
    """

    module: nn.Module
    tokenizer: Any = field(repr=False)
    name: str
    missing: tuple[str, ...] = ()

    def tokens(self, texts: Iterable[str], *, length: int | None = None) -> dict[str, Tensor]:
        """Texts as a batch for the module: keywords with tensors (n, T).

        Parameters
        ----------
        texts
            One or more.
        length
            Take only texts of so many tokens or more, cut to them, so that nothing is padding: a
            padded position is no sample of a layer's features. If None, all texts, padded to the
            longest, and the module is told by "attention_mask".

        Raises
        ------
        RecordError
            If the model has no tokenizer.
        ShapeError
            If no text is long enough, or there is none.
        """
        if self.tokenizer is None:
            raise RecordError(
                f"tokenizer of {self.name}",
                given="none",
                allowed="a model that comes with one",
                mend="make the tensors yourself and call `module` with them",
            )
        listed = [texts] if isinstance(texts, str) else list(texts)
        if length is not None:
            whole("length", length, 1)
            counts = [len(self.tokenizer(text)["input_ids"]) for text in listed]
            listed = [t for t, count in zip(listed, counts, strict=True) if count >= length]
        if not listed:
            few = "no text" if length is None else f"no text of {length} tokens or more"
            raise ShapeError("texts", given=few, allowed="one or more")
        if length is None and self.tokenizer.pad_token is None:
            rows = [self.tokenizer(text)["input_ids"] for text in listed]
            return _padded([torch.tensor(row) for row in rows])
        options = {"padding": True} if length is None else {"truncation": True}
        return dict(self.tokenizer(listed, max_length=length, return_tensors="pt", **options))


def pretrained(
    name: str | Path,
    *,
    head: str = "states",
    revision: str | None = None,
    offline: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Pretrained:
    """A pre-trained network, to point a microscope at.

    Weights are read from safetensors and from nothing else; code that comes with a model is
    neither fetched nor run. A model by name is fetched once into Hugging Face's own cache.

    Parameters
    ----------
    name
        A folder, or a name on the Hugging Face hub such as "openai-community/gpt2".
    head
        What the network ends with: "states", "next token", "masked token", "classes" or
        "image classes".
    revision
        Branch, tag or commit on the hub; give a commit for numbers that are to be reproduced.
    offline
        Look into the cache only.
    dtype
        Precision of the weights.

    Raises
    ------
    RGError
        Without the extra `models`.
    ParameterError
        If the head is none of these.
    RecordError
        If there is no such model, its weights are not safetensors, it needs code of its own, or
        its files are damaged.

    Examples
    --------
    >>> pretrained("no/such/folder")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.RecordError: model: got no/such/folder; allowed: a folder with \
config.json and *.safetensors, or "owner/name" on the Hugging Face hub.
    """
    if head not in HEADS:
        close = nearest(head, HEADS)
        raise ParameterError(
            "head",
            given=head,
            allowed=", ".join(HEADS),
            mend=f"did you mean {close!r}?" if close else "",
        )
    needed("transformers", "safetensors", "tokenizers", "huggingface_hub")
    folder = _folder(name, revision, offline)
    _check(folder, str(name))
    with _refusing(str(name)), _quiet():
        module, missing = _module(folder, HEADS[head])
    return Pretrained(
        module.to(dtype).eval().requires_grad_(False), _tokenizer(folder), str(name), missing
    )


def _folder(name: str | Path, revision: str | None, offline: bool) -> Path:
    """Where the files lie; fetched if need be, without code and without other weights."""
    given = Path(name)
    if given.is_dir():
        return given
    if isinstance(name, Path) or str(name).count("/") > 1 or str(name).startswith((".", "~", "/")):
        raise RecordError(
            "model",
            given=str(name),
            allowed='a folder with config.json and *.safetensors, or "owner/name" on the '
            "Hugging Face hub",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                local_files_only=offline,
                allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model"],
                ignore_patterns=["*/*"],
            )
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise RecordError(
            f"model {name}",
            given=_first_line(error),
            allowed="a model on the Hugging Face hub, and a network or a copy in the cache",
            mend="check the name and the network, or give the folder that `save_pretrained` wrote",
        ) from error


def _check(folder: Path, name: str) -> None:
    """Refuse what is not safetensors before transformers looks at it."""
    files = [path.name for path in folder.iterdir()]
    if not any(file.endswith(".safetensors") for file in files):
        others = sorted(file for file in files if file.endswith(_REFUSED))
        raise RecordError(
            f"weights of {name}",
            given=", ".join(others) or "none",
            allowed="*.safetensors",
            mend="where you trust them: load them with transformers, then "
            "`model.save_pretrained(folder)`"
            if others
            else "give a folder that `save_pretrained` wrote",
        )
    if "adapter_config.json" in files:
        raise RecordError(
            f"model {name}",
            given="an adapter, which names another model",
            allowed="a whole model",
            mend="merge it into its base where you trust both, and save that",
        )
    if _INDEX in files:
        try:
            parts = set(json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise RecordError(
                f"index of {name}", given=_first_line(error), allowed="a list of *.safetensors"
            ) from error
        strange = sorted(
            str(p) for p in parts if not str(p).endswith(".safetensors") or p not in files
        )
        if strange:
            raise RecordError(
                f"index of {name}", given=", ".join(strange), allowed="*.safetensors beside it"
            )


def _module(folder: Path, kind: str) -> tuple[nn.Module, tuple[str, ...]]:
    import transformers

    options = {"trust_remote_code": False, "local_files_only": True}
    config = transformers.AutoConfig.from_pretrained(str(folder), **options)
    if "quantization_config" in json.dumps(config.to_dict(), default=str):
        raise ValueError("quantised weights, whose reader may fetch code")
    for part in ("_attn_implementation", "_experts_implementation"):
        if hasattr(config, part):  # it may name a kernel, which would be fetched and run
            setattr(config, part, "eager")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module, report = getattr(transformers, kind).from_pretrained(
            str(folder), config=config, use_safetensors=True, output_loading_info=True, **options
        )
    module.config.use_cache = False
    return module, tuple(sorted(report["missing_keys"]))


def _tokenizer(folder: Path) -> Any:
    """None where there is none that can be read without code of its own."""
    from transformers import AutoTokenizer

    named = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json")
    if not any((folder / file).exists() for file in named):
        return None
    with _refusing(folder.name):
        return AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except RGError:
        raise
    except (
        OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError,
        SafetensorError,
    ) as error:  # fmt: skip
        said = _first_line(error)
        code = "trust_remote_code" in str(error) or "custom code" in str(error)
        raise RecordError(
            f"model {name}",
            given="code of its own, which is not run" if code else said,
            allowed="a model that this version of transformers knows, with all its files",
            mend="load it yourself where you trust it, and give `Microscope` the module"
            if code
            else "update transformers, or check the files",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own bar; as it was afterwards."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _padded(rows: list[Tensor]) -> dict[str, Tensor]:
    """For tokenizers that have no sign for padding."""
    masks = [torch.ones_like(row) for row in rows]
    ids, mask = (nn.utils.rnn.pad_sequence(part, batch_first=True) for part in (rows, masks))
    return {"input_ids": ids, "attention_mask": mask}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
