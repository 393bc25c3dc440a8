"""Training as a loop that yields events: a progress bar, a plot, a test and the command line read the same ones.

The recipe is the paper's (Table S13): AdamW with betas 0.9 and 0.95, linear warm-up, cosine decay, clipping at 1.
The order of the windows follows from (seed, step) alone and nothing else is random, so a run that was interrupted
and resumed ends with the weights of one that never was (bit for bit on the CPU).
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import shutil
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mtp_edu import checkpoint, device, interrupt
from mtp_edu.backward import forward_backward, head_losses
from mtp_edu.compiling import CompiledBlocks
from mtp_edu.config import TrainConfig
from mtp_edu.corpus import IGNORE, Windows
from mtp_edu.model import MultiTokenModel
from mtp_edu.tokenizer import Tokenizer, load_tokenizer


@dataclass(frozen=True)
class TrainEvent:
    """What is known after one optimizer step. Losses are means in nats per token, head 1 first."""

    step: int
    steps: int
    losses: tuple[float, ...]  # NaN: not computed, since the head had weight 0 (TrainConfig.weights_at) or no target
    validation: tuple[float, ...] | None  # the same on held-out windows, at the steps where it was measured
    learning_rate: float
    gradient_norm: float  # before clipping
    tokens: int  # seen so far
    tokens_per_second: float
    flops_utilisation: float  # share of this machine's measured matrix-product peak (device.matmul_peak)
    seconds: float  # since the run began, earlier sittings included
    seconds_left: float
    checkpoint: str | None = None  # the folder, if one was written at this step
    interrupted: bool = False  # said again after Ctrl-C, as the last event: the weights are whole


def train(
    model: MultiTokenModel,
    dataset: Windows,
    config: TrainConfig | None = None,
    validation: Windows | None = None,
    folder: str | Path | None = None,
    tokenizer: Tokenizer | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> Iterator[TrainEvent]:
    """Train the model in place, one event per optimizer step.

    folder: where checkpoints go, with the tokenizer; one that already holds a model is refused unless `resume` (go on
    with an unfinished run, or begin if there is none) or `overwrite`. Ctrl-C ends the loop with an event marked
    `interrupted`, after the step in progress; a second Ctrl-C stops at once. `quiet`: do not print the device.
    Raises ValueError before the first step for data that does not fit the model, OSError if the disk has no room.
    """
    config = config or TrainConfig()
    _check(model, dataset, validation, tokenizer, config)
    run = _Run(model, dataset, config, validation, folder, tokenizer)
    if folder is not None:
        json.dumps(run.identity())  # what cannot be stored must fail now, not at the first checkpoint
        run.prepare_folder(resume, overwrite)
    if not quiet:
        print(f"training {model.cfg.parameters():,} parameters on {run.device}{run.compile_note}", flush=True)
    return run.events()


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of the step numbered from 0: linear warm-up, then a cosine down to decay_ratio of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
    low = config.decay_ratio
    return config.learning_rate * (low + (1 - low) * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def make_optimizer(model: MultiTokenModel, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; matrices decay, the gains of the norms do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def window_order(dataset: Windows, config: TrainConfig, step: int) -> list[int]:
    """The windows of one step: every epoch is a permutation of all windows, drawn from (seed, epoch)."""
    size = len(dataset)
    wanted = range(step * config.batch_size, (step + 1) * config.batch_size)
    return [int(_permutation(size, config.seed, place // size)[place % size]) for place in wanted]


@functools.lru_cache(maxsize=2)
def _permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(size)


class _Run:
    """One run: where it stands, and how a step is made."""

    def __init__(self, model, dataset, config, validation, folder, tokenizer) -> None:
        self.model, self.dataset, self.config, self.tokenizer = model, dataset, config, tokenizer
        self.validation, self.folder = validation, None if folder is None else Path(folder)
        self.device = device.choose(config.device, config.dtype)
        problem = device.compiler_problem(self.device.device) if config.compile else None
        self.compile_note = f"; {problem}" if problem else ""
        double = self.device.dtype == torch.float64
        model.to(device=self.device.device, dtype=torch.float64 if double else torch.float32)
        self.compiled = CompiledBlocks(model, config.compile and not problem)
        model.zero_grad(set_to_none=True)  # what an earlier backward has left is not part of this run
        self.optimizer = make_optimizer(model, config)
        self.scaler = self.device.grad_scaler()
        self.step, self.seconds = 0, 0.0
        self.recent: deque[tuple[float, int]] = deque(maxlen=20)  # seconds and operations of the last steps
        self.tokens_per_step = config.batch_size * dataset.length

    def prepare_folder(self, resume: bool, overwrite: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in (*self.folder.glob(".model-*.safetensors"), *self.folder.glob(".training-*.safetensors")):
            leftover.unlink()  # a kill in the middle of a write leaves these
        needed = 7 * sum(p.numel() * p.element_size() for p in self.model.parameters())  # old and new side by side
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(f"{self.folder} has {free >> 20} MiB free, checkpoints need about {needed >> 20} MiB")
        unfinished = (self.folder / checkpoint.TRAINING_FILE).exists()
        finished = checkpoint.finished(self.folder)
        if resume and unfinished:
            self.resume()
        elif resume and finished:
            raise ValueError(f"the run in {self.folder} is finished: nothing to resume")
        elif (unfinished or finished) and not overwrite:
            what = "an unfinished run: pass resume=True to go on" if unfinished else "a model"
            raise ValueError(f"{self.folder} holds {what}; choose another folder, or pass overwrite=True to lose it")
        elif unfinished or finished:
            checkpoint.remove(self.folder)  # nothing of an overwritten run may pass for this one's

    def identity(self) -> dict:
        """What must be the same for a run to be the same run."""
        config = self.config.to_dict()
        for name in ("validate_every", "validation_windows", "checkpoint_every", "compile", "device"):
            del config[name]
        config["dtype"] = str(self.device.dtype).removeprefix("torch.")  # what "the device's own" came to
        return {"train_config": config, "data": self.dataset.fingerprint()}

    def save(self, finished: bool) -> None:
        state = {"step": self.step, "seconds": self.seconds, "identity": self.identity()}
        state["scaler"] = self.scaler.state_dict() if self.scaler else None
        if not finished:
            checkpoint.save_training(self.model, self.optimizer, self.folder, state)
        info = {"step": self.step, "tokens": self.step * self.tokens_per_step, "seconds": self.seconds}
        info |= {"torch": torch.__version__} | self.identity()
        checkpoint.save(self.model, self.folder, self.tokenizer, info=info)
        if finished:
            (self.folder / checkpoint.TRAINING_FILE).unlink(missing_ok=True)

    def resume(self) -> None:
        state = checkpoint.training_state(self.folder)
        saved, own = state["identity"], self.identity()
        before = TrainConfig.from_dict(saved["train_config"]).to_dict()  # with defaults for fields it did not know
        changed = [k for k, v in own["train_config"].items() if before[k] != v]
        changed += ["the training data"] if saved["data"] != own["data"] else []
        if changed:
            raise ValueError(f"cannot resume {self.folder}: {', '.join(changed)} changed since the run began")
        checkpoint.load_training(self.model, self.optimizer, self.folder)  # now: a refusal leaves the model alone
        self.step, self.seconds = state["step"], state["seconds"]
        if self.scaler and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        if self.tokenizer is None:  # the run goes on with the tokenizer that it began with
            with contextlib.suppress(FileNotFoundError):
                self.tokenizer = load_tokenizer(self.folder)

    def events(self) -> Iterator[TrainEvent]:
        config = self.config
        with interrupt.deferred() as asked:
            while self.step < config.steps:
                start = time.perf_counter()
                with self.compiled:
                    losses, norm, rate = self.optimizer_step()
                ran = [head for head, loss in enumerate(losses) if not math.isnan(loss)]
                flops = self.tokens_per_step * self.model.cfg.flops_per_token(self.dataset.length, ran)
                self.recent.append((time.perf_counter() - start, flops))
                last = self.step == config.steps
                measure = self.validation is not None and (last or self.due(config.validate_every))
                validation = self.validate() if measure else None
                self.seconds += time.perf_counter() - start
                written = self.folder is not None and (last or self.due(config.checkpoint_every))
                event = self.event(losses, validation, rate, norm, written and self.write_checkpoint(last))
                yield event
                if asked.is_set() and not last:
                    written = self.folder is not None and self.write_checkpoint(last=False)
                    yield replace(event, interrupted=True, checkpoint=str(self.folder) if written else None)
                    return

    def due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def optimizer_step(self) -> tuple[tuple[float, ...], float, float]:
        """One update from batch_size windows, in micro-batches whose losses are divided by the whole batch's counts."""
        config, where = self.config, self.device.device
        rate = learning_rate(config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tokens, targets = self.dataset.batch(window_order(self.dataset, config, self.step))
        counts = (targets != IGNORE).sum((0, 1))  # (n,) of the whole batch
        weights = config.weights_at(self.step, len(counts))
        losses = 0.0
        parts = zip(tokens.split(config.micro_batch_size), targets.split(config.micro_batch_size), strict=True)
        for some_tokens, some_targets in parts:
            with self.device.autocast():
                losses = losses + forward_backward(
                    self.model,
                    some_tokens.to(where, non_blocking=True),
                    some_targets.to(where, non_blocking=True),
                    mode=config.mode,
                    token_chunk=config.token_chunk,
                    head_weights=weights,
                    target_counts=counts,
                    grad_scaler=self.scaler,
                )
        there = any(p.grad is not None for p in self.model.parameters())
        scaler = self.scaler if there else None  # without any gradient a scaler fails, an optimizer does nothing
        if scaler:
            scaler.unscale_(self.optimizer)
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm))
        losses = tuple(losses.tolist())
        if not all(map(math.isfinite, losses)) or (not math.isfinite(norm) and not self.scaler):
            raise FloatingPointError(
                f"step {self.step + 1}: the loss or its gradient is no longer finite (losses {losses}). The weights "
                f"are those of step {self.step}: train again with a smaller learning_rate than {config.learning_rate}"
            )
        if scaler:
            scaler.step(self.optimizer)
            scaler.update()
        else:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)  # None, not 0: AdamW leaves alone what a step did not reach
        self.step += 1
        ran = [weight > 0 and count > 0 for weight, count in zip(weights, counts.tolist())]
        return tuple(loss if on else math.nan for loss, on in zip(losses, ran)), norm, rate

    def validate(self) -> tuple[float, ...]:
        return evaluate(
            self.model, self.validation, self.config.validation_windows, self.config.micro_batch_size, self.device
        )

    def write_checkpoint(self, last: bool) -> bool:
        """A full disk in the middle of a run must not end it; at the end the caller has to know."""
        try:
            self.save(finished=last)
            return True
        except OSError as error:
            if last:
                raise
            warnings.warn(f"step {self.step}: no checkpoint was written: {error}", stacklevel=2)
            return False

    def event(self, losses, validation, rate, norm, written: bool) -> TrainEvent:
        seconds, flops = map(sum, zip(*self.recent))
        return TrainEvent(
            step=self.step,
            steps=self.config.steps,
            losses=losses,
            validation=validation,
            learning_rate=rate,
            gradient_norm=norm,
            tokens=self.step * self.tokens_per_step,
            tokens_per_second=len(self.recent) * self.tokens_per_step / seconds,
            flops_utilisation=flops / seconds / device.matmul_peak(self.device.device, self.device.dtype),
            seconds=self.seconds,
            seconds_left=(self.config.steps - self.step) * self.seconds / self.step,
            checkpoint=str(self.folder) if written else None,
        )


