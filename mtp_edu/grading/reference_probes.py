"""What probes of attention heads have to find, in plain loops; and a model to try them on.

Letters: `B` batch, `T` time, `H` attention heads, `E` width of one, `V` vocabulary. A *head* is an attention head here,
named (layer, head) from 0; layers are those that head 1 of the head tree runs through.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mtp_edu.grading import reference


class Probed(reference.Model):
    """The reference up to head 1, which notes its attention and may be without some of its heads."""

    def __init__(self, model: torch.nn.Module, fault: str = "") -> None:
        super().__init__(model)
        self.fault = fault
        self.silent: list[tuple[int, int]] = []
        self.patterns: list[Tensor] = []

    @torch.no_grad()
    def head_1(self, tokens: Tensor, silent=()) -> Tensor:
        """Logits of head 1, (B, T, V), without the heads in `silent`."""
        self.silent, self.patterns = list(silent), []
        path, k = [], 0
        while k != -1:
            path.insert(0, k)
            k = self.parents[k]
        x = self.trunk(tokens)
        for k in path:
            x = self.head(k, x)
        return self.unembed(0, self.norm(x))

    def block(self, x: Tensor, name: str) -> Tensor:
        w, layer, width = self.weights, len(self.patterns), self.cfg.head_dim
        pattern, v = self._pattern(x if self.fault == "norm" else self.norm(x, name + ".attention_norm"), name)
        self.patterns.append(pattern)
        mixed = torch.einsum("bhts,bhse->bthe", pattern, v)
        own = [head for at, head in self.silent if at == layer]
        if self.fault == "last one":
            own = own[-1:]
        if self.fault == "layer":
            own = [head for at, head in self.silent if at == layer + 1]
        if self.fault == "head":
            own = [(head + 1) % self.cfg.n_attention_heads for head in own]
        if self.fault == "strided":  # every H-th number, as if the heads were interleaved
            mixed = mixed.flatten(2).unflatten(2, (width, -1)).transpose(2, 3)
        means = {"rows": (1,), "positions": (0,), "numbers": (0, 1, 2)}.get(self.fault, (0, 1))
        for head in [] if self.fault == "mixed" else own:
            value = mixed[:, :, head]
            mixed[:, :, head] = 0.0 if self.fault == "zero" else value.mean(means, keepdim=True).expand_as(value)
        if self.fault == "strided":
            mixed = mixed.transpose(2, 3)
        out = mixed.flatten(2) @ w[name + ".attention.wo.weight"].T
        if self.fault == "all" and own:
            out = out.mean((0, 1), keepdim=True).expand_as(out)
        if self.fault == "mixed":
            for head in own:
                part = out[:, :, head * width : (head + 1) * width]
                part.copy_(part.mean((0, 1)).expand_as(part))
        x = x + out
        y = self.norm(x, name + ".ffn_norm")
        gate = y @ w[name + ".feed_forward.w1.weight"].T
        return (
            x
            + (gate * gate.sigmoid() * (y @ w[name + ".feed_forward.w3.weight"].T))
            @ w[name + ".feed_forward.w2.weight"].T
        )

    def _pattern(self, y: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """(B, H, T, T) and the values (B, H, T, E), by loops over heads and places."""
        heads, width, T = self.cfg.n_attention_heads, self.cfg.head_dim, y.shape[1]
        each = heads // self.cfg.n_kv_heads
        q, k, v = (y @ self.weights[f"{name}.attention.w{letter}.weight"].T for letter in "qkv")
        patterns, values = [], []
        for h in range(heads):
            shared = h % self.cfg.n_kv_heads if self.fault == "tiled" else h // each
            own, other = slice(h * width, (h + 1) * width), slice(shared * width, (shared + 1) * width)
            if self.fault == "dealt out":  # "(e h)"
                own, other = slice(h, None, heads), slice(shared, None, self.cfg.n_kv_heads)
            still = lambda x, t: x  # noqa: E731
            turn = still if self.fault == "rotary" else self._placed
            turn_keys = still if self.fault in ("rotary", "keys") else self._placed
            queries = torch.stack([turn(q[:, t, own], t) for t in range(T)], dim=1)  # (B, T, E)
            keys = torch.stack([turn_keys(k[:, s, other], s) for s in range(T)], dim=1)
            scores = queries @ keys.transpose(1, 2) / (1 if self.fault == "scale" else math.sqrt(width))
            if self.fault == "scaled by D":
                scores = scores * math.sqrt(width / self.cfg.dim)
            later = torch.ones(T, T, dtype=torch.bool).triu(1)
            if self.fault == "zeros":
                pattern = scores.softmax(-1).masked_fill(later, 0.0)
            elif self.fault == "zero scores":
                pattern = scores.masked_fill(later, 0.0).softmax(-1)
            elif self.fault == "itself":
                pattern = scores.masked_fill(later | torch.eye(T, dtype=torch.bool), -math.inf).softmax(-1)
            elif self.fault == "later":
                pattern = scores.softmax(-1)
            else:
                dim = -2 if self.fault == "columns" else -1
                pattern = scores.masked_fill(later, -math.inf).softmax(dim)
            patterns.append(pattern)
            values.append(v[:, :, other])
        return torch.stack(patterns, dim=1), torch.stack(values, dim=1)

    def _placed(self, x: Tensor, t: int) -> Tensor:
        """Keys or queries (B, E) with the rotary angles of place t."""
        half = x.shape[1] // 2
        angles = torch.tensor([t * self.cfg.rope_theta ** (-i / half) for i in range(half)], dtype=x.dtype)
        one, two = x[:, :half], x[:, half:]
        return torch.cat([one * angles.cos() - two * angles.sin(), two * angles.cos() + one * angles.sin()], dim=1)


def known(row: list[int], t: int, after: int = 1) -> list[int]:
    """Places, at most t, that lie `after` places behind an earlier copy of token t."""
    return [s + after for s in range(t) if row[s] == row[t] and s + after <= t]


def score(pattern: Tensor, tokens: Tensor, where, places=None) -> list[float]:
    """For each head the mean over places of the weight on `where(row, t)`; places: by default those with a copy."""
    heads, rows = pattern.shape[1], tokens.tolist()
    sums, count = [0.0] * heads, 0
    for b, row in enumerate(rows):
        for t in range(len(row)):
            if not (known(row, t) if places is None else places(row, t)):
                continue
            count += 1
            for h in range(heads):
                sums[h] += sum(float(pattern[b, h, t, s]) for s in where(row, t))
    return [x / count if count else 0.0 for x in sums]


def loud(model):
    """With attention that is far from even."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("wq.weight", "wk.weight")):
                parameter *= 2.5
            if name.endswith("wo.weight"):
                parameter *= 3
    return model.requires_grad_(False)
