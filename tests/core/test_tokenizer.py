"""Any valid Unicode text comes back unchanged; everything else is refused by name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mtp_edu as mtp
from mtp_edu.tokenizer import SentencePieceTokenizer

CODE = "def total(items):\n    result = 0\n    for item in items:\n        result += item\n    return result\n\n\n" * 30
any_text = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def pieces():
    return mtp.SentencePieceTokenizer.train([CODE, "Once upon a time there was a small dog. " * 20], vocab_size=330)


AWKWARD = "a\u2581b \u2581\u2581  \tx\r\n\r\n\0y \u2028\ufeff e\u0301 \ufb01 \U0001f600 </s><unk><0x41> \uffff"


@given(any_text)
@example(AWKWARD)
@example("\u2581")
@example("  leading and trailing  ")
@example("")
def test_bytes_round_trip(text):
    tok = mtp.ByteTokenizer()
    assert tok.decode(tok.encode(text)) == text


@given(text=any_text)
@example(text=AWKWARD)
@example(text="\u2581")
@example(text="  leading and trailing  ")
@example(text="")
def test_pieces_round_trip(pieces, text):
    ids = pieces.encode(text)
    assert pieces.decode(ids) == text
    assert all(0 <= i < pieces.vocab_size and i != pieces.eos_id for i in ids)
    assert sum(len(pieces.token_bytes(i)) for i in ids) == len(text.encode("utf-8"))


def test_indentation_is_cheap(pieces):
    assert len(pieces.encode("        ")) == 1
    assert len(pieces.encode(CODE)) < len(CODE) / 3


@pytest.mark.parametrize("bad", ["ok \ud800 no", "\udfff"])
def test_lone_surrogates_are_named(pieces, bad):
    for tok in (pieces, mtp.ByteTokenizer()):
        with pytest.raises(ValueError, match=r"U\+D[8F][0-9A-F]{2} at index"):
            tok.encode(bad)
    with pytest.raises(ValueError, match="surrogate"):
        mtp.SentencePieceTokenizer.train([bad], vocab_size=300)
    with pytest.raises(TypeError, match="bytes"):
        pieces.encode(b"bytes")


def test_end_of_text_is_no_text(pieces):
    for tok in (pieces, mtp.ByteTokenizer()):
        assert tok.decode([tok.eos_id]) == ""
        assert tok.token_text(tok.eos_id) == "<eos>"
    assert mtp.ByteTokenizer().vocab_size == 257
    assert mtp.ByteTokenizer().token_text(0xFF) == "\\xff"


def test_ids_outside_the_vocabulary_are_refused(pieces):
    for bad in (-1, pieces.vocab_size):
        with pytest.raises(ValueError, match=str(bad)):
            pieces.decode([bad])


def test_saved_and_loaded(pieces, tmp_path):
    for tok in (pieces, mtp.ByteTokenizer(), pieces):  # one folder: the last one saved is the one that is there
        tok.save(tmp_path)
        again = mtp.load_tokenizer(tmp_path)
        assert type(again) is type(tok)
        assert again.fingerprint() == tok.fingerprint()
        assert again.encode(AWKWARD) == tok.encode(AWKWARD)


def test_damaged_and_missing_tokenizers_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tokenizer"):
        mtp.load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"tokenizer\.model"):
        mtp.load_tokenizer(tmp_path)


def test_training_is_cached_and_repeatable(monkeypatch, tmp_path):
    monkeypatch.setenv("MTP_EDU_CACHE", str(tmp_path))
    first = mtp.SentencePieceTokenizer.train([CODE], vocab_size=300)
    assert len(list(tmp_path.rglob("*.model"))) == 1
    uncached = mtp.SentencePieceTokenizer.train([CODE], vocab_size=300, cache=False)
    assert uncached.fingerprint() == first.fingerprint()
    refused = "the cache was not used"
    monkeypatch.setattr("sentencepiece.SentencePieceTrainer.train", lambda **_: pytest.fail(refused))
    assert mtp.SentencePieceTokenizer.train([CODE], vocab_size=300).fingerprint() == first.fingerprint()


@pytest.mark.parametrize(("texts", "size"), [([CODE], 100), (["tiny"], 4000), ([""], 300), ([], 300)])
def test_sizes_that_do_not_fit_are_explained(texts, size):
    with pytest.raises(ValueError, match="vocab_size|no text"):
        SentencePieceTokenizer.train(texts, vocab_size=size, cache=False)
