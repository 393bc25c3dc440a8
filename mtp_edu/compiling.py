"""torch.compile for training and for decoding: the same arithmetic without Python between the kernels.

Training compiles every block (`CompiledBlocks`). Decoding compiles the whole step (`CompiledStep`), whose shapes never
change: once per shape of model, block, rows and places, and per way of sampling (drawn or not, by which rule, with
top_p or without, top_k none, few or many; their values are inputs). torch keeps the code for the process, and on disk
for the next.

    CUDA              one CUDA graph ("reduce-overhead"): nothing inside waits for the host. Its memory must stay where
                      it is, so a model's last caches are kept for the next texts of the same shapes.
    CPU, bfloat16     frozen: the weights become constants in the layout that their products want best. Measured 1.1 to
                      1.7 times as fast as without; float32 gains nothing and is not frozen. Weights that have changed
                      since, or whose model is gone, stay in memory as constants: torch cannot drop a single code.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mtp_edu.device import compiler_problem
from mtp_edu.model import MultiTokenModel

if TYPE_CHECKING:  # decoding imports this file
    from mtp_edu.decode.step import BlockDecoder, StepResult

_MOST_CODES = 256  # of one function, a code for every shape and way; by default torch gives up after eight
_SMALLEST = 64  # places of a cache
_MOST_IDLE = 4  # caches of a model, each of another shape, that wait for the next text


class CompiledBlocks:
    """A context in which every block runs compiled; outside they are as before, since decoding uses other shapes."""

    def __init__(self, model: torch.nn.Module, wanted: bool = True) -> None:
        blocks = [block for stack in (model.trunk, *model.heads) for block in stack.children()] if wanted else []
        _allow_many_codes()
        self.blocks = [(block, torch.compile(block.forward, dynamic=False)) for block in blocks]

    def __enter__(self) -> None:
        for block, compiled in self.blocks:
            block.forward = compiled

    def __exit__(self, *_) -> None:
        for block, _compiled in self.blocks:
            del block.forward


def _allow_many_codes() -> None:
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, _MOST_CODES)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, _MOST_CODES)


def can_compile(device: torch.device) -> bool:
    """Whether there is a compiler; without one a warning says so, and decoding goes on eagerly."""
    problem = compiler_problem(device)
    if problem:
        warnings.warn(f"compile=True: {problem}", stacklevel=4)
    return problem is None


def rounded_places(wanted: int, most: int) -> int:
    """Places of the cache for `wanted` tokens: the next power of two, so that few lengths are compiled."""
    return min(most, max(_SMALLEST, 1 << (wanted - 1).bit_length()))


class CompiledStep:
    """`decoder.step(...)`, compiled. `close()` when the text is finished."""

    def __init__(self, decoder: BlockDecoder) -> None:
        weight = decoder.model.norm.weight
        self.decoder, self.graph = decoder, weight.device.type == "cuda"
        self.frozen = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
        self.version = _weights_version(decoder.model) if self.frozen else 0
        self.run = _compiled(type(decoder).step, self.graph)
        if self.graph:
            _take_cache(decoder)

    def __call__(self, block: Tensor, start: Tensor, source: Tensor | None, uniform: Tensor | None) -> StepResult:
        if self.graph:
            torch.compiler.cudagraph_mark_step_begin()
        freezing = torch._inductor.config.patch(freezing=True) if self.frozen else contextlib.nullcontext()
        with freezing, torch.no_grad():
            result = self.run(self.decoder, self.version, block, start, source, uniform)
        if not self.graph:
            return result
        # The graph's next run writes over its outputs.
        return type(result)(*(None if part is None else part.clone() for part in vars(result).values()))

    def close(self) -> None:
        if self.graph:
            _leave_cache(self.decoder)


@functools.cache
def _compiled(step: Callable, graph: bool) -> Callable:
    _allow_many_codes()

    def of_version(decoder, version, block, start, source, uniform):
        if version < 0:  # looked at, so that the code is for this version of the weights alone
            raise ValueError(f"version={version}")
        return step(decoder, block, start, source, uniform)

    # fullgraph: an operation that has to wait for the host is an error, not a slow step.
    return torch.compile(of_version, fullgraph=True, dynamic=False, mode="reduce-overhead" if graph else None)


# Frozen weights ------------------------------------------------------------------------------------------------------

_versions: weakref.WeakKeyDictionary[MultiTokenModel, tuple[list, int]] = weakref.WeakKeyDictionary()
_next_version = itertools.count(1)


def _weights_version(model: MultiTokenModel) -> int:
    """Of the weights as they are, and of no other model's: frozen code holds them as constants, so training on makes
    it stale."""
    seen = [(p.data_ptr(), p._version, _checksum(p.detach())) for p in model.parameters()]
    if model not in _versions or _versions[model][0] != seen:
        _versions[model] = seen, next(_next_version)
    return _versions[model][1]


def _checksum(values: Tensor) -> float:
    """Changes with the numbers and their order: what is written through `.data` leaves no other trace."""
    return float(values.flatten().double() @ torch.linspace(1, 2, values.numel(), dtype=torch.float64))


# Caches of CUDA graphs -----------------------------------------------------------------------------------------------

_idle: weakref.WeakKeyDictionary[MultiTokenModel, dict[tuple, tuple]] = weakref.WeakKeyDictionary()  # by shape


def _take_cache(decoder: BlockDecoder) -> None:
    """Take over the cache that the model's last text of this shape has left, emptied."""
    caches = _idle.get(decoder.model, {}).pop(_shape(decoder), None)  # taken out: two texts at a time must not share it
    if caches:
        decoder.trunk_caches, decoder.head_caches = caches
    for cache in decoder.caches():
        for entries in (cache.keys, cache.values):
            entries.zero_()
            torch._dynamo.mark_static_address(entries, guard=False)  # a graph writes it in place; else it would copy it


def _leave_cache(decoder: BlockDecoder) -> None:
    """Keep the cache for the next text of its shape; beyond a few shapes the one that was left first is dropped."""
    idle = _idle.setdefault(decoder.model, {})
    idle[_shape(decoder)] = decoder.trunk_caches, decoder.head_caches
    if len(idle) > _MOST_IDLE:
        del idle[next(iter(idle))]


def _shape(decoder: BlockDecoder) -> tuple:
    keys = decoder.trunk_caches[0].keys
    return tuple(keys.shape), keys.dtype, keys.device, tuple(map(len, decoder.head_caches))
