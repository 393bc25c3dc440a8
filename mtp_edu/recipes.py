"""Models that can be made again by one command: `mtp-edu train --recipe stories-nano`.

A recipe is the data, the tokenizer, the shape and the training run. What ships is the result in bfloat16 with a card
that says how it was made and what it can do.
"""

from __future__ import annotations

import platform
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch

from mtp_edu import checkpoint, corpus, device, meter, probe
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_write
from mtp_edu.progress import progress
from mtp_edu.tokenizer import ByteTokenizer, SentencePieceTokenizer
from mtp_edu.train import train


@dataclass(frozen=True)
class Recipe:
    about: str
    data: str  # "python" or "stories"
    vocab_size: int | None  # of a SentencePiece model trained on the documents; None: bytes
    length: int
    model: dict
    train: TrainConfig
    stories: int = 0  # how many

    def documents(self) -> list[corpus.Document]:
        """All of its text, training and held-out."""
        return corpus.python_source() if self.data == "python" else corpus.stories(self.stories)


def _training(steps: int, batch_size: int, learning_rate: float, dtype: str | None = "bfloat16") -> TrainConfig:
    """bfloat16: 1.3 times as many tokens per second as float32, on the processor with avx512_bf16 that made them."""
    often = {"validate_every": 200, "checkpoint_every": 100}
    return TrainConfig(
        steps=steps, batch_size=batch_size, learning_rate=learning_rate, compile=True, dtype=dtype, **often
    )


def _python(what: str, n_future: int) -> Recipe:
    return Recipe(
        about=f"Python code of the standard library; {what}.",
        data="python",
        vocab_size=2048,
        length=512,
        # Attention heads of width 64: with 32, flash attention took half of a step on the CPU.
        model={"dim": 128, "n_layers": 15, "n_attention_heads": 2, "n_future": n_future, "max_seq_len": 512},
        train=_training(2400, 9, 3e-3),
    )


RECIPES = {
    "stories-nano": Recipe(
        about="Children's stories from the grammar in stories.py; the model of notebook 00.",
        data="stories",
        stories=24_000,
        vocab_size=1024,
        length=384,
        # Deep and narrow: a plain step runs 13 of the 16 layers, so speculation loses little to heads 2 to 4.
        model={"dim": 64, "n_layers": 16, "n_attention_heads": 4, "n_future": 4, "max_seq_len": 384},
        train=_training(1100, 12, 4e-3, dtype=None),
    ),
    "stories-4": Recipe(
        about="Children's stories from the grammar in stories.py; the model of notebook 05 and of `bench decode`.",
        data="stories",
        stories=36_000,
        vocab_size=1024,
        length=384,
        model={"dim": 160, "n_layers": 16, "n_attention_heads": 5, "n_future": 4, "max_seq_len": 384},
        train=_training(1600, 12, 2.5e-3),
    ),
    "python-4": _python("what notebook 09 compares bytes-8 with", 4),
    "python-1": _python("python-4 with a single head, for comparison: same data, size, steps and seed", 1),
    "bytes-8": Recipe(
        about="Python code byte by byte, eight heads with unembeddings of their own; the model of notebook 09.",
        data="python",
        vocab_size=None,
        length=768,
        model={
            "dim": 128,
            "n_layers": 16,
            "n_attention_heads": 2,
            "n_future": 8,
            "replicated_unembedding": True,
            "max_seq_len": 768,
        },
        train=_training(2000, 6, 3e-3),
    ),
}


def plan(name: str, steps: int | None = None) -> meter.Plan:
    """What making this model will take here. `steps`: others than the recipe's."""
    recipe = _recipe(name)
    return meter.plan(*_configs(recipe, steps), recipe.length)


