"""Which tensors lived when, whose they were and what for: recorded while a function runs."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from mtp_edu.backward import PHASE

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
    row = None
    if model is not None and hasattr(model, "cfg"):
        row = (model.cfg.vocab_size, model.cfg.dim, 512 if device.type == "cuda" else 1)  # sizes on CUDA are rounded up
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


def _whole_rows(size: int, vocab_size: int, dim: int, rounded_to: int) -> bool:
    """Whether so many bytes may be rows of V numbers: whole rows, but not a (V, D) matrix in any format.

    Only the size is known, so a latent (R, D) is taken for logits if R * D is a multiple of V, and logits of as many
    rows as make a (V, D) matrix are not.
    """
    formats = (2, 4, 8)
    if any(0 <= size - vocab_size * dim * item < rounded_to for item in formats):
        return False
    return any(size >= vocab_size * item and size % (vocab_size * item) < rounded_to for item in formats)
