"""What a model and a training run are made of: ModelConfig, TrainConfig, presets, and their size in closed form.

Every impossible value is refused here, by name, before any tensor exists.
Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens; head k = 1 predicts the next token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

HEAD_TYPES = ("transformer", "linear")
HEAD_ORDERS = ("parallel", "causal", "anticausal")
HEAD_SCHEDULES = ("constant", "forward", "reverse", "decay")

# name: (width D, layers, attention heads). "1M" to "1B" are the toy sizes of the paper's Table S14, named by their
# non-embedding parameters; "nano" is ours: small enough to train while one watches, deep enough for n = 4.
PRESETS = {
    "nano": (64, 8, 4),
    "1M": (128, 5, 4),
    "3M": (256, 4, 8),
    "10M": (384, 6, 8),
    "30M": (512, 10, 8),
    "100M": (768, 14, 12),
    "300M": (1024, 25, 16),
    "1B": (1536, 36, 24),
}


class _Config:
    """What both configs share: unknown keys are refused, and a config survives JSON."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]):
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"{cls.__name__} has no field {', '.join(unknown)}; it was written by another version")
        return cls(**values)


def _refuse(bad: bool, message: str) -> None:
    if bad:
        raise ValueError(message)


def _positive(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _refuse(type(value) is not int or value < 1, f"{name}={value!r} must be a whole number of at least 1")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(_Config):
    """The shape of a multi-token model: a trunk and `n_future` heads that read it.

    `n_layers` counts the trunk's layers and the transformer heads together, so that n does not change the number of
    parameters (paper, section 2: n-1 layers move from the trunk into the heads). With `keep_trunk_depth` heads
    2..n are added instead (Table S4, "+3 layers"). Linear heads (Table S4) replace no layer.
    """

    vocab_size: int
    dim: int = 128
    n_layers: int = 6
    n_attention_heads: int = 4
    n_kv_heads: int | None = None  # None: as many as attention heads
    ffn_dim: int | None = None  # None: 8/3 of dim, to the nearest multiple of 8
    max_seq_len: int = 512
    rope_theta: float = 1e4
    norm_eps: float = 1e-5
    tie_embeddings: bool = False  # the paper does not tie (footnote 1 on its page 6)
    n_future: int = 4
    head_type: str = "transformer"
    head_order: str = "parallel"
    layers_per_head: int = 1
    replicated_unembedding: bool = False  # one unembedding per head: the paper's byte models (Table S13)
    keep_trunk_depth: bool = False
    embedding_std: float | None = None  # of the embedding before training; None: dim^-1/2, as of every other matrix

    def __post_init__(self) -> None:
        # The derived fields are filled in here, so that everybody downstream reads plain numbers.
        if self.n_kv_heads is None:
            object.__setattr__(self, "n_kv_heads", self.n_attention_heads)
        if self.ffn_dim is None and type(self.dim) is int:
            object.__setattr__(self, "ffn_dim", max(8, 8 * round(self.dim / 3)))
        _positive(self, "vocab_size", "dim", "n_layers", "n_attention_heads", "n_kv_heads", "ffn_dim")
        _positive(self, "max_seq_len", "n_future", "layers_per_head")
        _refuse(
            self.dim % self.n_attention_heads != 0,
            f"dim={self.dim} must be a multiple of n_attention_heads={self.n_attention_heads}",
        )
        _refuse(
            self.head_dim % 2 != 0,
            f"dim / n_attention_heads = {self.head_dim} must be even: rotary positions turn pairs of numbers",
        )
        _refuse(
            self.n_attention_heads % self.n_kv_heads != 0,
            f"n_attention_heads={self.n_attention_heads} must be a multiple of n_kv_heads={self.n_kv_heads}",
        )
        _refuse(not self.rope_theta > 0, f"rope_theta={self.rope_theta} must be positive")
        _refuse(not self.norm_eps > 0, f"norm_eps={self.norm_eps} must be positive")
        _refuse(
            self.embedding_std is not None and not 0 < self.embedding_std < float("inf"),
            f"embedding_std={self.embedding_std} must be positive, or None",
        )
        _refuse(self.head_type not in HEAD_TYPES, f"head_type={self.head_type!r} must be one of {HEAD_TYPES}")
        _refuse(self.head_order not in HEAD_ORDERS, f"head_order={self.head_order!r} must be one of {HEAD_ORDERS}")
        _refuse(
            self.head_type == "linear" and self.layers_per_head != 1,
            f"layers_per_head={self.layers_per_head}: a linear head is one matrix, so it must be 1",
        )
        _refuse(
            self.tie_embeddings and self.replicated_unembedding,
            "tie_embeddings and replicated_unembedding exclude each other: there is one embedding to tie to",
        )
        if self.n_trunk_layers < 1:
            most = (self.n_layers - 1) // self.layers_per_head
            fewer = f"n_future of at most {most}, keep_trunk_depth=True, or "
            ways = "" if self.keep_trunk_depth or most < 1 else fewer
            raise ValueError(
                f"n_future={self.n_future} with layers_per_head={self.layers_per_head} leaves no trunk layer of "
                f"n_layers={self.n_layers}: use {ways}more layers"
            )

    @property
    def head_dim(self) -> int:
        return self.dim // self.n_attention_heads

    @property
    def n_trunk_layers(self) -> int:
        """Layers below the heads; the heads' own layers are `n_head_layers`."""
        if self.head_type == "linear":
            return self.n_layers
        moved = 1 if self.keep_trunk_depth else self.n_future
        return self.n_layers - moved * self.layers_per_head

    @property
    def n_head_layers(self) -> int:
        return 0 if self.head_type == "linear" else self.n_future * self.layers_per_head

    @property
    def head_parents(self) -> tuple[int, ...]:
        """What each head reads: -1 is the trunk, i is head i+1 (paper, Table S4 and appendix B)."""
        n = self.n_future
        if self.head_order == "causal":
            return tuple(range(-1, n - 1))
        if self.head_order == "anticausal":
            return (*range(1, n), -1)
        return (-1,) * n

    def heads_run(self, wanted: Iterable[int]) -> tuple[int, ...]:
        """Indices of the heads that must run for the heads at the indices `wanted`: those and all that they read."""
        needed = set()
        for head in wanted:
            while head >= 0 and head not in needed:
                needed.add(head)
                head = self.head_parents[head]
        return tuple(sorted(needed))

    @classmethod
    def preset(cls, name: str, *, vocab_size: int, **changes: Any) -> ModelConfig:
        """A size by its name, with any field changed: `preset("10M", vocab_size=257, n_future=2)`."""
        if name not in PRESETS:
            raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
        dim, n_layers, n_attention_heads = PRESETS[name]
        shape = {"dim": dim, "n_layers": n_layers, "n_attention_heads": n_attention_heads}
        return cls(**(shape | {"vocab_size": vocab_size} | changes))

    def parameter_table(self) -> dict[str, int]:
        """Parameters by part; their sum is `parameters()`."""
        d, kv = self.dim, self.n_kv_heads * self.head_dim
        layer = 2 * d * d + 2 * d * kv + 3 * d * self.ffn_dim + 2 * d
        unembeddings = 0 if self.tie_embeddings else (self.n_future if self.replicated_unembedding else 1)
        linear = self.n_future * d * d if self.head_type == "linear" else 0
        return {
            "embedding": self.vocab_size * d,
            "trunk": self.n_trunk_layers * layer,
            "heads": self.n_head_layers * layer + linear,
            "final norm": d,
            "unembedding": unembeddings * self.vocab_size * d,
        }

    def parameters(self) -> int:
        """Number of trainable numbers, equal to `sum(p.numel() for p in model.parameters())`."""
        return sum(self.parameter_table().values())

    def flops_per_token(self, length: int | None = None, n_future: int | Iterable[int] | None = None) -> int:
        """Floating-point operations to train on one token (forward and backward, 3 times the forward).

        A multiplication and an addition count as two; causal attention counts half of the T by T square; every head
        counts its own pass through the unembedding, which is why n heads cost more at equal parameters.
        `length`: window length T, by default max_seq_len. `n_future`: how many heads are trained, by default all; or
        the indices of those that are.
        """
        length = self.max_seq_len if length is None else length
        n_future = self.n_future if n_future is None else n_future
        trained = list(range(n_future) if isinstance(n_future, int) else n_future)
        d, kv = self.dim, self.n_kv_heads * self.head_dim
        layer = 2 * (2 * d * d + 2 * d * kv + 3 * d * self.ffn_dim) + 2 * length * d
        one_head = 2 * d * d if self.head_type == "linear" else self.layers_per_head * layer
        heads = len(self.heads_run(trained)) * one_head
        forward = self.n_trunk_layers * layer + heads + 2 * len(trained) * self.vocab_size * d
        return 3 * forward


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Config):
    """One training run. The defaults are the paper's recipe (Table S13) with a rate for small models."""

    steps: int = 1000
    batch_size: int = 16  # windows per optimizer step
    micro_batch_size: int | None = None  # windows per forward; None: all of batch_size at once
    learning_rate: float = 2e-3  # peak; the paper's 3e-4 (1e-4 for its toys) suits far longer runs
    warmup_steps: int | None = None  # None: a tenth of the steps, at most 2000 (the paper's)
    decay_ratio: float = 0.03  # cosine decay ends at this share of the peak
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    mode: str = "memory-efficient"
    token_chunk: int | None = None
    head_weights: tuple[float, ...] | None = None  # of heads 1..n in the loss; None: 1 each, the paper's plain sum
    head_schedule: str = "constant"  # how the run changes them (weights_at)
    seed: int = 0  # of the order of the windows
    device: str | None = None  # None: chosen, with the reason printed (device.py)
    dtype: str | None = None
    compile: bool = False
    validate_every: int = 0  # steps; 0: only at the end, if there is validation data
    validation_windows: int = 64
    checkpoint_every: int = 0  # steps; 0: only at the end, if there is a folder

    def __post_init__(self) -> None:
        for name in ("betas", "head_weights"):  # JSON gives lists back, and a checkpoint wants plain numbers
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        for name in ("learning_rate", "decay_ratio", "weight_decay", "clip_norm"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if hasattr(self.seed, "__index__"):  # numpy's whole numbers, too
            object.__setattr__(self, "seed", int(self.seed))
        if self.micro_batch_size is None:
            object.__setattr__(self, "micro_batch_size", self.batch_size)
        if self.warmup_steps is None and type(self.steps) is int:
            object.__setattr__(self, "warmup_steps", min(2000, self.steps // 10))
        _positive(self, "steps", "batch_size", "micro_batch_size", "validation_windows")
        for name in ("warmup_steps", "validate_every", "checkpoint_every", "seed"):
            value = getattr(self, name)
            _refuse(type(value) is not int or value < 0, f"{name}={value!r} must be a whole number, and not negative")
        if self.token_chunk is not None:
            _positive(self, "token_chunk")
        _refuse(
            self.batch_size % self.micro_batch_size != 0,
            f"batch_size={self.batch_size} must be a multiple of micro_batch_size={self.micro_batch_size}",
        )
        _refuse(
            self.warmup_steps > self.steps,
            f"warmup_steps={self.warmup_steps} is longer than the run of steps={self.steps}",
        )
        inf = float("inf")
        _refuse(not 0 < self.learning_rate < inf, f"learning_rate={self.learning_rate} must be positive, and finite")
        _refuse(not self.clip_norm > 0, f"clip_norm={self.clip_norm} must be positive; float('inf') clips nothing")
        _refuse(not 0 <= self.decay_ratio <= 1, f"decay_ratio={self.decay_ratio} must lie between 0 and 1")
        _refuse(not 0 <= self.weight_decay < inf, f"weight_decay={self.weight_decay} must be finite, and not negative")
        _refuse(
            len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas),
            f"betas={self.betas} must be two numbers from 0 up to, not including, 1",
        )
        _refuse(
            self.mode not in ("memory-efficient", "naive"),
            f"mode={self.mode!r} must be 'memory-efficient' or 'naive'",
        )
        weights, schedule = self.head_weights, self.head_schedule
        _refuse(schedule not in HEAD_SCHEDULES, f"head_schedule={schedule!r} must be one of {HEAD_SCHEDULES}")
        if weights is not None:
            _refuse(
                not all(0 <= weight < inf for weight in weights) or not any(weights),
                f"head_weights={weights} must be finite numbers of at least 0, and not all 0",
            )
            _refuse(
                schedule != "constant" and weights[0] == 0,
                f"head_weights={weights}: head_schedule={schedule!r} rests on head 1, which has no weight",
            )

    def weights_at(self, step: int, n: int) -> tuple[float, ...]:
        """Weights of heads 1..n in the loss of the step numbered from 0: `head_weights`, changed by `head_schedule`.

        "constant": as they are. Falling along the heads, as FastMTP's 0.6^(k-1) (2509.18362) or Medusa's 0.8^k
        (2401.10774), they are written out: head_weights=(1, 0.6, 0.36).
        "forward": heads 1..k are on, the others at 0, k rising from 1 to n in n equal phases; "reverse": k falling
        from n to 1. These are the curricula of 2505.22757, where forward keeps self-speculation and reverse loses it.
        "decay": head 1 keeps its weight, the others fall in a straight line that meets 0 where the run ends.
        modded-nanogpt (PR 178) lets the later tokens' weights fall to 0 one after the other, DeepSeek-V3 (2412.19437)
        and GLM-4.5 (2508.06471) cut theirs from 0.3 to 0.1 once, late in the run: ours is the simplest of the kind.

        A head at 0 is not run, so it is neither trained nor decayed, unless a head that is on reads it: in a chain
        "causal" leaves the last heads out, "anticausal" none. Raises ValueError for a step outside the run, for
        `head_weights` of another length than n, and for fewer steps than the n phases of a curriculum.
        """
        base = (1.0,) * n if self.head_weights is None else self.head_weights
        curriculum = self.head_schedule in ("forward", "reverse")
        _refuse(len(base) != n, f"head_weights={base}: give {n} numbers, one per head")
        _refuse(not 0 <= step < self.steps, f"step={step} must lie from 0 to {self.steps - 1}, the steps of this run")
        _refuse(
            curriculum and self.steps < n,
            f"steps={self.steps}: head_schedule={self.head_schedule!r} has {n} phases of at least a step each",
        )
        if self.head_schedule == "decay":
            return (base[0], *(weight * (self.steps - step) / self.steps for weight in base[1:]))
        phase = step * n // self.steps  # 0 to n-1, in whole numbers: no rounding moves a boundary
        on = {"forward": phase + 1, "reverse": n - phase}.get(self.head_schedule, n)
        return base[:on] + (0.0,) * (n - on)
