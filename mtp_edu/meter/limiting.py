"""A block of code that may not hold more than so many bytes: the same count on every system and device."""

from __future__ import annotations

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class MemoryLimitExceeded(MemoryError):
    """More bytes of tensors were alive than `limit` allows."""


class limit(TorchDispatchMode):
    """Raise MemoryLimitExceeded as soon as tensors made inside hold more than `bytes` together.

        with meter.limit(200 << 20) as used:
            mtp.forward_backward(model, tokens, targets)
        print(used.peak)

    It counts the storages of tensors, not what the system gives the process, so it is the same on every system and
    device. What was there before does not count, nor does what a kernel or a custom operator holds inside (`memory`
    sees that). A storage counts with the size that it was made with, on the thread that entered. For eager code: what
    torch.compile has fused is not seen.
    """

    def __init__(self, bytes: float) -> None:
        super().__init__()
        if not bytes > 0:
            raise ValueError(f"bytes={bytes} must be positive; float('inf') only counts")
        self.bytes, self.live, self.peak = bytes, 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        # What torch.tensor has filled comes in by this operation, and was not seen before.
        before = () if func is torch.ops.aten.lift_fresh.default else (args, kwargs)
        given = {t.untyped_storage()._cdata for t in tree_leaves(before) if _holds_memory(t)}
        made = 0
        for tensor in tree_leaves(out):
            if _holds_memory(tensor) and tensor.untyped_storage()._cdata not in given:
                storage = tensor.untyped_storage()
                given.add(storage._cdata)
                size = storage.nbytes()
                made += size
                weakref.finalize(storage, self._release, size)
        self.live += made
        self.peak = max(self.peak, self.live)
        if made and self.live > self.bytes:  # what only cleans up after a stop must not stop again
            raise MemoryLimitExceeded(
                f"{func.__name__} brought the tensors alive to {self.live:,} bytes, {self.bytes:,.0f} are allowed"
            )
        return out

    def _release(self, size: int) -> None:
        self.live -= size


def _holds_memory(value: object) -> bool:
    """Tensors with a storage: not those of the meta device, and not sparse ones, whose parts are seen by themselves."""
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_meta
