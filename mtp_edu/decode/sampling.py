"""From logits to tokens: the distribution that is sampled, and the rule that accepts drafts without changing it.

Letters: `B` rows, `k` tokens in a block (one committed, k-1 drafts), `V` vocabulary.

Lossless (Leviathan et al. 2023, Chen et al. 2023): draft x, drawn from q, is kept with probability min(1, p(x) / q(x)),
p being head 1's distribution there; the first draft that is refused is replaced by a draw from the residual,
max(0, p - q) made to sum to 1; if none is refused, one more token is drawn from p at the last place. The text then has
exactly the distribution of plain sampling from head 1. q must be what the draft was really drawn from: temperature,
top-k and top-p included. Temperature 0 is the limit in which p and q have a single token each.

Typical (Medusa, Cai et al. 2024): a draft is kept if p holds it likely enough. That keeps more drafts and does NOT keep
the distribution: it is for those who want speed and can judge the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from logits. Raises ValueError for values that describe no distribution."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    acceptance: str | Callable = "lossless"  # "typical" does not keep the distribution; or a rule like those below

    def __post_init__(self) -> None:
        if not callable(self.acceptance) and self.acceptance not in ACCEPTANCES:
            raise ValueError(f"acceptance={self.acceptance!r} must be one of {tuple(ACCEPTANCES)}, or a rule")
        if callable(self.acceptance) and self.temperature == 0:
            raise ValueError("a rule of your own is for sampling: give a temperature above 0")
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature={self.temperature} must be at least 0 (0: always the most likely token)")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p} must be above 0 and at most 1 (1: no token is left out)")
        if self.top_k is not None and (self.top_k < 1 or self.top_k % 1):
            raise ValueError(f"top_k={self.top_k} must be a whole number from 1 on, or None for all tokens")

    @property
    def rule(self) -> Callable:
        """Which drafts are kept, and what follows them: called as `accept_lossless` is."""
        return self.acceptance if callable(self.acceptance) else ACCEPTANCES[self.acceptance]

    def on(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        """`distribution` with these numbers as tensors: a compiled step takes them as inputs, not as constants."""
        given = (self.temperature or None, self.top_p if self.top_p < 1 else None, self.top_k)
        tensors = [x if x is None else torch.tensor(x, dtype=exact_dtype(device), device=device) for x in given]
        return partial(distribution, *tensors, (self.top_k or 0) <= FEW)


def exact_dtype(device: torch.device) -> torch.dtype:
    """float64, or float32 on MPS, which has no other: enough for numbers that meet float32 logits there."""
    return torch.float32 if device.type == "mps" else torch.float64


def distribution(
    temperature: Tensor | None, top_p: Tensor | None, top_k: Tensor | None, few: bool, logits: Tensor
) -> Tensor:
    """Probabilities (..., V), in float32 at least, of what is drawn from logits (..., V); numbers are tensors ().

    First temperature (None: always the most likely token), then the top_k most likely tokens, then of those the fewest
    whose probabilities reach top_p (None: all). Tokens as likely as the k-th are all kept, so with ties more than k.
    few: top_k is at most FEW, so that the k-th is found without sorting all.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if temperature is None:
        return torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    logits = (logits - logits.amax(-1, keepdim=True)) / temperature.clamp(min=1e-30)  # no overflow
    if top_k is not None:
        largest = logits.topk(min(FEW, logits.shape[-1]) if few else logits.shape[-1], dim=-1).values
        smallest = largest.index_select(-1, (top_k.long() - 1).clamp(max=largest.shape[-1] - 1))  # (..., 1)
        logits = logits.masked_fill(logits < smallest, float("-inf"))
    p = logits.softmax(-1)
    if top_p is not None:
        ordered, order = p.sort(dim=-1, descending=True)
        beyond = ordered.cumsum(-1) - ordered >= top_p.clamp(min=1e-30)  # the tokens before it reach top_p already
        p = p.masked_fill(torch.zeros_like(beyond).scatter_(-1, order, beyond), 0.0)
        p = p / p.sum(-1, keepdim=True)
    return p


def draw(p: Tensor, uniform: Tensor) -> Tensor:
    """One token per distribution p (..., V), which need not sum to 1, by inversion of uniform (...) in [0, 1)."""
    below = p.cumsum(-1)
    wanted = uniform.to(p.dtype).unsqueeze(-1) * below[..., -1:]
    token = (below <= wanted).sum(-1)  # the first token whose cumulated probability passes it
    last = p.shape[-1] - 1 - (p.flip(-1) > 0).to(torch.uint8).argmax(-1)  # of those with any, should rounding pass all
    return torch.minimum(token, last)


def accept_lossless(target: Tensor, source: Tensor, drafts: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """How many drafts are kept, (B,) of 0..k-1, and the token that follows them, (B,).

    target: (B, k, V), head 1's distribution after each token of the block. source: (B, k-1, V), what each draft was
    drawn from. drafts: (B, k-1). uniform: (B, k), one for each verdict and the last for the token that follows.
    """
    rows, places = torch.arange(len(target), device=target.device), drafts.unsqueeze(-1)
    p, q = target[:, :-1].gather(-1, places).squeeze(-1), source.gather(-1, places).squeeze(-1)  # (B, k-1)
    kept = (uniform[:, :-1].to(p.dtype) * q < p).long().cumprod(dim=1).sum(dim=1)  # (B,)
    after = target[rows, kept]  # (B, V)
    if drafts.shape[1]:
        refused = (kept < drafts.shape[1]).unsqueeze(-1)
        residual = (after - source[rows, kept.clamp(max=drafts.shape[1] - 1)]).clamp(min=0)
        after = torch.where(refused & residual.any(-1, keepdim=True), residual, after)  # p = q but for rounding: p
    return kept, draw(after, uniform[:, -1])


def typical_threshold(p: Tensor, epsilon: float = 0.09, delta: float = 0.3) -> Tensor:
    """The probability that Medusa asks of a draft where head 1 holds p (..., V): min(epsilon, delta * exp(-H(p))).

    H(p) is the entropy: where much is open, less likely drafts are kept too. The defaults are Medusa's.
    """
    return (delta * (-torch.special.entr(p).sum(-1)).exp()).clamp(max=epsilon)


def accept_typical(
    target: Tensor, source: Tensor, drafts: Tensor, uniform: Tensor, epsilon: float = 0.09, delta: float = 0.3
) -> tuple[Tensor, Tensor]:
    """The same by Medusa's rule, which does not keep the distribution: drafts more likely than `typical_threshold`.

    The token that follows them is drawn from head 1's distribution there. What drafts were drawn from is not asked.
    """
    p = target[:, :-1]  # (B, k-1, V)
    likely = p.gather(-1, drafts.unsqueeze(-1)).squeeze(-1) > typical_threshold(p, epsilon, delta)  # (B, k-1)
    kept = likely.long().cumprod(dim=1).sum(dim=1)  # (B,)
    return kept, draw(target[torch.arange(len(target), device=target.device), kept], uniform[:, -1])


ACCEPTANCES = {"lossless": accept_lossless, "typical": accept_typical}
FEW = 64  # tokens; a compiled step has one code for top_k up to here, and one for more
