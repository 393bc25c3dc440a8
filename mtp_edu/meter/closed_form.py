"""The memory and FLOPs of training from the shape of the model alone, and what a machine could train by that.

Letters: `R` = B * T rows, `D` width, `F` hidden width of the feed-forward, `V` vocabulary, `n` future tokens.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

from mtp_edu.backward import ADDED_AT_ONCE, MODES
from mtp_edu.config import PRESETS, ModelConfig
from mtp_edu.device import DTYPES


@dataclass(frozen=True)
class Estimate:
    """What one forward and backward needs, in closed form; the bytes of activations, logits and so on at the peak."""

    parameters: int
    flops: int  # of one forward and backward over the whole batch
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int  # AdamW's two averages
    activation_bytes: int  # what the trunk and the heads alive at the peak must keep for their backward
    logit_bytes: int
    temporary_bytes: int
    moment: str  # where the peak lies, such as "head loss"

    @property
    def peak(self) -> int:
        """Bytes at the peak beyond parameters and gradients: what `memory(...).peak` measures."""
        return self.activation_bytes + self.logit_bytes + self.temporary_bytes

    @property
    def total(self) -> int:
        """Bytes in training: parameters, gradients, optimizer state and the peak."""
        return self.parameter_bytes + self.gradient_bytes + self.optimizer_bytes + self.peak


def estimate(
    cfg: ModelConfig,
    batch: int,
    length: int,
    mode: str = "memory-efficient",
    token_chunk: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
) -> Estimate:
    """Memory and FLOPs of one `forward_backward` over (batch, length) tokens with all heads, from the shape alone.

    dtype: "float32" (or "float64"), or "bfloat16"/"float16" for autocast over float32 parameters. device: "cpu" or
    "cuda", whose kernels for RMSNorm, softmax and sums of mixed formats need less. Blocks run eagerly (a compiler
    keeps less).
    Source: paper, section 2: O(nV + D) per token naively, O(V + D) head by head; what one block keeps is counted in
    `_Sizes`. Raises ValueError for an unknown mode or dtype and for sizes below 1.
    """
    if mode not in MODES or dtype not in DTYPES:
        raise ValueError(f"mode={mode!r}, dtype={dtype!r}: use one of {MODES} and one of {tuple(DTYPES)}")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device={device!r}: use 'cpu' or 'cuda'")
    if min(batch, length) < 1 or (token_chunk is not None and token_chunk < 1):
        raise ValueError(f"batch={batch}, length={length}, token_chunk={token_chunk} must be at least 1")
    sizes = _Sizes(cfg, batch * length, dtype, device == "cuda")
    moments = _naive(sizes) if mode == "naive" else _memory_efficient(sizes, min(token_chunk or sizes.rows, sizes.rows))
    moment, (kept, logits, temporary) = max(moments.items(), key=lambda item: sum(item[1]))
    wide, count = sizes.wide, cfg.parameters()
    return Estimate(
        count, cfg.flops_per_token(length) * sizes.rows, wide * count, wide * count, 2 * wide * count,
        round(kept), round(logits), round(temporary), moment,
    )  # fmt: skip


class _Sizes:
    """Bytes of the pieces. `wide` is the format of the parameters and of the residual stream, `narrow` of products."""

    def __init__(self, cfg: ModelConfig, rows: int, dtype: str, cuda: bool) -> None:
        self.cfg, self.rows, self.n, self.cuda = cfg, rows, cfg.n_future, cuda
        self.mixed = dtype in ("bfloat16", "float16")
        self.wide = wide = 8 if dtype == "float64" else 4
        self.narrow = narrow = 2 if self.mixed else wide
        d, kv, f = cfg.dim, cfg.n_kv_heads * cfg.head_dim, cfg.ffn_dim
        self.latent = rows * d * wide  # (R, D)
        in_norm = 0 if cuda else d * wide  # the CPU's norm also keeps x / rms(x)
        # Autocast rounds the norm's output anew for each of wq, wk, wv, w1, w3; otherwise one copy serves each half.
        inputs = (5 if self.mixed else 2) * d * narrow
        attention = (2 * d + 2 * kv) * narrow + 4 * cfg.n_attention_heads  # q, result; k, v; log-sum-exp
        hidden = 4 * f * narrow  # w1 x, its silu, w3 x, their product
        self.block = rows * (2 * in_norm + inputs + attention + hidden) + 2 * self.latent  # and both halves' outputs
        rounded = rows * d * narrow if self.mixed else 0
        self.head = self.latent + rounded if cfg.head_type == "linear" else cfg.layers_per_head * self.block
        self.trunk = self.latent + cfg.n_trunk_layers * self.block  # from the embedding on
        self.hidden, self.weight = rows * f * narrow, d * f * narrow
        self.norm_of_head = rows * (in_norm + d * narrow)
        self.matrix = cfg.vocab_size * d  # numbers in an unembedding
        # Autocast keeps a rounded copy of every matrix for the length of its region.
        table = cfg.parameter_table()
        self.rounded_weights = narrow * (table["trunk"] + table["heads"]) if self.mixed else 0
        self.rounded_unembedding = narrow * self.matrix if self.mixed else 0

    def block_backward(self) -> int:
        """Beyond what a block has kept: gradients of the two factors of its gated product, or of a weight."""
        return max(2 * self.hidden, self.hidden + self.weight)


def _naive(s: _Sizes) -> dict[str, tuple[float, float, float]]:
    """Activations, logits, temporaries at the moments where the peak may lie: all heads' logits wait together."""
    copies = s.n if s.cfg.replicated_unembedding else 1
    kept = s.trunk + s.n * (s.head + s.norm_of_head) + s.rounded_weights + copies * s.rounded_unembedding
    logits = s.rows * s.cfg.vocab_size
    upcast = s.wide if s.mixed and not s.cuda else 0
    matrices = 1 if s.n == copies else 3
    return {
        # one gradient for each head so far, and the last head's logits
        "head loss": (kept, logits * (s.n * s.wide + s.narrow + upcast), 0),
        "backward": (kept, logits * (s.n * s.wide + (s.narrow if s.mixed else 0)), s.matrix * s.narrow),
        # autograd adds the second head's gradient of a shared unembedding to the first's, in a third matrix
        "sum of gradients": (kept, logits * max(0, s.n - 2) * s.wide, matrices * s.matrix * s.narrow),
    }


