"""The head tree: what each head is, and what it reads.

A head maps one latent (B, T, D) to another; its parent is the trunk or another head (paper, Table S4 and appendix B):

    parallel    trunk -> 1, trunk -> 2, ..., trunk -> n
    causal      trunk -> 1 -> 2 -> ... -> n
    anticausal  trunk -> n -> ... -> 2 -> 1

Everything else (the forward, the memory-efficient backward, decoding) walks this tree and never asks for its shape or
its kind. A new kind of head is a new class here with `depth`, `start` and this `forward`, and its size in config.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mtp_edu.config import ModelConfig
from mtp_edu.trunk import Context, KVCache, Stack

TRUNK = -1  # the parent of a head that reads the trunk


class TransformerHead(Stack):
    """One transformer layer, or `layers_per_head` of them (the paper's heads, section 2)."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__(cfg, cfg.layers_per_head)
        self.depth = cfg.layers_per_head  # caches that decoding needs, one per layer

    def start(self) -> None:
        """Called once all weights are drawn; a layer of a head begins like any other."""


class LinearHead(nn.Linear):
    """One matrix without non-linearity: a linear probe of the trunk (Table S4, "linear")."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__(cfg.dim, cfg.dim, bias=False)
        self.depth = 0

    def start(self) -> None:
        """Near the identity: the trunk already ends in a full layer."""
        with torch.no_grad():
            self.weight += torch.eye(len(self.weight))

    def forward(self, x: Tensor, context: Context, caches: list[KVCache] | None = None) -> Tensor:
        return super().forward(x).to(x.dtype)  # autocast rounds the product, not the latent


KINDS = {"transformer": TransformerHead, "linear": LinearHead}


class HeadTree(nn.ModuleList):
    """n heads, `parents[i]` saying what head i+1 reads."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__(KINDS[cfg.head_type](cfg) for _ in range(cfg.n_future))
        self.cfg = cfg
        self.parents = cfg.head_parents

    def children_of(self, parent: int, among: tuple[int, ...]) -> list[int]:
        return [head for head in among if self.parents[head] == parent]

    def top_down(self, wanted: Iterable[int]) -> list[int]:
        """The heads that `wanted` (indices) need, each after what it reads."""
        needed = self.cfg.heads_run(wanted)
        order, frontier = [], [TRUNK]
        while frontier:
            children = self.children_of(frontier.pop(0), needed)
            order += children
            frontier += children
        return order

    def forward(
        self, trunk: Tensor, context: Context, wanted: Sequence[int], caches: list[list[KVCache]] | None = None
    ) -> list[Tensor]:
        """Latents (B, T, D) of the heads at the indices `wanted`, from the trunk's; `caches`: a list per head."""
        latents = {TRUNK: trunk}
        for head in self.top_down(wanted):
            own = caches[head] if caches else None
            latents[head] = self[head](latents[self.parents[head]], context, own)
        return [latents[head] for head in wanted]
