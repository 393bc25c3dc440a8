"""Models come back as they were; what is damaged, foreign or mismatched is refused by name."""

import errno
import json

import pytest
import torch
from core.small_models import loud_model
from safetensors.torch import save_file

import mtp_edu as mtp
from mtp_edu import checkpoint


@pytest.mark.parametrize("shape", [{}, {"tie_embeddings": True}, {"replicated_unembedding": True}])
def test_saved_and_loaded(tmp_path, shape):
    model = loud_model(vocab_size=257, n_future=3, **shape)
    mtp.save(model, tmp_path, tokenizer=mtp.ByteTokenizer(), info={"seed": 3})
    again, tok = mtp.load(tmp_path, dtype=None)
    assert again.cfg == model.cfg and tok.fingerprint() == mtp.ByteTokenizer().fingerprint()
    assert checkpoint.info(tmp_path) == {"seed": 3}
    tokens = torch.randint(0, 257, (2, 9))
    assert torch.equal(again(tokens), model(tokens))
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["config"] == model.cfg.to_dict()


def test_stored_in_bfloat16_and_read_as_float32(tmp_path):
    model = loud_model(n_future=2)
    mtp.save(model, tmp_path, dtype=torch.bfloat16)
    again, tok = mtp.load(tmp_path)
    assert tok is None and again.norm.weight.dtype == torch.float32
    assert torch.equal(again.embedding.weight, model.embedding.weight.bfloat16().float())


def test_damage_and_foreign_files_are_named(tmp_path):
    mtp.save(loud_model(), tmp_path)
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    for cut in (0, 5, 500, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="damaged or cut short"):
            mtp.load(tmp_path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="foreign"):
        mtp.load(tmp_path)
    path.write_bytes(b"\x80\x04\x95" + b"pickle" * 100)
    with pytest.raises(ValueError, match="damaged"):
        mtp.load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        mtp.load(tmp_path / "nowhere")


def test_another_configuration_is_named(tmp_path):
    model = loud_model(n_future=2)
    header = {"config": loud_model(n_future=3).cfg.to_dict(), "info": {}, "tokenizer": None}
    checkpoint._write(tmp_path / "model.safetensors", checkpoint._weights(model, None), "mtp_edu model 1", header)
    with pytest.raises(ValueError, match=r"does not fit its configuration: heads\.2\..* missing or misshapen"):
        mtp.load(tmp_path)
    header["config"]["wings"] = 2
    checkpoint._write(tmp_path / "model.safetensors", checkpoint._weights(model, None), "mtp_edu model 1", header)
    with pytest.raises(ValueError, match="wings"):
        mtp.load(tmp_path)


def test_another_tokenizer_is_named(tmp_path):
    model = loud_model(vocab_size=400)
    one, other = (mtp.SentencePieceTokenizer.train([text * 30], 275) for text in ("some words ", "other letters "))
    mtp.save(model, tmp_path, tokenizer=one)
    other.save(tmp_path)
    with pytest.raises(ValueError, match="not the one that the model was trained with"):
        mtp.load(tmp_path)
    with pytest.raises(ValueError, match="275 ids, the model a vocabulary of 11"):
        mtp.save(loud_model(), tmp_path, tokenizer=one)


def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    model = loud_model()
    mtp.save(model, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="disk is full"):
        mtp.save(loud_model(seed=1, vocab_size=257), tmp_path, mtp.ByteTokenizer())
    assert mtp.load(tmp_path)[1] is None, "the other model's tokenizer would make the old model unreadable"
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json"}


def test_pretrained_models_are_listed():
    with pytest.raises(FileNotFoundError, match="stories-nano"):
        mtp.load_pretrained("gpt-5")