def _memory_efficient(s: _Sizes, chunk: int) -> dict[str, tuple[float, float, float]]:
    """The same for the walk over the tree, where only the heads on the way to the current one are alive."""
    parents = s.cfg.head_parents
    depth = max(len(s.cfg.heads_run([head])) for head in range(s.n))  # heads that lie one on the other
    siblings = len(set(parents)) < len(parents)  # then an earlier head's gradient waits at the parent
    kept = s.trunk + depth * s.head + (1 + siblings) * s.latent + s.rounded_weights
    logits, latents = chunk * s.cfg.vocab_size, chunk * s.cfg.dim
    part = max(1, min(s.cfg.vocab_size, ADDED_AT_ONCE // s.cfg.dim)) * s.cfg.dim
    product = part * (s.narrow + s.wide) if s.mixed and not s.cuda else 0  # and its wide copy
    linear = s.cfg.head_type == "linear"
    own = s.latent + s.cfg.dim**2 * s.narrow if linear else s.block_backward()
    return {
        "head loss": (
            kept,
            logits * (s.narrow + (s.wide if s.mixed else 0)),
            s.rounded_unembedding + product + latents * (2 * s.wide + s.narrow),
        ),
        "norm of the head": (kept, logits * s.narrow, s.rounded_unembedding + 7 * latents * s.wide),
        "head backward": (kept, 0, own),
        "trunk backward": (s.trunk + s.latent + s.rounded_weights, 0, s.block_backward()),
        "embedding backward": (2 * s.latent + s.rounded_weights, 0, s.matrix * s.wide),
    }


# Memory in bytes, the format that its hardware is for, and its dense peak in FLOPs per second (data sheets). Of the
# laptop's 8 GB five are left to us; its peak is a guess for two to four cores.
MACHINES = {
    "laptop, 8 GB": (5 << 30, "float32", 1.5e11),
    "T4, 16 GB": (15 << 30, "float16", 6.5e13),
    "A100, 80 GB": (80 << 30, "bfloat16", 3.12e14),
    "H200, 141 GB": (141 * 10**9, "bfloat16", 9.89e14),
}
USABLE = 0.9  # of that memory: the rest goes to the context, fragments and what else is open
REACHED = 0.35  # of the peak, in an ordinary training run


@dataclass(frozen=True)
class Fit:
    """The largest batch of one preset that trains on one machine. Everything here is computed, nothing measured."""

    machine: str
    preset: str
    parameters: int
    batch: int  # windows per forward and backward; 0: not even one
    bytes: int  # in training, with this batch (with one window if none fits)
    seconds: float  # estimate for one forward and backward


def what_fits(
    machine: str,
    vocab_size: int = 32_000,
    length: int = 1024,
    mode: str = "memory-efficient",
    token_chunk: int | None = 1024,
    most: int = 4096,
    **changes: Any,
) -> list[Fit]:
    """For each preset, the largest batch (at most `most`) whose training fits the machine, by `estimate`.

    machine: a name in MACHINES. changes: other fields of the config, such as n_future=8. Presets too shallow for
    them are left out. Raises ValueError for an unknown machine, and for what fits no preset at all.
    """
    if machine not in MACHINES:
        raise ValueError(f"machine={machine!r}: use one of {', '.join(map(repr, MACHINES))}")
    room, dtype, peak = MACHINES[machine]
    device = "cpu" if dtype == "float32" else "cuda"
    deepest = max(PRESETS, key=lambda name: PRESETS[name][1])
    ModelConfig.preset(deepest, vocab_size=vocab_size, max_seq_len=length, **changes)  # refuses what no preset can be
    fits = []
    for name in PRESETS:
        try:
            cfg = ModelConfig.preset(name, vocab_size=vocab_size, max_seq_len=length, **changes)
        except ValueError:
            continue

        def need(batch: int, cfg: ModelConfig = cfg) -> Estimate:
            return estimate(cfg, batch, length, mode, token_chunk, dtype, device)

        batch = bisect.bisect_right(range(1, most + 1), room * USABLE, key=lambda b: need(b).total)
        needed = need(max(batch, 1))
        fits.append(Fit(machine, name, cfg.parameters(), batch, needed.total, needed.flops / (peak * REACHED)))
    return fits
