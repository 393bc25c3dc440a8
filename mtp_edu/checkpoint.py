"""Models and interrupted runs on disk: safetensors with the configuration in the file's own header.

A folder holds
    model.safetensors      weights; the header names the configuration and the tokenizer they belong to
    config.json            the same configuration, for people to read
    tokenizer.model/.json  if one was given
    training.safetensors   while a run is unfinished: weights, optimizer state and step in one file
    training_documents.json.gz   what it learns from: hash and name of each document

Every file is written beside the old one and then replaces it, so a kill at any moment leaves the old or the new one
whole. Nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mtp_edu.config import ModelConfig
from mtp_edu.corpus import Document
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_path, atomic_write, data_dir
from mtp_edu.tokenizer import Tokenizer, load_tokenizer

MODEL_FILE, TRAINING_FILE, CONFIG_FILE = "model.safetensors", "training.safetensors", "config.json"
DOCUMENTS_FILE = "training_documents.json.gz"
_MODEL_FORMAT, _TRAINING_FORMAT = "mtp_edu model 1", "mtp_edu training 1"


def save(
    model: MultiTokenModel,
    folder: str | Path,
    tokenizer: Tokenizer | None = None,
    dtype: torch.dtype | None = None,
    info: dict[str, Any] | None = None,
) -> None:
    """Write a model so that `load` gives it back. dtype: of the stored weights; info: anything JSON can hold."""
    if tokenizer is not None and tokenizer.vocab_size > model.cfg.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} ids, the model a vocabulary of {model.cfg.vocab_size}: "
            "they do not belong together"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header = {"config": model.cfg.to_dict(), "info": info or {}, "tokenizer": None}
    if tokenizer is not None:
        header["tokenizer"] = tokenizer.fingerprint()
    with _written(folder / MODEL_FILE, _weights(model, dtype), _MODEL_FORMAT, header):
        # The large file is on the disk by now, and takes its place last: on a full disk the old model stays whole.
        if tokenizer is not None:
            tokenizer.save(folder)
        atomic_write(folder / CONFIG_FILE, json.dumps(header, indent=2).encode("utf-8"))


def load(
    folder: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype | None = torch.float32
) -> tuple[MultiTokenModel, Tokenizer | None]:
    """A model and its tokenizer (None if it was saved without one). dtype None keeps the stored one.

    Raises FileNotFoundError if there is no model, ValueError for one that is damaged, foreign, or does not fit its
    configuration or tokenizer.
    """
    folder = Path(folder)
    if not (folder / MODEL_FILE).is_file():
        raise FileNotFoundError(f"no {MODEL_FILE} in {folder}: is it a folder written by mtp_edu.save or train?")
    tensors, header = _read(folder / MODEL_FILE, _MODEL_FORMAT)
    model = _model(header, folder / MODEL_FILE)
    model.to(dtype or next(iter(tensors.values())).dtype)  # first, so that nothing is rounded on the way
    _fill(model, tensors, folder / MODEL_FILE)
    tokenizer = None
    if header["tokenizer"]:
        tokenizer = load_tokenizer(folder)
        if tokenizer.fingerprint() != header["tokenizer"]:
            raise ValueError(f"the tokenizer in {folder} is not the one that the model was trained with")
    return model.to(device), tokenizer


def load_pretrained(name: str, device: str | torch.device = "cpu") -> tuple[MultiTokenModel, Tokenizer]:
    """A model that ships with the project, by its name: a folder in `data/pretrained`."""
    return load(_pretrained(name), device)


def find(name: str | Path) -> Path:
    """The folder of a model: `name` itself if it is one, else that of the pretrained model of this name."""
    return Path(name) if Path(name).is_dir() else _pretrained(str(name))


def _pretrained(name: str) -> Path:
    shelf = data_dir() / "pretrained"
    if not (shelf / name / MODEL_FILE).is_file():
        there = ", ".join(sorted(path.parent.name for path in shelf.glob(f"*/{MODEL_FILE}"))) or "none"
        raise FileNotFoundError(f"no pretrained model {name!r}; there are: {there}")
    return shelf / name


def info(folder: str | Path) -> dict[str, Any]:
    """What was stored with a model beside its weights (training run, data, losses)."""
    return _read_header(Path(folder) / MODEL_FILE, _MODEL_FORMAT)["info"]


def record_documents(folder: str | Path, documents: Sequence[Document]) -> None:
    """Write down what a model learns from, so that it is never judged by text that it has seen."""
    pairs = json.dumps([[_text_hash(document), document.name] for document in documents], indent=0)
    packed = gzip.compress(pairs.encode("utf-8"), mtime=0)  # no time: the same documents make the same bytes
    atomic_write(Path(folder) / DOCUMENTS_FILE, packed)


def seen(folder: str | Path, documents: Sequence[Document]) -> list[Document]:
    """Those of the documents that the model in `folder` has learnt from: the same text, or another text of that name.

    A name counts because a file of another version is mostly the same text. Empty for a model without a record.
    """
    path = Path(folder) / DOCUMENTS_FILE
    if not path.is_file():
        return []
    known = {part for pair in json.loads(gzip.decompress(path.read_bytes())) for part in pair}
    return [own for own in documents if own.name in known or _text_hash(own) in known]


def _text_hash(document: Document) -> str:
    """The first 12 hexadecimal digits of the text's SHA-256: two of a million documents agree once in 500 corpora."""
    return hashlib.sha256(document.text.encode("utf-8")).hexdigest()[:12]


