"""Models from a folder: safetensors only, and nothing in the folder is run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rgwidgets.core.errors import ParameterError, RecordError, RGError, ShapeError
from rgwidgets.microscope.microscope import Microscope
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.networks import extras
from rgwidgets.systems.networks.pretrained import HEADS, Pretrained, pretrained

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "and", "not"]
TEXTS = [
    f"the {animal} {verb} {where} the {thing}"
    for animal in WORDS[2:4]
    for verb in WORDS[4:6]
    for where in WORDS[6:8]
    for thing in WORDS[8:10]
]


def make(folder: Path, kind: str = "BertModel", **changes: Any) -> Path:
    """A tiny model with a tokenizer, as transformers saves it."""
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(1)
        if kind.startswith("Bert"):
            config = transformers.BertConfig(
                vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                intermediate_size=32, max_position_embeddings=32, **changes,
            )  # fmt: skip
        else:
            config = transformers.GPT2Config(
                vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32,
                bos_token_id=0, eos_token_id=0, **changes,
            )  # fmt: skip
        getattr(transformers, kind)(config).save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    transformers.BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def copied(bert: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    for file in bert.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.slow
def test_a_folder_becomes_a_network_that_a_microscope_looks_at(bert: Path) -> None:
    model = pretrained(bert)
    batch = model.tokens(TEXTS, length=6)
    view = Microscope(model.module, "encoder.layer.0").fit(
        batch,
        {"first": lambda out: out.last_hidden_state[:, 0, 0]},
        features=ActivationSpectrum(steps=2, restarts=2),
        cutoffs=(16, 4),
    )
    influence = view.level(4).influences["first"]
    assert 0 < influence.average.value < influence.attack.value
    assert model.missing == ()


def test_it_is_what_transformers_loads_and_torch_s_random_state_is_left_alone(bert: Path) -> None:
    from transformers import BertModel
    from transformers.utils import logging

    before, shown = torch.get_rng_state(), logging.is_progress_bar_enabled()
    model = pretrained(str(bert))
    assert torch.equal(torch.get_rng_state(), before)
    assert logging.is_progress_bar_enabled() == shown
    assert not model.module.training
    assert not any(p.requires_grad for p in model.module.parameters())
    batch = model.tokens(["the cat sat", "a dog ran under the tree"])
    expected = BertModel.from_pretrained(bert).eval()(**batch).last_hidden_state
    assert torch.allclose(model.module(**batch).last_hidden_state, expected, atol=1e-6)


def test_texts_are_padded_and_masked_or_cut_to_one_length(bert: Path) -> None:
    model = pretrained(bert)
    padded = model.tokens(["the cat sat", "a dog ran under the tree"])
    assert padded["attention_mask"].tolist() == [[1] * 5 + [0] * 3, [1] * 8]
    cut = model.tokens(["the cat sat", "a dog ran under the tree"], length=7)
    assert cut["input_ids"].shape == (1, 7)
    assert bool(cut["attention_mask"].all())
    for texts, length in (([], None), (["the cat"], 9)):
        with pytest.raises(ShapeError, match="no text"):
            model.tokens(texts, length=length)


def test_a_tokenizer_without_padding_is_padded_with_a_mask(bert: Path) -> None:
    model = pretrained(bert)
    whole = model.tokens(["the cat sat", "a dog ran under the tree"])
    model.tokenizer.pad_token = None
    found = model.tokens(["the cat sat", "a dog ran under the tree"])
    assert torch.equal(found["attention_mask"], whole["attention_mask"])
    assert torch.equal(found["input_ids"], whole["input_ids"])


@pytest.mark.parametrize(
    "kind, head, width",
    [
        ("GPT2LMHeadModel", "next token", 40),
        ("BertForMaskedLM", "masked token", 40),
        ("BertForSequenceClassification", "classes", 2),
    ],
)
def test_the_head_is_chosen(tmp_path: Path, kind: str, head: str, width: int) -> None:
    model = pretrained(make(tmp_path, kind), head=head)
    out = model.module(**{k: t for k, t in model.tokens(TEXTS[:3]).items() if "type" not in k})
    assert out.logits.shape[0] == 3
    assert out.logits.shape[-1] == width
    assert "past_key_values" not in out


def test_weights_that_the_files_lack_are_named_and_the_same_each_time(bert: Path) -> None:
    one, two = (pretrained(bert, head="classes") for _ in range(2))
    assert set(one.missing) == {"classifier.bias", "classifier.weight"}
    assert torch.equal(one.module.classifier.weight, two.module.classifier.weight)


def test_half_precision_is_read_in_the_precision_that_is_asked_for(copied: Path) -> None:
    from transformers import BertModel

    BertModel.from_pretrained(copied).to(torch.bfloat16).save_pretrained(copied)
    assert next(pretrained(copied).module.parameters()).dtype == torch.float32
    half = pretrained(copied, dtype=torch.bfloat16)
    assert next(half.module.parameters()).dtype == torch.bfloat16


class Bomb:
    """What a hostile pickle does."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_a_folder_of_pickled_weights_is_refused_unread(copied: Path, file: str) -> None:
    (copied / "model.safetensors").unlink()
    mark = copied / "ran"
    torch.save({"weights": Bomb(mark)}, copied / file)
    with pytest.raises(RecordError, match=r"safetensors.*save_pretrained") as caught:
        pretrained(copied)
    assert file in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("target", ["pytorch_model.bin", "../model.safetensors", 3])
