"""Before a long run: the memory and the time that it will take, and what would fit where it does not.

Memory is `estimate`'s, in closed form. Time is FLOPs / (utilisation * peak), with the peak of a matrix product measured
here; the utilisation is measured by real steps of this very shape where they take seconds, else assumed and said to be.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from mtp_edu.config import PRESETS, ModelConfig, TrainConfig
from mtp_edu.corpus import Windows
from mtp_edu.device import Device, choose, matmul_peak
from mtp_edu.meter.closed_form import REACHED, USABLE, Estimate, estimate
from mtp_edu.model import MultiTokenModel
from mtp_edu.train import train

_TRIAL_STEPS = 12  # at most


class DoesNotFit(ValueError):
    """A run needs more memory than is free; the message says how much, and what would fit."""


@dataclass(frozen=True)
class Plan:
    """What a training run will take. `print` it, or `check` it before the run."""

    cfg: ModelConfig
    config: TrainConfig
    length: int  # tokens per window
    where: Device
    memory: Estimate  # of a forward and backward over one micro-batch, with all heads
    free: int | None  # bytes on the device; None: the system does not say
    flops: int  # of the whole run, without validation
    peak: float  # FLOPs per second of a large matrix product, measured here
    utilisation: float  # share of that peak that the steps reach
    steps_timed: int  # real steps that the utilisation comes from; 0: it is assumed (REACHED)

    @property
    def seconds(self) -> float:
        """Of the whole run, without validation, checkpoints and compilation."""
        return self.flops / (self.utilisation * self.peak)

    @property
    def fits(self) -> bool:
        """Whether the run needs at most nine tenths (USABLE) of what is free; unknown counts as free."""
        return self.free is None or self.memory.total <= USABLE * self.free

    def check(self) -> None:
        """Raise DoesNotFit, naming what would fit, if the run does not."""
        if not self.fits:
            ways = "; ".join(self.remedies()) or "no preset; use a device with more memory"
            raise DoesNotFit(
                f"this run needs {_parts(self.memory)} on {self.where.device}, where {_size(self.free)} are free and "
                f"{_size(USABLE * self.free)} are counted on. What would fit: {ways}"
            )

    def remedies(self) -> list[str]:
        """What would fit, in words: first what leaves the result as it is, then shorter windows, then a smaller model.

        The last two keep the micro-batch as it is if the first helps, else a single window (and chunks).
        """
        asked, ways = self.config.micro_batch_size, []
        divisors = [size for size in range(asked, 0, -1) if self.config.batch_size % size == 0]
        thrift = {"mode": "memory-efficient", "token_chunk": min(512, self.config.token_chunk or 512)}
        same = ({"micro_batch_size": size} | chunked for chunked, size in product(({}, thrift), divisors))
        found = next((changes for changes in same if self._would_fit(**changes)), None)
        if found:
            passes = self.config.batch_size // found["micro_batch_size"]
            ways.append(f"{_named(found)} (the same result, in {passes} passes per step)")
        single = {"micro_batch_size": 1}
        helped = [{}] if found else [{} if asked == 1 else single, single | thrift]
        shorter = [self.length // parts for parts in (2, 4, 8) if self.length >= parts]
        for less, length in product(helped, shorter):
            if self._would_fit(length=length, **less):
                ways.append(f"windows of {length} tokens{_with(less)}")
                break
        for less, (name, cfg) in product(helped, reversed(list(_smaller(self.cfg)))):
            if self._would_fit(cfg, **less):
                ways.append(f"the preset {name} of {cfg.parameters():,} parameters{_with(less)}")
                break
        return ways

    def _would_fit(self, cfg: ModelConfig | None = None, length: int | None = None, **changes) -> bool:
        needed = _memory(cfg or self.cfg, replace(self.config, **changes), length or self.length, self.where)
        return needed.total <= USABLE * self.free

    def __str__(self) -> str:
        config, tokens = self.config, self.config.batch_size * self.length
        run = f"{config.steps:,} steps of {tokens:,} tokens on {self.where.device}"
        source = "assumed, no step was run" if not self.steps_timed else f"measured in {self.steps_timed} real steps"
        if self.steps_timed and config.compile:
            source += ", not compiled"
        free = "what is free is unknown" if self.free is None else f"{_size(self.free)} are free"
        return (
            f"{self.cfg.parameters():,} parameters, {run}\n"
            f"memory: {_parts(self.memory)}; {free}{'' if self.fits else ': IT DOES NOT FIT'}\n"
            f"time: about {_duration(self.seconds)}, {self.flops:.2g} FLOPs at {self.utilisation:.0%} "
            f"of {self.peak / 1e9:,.0f} GFLOP/s ({source})"
        )


def plan(cfg: ModelConfig, config: TrainConfig, length: int, trial_seconds: float = 10.0) -> Plan:
    """What training a model of this shape on windows of `length` tokens will take here, without running it.

    trial_seconds: up to twelve real steps (forward, backward, AdamW; a throw-away model, random tokens) are timed if
    a few of them are thought to take no longer, the run fits, and it has more than twice as many; 0: none, the
    utilisation is assumed. A trial reads true only for as long as the machine is as busy as it is now. Both memory
    and trial are of blocks that run eagerly: compiled ones keep less and are mostly faster.
    Raises ValueError for a device, a length or head weights that are impossible.
    """
    if not 1 <= length <= cfg.max_seq_len:
        raise ValueError(f"windows of {length} tokens: this model takes 1 to max_seq_len={cfg.max_seq_len}")
    where = choose(config.device, config.dtype)
    memory, flops = _memory(cfg, config, length, where), _flops(cfg, config, length)
    peak = matmul_peak.__wrapped__(where.device, where.dtype)  # now: a kept one is of a moment less or more busy
    free = free_memory(where.device)
    known = Plan(cfg, config, length, where, memory, free, flops, peak, REACHED, 0)
    cheap = 4 * known.seconds / config.steps <= trial_seconds and config.steps > 2 * _TRIAL_STEPS
    if not (known.fits and cheap):
        return known
    utilisation, steps = _trial(known, trial_seconds)
    return replace(known, utilisation=utilisation, steps_timed=steps)


def free_memory(device: torch.device, root: Path = Path("/")) -> int | None:
    """Bytes that a run could take on a device; None where the system does not say (Windows).

    On CUDA what the driver has free and what torch keeps unused; on Linux what is available and no more than the
    control groups leave, which is how containers are limited; on a Mac all its memory, for want of better.
    root: where /proc and /sys are.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    try:
        available = re.search(r"MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(encoding="utf-8"))
        return max(0, min([1024 * int(available[1]), *_left_by_groups(root)]))
    except (OSError, TypeError):  # no such file, or no such line in it
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else None


def _left_by_groups(root: Path) -> Iterator[int]:
    """Bytes left by each limited control group of this process, version 1 or 2; files cached in memory count as left.

    Inside a container the groups' paths may be the host's: what is not there is passed over, the root never is.
    """
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                base = root / "sys/fs/cgroup/memory"
            else:
                continue
            group = PurePosixPath(path.lstrip("/"))
            for folder in (base / group, *(base / parent for parent in group.parents)):
                with contextlib.suppress(OSError, ValueError):  # not there, or "max": no limit
                    limit, used = (int((folder / name).read_text(encoding="utf-8")) for name in names[:2])
                    stat = (folder / "memory.stat").read_text(encoding="utf-8")
                    cached = re.search(rf"^{names[2]} (\d+)$", stat, re.M)
                    yield limit - used + (int(cached[1]) if cached else 0)


def _memory(cfg: ModelConfig, config: TrainConfig, length: int, where: Device) -> Estimate:
    kind, dtype = "cuda" if where.device.type == "cuda" else "cpu", str(where.dtype).removeprefix("torch.")
    return estimate(cfg, config.micro_batch_size, length, config.mode, config.token_chunk, dtype, kind)


def _flops(cfg: ModelConfig, config: TrainConfig, length: int) -> int:
    """Of all steps: a head whose weight is 0 in a step is not run."""
    weights = (config.weights_at(step, cfg.n_future) for step in range(config.steps))
    phases = Counter(tuple(head for head, weight in enumerate(each) if weight > 0) for each in weights)
    tokens = config.batch_size * length
    return sum(steps * tokens * cfg.flops_per_token(length, heads) for heads, steps in phases.items())


def _trial(known: Plan, allowed: float) -> tuple[float, int]:
    """Utilisation in real steps of this shape, and how many were timed: at least two, after one that warms up."""
    cfg, length = known.cfg, known.length
    off = {"head_schedule": "constant", "compile": False, "validate_every": 0, "checkpoint_every": 0}
    config = replace(known.config, steps=_TRIAL_STEPS, warmup_steps=0, learning_rate=1e-6, **off)
    ids = np.random.default_rng(0).integers(cfg.vocab_size, size=config.batch_size * length + cfg.n_future)
    data = Windows(ids, length, cfg.n_future, cfg.vocab_size, eos_id=-1)
    ends = []
    with contextlib.closing(train(MultiTokenModel(cfg), data, config, quiet=True)) as events:
        for event in events:
            if event.interrupted:
                raise KeyboardInterrupt
            ends.append(event.seconds)
            if len(ends) > 2 and ends[-1] > allowed:
                break
    each = [end - begin for begin, end in pairwise(ends)]
    return _flops(cfg, config, length) / config.steps / statistics.median(each) / known.peak, len(each)


def _smaller(cfg: ModelConfig) -> Iterator[tuple[str, ModelConfig]]:
    """The presets below a model, smallest first, with everything else as it is there."""
    for name, (dim, n_layers, n_attention_heads) in PRESETS.items():
        shape = {"dim": dim, "n_layers": n_layers, "n_attention_heads": n_attention_heads}
        with contextlib.suppress(ValueError):  # too shallow for so many heads
            smaller = replace(cfg, **shape, n_kv_heads=None, ffn_dim=None)
            if smaller.parameters() < cfg.parameters():
                yield name, smaller


def _named(changes: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in changes.items())


def _with(changes: dict) -> str:
    return f" with {_named(changes)}" if changes else ""


def _parts(needed: Estimate) -> str:
    parts = {
        "weights": needed.parameter_bytes,
        "gradients": needed.gradient_bytes,
        "AdamW": needed.optimizer_bytes,
        "activations": needed.activation_bytes + needed.temporary_bytes,
        "logits": needed.logit_bytes,
    }
    return f"{_size(needed.total)} ({', '.join(f'{name} {_size(count)}' for name, count in parts.items())})"


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}" if seconds >= 10 * length else f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