def save_training(
    model: MultiTokenModel, optimizer: torch.optim.Optimizer, folder: str | Path, state: dict[str, Any]
) -> None:
    """Everything an interrupted run needs, in one file: weights, the optimizer's moments, and `state` (JSON)."""
    tensors = {f"model.{name}": tensor for name, tensor in _weights(model, None).items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": tensor.contiguous() for name, tensor in moments.items()}
    header = {"config": model.cfg.to_dict(), "state": state}
    _write(Path(folder) / TRAINING_FILE, tensors, _TRAINING_FORMAT, header)


def training_state(folder: str | Path) -> dict[str, Any]:
    """The `state` of an interrupted run, without its weights."""
    return _read_header(Path(folder) / TRAINING_FILE, _TRAINING_FORMAT)["state"]


def load_training(model: MultiTokenModel, optimizer: torch.optim.Optimizer, folder: str | Path) -> None:
    """Put an interrupted run's weights and moments back in place."""
    path = Path(folder) / TRAINING_FILE
    tensors, header = _read(path, _TRAINING_FORMAT)
    if header["config"] != model.cfg.to_dict():
        raise ValueError(f"{path} belongs to a model of another configuration: resume with that, or use another folder")
    _fill(model, {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}, path)
    saved = optimizer.state_dict()
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, i, name = key.split(".")
            # A copy: the tensor is a view of the file, which the next checkpoint is going to replace.
            saved["state"].setdefault(int(i), {})[name] = tensor.clone()
    optimizer.load_state_dict(saved)


def remove(folder: str | Path) -> None:
    """Remove a run and its model; the tokenizer and the configuration for people are left to be replaced."""
    for name in (TRAINING_FILE, MODEL_FILE, DOCUMENTS_FILE):
        (Path(folder) / name).unlink(missing_ok=True)


def finished(folder: str | Path) -> bool:
    """Whether the folder holds a run that has ended (or a model that was saved without a run)."""
    return (Path(folder) / MODEL_FILE).exists() and not (Path(folder) / TRAINING_FILE).exists()


def step_of(folder: str | Path) -> int:
    """The step at which a run in this folder would go on, or at which it ended; 0 if it holds none.

    A checkpoint is two files, written one after the other: while there is one to resume, that is the one that counts.
    """
    training, model = Path(folder) / TRAINING_FILE, Path(folder) / MODEL_FILE
    if training.exists():
        return training_state(folder)["step"]
    return info(folder)["step"] if model.exists() else 0


def _weights(model: MultiTokenModel, dtype: torch.dtype | None) -> dict[str, torch.Tensor]:
    tensors = model.state_dict()
    if model.cfg.tie_embeddings:  # the same tensor under two names
        del tensors["unembeddings.0.weight"]
    return {name: tensor.to(dtype or tensor.dtype).contiguous() for name, tensor in tensors.items()}


@contextmanager
def _written(path: Path, tensors: dict[str, torch.Tensor], form: str, header: dict[str, Any]) -> Iterator[None]:
    """Write a file beside `path`; it takes its place when the block has succeeded."""
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"format": form, "header": json.dumps(header)})
        yield


def _write(path: Path, tensors: dict[str, torch.Tensor], form: str, header: dict[str, Any]) -> None:
    with _written(path, tensors, form, header):
        pass


def _read(path: Path, form: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    header = _read_header(path, form)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, header


def _read_header(path: Path, form: str) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or cut short ({error}): write it again, or fetch it again") from None
    if metadata.get("format") != form:
        raise ValueError(
            f"{path} was not written as {form!r} by mtp_edu (it says {metadata.get('format')!r}): foreign weights "
            "have to be converted first"
        )
    return json.loads(metadata["header"])


def _model(header: dict[str, Any], path: Path) -> MultiTokenModel:
    try:
        return MultiTokenModel(ModelConfig.from_dict(header["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has a configuration that this version cannot build: {error}") from error


def _fill(model: MultiTokenModel, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Copy weights in after comparing every name and shape."""
    expected = _weights(model, None)
    wrong = sorted(set(expected) ^ set(tensors))
    wrong += [name for name in expected if name in tensors and expected[name].shape != tensors[name].shape]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ValueError(f"{path} does not fit its configuration: {', '.join(wrong[:3])}{more} missing or misshapen")
    model.load_state_dict(tensors, strict=False)
