"""Every way of decoding some rows at once, beside each other: what `bench decode` measures at one batch size."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import torch

from mtp_edu import meter, probe
from mtp_edu.bench.rival_decoders import HuggingFace, contenders
from mtp_edu.bench.timing import take_turns
from mtp_edu.decode import DraftTree, Generation, generate
from mtp_edu.model import MultiTokenModel

LOOKED_AT = 4  # rows at most whose text differs that are looked at for near ties
USUAL_LOOKUP = 10  # drafts of prompt lookup in Hugging Face's documentation


@dataclass
class Ours:
    """`generate` over batches of prompts, called as a contender; every call leaves its times behind."""

    model: MultiTokenModel
    prompts: list[list[list[int]]]
    new: int
    method: str
    n_future: int
    tree: DraftTree | None
    compiled: bool
    texts: list[list[int]] = field(default_factory=list)  # of the last call, without the prompts
    decode_seconds: list[float] = field(default_factory=list)  # of every call
    compile_seconds: list[float] = field(default_factory=list)
    forwards: int = 0
    steps: int = 0  # of all rows

    def __call__(self) -> None:
        k = None if self.tree else self.n_future
        options = {"method": self.method, "n_future": k, "tree": self.tree, "compile": self.compiled}
        outs = [generate(self.model, rows, self.new, **options) for rows in self.prompts]
        self.decode_seconds.append(sum(out.seconds for out in outs))
        self.compile_seconds.append(sum(out.compile_seconds for out in outs))
        self.forwards, self.steps = sum(out.forwards for out in outs), sum(len(out.steps) for out in outs)
        self.texts = [row for out in outs for row in out.tokens]


def ways_of(model: MultiTokenModel, tree: DraftTree) -> dict[str, tuple[str, int, DraftTree | None]]:
    """Method, n_future and tree by name."""
    ways = {"plain": ("autoregressive", 1, None)}
    ways |= {f"n_future={k}": ("self-speculative", k, None) for k in range(2, model.cfg.n_future + 1)}
    return ways | {f"tree of {len(tree)}": ("tree", tree.n_future, tree)}


def batch_rows(
    model: MultiTokenModel,
    tree: DraftTree,
    prompts: Sequence[list[int]],
    new: int,
    batch: int,
    turns: int,
    machine: meter.Roofline,
    compiled: Sequence[int | str],
    why_not: str,
) -> list[dict]:
    """All ways of continuing the prompts (of one length) by `new` tokens, `batch` of them at once.

    compiled: which are compiled too: numbers n_future, "tree", and "rival" for Hugging Face's; why_not: why those are
    not that are not. A way that cannot run here is a row that says why. Raises what our own decoding raises.
    """
    where, ways = model.norm.weight.device, ways_of(model, tree)
    chunks = [list(prompts[i : i + batch]) for i in range(0, len(prompts), batch)]
    found: dict[str, Ours | HuggingFace | str] = {}
    for name, (method, k, nodes) in ways.items():
        found[f"{name}, eager"] = Ours(model, chunks, new, method, k, nodes, compiled=False)
    for name, (method, k, nodes) in ways.items():
        if ("tree" if nodes else k) in compiled:
            found[f"{name}, compiled"] = Ours(model, chunks, new, method, k, nodes, compiled=True)
    if 1 not in compiled:
        found["compiled"] = why_not
    tensors = [torch.tensor(rows, device=where) for rows in chunks]
    rival = None if "rival" in compiled else why_not
    found |= contenders(model, tensors, new, rival, sorted({model.cfg.n_future - 1, USUAL_LOOKUP}))
    able = {name: each for name, each in found.items() if not isinstance(each, str)}
    first = {name: take_turns({name: each}, 1, 1, where, warm_up=0)[name][0] for name, each in able.items()}
    shorter = {name: each.short_call for name, each in able.items() if isinstance(each, HuggingFace)}
    for call in shorter.values():
        call()
    seconds = take_turns(able | {("shorter", name): call for name, call in shorter.items()}, turns, 1, where, warm_up=0)
    form, rows = str(model.norm.weight.dtype).removeprefix("torch."), []
    for name, each in found.items():
        row = {"name": name, "format": form, "batch": batch}
        if isinstance(each, str):
            row["absent"] = each
        elif isinstance(each, Ours):
            row |= _ours(each, seconds[name])
        else:
            row |= _theirs(each, seconds[name], seconds["shorter", name], first[name])
        rows.append(row)
    by_name = {row["name"]: row for row in rows}
    reference = able["plain, eager"].texts
    plains = [by_name[name] for name in ("plain, eager", "plain, compiled") if name in able]
    fastest = min(plains, key=lambda row: statistics.median(row["decode_seconds"]))
    for name, each in able.items():
        row, alike = by_name[name], plains[-1] if each.compiled else plains[0]
        row["speed_up"] = _speed_up(row, alike, "decode_seconds")
        row["speed_up_whole"] = _speed_up(row, alike, "whole_seconds")
        row["speed_up_over_fastest"] = _speed_up(row, fastest, "decode_seconds") | {"fastest": fastest["name"]}
        _against_the_bytes(row, model, machine, len(prompts[0]), new)
        k = each.n_future if isinstance(each, Ours) else model.cfg.n_future
        row["exact"] = exact(model, prompts, each.texts, reference, k)
    return rows


def _ours(own: Ours, seconds: list[float]) -> dict:
    """What one of our ways has shown; its first call has warmed up."""
    texts = len(own.texts)
    return {
        "method": own.method,
        "n_future": own.n_future,
        "nodes": len(own.tree) if own.tree else None,
        "compiled": own.compiled,
        "texts": texts,
        "forwards": own.forwards,
        "tokens_per_forward": texts * (own.new - 1) / own.steps,
        # rows that still write, on average: a row that has ended waits for the others
        "occupied": own.steps / (own.forwards * len(own.prompts[0])),
        "repetition": statistics.mean(probe.repeated_share(text) for text in own.texts),
        # recording a CUDA graph anew because another contender has run in between is no part of a call either
        "whole_seconds": [whole - waited for whole, waited in zip(seconds, own.compile_seconds[1:], strict=True)],
        "decode_seconds": own.decode_seconds[1:],
        "compile_seconds": own.compile_seconds[0] if own.compiled else None,
    }


def _theirs(rival: HuggingFace, seconds: list[float], short: list[float], first: float) -> dict:
    """The same of Hugging Face: decoding is a whole call less a shorter one of the same turn."""
    after_the_first = len(rival.prompts) * (rival.new - 1)
    if rival.lookup:
        rival.count()
    forwards = rival.forwards or after_the_first
    return {
        "compiled": rival.compiled,
        "lookup": rival.lookup,
        "texts": len(rival.texts),
        "forwards": forwards,
        "tokens_per_forward": after_the_first / forwards,
        "whole_seconds": seconds,
        "shorter": {"tokens": rival.shorter, "seconds": short},
        "decode_seconds": [rival.decode_seconds(*pair) for pair in zip(seconds, short, strict=True)],
        "compile_seconds": first - statistics.median(seconds) if rival.compiled else None,
    }


def _speed_up(row: dict, plain: dict, key: str) -> dict:
    """How many times as fast as a plain way, turn by turn."""
    ratios = [theirs / own for theirs, own in zip(plain[key], row[key], strict=True)]
    return {"median": statistics.median(ratios), "all": ratios}


def _against_the_bytes(row: dict, model: MultiTokenModel, machine: meter.Roofline, prompt: int, new: int) -> None:
    """Rates, and beside the floor and the bound that the bytes set."""
    after_the_first = row["texts"] * (new - 1)
    row["tokens_per_second"] = {
        "decoding": after_the_first / statistics.median(row["decode_seconds"]),
        "whole": row["texts"] * new / statistics.median(row["whole_seconds"]),
    }
    shape = {"batch": row["batch"], "context": prompt + new // 2, "bytes_per_value": machine.bytes_per_value}
    k, nodes = row.get("n_future", 1), row.get("nodes")
    step = statistics.median(row["decode_seconds"]) / row["forwards"]
    row["step_seconds"] = step
    if not row.get("lookup"):  # what that puts into a forward varies
        floor = machine.seconds(meter.step_cost(model.cfg, k, nodes=nodes, **shape))
        row |= {"floor_seconds": floor, "of_floor": floor / step}
    if k > 1:
        row["bound"] = meter.bound(model.cfg, row["tokens_per_forward"], k, nodes=nodes, **shape)
        row["of_bound"] = row["speed_up"]["median"] / row["bound"]


def exact(
    model: MultiTokenModel,
    prompts: Sequence[list[int]],
    texts: Sequence[list[int]],
    reference: Sequence[list[int]],
    n_future: int,
) -> dict:
    """Texts beside those of plain eager decoding; where they part, whether it was at a near tie.

    gap: units in the last place (ulps) by which a chosen logit falls short of the largest; spread: by which the logits
    of blocks and of one forward differ (probe.exactness). near_ties: no gap above twice the spread or 64 ulps.
    """
    different = [i for i, (own, other) in enumerate(zip(texts, reference, strict=True)) if own != other]
    found = {"rows": len(texts), "equal": len(texts) - len(different)}
    if different:
        looked = []
        for i in different[:LOOKED_AT]:
            written = Generation(texts[i], [], 0.0, False, "", n_future)
            looked.append(probe.exactness(model, prompts[i], written))
        found["looked_at"] = [asdict(one) for one in looked]
        found["largest_gap"] = max(one.largest_gap for one in looked)
        found["near_ties"] = all(one.largest_gap <= min(2 * one.spread, 64) for one in looked)
    return found
