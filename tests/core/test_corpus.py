"""Documents, the split, the table of targets and the windows."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mtp_edu as mtp
from mtp_edu.corpus import Document, _shingles


def test_python_source_is_the_standard_library_without_its_tests():
    documents = mtp.corpus.python_source()
    names = {document.name for document in documents}
    assert "asyncio/base_events.py" in names and "json/decoder.py" in names
    assert not any({"test", "tests", "site-packages"} & set(name.split("/")) or "\\" in name for name in names)
    assert 5e6 < sum(len(document.text) for document in documents) < 20e6


def test_split_is_by_name_and_the_same_everywhere():
    documents = [Document(f"folder/file_{i}.py", f"unique text number {i}") for i in range(2000)]
    training, held_out = mtp.corpus.split(documents, held_out=0.05)
    assert len(training) + len(held_out) == 2000
    assert 60 < len(held_out) < 140
    # Pinned: these must never change, on any machine, or held-out text would leak into training.
    assert [document.name for document in held_out[:4]] == PINNED
    code = (
        "from mtp_edu.corpus import Document, split\n"
        "d = [Document(f'folder/file_{i}.py', f'unique text number {i}') for i in range(2000)]\n"
        "print([x.name for x in split(d, 0.05)[1]][:4])"
    )
    env = os.environ | {"PYTHONHASHSEED": "12345"}
    again = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == str(PINNED)


PINNED = ["folder/file_10.py", "folder/file_60.py", "folder/file_71.py", "folder/file_81.py"]


def test_near_duplicates_stay_on_one_side():
    documents = mtp.corpus.python_source()
    training, held_out = mtp.corpus.split(documents)
    seen = set().union(*(_shingles(document.text) for document in training))
    assert len(held_out) > 20
    assert not any(seen & _shingles(document.text) for document in held_out)
    assert sum(len(d.text) for d in held_out) < 0.2 * sum(len(d.text) for d in documents)


def test_a_chain_of_near_duplicates_is_followed():
    def lines(*parts):
        return "\n".join(f"line {i} of {part}" for part in parts for i in range(5))

    held_name = PINNED[0]
    documents = [
        Document("free.py", lines("x")),
        Document("third.py", lines("b", "c")),
        Document("second.py", lines("a", "b")),
        Document(held_name, lines("a")),
    ]
    training, held_out = mtp.corpus.split(documents)
    assert mtp.corpus.split(one for one in documents) == (training, held_out)
    assert [document.name for document in training] == ["free.py"]
    assert {document.name for document in held_out} == {"third.py", "second.py", held_name}


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_split_refuses_impossible_shares(share):
    with pytest.raises(ValueError, match="held_out"):
        mtp.corpus.split([Document("a", "b")], held_out=share)


def test_text_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"first\r\nline")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_bytes(b"\xef\xbb\xbfwith a mark")
    (tmp_path / "skip.bin").write_bytes(b"\xff\xfe")
    documents = mtp.corpus.text_files(tmp_path)
    assert {own.name for own in mtp.corpus.text_files(tmp_path, ".txt")} == {
        own.name for own in documents if own.name.endswith(".txt")
    }
    assert [(d.name, d.text) for d in documents] == [("a.txt", "first\r\nline"), ("sub/b.md", "with a mark")]
    (tmp_path / "c.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"c\.txt is not UTF-8"):
        mtp.corpus.text_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        mtp.corpus.text_files(tmp_path / "missing")
    (tmp_path / "sub" / "b.md").unlink()
    with pytest.raises(FileNotFoundError, match="no text"):
        mtp.corpus.text_files(tmp_path / "sub")


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 2**31))
def test_future_targets_against_the_definition(B, L, n, with_documents, with_padding, seed):
    generator = np.random.default_rng(seed)
    tokens = torch.from_numpy(generator.integers(0, 50, (B, L)))
    documents = torch.from_numpy(generator.integers(0, 2, (B, L)).cumsum(1)) if with_documents else None
    padding = torch.from_numpy(generator.integers(0, 2, (B, L)) == 1) if with_padding else None
    targets = mtp.future_targets(tokens, n, documents, padding)
    assert targets.shape == (B, L, n) and targets.dtype == torch.long
    for b in range(B):
        for t in range(L):
            for k in range(1, n + 1):
                there = t + k < L
                if there and documents is not None:
                    there = bool(documents[b, t] == documents[b, t + k])
                if there and padding is not None:
                    there = not padding[b, t] and not padding[b, t + k]
                assert targets[b, t, k - 1] == (tokens[b, t + k] if there else -100)


def test_future_targets_refuses_wrong_shapes():
    with pytest.raises(ValueError, match=r"\(B, L\)"):
        mtp.future_targets(torch.zeros(4), 2)
    with pytest.raises(ValueError, match="document_ids"):
        mtp.future_targets(torch.zeros(2, 4), 2, document_ids=torch.zeros(2, 3))
    with pytest.raises(ValueError, match="int64, not bool: .*attention_mask == 0"):
        mtp.future_targets(torch.zeros(2, 4), 2, pad_mask=torch.ones(2, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="n=0"):
        mtp.future_targets(torch.zeros(2, 4), 0)


def test_windows_hold_every_token_and_no_target_crosses_a_document():
    tok = mtp.ByteTokenizer()
    dataset = mtp.corpus.windows(["abcdef", "gh", "ijklmnop"], tok, length=4, n_future=2)
    row = [*b"abcdef", 256, *b"gh", 256, *b"ijklmnop", 256]
    assert dataset.ids.tolist() == row
    assert len(dataset) == (len(row) - 2) // 4
    tokens, targets = dataset.batch(range(len(dataset)))
    assert tokens.flatten().tolist() == row[: tokens.numel()]
    document = np.cumsum([0, *(token == 256 for token in row[:-1])])
    for place, (one, two) in enumerate(targets.reshape(-1, 2).tolist()):
        assert one == (row[place + 1] if document[place + 1] == document[place] else -100)
        assert two == (row[place + 2] if document[place + 2] == document[place] else -100)
    assert 256 in targets[..., 0]  # the end of a document is predicted
    assert dataset.spread(2) == [0, len(dataset) - 1]
    for wrong in (-1, len(dataset)):
        with pytest.raises(IndexError, match=f"window {wrong} is not there"):
            dataset.batch([0, wrong])
    with pytest.raises(ValueError, match="a batch without windows"):
        dataset.batch([])


def test_too_small_a_corpus_is_named():
    with pytest.raises(ValueError, match="6 tokens, too few for one window of length 8"):
        mtp.corpus.windows(["hello"], mtp.ByteTokenizer(), length=8, n_future=4)
    with pytest.raises(ValueError, match="length=0"):
        mtp.corpus.windows(["hello"], mtp.ByteTokenizer(), length=0)
    with pytest.raises(ValueError, match="n=0"):
        mtp.corpus.stories(0)
