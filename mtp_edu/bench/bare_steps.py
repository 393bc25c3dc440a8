"""Steps of models too large for any cache, with random weights and without text: how near to the bandwidth they run.

What such a model would gain is computed: tokens per forward are those of a trained model, and marked as such.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch

from mtp_edu import device, meter
from mtp_edu.bench.rival_decoders import contenders
from mtp_edu.bench.timing import take_turns
from mtp_edu.config import PRESETS, ModelConfig
from mtp_edu.device import DTYPES
from mtp_edu.model import MultiTokenModel


@dataclass(frozen=True)
class Bare:
    """A shape, and at which batches its plain step and that of up to n = 4 heads are timed."""

    name: str
    shape: dict[str, int]  # of ModelConfig
    context: int
    batches: tuple[int, ...]
    compiled: tuple[int, ...]
    turns: int
    steps: int  # of each turn
    rival: bool = False  # Hugging Face's plain decoding beside it, at batch 1

    def config(self) -> ModelConfig:
        return ModelConfig(**({"n_future": 4, "max_seq_len": self.context} | self.shape))


def _shape(vocab_size: int, dim: int, n_layers: int, n_attention_heads: int) -> dict[str, int]:
    return {"vocab_size": vocab_size, "dim": dim, "n_layers": n_layers, "n_attention_heads": n_attention_heads}


BARE = {
    "quick": (Bare("tiny", _shape(257, 64, 5, 4), 64, (1,), (), 2, 4, rival=True),),
    "cpu": (Bare("60M", _shape(1024, 640, 12, 10), 256, (1, 8), (1,), 5, 5),),
    "cuda": (
        Bare("1B", _shape(32_000, *PRESETS["1B"]), 512, (1, 2, 4, 8, 16, 32), (1, 32), 5, 10, rival=True),
        Bare("6.7B", _shape(32_000, 4096, 32, 32), 512, (1, 8, 32), (1,), 5, 5),
    ),
}


def bare_steps(
    bare: Bare, form: str, n_future: int, tokens_per_forward: float, source: str, where: device.Device,
    compiling: str | None,
) -> list[dict]:  # fmt: skip
    """Rows for each batch, plain and with n_future heads, eager and compiled. compiling: why nothing is, or None.

    tokens_per_forward: measured with n_future heads of the model `source`.
    """
    cfg, dtype = bare.config(), DTYPES[form]
    about = {"model": bare.name, "parameters": cfg.parameters(), "format": form, "context": bare.context}
    if where.device.type == "cuda":
        torch.cuda.empty_cache()
        free, needed = torch.cuda.mem_get_info(where.device)[0], 1.3 * cfg.parameters() * dtype.itemsize
        if needed > free:
            return [about | {"absent": f"needs {needed / 1e9:.0f} GB, {free / 1e9:.0f} are free"}]
    model, machine = _random(cfg, dtype, where.device), meter.roofline(where.device, dtype)
    rows = []
    for batch in bare.batches:
        kinds = ("eager", "compiled") if batch in bare.compiled and not compiling else ("eager",)
        ways = {f"{kind} {k}": (kind, k) for kind in kinds for k in sorted({1, n_future})}
        steps = {
            name: meter.decode_step(model, k, batch, bare.context, compile=kind == "compiled")
            for name, (kind, k) in ways.items()
        }
        seconds = take_turns(steps, bare.turns, bare.steps, where.device)
        for name, (kind, k) in ways.items():
            own = seconds[name]
            cost = meter.step_cost(cfg, k, batch, bare.context, dtype.itemsize)
            floor, step = machine.seconds(cost), statistics.median(own)
            row = about | {"kind": kind, "batch": batch, "n_future": k, "step_seconds": own, "bytes": cost.bytes}
            row |= {"floor_seconds": floor, "of_floor": floor / step, "tokens_in_flight": cost.tokens}
            if k > 1:
                ratios = [plain / mine for plain, mine in zip(seconds[f"{kind} 1"], own, strict=True)]
                row |= {"tokens_per_forward": tokens_per_forward, "tokens_per_forward_from": source}
                row["speed_up"] = tokens_per_forward * statistics.median(ratios)
                row["bound"] = meter.bound(cfg, tokens_per_forward, k, batch, bare.context, dtype.itemsize)
                row["of_bound"] = row["speed_up"] / row["bound"]
            rows.append(row)
        if compiling and batch in bare.compiled:
            rows.append(about | {"kind": "compiled", "batch": batch, "absent": compiling})
    if bare.rival:
        rows += _rival(bare, model, where, compiling, about)
    return rows


def _random(cfg: ModelConfig, dtype: torch.dtype, where: torch.device) -> MultiTokenModel:
    """Made where and as it is used: billions of numbers drawn on the CPU would take minutes."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with where:
            return MultiTokenModel(cfg, seed=None).eval()
    finally:
        torch.set_default_dtype(before)


def _rival(bare: Bare, model: MultiTokenModel, where: device.Device, compiling: str | None, about: dict) -> list[dict]:
    """Hugging Face's plain decoding of a random prompt that leaves room for some steps: seconds per step."""
    new = bare.turns * bare.steps
    prompt = torch.randint(model.cfg.vocab_size, (1, bare.context - new), device=where.device)
    rows = []
    for name, rival in contenders(model, [prompt], new, compiling).items():
        row = about | {"kind": name, "batch": 1, "n_future": 1}
        if isinstance(rival, str):
            rows.append(row | {"absent": rival})
            continue
        seconds = take_turns({"whole": rival, "short": rival.short_call}, bare.turns, 1, where.device)
        pairs = zip(seconds["whole"], seconds["short"], strict=True)
        rows.append(row | {"step_seconds": [rival.decode_seconds(*pair) / (new - 1) for pair in pairs]})
    return rows
