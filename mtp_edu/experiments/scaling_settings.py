"""What the sweep of `mtp-edu run scaling` is made of: its settings, and which of them each part needs (scaling.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mtp_edu.config import PRESETS, ModelConfig
from mtp_edu.experiments.runs import fits

PARTS = ("size", "epochs", "curricula", "added")
DATA = ("python", "stories")
FUTURES = (1, 2, 4, 8)
EPOCHS = (1, 4, 16)
PLAIN = "plain sum"
# How four heads are weighted (TrainConfig): name -> its fields
WEIGHTS: dict[str, dict] = {
    PLAIN: {},
    "falling along the heads, 0.6^(k-1)": {"head_weights": (1.0, 0.6, 0.36, 0.216)},
    "decay to 0 in time": {"head_schedule": "decay"},
    "forward curriculum": {"head_schedule": "forward"},
    "reverse curriculum": {"head_schedule": "reverse"},
}


@dataclass(frozen=True)
class Sweep:
    """What all runs share, and which there are."""

    data: str = "python"
    tokens: int = 2**21  # seen by every run
    sizes: tuple[str, ...] = ("nano", "1M", "3M", "10M")
    parts: tuple[str, ...] = PARTS
    at: str = "nano"  # the size of the parts epochs and curricula
    vocab_size: int = 1024
    length: int = 256  # tokens per window, T
    batch_size: int = 8  # windows per step
    learning_rate: float = 4e-3  # peak, at width 64
    points: int = 8  # validations on the way
    held_out_windows: int = 96
    dtype: str | None = "bfloat16"  # None: the device's own
    compile: bool = True

    def __post_init__(self) -> None:
        for name, allowed in (("sizes", PRESETS), ("parts", PARTS)):
            given = getattr(self, name)
            if not given or set(given) - set(allowed):
                raise ValueError(f"{name}={', '.join(given) or 'none'}: choose from {', '.join(allowed)}")
            object.__setattr__(self, name, tuple(one for one in allowed if one in given))  # in their order, each once
        if self.data not in DATA:
            raise ValueError(f"data={self.data!r} must be one of {', '.join(DATA)}")
        if self.at not in PRESETS or not fits(self.at, 4):
            able = ", ".join(size for size in PRESETS if fits(size, 4))
            raise ValueError(f"at={self.at!r}: epochs and curricula compare n = 4, which fits into {able}")
        least = 4 * self.batch_size * self.length
        if self.steps < 4:
            raise ValueError(f"tokens={self.tokens}: four steps take {least}, and a curriculum has four phases")

    @property
    def steps(self) -> int:
        return self.tokens // (self.batch_size * self.length)


CPU = Sweep()
CUDA = replace(CPU, tokens=2**23, sizes=("nano", "1M", "3M", "10M", "30M", "100M"), at="10M", batch_size=64, dtype=None)
QUICK = replace(
    CPU, data="stories", tokens=4 * 4 * 32, sizes=("nano",), vocab_size=320, length=32, batch_size=4, points=2,
    held_out_windows=4, dtype="float32", compile=False,
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One row of the tables; a seed makes a run of it. `windows`: seen; they come from the text's first `unique`."""

    size: str
    n_future: int
    windows: int
    unique: int
    weights: str = PLAIN
    added: bool = False

    @property
    def baseline(self) -> Setting:
        """What it is compared with: n = 1 on the same windows."""
        return replace(self, n_future=1, weights=PLAIN, added=False)

    @property
    def label(self) -> str:
        name = f"{self.size}-n{self.n_future}{'-added' * self.added}-{self.weights}-{self.unique}-windows"
        return re.sub("[^a-z0-9]+", "-", name.lower())

    def config(self, sweep: Sweep) -> ModelConfig:
        return ModelConfig.preset(
            self.size, vocab_size=sweep.vocab_size, n_future=self.n_future, keep_trunk_depth=self.added,
            max_seq_len=sweep.length,
        )  # fmt: skip


def settings(sweep: Sweep, text_windows: int) -> dict[Setting, list[str]]:
    """Every setting of the sweep with the parts that need it, for a training text of so many windows."""
    seen = sweep.steps * sweep.batch_size
    once = min(seen, text_windows)  # `epochs` begins with a single pass

    def size(size: str, n: int, **changes) -> Setting:
        return Setting(size, n, seen, min(seen, text_windows), **changes)

    def added() -> Iterable[Setting]:
        for name in sweep.sizes:
            too_many = [n for n in (4, 8) if not fits(name, n)]
            yield from (size(name, n, added=n > 1) for n in ([1, *too_many] if too_many else []))

    whole = {
        "size": (size(name, n) for name in sweep.sizes for n in FUTURES if fits(name, n)),
        "epochs": (Setting(sweep.at, n, once, max(1, once // epochs)) for n in (1, 4) for epochs in EPOCHS),
        "curricula": (size(sweep.at, n, weights=name) for n, name in [(1, PLAIN), *((4, name) for name in WEIGHTS)]),
        "added": added(),
    }
    found: dict[Setting, list[str]] = {}
    for part in sweep.parts:
        for setting in whole[part]:
            found.setdefault(setting, []).append(part)
    return found
