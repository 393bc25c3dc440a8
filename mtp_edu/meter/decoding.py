"""What a decode step must cost: bytes and FLOPs from the shape alone, the roofline of this machine, the best n_future.

Letters: `B` rows, `k` tokens of a block (n_future; in a tree `N` nodes), `D` width, `V` vocabulary.

A step reads its weights once, whatever the number of tokens in flight, B * k. While reading takes longer than
computing, a block of k tokens costs hardly more than one token, and speculation gains; past the ridge, where the two
times are equal, every token in flight costs its own time (the roofline of Williams, Waterman and Patterson, 2009).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mtp_edu.bench.timing import take_turns
from mtp_edu.compiling import CompiledStep, can_compile
from mtp_edu.config import ModelConfig
from mtp_edu.decode import BlockDecoder, DraftTree, TreeDecoder
from mtp_edu.device import matmul_peak, synchronize
from mtp_edu.model import MultiTokenModel


@dataclass(frozen=True)
class StepCost:
    """One decode step in closed form."""

    tokens: int  # in flight, rows times block
    weight_bytes: int  # read: trunk, the heads that run, the norm, the unembedding once for verdicts and for drafts
    cache_bytes: int  # keys and values: of the text read, of the block written
    flops: int  # a multiplication and an addition are two

    @property
    def bytes(self) -> int:
        return self.weight_bytes + self.cache_bytes


def step_cost(
    cfg: ModelConfig,
    n_future: int = 1,
    batch: int = 1,
    context: int = 0,
    bytes_per_value: int = 4,
    nodes: int | None = None,
) -> StepCost:
    """What a step with heads 1..n_future reads and computes; n_future=1 is plain decoding.

    context: tokens of text before the block. nodes: of a tree, its root included; the block is then so long.
    The unembedding is read once for head 1's verdicts and, if drafts are made, once more for all of them, or once for
    each if every head has its own. Rows of the embedding and activations are left out. Raises ValueError for numbers
    out of range.
    """
    block = n_future if nodes is None else nodes
    if not 1 <= n_future <= cfg.n_future or block < n_future:
        raise ValueError(f"n_future={n_future}, nodes={nodes}: the model has {cfg.n_future} heads, a node for each")
    if batch < 1 or context < 0 or bytes_per_value < 1:
        raise ValueError(f"batch={batch}, context={context}, bytes_per_value={bytes_per_value} are out of range")
    d, kv, heads = cfg.dim, cfg.n_kv_heads * cfg.head_dim, len(cfg.heads_run(range(n_future)))
    matrices = 2 * d * d + 2 * d * kv + 3 * d * cfg.ffn_dim  # of one layer
    linear = cfg.head_type == "linear"
    layers = cfg.n_trunk_layers + (0 if linear else heads * cfg.layers_per_head)
    products = layers * matrices + linear * heads * d * d
    copies = 1 + (n_future - 1 if cfg.replicated_unembedding else min(1, n_future - 1))
    weights = products + layers * 2 * d + d + copies * cfg.vocab_size * d
    tokens = batch * block
    attention = 4 * layers * d * (context + block)  # of one token: its products with keys and with values
    unembedding = 2 * cfg.vocab_size * d * (tokens + batch * (n_future - 1))
    return StepCost(
        tokens,
        bytes_per_value * weights,
        bytes_per_value * 2 * kv * layers * batch * (context + block),
        tokens * (2 * products + attention) + unembedding,
    )


def bound(
    cfg: ModelConfig,
    tokens_per_forward: float,
    n_future: int,
    batch: int = 1,
    context: int = 0,
    bytes_per_value: int = 4,
    nodes: int | None = None,
) -> float:
    """The most that speculation can be faster than plain decoding where reading takes all the time.

    Tokens per forward times the bytes of a plain step over those of a speculative one: a plain step skips heads 2..n
    and the drafts' unembedding. A measured speed-up above it says that something else than reading took time, such as
    Python between the kernels or weights that lie in a cache.
    """
    plain, own = (
        step_cost(cfg, k, batch, context, bytes_per_value, tree) for k, tree in ((1, None), (n_future, nodes))
    )
    return tokens_per_forward * plain.bytes / own.bytes


# The machine ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roofline:
    """No step can be faster than its bytes over the bandwidth, nor than its FLOPs over the peak."""

    bandwidth: float  # bytes per second
    peak: float  # FLOPs per second
    bytes_per_value: int

    @property
    def ridge(self) -> float:
        """Tokens in flight from which on computing takes longer than reading: a weight is 2 FLOPs for each token."""
        return self.peak * self.bytes_per_value / (2 * self.bandwidth)

    def seconds(self, cost: StepCost) -> float:
        """The least time of a step."""
        return max(cost.bytes / self.bandwidth, cost.flops / self.peak)


def roofline(device: torch.device, dtype: torch.dtype) -> Roofline:
    """Of this machine, measured (a second or two, once in a process)."""
    return Roofline(bandwidth(device), matmul_peak(device, dtype), dtype.itemsize)


@functools.lru_cache(maxsize=8)
def bandwidth(device: torch.device) -> float:
    """Bytes per second of a large read from the device's memory, measured here once: the faster of two kernels.

    256 MB on CPUs and 2 GB on GPUs lie well beyond the caches. A model that fits into a processor's cache is read
    faster than this.
    """
    values = torch.rand(1 << (29 if device.type == "cuda" else 26), device=device)  # float32
    rows, weights = values.view(-1, 8192), torch.rand(8192, device=device)
    best = float("inf")
    for read in (values.sum, lambda: rows @ weights):
        for _ in range(6):  # the first warms up
            synchronize(device)
            start = time.perf_counter()
            read()
            synchronize(device)
            best = min(best, time.perf_counter() - start)
    return values.nbytes / best


# Steps, and how long drafts should be --------------------------------------------------------------------------------


def decode_step(
    model: MultiTokenModel,
    n_future: int = 1,
    batch: int = 1,
    context: int = 256,
    tree: DraftTree | None = None,
    compile: bool = False,
) -> Callable[[], list[list[int]]]:
    """One step as decoding runs it, on a full cache of `context` places, to be called as often as it should be timed.

    Every call stands at the same place with the same tokens and fetches what it has decided. Compiled where there is
    a compiler; the first call then waits for it.
    """
    cfg, device = model.cfg, model.norm.weight.device
    n_future = model.check_n_future(n_future)
    if not 1 <= context <= cfg.max_seq_len:
        raise ValueError(f"context={context} must be from 1 to max_seq_len={cfg.max_seq_len}")
    decoder = TreeDecoder(model, tree, batch, context) if tree else BlockDecoder(model, n_future, batch, context)
    run = CompiledStep(decoder) if compile and can_compile(device) else decoder.step
    for cache in decoder.caches():
        cache.keys.normal_()
        cache.values.normal_()
    block = torch.randint(cfg.vocab_size, (batch, len(tree) if tree else n_future), device=device)

    def step() -> list[list[int]]:
        start = torch.full((batch,), context - 1, device=device)
        result = run(block, start, None, None)
        return torch.cat([result.accepted[:, None], result.verdicts, result.drafts], dim=1).tolist()

    return step


@dataclass(frozen=True)
class DraftLength:
    """Every n_future from 1 on, measured beside each other, and what the roofline says of each.

    The fastest turn counts: other programs make a step slower at times, and never faster.
    """

    tokens_per_forward: Sequence[float]  # of n_future = 1, 2, ...
    step_seconds: Sequence[Sequence[float]]  # of each, turn by turn
    floor_seconds: Sequence[float]  # of each, by the roofline
    batch: int
    context: int
    compiled: bool
    ridge: float  # tokens in flight

    @property
    def fastest(self) -> list[float]:
        """Seconds of a step of each n_future, in its fastest turn."""
        return [min(seconds) for seconds in self.step_seconds]

    def tokens_per_second(self, predicted: bool = False) -> list[float]:
        """Of each n_future, all rows together: as measured, or as the roofline alone would have it."""
        seconds = self.floor_seconds if predicted else self.fastest
        return [self.batch * tokens / own for tokens, own in zip(self.tokens_per_forward, seconds, strict=True)]

    @property
    def best(self) -> int:
        """The n_future with the most tokens per second."""
        return _largest(self.tokens_per_second()) + 1

    @property
    def predicted(self) -> int:
        """What the roofline alone would choose."""
        return _largest(self.tokens_per_second(predicted=True)) + 1

    def markdown(self) -> str:
        """The table, and what it amounts to."""
        speeds, floors = self.tokens_per_second(), self.tokens_per_second(predicted=True)
        plain, floor = self.fastest[0], self.floor_seconds[0]
        names = "n_future | tokens per forward | step, ms | over plain | tokens/s | roofline: over plain | tokens/s"
        lines = [f"| {names} |", "| --- " * 7 + "|"]
        for i, tokens in enumerate(self.tokens_per_forward):
            mark = " (best)" if i + 1 == self.best else ""
            own, least = self.fastest[i], self.floor_seconds[i]
            lines.append(
                f"| {i + 1}{mark} | {tokens:.2f} | {1000 * own:.3g} | {own / plain:.2f} | {speeds[i]:,.0f} "
                f"| {least / floor:.2f} | {floors[i]:,.0f} |"
            )
        return "\n".join([*lines, "", self.sentence()])

    def sentence(self) -> str:
        """The recommendation, and how it differs from what the roofline alone would say."""
        best, i = self.best, self.best - 1
        gain = self.tokens_per_second()[i] / self.tokens_per_second()[0]
        kind, rows = "compiled" if self.compiled else "eager", f"{self.batch} row{'s' * (self.batch > 1)}"
        side = "below" if self.batch * best <= self.ridge else "beyond"
        cost, least = self.fastest[i] / self.fastest[0], self.floor_seconds[i] / self.floor_seconds[0]
        return (
            f"Use n_future={best} for {rows}, {kind}: {gain:.2f} times plain decoding's tokens per second. A step costs"
            f" {cost:.2f} plain ones; bytes and FLOPs alone would make it {least:.2f}. {self.batch * best} tokens in"
            f" flight lie {side} the ridge of {self.ridge:.0f}. The roofline alone would choose {self.predicted}."
        )

    def __repr__(self) -> str:
        return f"DraftLength({self.sentence()})"

    def _repr_markdown_(self) -> str:
        return self.markdown()


def draft_length(
    model: MultiTokenModel,
    accepted: Sequence[float],
    batch: int = 1,
    context: int | None = None,
    compile: bool = False,
    turns: int = 7,
    steps: int = 8,
) -> DraftLength:
    """Time a step of every n_future on this machine, taking turns, and say which writes the most tokens per second.

    Of `turns` turns, each the mean of `steps` steps, the fastest counts.
    accepted: cumulative acceptance of heads 2, 3, ..., such as `probe.acceptance(model, windows).main.cumulative`; k
    heads then give 1 + the sum of the first k-1 tokens per forward. context: places of the cache, by default as many
    as the model has, 256 at most. Raises ValueError for shares that are no cumulative acceptance of this model.
    """
    accepted = [float(share) for share in accepted]
    if not 1 <= len(accepted) < model.cfg.n_future or accepted != sorted(accepted, reverse=True):
        raise ValueError(f"accepted={accepted}: give cumulative shares, none above the one before, of heads 2 and on")
    if not 0 <= accepted[-1] <= accepted[0] <= 1:
        raise ValueError(f"accepted={accepted}: shares lie between 0 and 1")
    context = min(256, model.cfg.max_seq_len) if context is None else context
    weight, ks = model.norm.weight, range(1, len(accepted) + 2)
    able = compile and can_compile(weight.device)
    contenders = {str(k): decode_step(model, k, batch, context, compile=able) for k in ks}
    seconds = take_turns(contenders, turns, steps, weight.device)
    machine = roofline(weight.device, weight.dtype)
    costs = [step_cost(model.cfg, k, batch, context, weight.dtype.itemsize) for k in ks]
    return DraftLength(
        tokens_per_forward=[1 + sum(accepted[: k - 1]) for k in ks],
        step_seconds=list(seconds.values()),
        floor_seconds=[machine.seconds(cost) for cost in costs],
        batch=batch,
        context=context,
        compiled=able,
        ridge=machine.ridge,
    )


def _largest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
