"""Models that can be made again by one command: `mtp-edu train --recipe stories-nano`.

A recipe is the data, the tokenizer, the shape and the training run. What ships is the result in bfloat16 with a card
that says how it was made and what it can do.
"""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from mtp_edu import checkpoint, corpus, device, probe
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.model import MultiTokenModel
from mtp_edu.progress import progress
from mtp_edu.tokenizer import SentencePieceTokenizer
from mtp_edu.train import train


@dataclass(frozen=True)
class Recipe:
    about: str
    documents: Callable[[], list[corpus.Document]]
    vocab_size: int
    length: int
    model: dict
    train: TrainConfig


RECIPES = {
    "stories-nano": Recipe(
        about="Children's stories from the grammar in stories.py; the model of notebook 00.",
        documents=lambda: corpus.stories(24_000, seed=0),
        vocab_size=1024,
        length=384,
        # Deep and narrow: a plain step runs 13 of the 16 layers, so speculation loses little to heads 2 to 4.
        model={"dim": 64, "n_layers": 16, "n_attention_heads": 4, "n_future": 4, "max_seq_len": 384},
        train=TrainConfig(
            steps=1100, batch_size=12, learning_rate=4e-3, validate_every=200, checkpoint_every=100, compile=True
        ),
    ),
}


def make(name: str, run_folder: Path, out: Path, resume: bool = False, steps: int | None = None) -> MultiTokenModel:
    """Run a recipe in `run_folder` (resumable), then write the model in bfloat16 and its card to `out`."""
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    training, held_out = corpus.split(recipe.documents())
    tokenizer = SentencePieceTokenizer.train(training, recipe.vocab_size)
    cfg = ModelConfig(vocab_size=tokenizer.vocab_size, **recipe.model)
    windows = corpus.windows(training, tokenizer, recipe.length, cfg.n_future)
    validation = corpus.windows(held_out, tokenizer, recipe.length, cfg.n_future)
    config = recipe.train
    if steps is not None:
        config = TrainConfig.from_dict(config.to_dict() | {"steps": steps, "warmup_steps": None})
    model = MultiTokenModel(cfg, seed=config.seed)
    events = train(model, windows, config, validation, run_folder, tokenizer, resume, overwrite=not resume)
    last = deque(progress(events), maxlen=1).pop()  # run to the end, keep the last event
    if last.interrupted:
        return model
    # What ships is bfloat16, so that is what the card describes.
    checkpoint.save(model, out, tokenizer, dtype=torch.bfloat16, info=checkpoint.info(run_folder))
    model, tokenizer = checkpoint.load(out)
    report = probe.report(model, tokenizer, held_out, recipe.length)
    card = _card(name, recipe, config, model, training, held_out, last, report)
    (out / "README.md").write_text(card, encoding="utf-8")
    return model


def _card(name, recipe, config, model, training, held_out, last, report) -> str:
    machine = device.choose(config.device, config.dtype)
    epochs = last.tokens / (len(training) and report.tokens_per_document * len(training))
    return f"""# {name}

{recipe.about}

- made by: `mtp-edu train --recipe {name}`
- data: {len(training):,} documents for training, {len(held_out):,} held out (by a hash of the name,
  near-duplicates follow the held-out document); none of the held-out text was seen
- shape: {model.cfg.parameters():,} parameters, width {model.cfg.dim}, {model.cfg.n_trunk_layers} trunk layers and
  {model.cfg.n_future} heads ({model.cfg.head_order} {model.cfg.head_type}), vocabulary {model.cfg.vocab_size},
  max_seq_len {model.cfg.max_seq_len}; stored in bfloat16
- training: {last.tokens:,} tokens (about {epochs:.1f} epochs) in {config.steps:,} steps of {config.batch_size} windows
  of {recipe.length}, peak rate {config.learning_rate}, seed {config.seed}, {last.seconds / 60:.0f} minutes on
  {machine.device} in {str(machine.dtype).removeprefix("torch.")} ({platform.machine()}, torch {torch.__version__})

On held-out text, after rounding to bfloat16:

{report.markdown()}
"""