def test_an_index_that_leads_elsewhere_is_refused_unread(copied: Path, target: object) -> None:
    mark = copied / "ran"
    torch.save({"weights": Bomb(mark)}, copied / "pytorch_model.bin")
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": target}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(RecordError, match="index"):
        pretrained(copied)
    assert not mark.exists()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_the_folder_is_never_run(copied: Path, file: str, known: bool) -> None:
    mark = copied / "ran"
    source = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
    classes = {n: f"evil.{n}" for n in ("AutoConfig", "AutoModel", "AutoModelForCausalLM")}
    (copied / "evil.py").write_text(source + "class AutoConfig: pass\nclass AutoModel: pass\n")
    if file == "config.json":
        unknown = {} if known else {"model_type": "evil", "architectures": ["Evil"]}
        edit(copied / file, auto_map=classes, **unknown)
    else:
        own = {"tokenizer_class": "BertTokenizer" if known else "EvilTokenizer"}
        edit(copied / file, auto_map={"AutoTokenizer": ["evil.A", "evil.B"]}, **own)
    if known or file == "tokenizer_config.json":  # a class of transformers does as well
        model = pretrained(copied)
        assert type(model.module).__module__.startswith("transformers.")
        assert type(model.tokenizer).__module__.startswith("transformers.")
    else:
        with pytest.raises(RecordError, match="code of its own, which is not run"):
            pretrained(copied)
    assert not mark.exists()
    assert "evil" not in sys.modules


@pytest.mark.parametrize("part", ["attn_implementation", "experts_implementation"])
def test_a_kernel_that_the_configuration_names_is_not_fetched(copied: Path, part: str) -> None:
    edit(copied / "config.json", **{part: "someone/kernel", f"_{part}": "someone/kernel"})
    assert getattr(pretrained(copied).module.config, f"_{part}") == "eager"


@pytest.mark.parametrize("method", ["mxfp4", "fp8", "no such method"])
def test_quantised_weights_are_refused_for_their_readers_fetch_code(
    copied: Path, method: str
) -> None:
    edit(copied / "config.json", quantization_config={"quant_method": method})
    with pytest.raises(RecordError, match="quantised weights"):
        pretrained(copied)


def test_an_adapter_is_refused_for_it_names_another_model(copied: Path) -> None:
    content = {"base_model_name_or_path": "somewhere/else", "peft_type": "LORA"}
    (copied / "adapter_config.json").write_text(json.dumps(content))
    with pytest.raises(RecordError, match="adapter"):
        pretrained(copied)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: (f / "model.safetensors").write_bytes(b"\x00" * 64),
        lambda f: (f / "model.safetensors").write_bytes(
            (f / "model.safetensors").read_bytes()[:500]
        ),
        lambda f: (f / "config.json").write_text("{"),
        lambda f: (f / "config.json").write_text("[]"),
        lambda f: (f / "config.json").unlink(),
        lambda f: edit(f / "config.json", hidden_size=8),
        lambda f: edit(f / "config.json", model_type="no_such_model", architectures=[]),
        lambda f: (f / "model.safetensors.index.json").write_text("null"),
    ],
)
def test_damaged_folders_are_refused(copied: Path, spoil: Any) -> None:
    spoil(copied)
    with pytest.raises(RecordError):
        pretrained(copied)


def test_a_model_without_a_tokenizer_is_still_a_model(copied: Path) -> None:
    for file in copied.glob("*oken*"):
        file.unlink()
    (copied / "vocab.txt").unlink()
    model = pretrained(copied)
    assert model.module(torch.zeros(1, 3, dtype=torch.int64)).last_hidden_state.shape == (1, 3, 16)
    with pytest.raises(RecordError, match="tokenizer"):
        model.tokens(["the cat"])


@pytest.mark.parametrize("name", ["./nothing", "/no/where", "a/b/c", Path("nothing"), "~/models"])
def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere(name: str | Path) -> None:
    with pytest.raises(RecordError, match="a folder with"):
        pretrained(name)


@pytest.mark.parametrize("name", ["nobody/nothing-of-the-kind", "no such name!"])
def test_a_name_that_is_not_in_the_cache_is_refused_offline(name: str) -> None:
    with pytest.raises(RecordError, match="check the name and the network"):
        pretrained(name, offline=True)


def test_an_unknown_head_names_the_nearest(bert: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'next token'"):
        pretrained(bert, head="next_token")
    assert "states" in HEADS


def test_without_the_extra_it_says_what_to_install(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(RGError, match=r'pip install "rgwidgets\[models\]"'):
        pretrained(bert)


def test_it_shows_what_it_is(bert: Path) -> None:
    assert isinstance(pretrained(bert), Pretrained)
    assert "BertTokenizer" not in repr(pretrained(bert))