def evaluate(
    model: MultiTokenModel,
    dataset: Windows,
    max_windows: int | None = None,
    batch_size: int = 16,
    where: device.Device | None = None,
) -> tuple[float, ...]:
    """Mean loss per head in nats per token over (at most max_windows, evenly spread) windows of held-out text."""
    where = where or device.Device(model.norm.weight.device, model.norm.weight.dtype, "the model's own")
    chosen = dataset.spread(max_windows)
    if not chosen:
        raise ValueError(f"max_windows={max_windows}: evaluate at least one window")
    sums, valid = 0.0, 0
    for start in range(0, len(chosen), batch_size):
        tokens, targets = dataset.batch(chosen[start : start + batch_size])
        with where.autocast():
            sums = sums + head_losses(model, tokens.to(where.device), targets.to(where.device)).cpu()
        valid = valid + (targets != IGNORE).sum((0, 1))
    return tuple((sums / valid).tolist())  # NaN for a head without a single target


def _check(model, dataset: Windows, validation: Windows | None, tokenizer, config: TrainConfig) -> None:
    cfg = model.cfg
    for name, data in (("dataset", dataset), ("validation", validation), ("tokenizer", tokenizer)):
        if data is not None and data.vocab_size > cfg.vocab_size:
            raise ValueError(
                f"the {name} has ids up to {data.vocab_size - 1}, the model a vocabulary of {cfg.vocab_size}: "
                "make the model with vocab_size=tokenizer.vocab_size"
            )
    for name, data in (("dataset", dataset), ("validation", validation)):
        if data is not None and data.length > cfg.max_seq_len:
            raise ValueError(f"the {name}'s windows of {data.length} tokens pass max_seq_len={cfg.max_seq_len}")
        if data is not None and data.n_future > cfg.n_future:
            raise ValueError(f"the {name} has {data.n_future} targets, the model n_future={cfg.n_future} heads")
    config.weights_at(0, dataset.n_future)  # refuses weights and phases that do not fit so many heads
