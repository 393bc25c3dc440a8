"""Text to ids and back: bytes, and SentencePiece trained on the spot, behind one interface.

Any valid Unicode text comes back from encode and decode unchanged, whatever it holds (tabs, runs of spaces, CRLF,
NUL, emoji). `eos_id` ends a document and stands for no text. A tokenizer is a table from id to bytes, so decoding,
counting bytes per token and showing one token are the same for both kinds.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from mtp_edu.paths import atomic_write, cache_dir

_SPACE = "\u2581"  # SentencePiece writes a space as this character, so a real one in the text must go round it
_BYTES_FILE, _SENTENCEPIECE_FILE = "tokenizer.json", "tokenizer.model"
_BYTES_CONTENT = json.dumps({"format": "mtp_edu tokenizer", "type": "bytes"})


def check_unicode(text: str) -> None:
    """Refuse what is not valid Unicode, naming the character and the place."""
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, not {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"not valid Unicode: lone surrogate U+{ord(text[error.start]):04X} at index {error.start}; "
            "read the file with errors='replace', or with its true encoding"
        ) from None


def refuse_one_text(texts: Sequence) -> None:
    """One string where a list of documents belongs would be taken apart into characters."""
    if isinstance(texts, str):
        raise TypeError("expected a list of documents or strings, not one string: put it into a list")


class _Tokenizer:
    """What both tokenizers share: everything that follows from the table of bytes."""

    eos_id: int
    _table: list[bytes]

    @property
    def vocab_size(self) -> int:
        return len(self._table)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids; a piece of a broken character becomes U+FFFD, the end of text becomes nothing."""
        return b"".join(self.token_bytes(i) for i in ids).decode("utf-8", errors="replace")

    def token_bytes(self, token: int) -> bytes:
        if not 0 <= token < len(self._table):
            raise ValueError(f"id {token} is outside the vocabulary of {len(self._table)}")
        return self._table[token]

    def token_text(self, token: int) -> str:
        """One token for display: bytes that are no character alone are shown as \\xNN."""
        return "<eos>" if token == self.eos_id else self.token_bytes(token).decode("utf-8", errors="backslashreplace")

    def fingerprint(self) -> str:
        """The same for tokenizers that give the same ids: a checkpoint names the one it was trained with."""
        return hashlib.sha256(self._content()).hexdigest()

    def save(self, folder: str | Path) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / self._file, self._content())
        for other in {_BYTES_FILE, _SENTENCEPIECE_FILE} - {self._file}:
            (folder / other).unlink(missing_ok=True)


class ByteTokenizer(_Tokenizer):
    """256 bytes and an end-of-text id: 257 ids, nothing to train (the paper's byte-level models, section 3.3)."""

    _file = _BYTES_FILE

    def __init__(self) -> None:
        self._table = [bytes([i]) for i in range(256)] + [b""]
        self.eos_id = 256

    def encode(self, text: str) -> list[int]:
        check_unicode(text)
        return list(text.encode("utf-8"))

    def _content(self) -> bytes:
        return _BYTES_CONTENT.encode()

    def __repr__(self) -> str:
        return "ByteTokenizer(vocab_size=257)"


class SentencePieceTokenizer(_Tokenizer):
    """Byte-pair pieces by SentencePiece; what no piece covers falls back to bytes, so nothing is ever unknown."""

    _file = _SENTENCEPIECE_FILE

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._processor = sp = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.eos_id = sp.eos_id()
        self._table = [self._piece_bytes(i) for i in range(sp.get_piece_size())]
        if self.eos_id < 0 or not all(sp.piece_to_id(f"<0x{b:02X}>") != sp.unk_id() for b in range(256)):
            raise ValueError("this SentencePiece model has no end-of-text id or no byte pieces: train it here")

    def _piece_bytes(self, i: int) -> bytes:
        sp = self._processor
        if sp.is_control(i) or sp.is_unknown(i):
            return b""
        if sp.is_byte(i):
            return bytes([int(sp.id_to_piece(i)[3:-1], 16)])
        return sp.id_to_piece(i).replace(_SPACE, " ").encode("utf-8")

    @classmethod
    def train(cls, texts: Sequence, vocab_size: int = 2048, cache: bool = True) -> SentencePieceTokenizer:
        """Train on texts (strings or Documents); the same texts and size are read back from the cache.

        Raises ValueError if the texts are too few for this vocabulary, or the vocabulary too small for the texts.
        """
        refuse_one_text(texts)
        texts = [getattr(text, "text", text) for text in texts]
        digest = hashlib.sha256(f"bpe-1 {sentencepiece.__version__} {vocab_size}".encode())
        for text in texts:
            check_unicode(text)
            digest.update(b"\0" + hashlib.sha256(text.encode("utf-8")).digest())
        if not any(texts):
            raise ValueError("no text to train a tokenizer on: pass at least one document that is not empty")
        cached = cache_dir() / "tokenizers" / f"{digest.hexdigest()[:32]}.model"
        if cache and cached.exists():
            return cls(cached.read_bytes())
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(text for text in texts if text),
                model_writer=model,
                model_type="bpe",
                vocab_size=vocab_size,
                byte_fallback=True,
                normalization_rule_name="identity",  # the text must come back unchanged
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                allow_whitespace_only_pieces=True,  # indentation of any depth can be one token
                max_sentence_length=1 << 30,  # a document is one "sentence"
                unk_id=0,
                eos_id=1,
                bos_id=-1,
                pad_id=-1,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).rsplit("] ", 1)[-1].strip()
            raise ValueError(
                f"vocab_size={vocab_size} does not fit these texts: {reason} "
                "A vocabulary needs 258 ids and one for each frequent character; small texts cannot fill a large one."
            ) from None
        if cache:
            try:
                cached.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(cached, model.getvalue())
            except OSError as error:  # a read-only home must not cost the tokenizer
                warnings.warn(f"the tokenizer was not cached ({error}); set MTP_EDU_CACHE", stacklevel=2)
        return cls(model.getvalue())

    def encode(self, text: str) -> list[int]:
        check_unicode(text)
        space = [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in _SPACE.encode("utf-8")]
        ids: list[int] = []
        for i, part in enumerate(text.split(_SPACE)):
            ids += (space if i else []) + self._processor.encode(part)
        return ids

    def _content(self) -> bytes:
        return self._model

    def __repr__(self) -> str:
        return f"SentencePieceTokenizer(vocab_size={self.vocab_size})"


Tokenizer = ByteTokenizer | SentencePieceTokenizer


def load_tokenizer(path: str | Path) -> Tokenizer:
    """A tokenizer from the folder it was saved to, or from a SentencePiece .model file."""
    path = Path(path)
    if path.is_file() and path.suffix == ".model":
        return _load_sentencepiece(path)
    if (path / _SENTENCEPIECE_FILE).exists():
        return _load_sentencepiece(path / _SENTENCEPIECE_FILE)
    if (path / _BYTES_FILE).exists():
        if (path / _BYTES_FILE).read_text(encoding="utf-8") != _BYTES_CONTENT:
            raise ValueError(f"{path / _BYTES_FILE} is not a tokenizer saved by mtp_edu")
        return ByteTokenizer()
    raise FileNotFoundError(f"no tokenizer in {path}: expected {_SENTENCEPIECE_FILE} or {_BYTES_FILE}")


def _load_sentencepiece(path: Path) -> SentencePieceTokenizer:
    try:
        return SentencePieceTokenizer(path.read_bytes())
    except RuntimeError as error:
        raise ValueError(f"{path} is not a SentencePiece model, or it is damaged") from error