def make(
    name: str, run_folder: Path, out: Path, resume: bool = False, overwrite: bool = False, steps: int | None = None
) -> bool:
    """Run a recipe in `run_folder`, then write the model in bfloat16 and its card to `out`.

    False if it was interrupted. With `resume` an unfinished run goes on, and a finished one is written out again.
    Raises ValueError if that had another number of steps, as a trial has, and unless `overwrite` is given, if `out`
    holds another model.
    """
    recipe = _recipe(name)
    cfg, config = _configs(recipe, steps)
    if (out / checkpoint.MODEL_FILE).exists() and not overwrite:
        there = checkpoint.load(out)[0].cfg, checkpoint.info(out).get("step")
        if there != (cfg, config.steps):
            raise ValueError(f"{out} holds another model: choose another folder, or pass overwrite to lose it")
    training, held_out = corpus.split(recipe.documents())
    if recipe.vocab_size is None:
        tokenizer = ByteTokenizer()
    else:
        tokenizer = SentencePieceTokenizer.train(training, recipe.vocab_size)
    if resume and checkpoint.finished(run_folder):
        made = checkpoint.info(run_folder)["step"]
        if made != config.steps:
            raise ValueError(
                f"{run_folder} holds a finished run of {made} steps, this one has {config.steps}: "
                "train in another folder, or pass overwrite without resume to lose that run"
            )
    else:
        windows, validation = (
            corpus.windows(texts, tokenizer, recipe.length, cfg.n_future) for texts in (training, held_out)
        )
        model = MultiTokenModel(cfg, seed=config.seed)
        events = train(model, windows, config, validation, run_folder, tokenizer, resume, overwrite)
        if deque(progress(events), maxlen=1).pop().interrupted:
            return False
    model, tokenizer = checkpoint.load(run_folder)
    info = checkpoint.info(run_folder)
    checkpoint.save(model, out, tokenizer, dtype=torch.bfloat16, info=info)
    checkpoint.record_documents(out, training)
    if seen := checkpoint.seen(out, held_out):
        raise ValueError(f"{len(seen)} held-out documents are in the training data, such as {seen[0].name}")
    # What ships is bfloat16, so that is what the card describes.
    model, tokenizer = checkpoint.load(out)
    report = probe.report(model, tokenizer, held_out, recipe.length)
    card = _card(name, recipe, model, training, len(held_out), info, report)
    atomic_write(out / "README.md", card.encode("utf-8"))
    return True


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def _configs(recipe: Recipe, steps: int | None) -> tuple[ModelConfig, TrainConfig]:
    config = recipe.train
    if steps is not None:
        config = TrainConfig.from_dict(config.to_dict() | {"steps": steps, "warmup_steps": None})
    return ModelConfig(vocab_size=recipe.vocab_size or ByteTokenizer().vocab_size, **recipe.model), config


def _card(name, recipe, model, training: list[corpus.Document], held_out: int, info, report) -> str:
    config = TrainConfig.from_dict(info["train_config"] | {"device": None})
    machine = device.choose(config.device, config.dtype)
    # By bytes, since held-out documents may be of another length than those that were trained on.
    epochs = info["tokens"] * report.bytes_per_token / sum(len(own.text.encode("utf-8")) for own in training)
    kind = f"{model.cfg.head_order} {model.cfg.head_type}"
    heads = f"{model.cfg.n_future} heads ({kind})" if model.cfg.n_future > 1 else "one head, for the next token"
    return f"""# {name}

{recipe.about}

- made by: `mtp-edu train --recipe {name}`
- data: {len(training):,} documents for training, {held_out:,} held out (by a hash of the name, near-duplicates
  follow the held-out document); `{checkpoint.DOCUMENTS_FILE}` holds the hash and the name of each that was trained on
- shape: {model.cfg.parameters():,} parameters, width {model.cfg.dim}, {model.cfg.n_trunk_layers} trunk layers and
  {heads}, vocabulary {model.cfg.vocab_size},
  max_seq_len {model.cfg.max_seq_len}; stored in bfloat16
- training: {info["tokens"]:,} tokens (about {epochs:.1f} epochs) in {info["step"]:,} steps of
  {config.batch_size} windows of {recipe.length}, peak rate {config.learning_rate}, seed {config.seed},
  {info["seconds"] / 60:.0f} minutes on {machine.device} in {str(machine.dtype).removeprefix("torch.")}
  ({platform.machine()}, Python {platform.python_version()}, torch {torch.__version__})

On held-out text, after rounding to bfloat16:

{report.markdown()}
"""
