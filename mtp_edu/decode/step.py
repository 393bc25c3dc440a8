"""The static step of self-speculative decoding: verify and draft in one forward over a block of k tokens.

Letters: `B` rows, `k` = n_future asked for, `D` width, `S` places in the cache.

A row's block is its last committed token and k-1 drafts. One forward over the block gives

    head 1 at place i       the verdict: the token that belongs after the block's token i
    heads 2..k at place a   the next drafts, where a is the last place whose draft was accepted

so verifying and drafting are the same forward (blockwise parallel decoding, Stern et al. 2018; paper, section 3.2).
The block always has k tokens and every row writes at its own positions, whatever it accepted: a rejected draft's keys
and values are overwritten by the next block before any token can see them. k = 1 is plain decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mtp_edu.model import MultiTokenModel
from mtp_edu.trunk import Context, KVCache


@dataclass
class StepResult:
    """verdicts: (B, k) head 1's token at every place; accepted: (B,) drafts kept, 0..k-1; drafts: (B, k-1) the next."""

    verdicts: Tensor
    accepted: Tensor
    drafts: Tensor


class BlockDecoder:
    """Runs a model block by block over a cache. It holds the cache; who decides what is committed is the caller."""

    def __init__(self, model: MultiTokenModel, n_future: int, rows: int, places: int) -> None:
        """places: the longest text, prompt included. The cache has k places more, for drafts past the end."""
        cfg, weight = model.cfg, model.norm.weight
        self.model, self.k = model, n_future
        self.needed = set(cfg.heads_run(range(n_future)))
        self.places = places + n_future

        def caches(count: int) -> list[KVCache]:
            return [KVCache(cfg, rows, self.places, weight.device, weight.dtype) for _ in range(count)]

        self.trunk_caches = caches(cfg.n_trunk_layers)
        self.head_caches = [caches(head.depth if i in self.needed else 0) for i, head in enumerate(model.heads)]

    @torch.inference_mode()
    def latents(self, tokens: Tensor, positions: Tensor) -> list[Tensor]:
        """Run tokens (B, T) at positions (B, T), filling the cache; latents (B, T, D) of heads 1..k."""
        slots = torch.arange(self.places, device=tokens.device)
        mask = (slots <= positions[..., None]).unsqueeze(1)  # (B, 1, T, S): each token sees the past and itself
        context = Context(self.model.rope_at(positions), positions, mask)
        trunk = self.model.trunk(self.model.embedding(tokens), context, self.trunk_caches)
        return self.model.heads(trunk, context, range(self.k), self.head_caches)

    @torch.inference_mode()
    def prefill(self, prompt: Tensor) -> Tensor:
        """Read the prompt (B, P); return the first block (B, k): the first new token and k-1 drafts after it."""
        positions = torch.arange(prompt.shape[1], device=prompt.device).expand_as(prompt)
        return self._predict([latent[:, -1] for latent in self.latents(prompt, positions)])

    @torch.inference_mode()
    def step(self, block: Tensor, start: Tensor) -> StepResult:
        """One forward over block (B, k), whose first token stands at position start (B,)."""
        positions = start[:, None] + torch.arange(self.k, device=block.device)  # (B, k)
        latents = self.latents(block, positions)  # k times (B, k, D)
        verdicts = self.model.unembed(latents[0], 0).argmax(-1)  # (B, k)
        accepted = accept_greedy(block[:, 1:], verdicts)  # (B,)
        rows = torch.arange(len(block), device=block.device)
        drafts = self._predict([latent[rows, accepted] for latent in latents])[:, 1:]  # (B, k-1)
        return StepResult(verdicts, accepted, drafts)

    def _predict(self, latents: list[Tensor]) -> Tensor:
        """Most likely token of each head from its latent (B, D): (B, k)."""
        return torch.stack([self.model.unembed(x, head).argmax(-1) for head, x in enumerate(latents)], dim=1)


def accept_greedy(drafts: Tensor, verdicts: Tensor) -> Tensor:
    """Number of leading drafts (B, k-1) that head 1 would have chosen itself, verdicts (B, k): (B,), 0..k-1."""
    agree = (drafts == verdicts[:, :-1]).long()
    return agree.cumprod(dim=1).sum(dim=1)
