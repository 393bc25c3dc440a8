"""Memory: measured over time, limited, and in closed form.

    memory(fn, model)    which tensors lived when, whose they were and what for: recorded while `fn` runs
    limit(bytes)         a block of code that may not hold more than so many bytes, on any machine
    estimate(cfg, ...)   the same peak computed from the shape of the model alone; `what_fits` asks it of machines

Letters: `R` = B * T rows, `D` width, `F` hidden width of the feed-forward, `V` vocabulary, `n` future tokens.
"""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mtp_edu.backward import MODES, PHASE
from mtp_edu.config import PRESETS, ModelConfig
from mtp_edu.device import DTYPES

KINDS = ("parameter", "gradient", "logits", "activation", "temporary")


@dataclass(frozen=True)
class Allocation:
    """One piece of memory: alive from event `born` up to, not including, event `died` (None: it outlived `fn`)."""

    bytes: int
    born: int
    died: int | None
    kind: str  # one of KINDS
    phase: str  # the innermost phase of backward.py in which it was made, such as "head 2 loss"; "" outside of any

    @property
    def owner(self) -> str:
        """"trunk", "head 2", or "all" where a phase serves all heads at once."""
        words = self.phase.split()
        return "all" if len(words) < 2 else " ".join(words[:-1])


@dataclass(frozen=True)
class MemoryTimeline:
    """Every allocation while a function ran. An event is one allocation or one release; `seconds` says when."""

    allocations: tuple[Allocation, ...]
    seconds: tuple[float, ...]  # of each event, since the first
    phases: tuple[tuple[str, int, int], ...]  # name, first event, event after the last; in order of time
    before: dict[str, int] = field(default_factory=dict)  # bytes of parameters and gradients that were there already

    def live(self, *kinds: str) -> list[int]:
        """Bytes alive after each event of what `fn` made, of these kinds (all by default)."""
        change = [0] * (len(self.seconds) + 1)
        for allocation in self.allocations:
            if not kinds or allocation.kind in kinds:
                change[allocation.born] += allocation.bytes
                change[len(self.seconds) if allocation.died is None else allocation.died] -= allocation.bytes
        level, levels = 0, []
        for step in change[:-1]:
            level += step
            levels.append(level)
        return levels

    @property
    def peak_event(self) -> int:
        """The event at which most bytes beyond parameters and gradients were alive."""
        levels = self.live("logits", "activation", "temporary")
        return max(range(len(levels)), key=levels.__getitem__) if levels else 0

    @property
    def peak(self) -> int:
        """Most bytes alive at once beyond parameters and gradients."""
        return max(self.live("logits", "activation", "temporary"), default=0)

    def alive_at(self, event: int) -> list[Allocation]:
        """What was alive right after an event."""
        return [a for a in self.allocations if a.born <= event and (a.died is None or event < a.died)]

    def composition(self, event: int | None = None) -> dict[tuple[str, str], int]:
        """Bytes per (owner, kind) right after an event, by default at the peak, the largest first."""
        found: dict[tuple[str, str], int] = {}
        for a in self.alive_at(self.peak_event if event is None else event):
            found[a.owner, a.kind] = found.get((a.owner, a.kind), 0) + a.bytes
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def phase_at(self, event: int) -> str:
        """Name of the phase of an event; "" between phases."""
        return next((name for name, first, end in self.phases if first <= event < end), "")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MemoryTimeline:
        return cls(
            tuple(Allocation(**a) for a in values["allocations"]),
            tuple(values["seconds"]),
            tuple((name, first, end) for name, first, end in values["phases"]),
            dict(values["before"]),
        )


def memory(fn: Callable[[], Any], model: nn.Module | None = None) -> MemoryTimeline:
    """Run `fn` once and record every allocation of tensor memory, on the CPU or on the GPU where `model` lies.

    Source: torch.profiler's allocation events on the CPU, the caching allocator's history on CUDA. What is said on
    top: with a `model`, memory that ends as some parameter's `.grad` is a "gradient"; whole rows of V numbers made in
    a head's loss are "logits"; of the rest, what outlives the phase that made it is an "activation" and what does not
    is "temporary". Phases come from backward.py, so `fn` should call forward_backward.
    Library-internal workspaces that are not tensors are not seen. Run `fn` once before if compilation, autotuning or
    lazily created state should not be in the picture.
    """
    device = next(model.parameters()).device if model is not None else torch.device("cpu")
    before = {"parameter": 0, "gradient": 0}
    if model is not None:
        before["parameter"] = sum(p.numel() * p.element_size() for p in model.parameters())
        before["gradient"] = sum(p.grad.numel() * p.grad.element_size() for p in _with_gradient(model))
    changes, phases = _record(fn, device)
    gradients = {p.grad.untyped_storage().data_ptr() for p in _with_gradient(model)} if model is not None else set()
    row = (model.cfg.vocab_size, model.cfg.dim) if model is not None and hasattr(model, "cfg") else None
    return _timeline(changes, phases, gradients, row, before)


def _with_gradient(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.grad is not None]


Change = tuple[int, int, int]  # when in nanoseconds, address, bytes (negative: released)
Phase = tuple[str, int, int]  # name, begin and end in nanoseconds


