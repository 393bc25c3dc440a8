"""`mtp-edu bench memory`: peak memory, time and exactness of n-token losses, ours beside others' in one run.

Three parts. *Growth*: the peak against n for every order and kind of head, naive, head by head, and in chunks, beside
the closed form. *Methods*: the same heads, targets and weights trained by our backward and with the fused losses of
PyTorch, Liger and Cut-Cross-Entropy, either in the same walk over the heads or for all heads in one backward. *Time*:
a step with n heads over one with n = 1 at equal parameters, beside the ratio of their FLOPs (paper, Table S5).
A peak is stated beyond parameters and gradients, which exist before the measurement. What is not installed or cannot
run here is a row that says so.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtp_edu import corpus, device, meter
from mtp_edu.backward import forward_backward
from mtp_edu.bench.memory_report import claims, table
from mtp_edu.bench.results import store
from mtp_edu.bench.rival_losses import PeerWalk, joint, rivals
from mtp_edu.bench.timing import take_turns
from mtp_edu.config import ModelConfig
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_path

KINDS = {
    "parallel": {},
    "linear": {"head_type": "linear"},
    "causal": {"head_order": "causal"},
    "anticausal": {"head_order": "anticausal"},
}


@dataclass(frozen=True)
class Shape:
    """One size: `trunk` layers below n heads, windows of `length`, `batch` of them at once."""

    vocab_size: int
    dim: int
    n_attention_heads: int
    trunk: int
    batch: int
    length: int
    token_chunk: int  # for the least memory
    quick_chunk: int  # for the most speed: with larger vocabularies the steps that are timed against n take this
    ns: tuple[int, ...]
    turns: int
    time_vocabularies: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        return self.batch * self.length

    def config(self, n: int, vocab_size: int | None = None, layers: int | None = None, **kind: Any) -> ModelConfig:
        """With `layers` in all, or else with `trunk` layers below the heads, whatever n."""
        linear = kind.get("head_type") == "linear"
        return ModelConfig(
            vocab_size=vocab_size or self.vocab_size,
            dim=self.dim,
            n_layers=layers or self.trunk + (not linear),
            n_attention_heads=self.n_attention_heads,
            max_seq_len=self.length,
            n_future=n,
            keep_trunk_depth=layers is None,
            **kind,
        )


SHAPES = {
    "quick": (Shape(1009, 32, 2, 1, 2, 16, 8, 16, (1, 2), 2, (257,)),),
    "cpu": (Shape(32_000, 256, 8, 2, 8, 256, 96, 512, (1, 2, 4, 8), 5, (257, 32_000)),),
    "cuda": (
        Shape(32_000, 1024, 16, 4, 8, 1024, 1024, 4096, (1, 2, 4, 8), 7, (257, 32_000)),
        Shape(128_000, 4096, 32, 2, 4, 1024, 512, 2048, (1, 4, 8), 5),
    ),
}


def run(out: Path | None = None, quick: bool = False, device_name: str | None = None) -> dict:
    """Measure, print the tables, store the result (the first shape's at the top, further ones under "further")."""
    where = device.choose(device_name)
    results = []
    for shape in SHAPES["quick" if quick else where.device.type]:
        result = _measure(shape, where)
        print(table(result))
        results.append(result)
    content = results[0] | {"further": results[1:]}
    path = store("bench_memory", "mtp-edu bench memory" + (" --quick" if quick else ""), where.device, content, out)
    print(f"stored in {path}, drawn in {draw(content, path).name}")
    return content


def draw(content: dict, path: Path) -> Path:
    """The picture of a stored result, beside it: peaks against n, the closed form over them."""
    from mtp_edu.views import memory_bars  # here, because measuring needs no pictures

    with atomic_path(path.with_suffix(".png")) as picture:
        memory_bars(content).savefig(picture, format="png", dpi=160)
    return path.with_suffix(".png")


def _measure(shape: Shape, where: device.Device) -> dict:
    result = {"shape": asdict(shape) | {"rows": shape.rows}, "dtype": str(where.dtype).removeprefix("torch.")}
    result["growth"], result["matched"] = _growth(shape, where), _matched(shape, where)
    result["methods"] = _methods(shape, where)
    result["time"] = [row for vocab_size in shape.time_vocabularies for row in _times(shape, where, vocab_size)]
    result["claims"] = claims(result)
    return result


# --- what is measured ----------------------------------------------------------------------------------------------


class _Case:
    """A model with its gradients in place, and a batch of real code for it."""

    def __init__(self, cfg: ModelConfig, shape: Shape, where: device.Device) -> None:
        self.cfg, self.where = cfg, where
        self.model = MultiTokenModel(cfg).to(where.device)
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        ids = _code(shape.batch * (shape.length + cfg.n_future), cfg.vocab_size)
        tokens = ids.view(shape.batch, -1)
        self.tokens = tokens[:, : shape.length].to(where.device)
        self.targets = corpus.future_targets(tokens, cfg.n_future)[:, : shape.length].to(where.device)

    def step(self, **options: Any) -> Callable[[], None]:
        def run() -> None:
            with self.where.autocast():
                forward_backward(self.model, self.tokens, self.targets, **options)

        return run

    def peer(self, loss: Callable[[Tensor, Tensor, Tensor], Tensor], jointly: bool) -> Callable[[], None]:
        """The same step with somebody else's loss: a function of latents (R, D), the unembedding and targets (R,)."""

        def run() -> None:
            with self.where.autocast():
                if jointly:
                    joint(self.model, self.tokens, self.targets, loss)
                else:
                    counts = (self.targets != corpus.IGNORE).sum((0, 1)).tolist()
                    scales = {k: 1 / count for k, count in enumerate(counts)}
                    sums = torch.zeros(len(counts), device=self.tokens.device)
                    self.model(self.tokens, walk=PeerWalk(self.targets, scales, sums, loss))

        return run

    def peak(self, step: Callable[[], None]) -> int:
        """Bytes beyond parameters and gradients: by the meter on the CPU, by the allocator's own mark on CUDA."""
        if self.where.device.type == "cuda":
            step()  # workspaces of the libraries are made once
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            step()
            return torch.cuda.max_memory_allocated() - before
        return meter.memory(step, self.model).peak

    def gradients(self, step: Callable[[], None]) -> list[Tensor]:
        for parameter in self.model.parameters():
            parameter.grad.zero_()
        step()
        return [parameter.grad.double().cpu() for parameter in self.model.parameters()]


@functools.cache
def _code(count: int, vocab_size: int) -> Tensor:
    """So many ids of real code: bytes, or for larger vocabularies pairs of neighbouring bytes, folded."""
    text = "".join(document.text for document in corpus.python_source()[:200]).encode("utf-8")
    ids = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    if vocab_size > 256:
        ids = ids[:-1] * 256 + ids[1:]
    return ids.repeat(1 + count // len(ids))[:count] % vocab_size


# --- the three parts -----------------------------------------------------------------------------------------------


def _ways(shape: Shape) -> dict[str, dict[str, Any]]:
    return {"naive": {"mode": "naive"}, "memory-efficient": {}, "chunked": {"token_chunk": shape.token_chunk}}


def _estimate(cfg: ModelConfig, shape: Shape, where: device.Device, options: dict[str, Any]) -> meter.Estimate:
    mode, dtype = options.get("mode", "memory-efficient"), str(where.dtype).removeprefix("torch.")
    return meter.estimate(cfg, shape.batch, shape.length, mode, options.get("token_chunk"), dtype, where.device.type)


def _growth(shape: Shape, where: device.Device) -> list[dict]:
    rows = []
    for kind, fields in KINDS.items():
        for n in shape.ns:
            case = _Case(shape.config(n, **fields), shape, where)
            for method, options in _ways(shape).items():
                closed = _estimate(case.cfg, shape, where, options)
                row = {"kind": kind, "n": n, "method": method, "peak_bytes": case.peak(case.step(**options))}
                rows.append(row | {"estimate_bytes": closed.peak, "kept_bytes": closed.activation_bytes})
    return rows


def _matched(shape: Shape, where: device.Device) -> list[dict]:
    """Chains beside the n = 1 of as many parameters, whose trunk has the layers that the chain has as heads."""
    n, rows, options = max(shape.ns), [], _ways(shape)["chunked"]
    for kind in ("causal", "anticausal"):
        peaks = []
        for cfg in (shape.config(n, layers=shape.trunk + n, **KINDS[kind]), shape.config(1, layers=shape.trunk + n)):
            case = _Case(cfg, shape, where)
            peaks.append(case.peak(case.step(**options)))
        rows.append({"kind": kind, "n": n, "peak_bytes": peaks[0], "n1_peak_bytes": peaks[1]})
    return rows


def _methods(shape: Shape, where: device.Device) -> list[dict]:
    n = max(shape.ns)
    case = _Case(shape.config(n), shape, where)
    steps: dict[str, Callable[[], None] | str] = {
        "naive": case.step(mode="naive"),
        "memory-efficient": case.step(),
        f"memory-efficient, {shape.token_chunk} rows": case.step(token_chunk=shape.token_chunk),
    }
    ours = set(steps)
    for name, loss in rivals(shape.token_chunk, where).items():
        steps[f"{name}, same walk"] = case.peer(loss, jointly=False) if callable(loss) else loss
        steps[f"{name}, heads jointly"] = case.peer(loss, jointly=True) if callable(loss) else loss
    exact = _exact_gradients(case, shape)
    rows, able, peaks = [], {}, {}
    for name, step in steps.items():
        if callable(step):
            try:
                error = _distance(case.gradients(step), exact)
                peaks[name], able[name] = case.peak(step), step
                rows.append({"name": name, "n": n, "peak_bytes": peaks[name], "error": error})
            except Exception as failure:  # a peer's kernel that fails here is a finding, not the end of the run
                if name in ours:
                    raise
                step = f"{type(failure).__name__}: {failure}".splitlines()[0][:120]
        if not callable(step):
            rows.append({"name": name, "absent": step})
    _add_equal_peak(shape, case, peaks, able, rows, exact)
    for name, seconds in take_turns(able, shape.turns, 1, where.device, warm_up=1).items():
        next(row for row in rows if row["name"] == name)["milliseconds"] = [1000 * each for each in seconds]
    return rows


def _add_equal_peak(shape: Shape, case: _Case, peaks, able, rows, exact) -> None:
    """Ours with as many rows as fit into the peak of linear_cross_entropy in the same walk."""
    theirs, ours = "linear_cross_entropy, same walk", f"memory-efficient, {shape.token_chunk} rows"
    if theirs not in peaks or peaks[theirs] < peaks[ours]:
        return
    more = (peaks[theirs] - peaks[ours]) // (4 * (shape.vocab_size + 8 * shape.dim))
    chunk = min(shape.token_chunk + more, shape.rows)
    name, step = f"memory-efficient, {chunk} rows", case.step(token_chunk=chunk)
    if name not in able:
        able[name] = step
        error = _distance(case.gradients(step), exact)
        rows.append({"name": name, "n": case.cfg.n_future, "peak_bytes": case.peak(step), "error": error})
    next(row for row in rows if row["name"] == name)["equal_peak_to"] = theirs


def _exact_gradients(case: _Case, shape: Shape) -> list[Tensor]:
    """In float64 on the CPU (on the GPU where there is one: it is quicker), in chunks."""
    model = MultiTokenModel(case.cfg).to(case.where.device).double()
    forward_backward(model, case.tokens, case.targets, token_chunk=shape.token_chunk)
    return [parameter.grad.cpu() for parameter in model.parameters()]


def _distance(own: list[Tensor], exact: list[Tensor]) -> float:
    """Relative error of a gradient over all parameters."""
    off = sum(float((one - other).square().sum()) for one, other in zip(own, exact, strict=True))
    return (off / sum(float(other.square().sum()) for other in exact)) ** 0.5


def _times(shape: Shape, where: device.Device, vocab_size: int) -> list[dict]:
    """Steps with n heads over steps with one, at equal parameters."""
    layers = shape.trunk + max(shape.ns)
    chunk = shape.quick_chunk if vocab_size > 2048 else None
    configs = {n: shape.config(n, vocab_size, layers) for n in shape.ns}
    steps = {n: _Case(cfg, shape, where).step(token_chunk=chunk) for n, cfg in configs.items()}
    seconds = take_turns({str(n): step for n, step in steps.items()}, shape.turns, 1, where.device)
    one, flops = seconds[str(min(shape.ns))], {n: cfg.flops_per_token(shape.length) for n, cfg in configs.items()}
    rows = []
    for n in shape.ns:
        ratios = [own / other for own, other in zip(seconds[str(n)], one, strict=True)]
        row = {"vocab_size": vocab_size, "n": n, "layers": layers, "token_chunk": chunk}
        row |= {"milliseconds": [1000 * each for each in seconds[str(n)]]}
        row |= {"time_ratio": {"median": statistics.median(ratios), "all": ratios}}
        rows.append(row | {"flops_ratio": flops[n] / flops[min(shape.ns)]})
    return rows
