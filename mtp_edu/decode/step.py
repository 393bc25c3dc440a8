"""The static step of self-speculative decoding: verify and draft in one forward over a block of k tokens.

Letters: `B` rows, `k` = n_future asked for, `D` width, `S` places in the cache.

A row's block is its last committed token and k-1 drafts. One forward over the block gives

    head 1 at place i       the verdict: the token that belongs after the block's token i
    heads 2..k at place a   the next drafts, where a is the last place whose draft was accepted

so verifying and drafting are the same forward (blockwise parallel decoding, Stern et al. 2018; paper, section 3.2).
The block always has k tokens and every row writes at its own positions, whatever it accepted: a rejected draft's keys
and values are overwritten by the next block before any token can see them. k = 1 is plain decoding.

Rows differ in length from the start: prompts are padded on the right, and what the padding has written is overwritten
in the same way. When sampling, uniform random numbers come in as an input, so that a row's text is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mtp_edu.decode.sampling import Sampling, draw
from mtp_edu.model import MultiTokenModel
from mtp_edu.trunk import Context, KVCache


@dataclass
class StepResult:
    """What a step has decided.

    verdicts: (B, k), the accepted drafts, then head 1's own token, then what it holds most likely. accepted: (B,)
    drafts kept, 0..k-1. drafts: (B, k-1) the next ones, of a tree (B, N-1). source: (B, k-1, V), what they were drawn
    from; None if greedy or a tree. path: (B, k), the nodes of a tree that were accepted, root first; else None.
    """

    verdicts: Tensor
    accepted: Tensor
    drafts: Tensor
    source: Tensor | None = None
    path: Tensor | None = None


class BlockDecoder:
    """Runs a model block by block over a cache. It holds the cache; who decides what is committed is the caller."""

    def __init__(
        self, model: MultiTokenModel, n_future: int, rows: int, places: int, sampling: Sampling | None = None, scratch=0
    ) -> None:
        """places: the longest text, prompt included; the cache has k places more, for drafts past the end, and
        `scratch` slots behind them.

        sampling: None for greedy decoding; otherwise every call takes `uniforms` uniform numbers per row in [0, 1):
        k for the verdicts and the token that follows them, k-1 to draw the next drafts.
        """
        cfg, weight = model.cfg, model.norm.weight
        self.model, self.k, self.uniforms = model, n_future, 2 * n_future - 1
        self.rule, self.distribution = (sampling.rule, sampling.on(weight.device)) if sampling else (None, None)
        self.places = places + n_future
        slots = self.places + scratch

        def layers(count: int) -> list[KVCache]:
            return [KVCache(cfg, rows, slots, weight.device, weight.dtype) for _ in range(count)]

        needed = set(cfg.heads_run(range(n_future)))
        self.trunk_caches = layers(cfg.n_trunk_layers)
        self.head_caches = [layers(head.depth if i in needed else 0) for i, head in enumerate(model.heads)]

    def caches(self) -> Iterator[KVCache]:
        """Of every layer, the trunk's and the heads'."""
        yield from sum(self.head_caches, self.trunk_caches)

    @torch.no_grad()
    def latents(
        self, tokens: Tensor, positions: Tensor, slots: Tensor | None = None, mask: Tensor | None = None
    ) -> list[Tensor]:
        """Run tokens (B, T) at positions (B, T), filling the cache; latents (B, T, D) of heads 1..k.

        slots: (B, T), where keys and values go if not at the positions; mask: (B, 1, T, slots), what each token sees
        if not the past and itself.
        """
        slots = positions if slots is None else slots
        if mask is None:
            every = torch.arange(self.trunk_caches[0].keys.shape[2], device=tokens.device)
            mask = (every <= positions[..., None]).unsqueeze(1)
        context = Context(self.model.rope_at(positions), slots, mask)
        trunk = self.model.trunk(self.model.embedding(tokens), context, self.trunk_caches)
        return self.model.heads(trunk, context, range(self.k), self.head_caches)

    @torch.no_grad()
    def prefill(self, prompt: Tensor, lengths: Tensor | None = None, uniform: Tensor | None = None) -> StepResult:
        """Read prompts (B, P), padded on the right where lengths (B,) are smaller than P.

        The result's verdicts (B, 1) are the first new tokens, and its drafts follow them.
        """
        positions = torch.arange(prompt.shape[1], device=prompt.device).expand_as(prompt)
        rows = torch.arange(len(prompt), device=prompt.device)
        last = torch.full_like(rows, prompt.shape[1] - 1) if lengths is None else lengths - 1  # (B,)
        latents = [latent[rows, last] for latent in self.latents(prompt, positions)]  # k times (B, D)
        first, _ = self._choose(self.model.unembed(latents[0], 0), uniform, self.k - 1)  # (B,)
        drafts, source = self._draft(latents, uniform)
        return StepResult(first[:, None], torch.zeros_like(first), drafts, source)

    @torch.no_grad()
    def step(
        self, block: Tensor, start: Tensor, source: Tensor | None = None, uniform: Tensor | None = None
    ) -> StepResult:
        """One forward over block (B, k), whose first token stands at position start (B,).

        source: (B, k-1, V), what the block's drafts were drawn from, as the step before has returned it.
        """
        positions = start[:, None] + torch.arange(self.k, device=block.device)  # (B, k)
        latents = self.latents(block, positions)  # k times (B, k, D)
        logits = self.model.unembed(latents[0], 0)  # (B, k, V)
        verdicts = logits.argmax(-1)  # (B, k)
        rows = torch.arange(len(block), device=block.device)
        if self.rule is None:
            accepted = accept_greedy(block[:, 1:], verdicts)  # (B,)
        else:
            accepted, following = self.rule(self.distribution(logits), source, block[:, 1:], uniform[:, : self.k])
            kept = torch.arange(self.k - 1, device=block.device) < accepted[:, None]  # (B, k-1)
            verdicts[:, :-1] = torch.where(kept, block[:, 1:], verdicts[:, :-1])
            verdicts[rows, accepted] = following
        drafts, source = self._draft([latent[rows, accepted] for latent in latents], uniform)
        return StepResult(verdicts, accepted, drafts, source)

    def _draft(self, latents: list[Tensor], uniform: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Drafts (B, k-1) of heads 2..k from the latents (B, D) of heads 1..k, and what they were drawn from."""
        return self._choose(self._draft_logits(latents), uniform, slice(self.k, None))

    def _choose(self, logits: Tensor, uniform: Tensor | None, which: int | slice | Tensor) -> tuple:
        """Tokens (...), the most likely of logits (..., V) or drawn by these uniform numbers of a row; and of what."""
        if self.distribution is None:
            return logits.argmax(-1), None
        p = self.distribution(logits)  # (..., V)
        return draw(p, uniform[:, which]), p

    def _draft_logits(self, latents: list[Tensor]) -> Tensor:
        """Logits (B, k-1, V) of heads 2..k. An unembedding that they share is read once for all of them."""
        if self.k == 1:  # plain decoding drafts nothing
            return latents[0].new_zeros(len(latents[0]), 0, self.model.cfg.vocab_size)
        if not self.model.cfg.replicated_unembedding:
            return self.model.unembed(torch.stack(latents[1:], dim=1), 1)
        return torch.stack([self.model.unembed(x, head) for head, x in enumerate(latents[1:], 1)], dim=1)


def accept_greedy(drafts: Tensor, verdicts: Tensor) -> Tensor:
    """Number of leading drafts (B, k-1) that head 1 would have chosen itself, verdicts (B, k): (B,), 0..k-1."""
    return (drafts == verdicts[:, :-1]).long().cumprod(dim=1).sum(dim=1)
