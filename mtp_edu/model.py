"""The multi-token model: embedding, trunk, head tree, one final norm and the unembedding.

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens; head k = 1 predicts the next token and
stands at index k-1 = 0. Paper, section 2: P(x_{t+k} | x_{t:1}) = softmax(f_u(f_{h_k}(f_s(x_{t:1})))).
The heads read the trunk's un-normed latent; the norm and the unembedding come after each head and are shared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mtp_edu.config import ModelConfig
from mtp_edu.heads import HeadTree
from mtp_edu.trunk import Context, Stack, rope_table


class MultiTokenModel(nn.Module):
    """A language model that predicts the next n tokens at every position: (B, T) ids -> (B, T, n, V) logits."""

    def __init__(self, cfg: ModelConfig, seed: int | None = 0) -> None:
        """`seed` fixes the initial weights; None draws them from torch's global generator."""
        super().__init__()
        self.cfg = cfg
        self.embedding = nn.Embedding(cfg.vocab_size, cfg.dim)
        self.trunk = Stack(cfg, cfg.n_trunk_layers)
        self.heads = HeadTree(cfg)
        self.norm = nn.RMSNorm(cfg.dim, eps=cfg.norm_eps)
        copies = cfg.n_future if cfg.replicated_unembedding else 1
        self.unembeddings = nn.ModuleList(nn.Linear(cfg.dim, cfg.vocab_size, bias=False) for _ in range(copies))
        if cfg.tie_embeddings:
            self.unembeddings[0].weight = self.embedding.weight
        self.register_buffer("rope", None, persistent=False)  # not saved: it follows from the config
        self._make_rope()
        self._initialise(seed)

    def _make_rope(self) -> None:
        """In float32 at least, whatever the weights are in. Decoding may write up to n places past max_seq_len."""
        table = rope_table(self.cfg, self.cfg.max_seq_len + self.cfg.n_future)
        weight = self.norm.weight
        self.rope = table.to(weight.device, torch.promote_types(weight.dtype, torch.float32))

    def _apply(self, fn: Callable, recurse: bool = True) -> MultiTokenModel:
        """Moving or casting the model makes the table anew: it must not be rounded with the weights."""
        super()._apply(fn, recurse)
        self._make_rope()
        return self

    def _initialise(self, seed: int | None) -> None:
        """Normal with standard deviation D^-1/2; what writes into the residual stream is scaled down by its depth.

        The usual 0.02 suits widths near 2,000: at D = 64 all heads stayed at the frequency of single tokens with it.
        """
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        usual = self.cfg.dim**-0.5
        residual = usual / math.sqrt(2 * (self.cfg.n_trunk_layers + self.cfg.layers_per_head))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() == 2:
                    small = name.endswith(("wo.weight", "w2.weight"))
                    std = self.cfg.embedding_std or usual if name == "embedding.weight" else usual
                    parameter.normal_(0.0, residual if small else std, generator=generator)
        for head in self.heads:
            head.start()

    def unembedding(self, head: int) -> nn.Linear:
        """The matrix that the head at index `head` uses: the one that all share, or its own."""
        return self.unembeddings[head if len(self.unembeddings) > 1 else 0]

    def unembed(self, latent: Tensor, head: int) -> Tensor:
        """Logits (..., V) of a latent (..., D) of the head at index `head`."""
        return self.unembedding(head)(self.norm(latent))

    def rope_at(self, positions: Tensor) -> Tensor:
        """Rotary table of positions (T,) -> (2, T, E), or of rows of positions (B, T) -> (2, B, 1, T, E)."""
        rope = self.rope[:, positions]
        return rope if positions.dim() == 1 else rope.unsqueeze(2)

    def context(self, tokens: Tensor) -> Context:
        """Positions 0..T-1 for a forward without a cache."""
        return Context(self.rope[:, : tokens.shape[1]])

    def forward(
        self, tokens: Tensor, n_future: int | None = None, walk: Callable[[MultiTokenModel, Tensor], Any] | None = None
    ) -> Tensor:
        """Logits of heads 1..n_future at every position: (B, T) -> (B, T, n_future, V).

        `[..., k-1, :]` predicts token t+k. `n_future`: by default all heads; 1 is next-token prediction alone.
        `walk(model, tokens)` runs in place of all this: whatever goes through the model's parts on its own (the
        memory-efficient backward does) enters here, so that wrappers of the whole model see it.
        Raises ValueError for a wrong shape, ids outside the vocabulary, too long a window, n_future out of range.
        """
        self.check_tokens(tokens)
        if walk is not None:
            return walk(self, tokens)
        n = self.check_n_future(n_future)
        context = self.context(tokens)
        latents = self.heads(self.trunk(self.embedding(tokens), context), context, range(n))
        return torch.stack([self.unembed(latent, head) for head, latent in enumerate(latents)], dim=2)

    def check_n_future(self, n_future: int | None) -> int:
        n = self.cfg.n_future if n_future is None else n_future
        if isinstance(n, bool | float) or not 1 <= n <= self.cfg.n_future:
            raise ValueError(f"n_future={n_future} must be from 1 to {self.cfg.n_future}, an int: this model's heads")
        return n

    def check_tokens(self, tokens: Tensor) -> None:
        if tokens.dim() != 2 or tokens.dtype not in (torch.int64, torch.int32):
            kind = f"{tuple(tokens.shape)} of {tokens.dtype}"
            raise ValueError(f"tokens must be torch.int64 or int32 of shape (B, T), not {kind}")
        if not 1 <= tokens.shape[1] <= self.cfg.max_seq_len:
            raise ValueError(
                f"the window has {tokens.shape[1]} tokens, this model takes 1 to max_seq_len={self.cfg.max_seq_len}"
            )
        # Reading the ids back from a GPU would make it wait for every batch; there the lookup itself refuses them.
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling() and tokens.numel():
            low, high = int(tokens.min()), int(tokens.max())
            if low < 0 or high >= self.cfg.vocab_size:
                bad = low if low < 0 else high
                raise ValueError(f"token id {bad} is outside the vocabulary of {self.cfg.vocab_size} ids")