def _record(fn: Callable[[], Any], device: torch.device) -> tuple[list[Change], list[Phase]]:
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.synchronize(device)
        torch.cuda.memory._record_memory_history(context=None, clear_history=True)
    try:
        with torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=not cuda
        ) as profiler:
            fn()
            if cuda:
                torch.cuda.synchronize(device)
        history = torch.cuda.memory._snapshot(device)["device_traces"] if cuda else []
    finally:
        if cuda:
            torch.cuda.memory._record_memory_history(enabled=None)
    phases, changes = [], []
    nodes = list(profiler.profiler.kineto_results.experimental_event_tree())
    while nodes:
        node = nodes.pop()
        nodes += node.children
        if node.name.startswith(PHASE):
            phases.append((node.name.removeprefix(PHASE), node.start_time_ns, node.end_time_ns))
        elif node.tag.name == "Allocation" and node.extra_fields.device == device:
            changes.append((node.start_time_ns, node.extra_fields.ptr, node.extra_fields.alloc_size))
    for trace in history:
        changes += cuda_changes(trace)
    return sorted(changes, key=lambda change: change[0]), sorted(phases, key=lambda phase: phase[1])


def cuda_changes(trace: list[dict[str, Any]]) -> list[Change]:
    """Allocations and releases in one device's history as torch.cuda.memory._snapshot gives it."""
    signs = {"alloc": 1, "free_completed": -1}
    return [
        (entry["time_us"] * 1000, entry["addr"], signs[entry["action"]] * entry["size"])
        for entry in trace
        if entry["action"] in signs
    ]


def _timeline(changes, phases, gradients, row, before) -> MemoryTimeline:
    """Pair allocations with their releases, and say what each was."""
    if not changes:
        return MemoryTimeline((), (), (), before)
    times: list[int] = []
    open_: dict[int, tuple[int, int]] = {}  # address: bytes, event
    found: list[tuple[int, int, int, int | None]] = []  # address, bytes, born, died
    for when, address, size in changes:
        if size > 0:
            open_[address] = (size, len(times))
        elif address in open_:
            found.append((address, *open_.pop(address), len(times)))
        else:
            continue  # it was made before the recording began
        times.append(when)
    found += [(address, size, born, None) for address, (size, born) in open_.items()]
    spans = [(name, bisect.bisect_left(times, begin), bisect.bisect_right(times, end)) for name, begin, end in phases]
    allocations = []
    for address, size, born, died in sorted(found, key=lambda item: item[2]):
        name, _, end = next((span for span in reversed(spans) if span[1] <= born < span[2]), ("", 0, len(times)))
        if died is None and address in gradients:
            kind = "gradient"
        elif row and name.endswith("loss") and _whole_rows(size, *row):
            kind = "logits"
        else:
            kind = "activation" if died is None or died >= end else "temporary"
        allocations.append(Allocation(size, born, died, kind, name))
    seconds = tuple((when - times[0]) / 1e9 for when in times)
    return MemoryTimeline(tuple(allocations), seconds, tuple(spans), before)


def _whole_rows(size: int, vocab_size: int, dim: int) -> bool:
    """Whether so many bytes may be rows of V numbers: no less, but not a (V, D) matrix. CUDA rounds up to 512."""
    for item in (4, 2, 8):
        rows, rest = divmod(size, vocab_size * item)
        if rows and rest < 512 and rest <= size // 100 and rows != dim:
            return True
    return False


class MemoryLimitExceeded(MemoryError):
    """More bytes of tensors were alive than `limit` allows."""


class limit(TorchDispatchMode):
    """Raise MemoryLimitExceeded as soon as tensors made inside hold more than `bytes` together.

        with meter.limit(200 << 20) as used:
            mtp.forward_backward(model, tokens, targets)
        print(used.peak)

    It counts the storages of tensors, not what the system gives the process, so it is the same on every system and
    device. What was there before does not count, nor do workspaces inside a kernel. For eager code: what
    torch.compile has fused is not seen.
    """

    def __init__(self, bytes: float) -> None:
        super().__init__()
        if not bytes > 0:
            raise ValueError(f"bytes={bytes} must be positive; float('inf') only counts")
        self.bytes, self.live, self.peak = bytes, 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in given:
                storage = tensor.untyped_storage()
                given.add(storage._cdata)
                size = storage.nbytes()
                self.live += size
                weakref.finalize(storage, self._release, size)
        self.peak = max(self.peak, self.live)
        if self.live > self.bytes:
            raise MemoryLimitExceeded(
                f"{func.__name__} brought the tensors alive to {self.live:,} bytes, {self.bytes:,.0f} are allowed"
            )
        return out

    def _release(self, size: int) -> None:
        self.live -= size


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
    product = 0 if s.cuda else s.rounded_unembedding  # where mixed formats cannot be added in place
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
    them are left out. Raises ValueError for an unknown machine.
    """
    if machine not in MACHINES:
        raise ValueError(f"machine={machine!r}: use one of {', '.join(map(repr, MACHINES))}")
    room, dtype, peak = MACHINES[machine]
    device = "cpu" if dtype == "float32" else "cuda"
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
