"""What is right, computed a second time: plain loops in float64 over the weights, not one call of the package's model.

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens, `E` width of one attention head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

NONE = -100  # a place without a target


def targets(tokens: list[list[int]], n: int, documents=None, padding=None) -> list[list[list[int]]]:
    """[b][t][k-1] = tokens[b][t+k], or -100: past the end, in another document, in or from padding."""
    out = []
    for b, row in enumerate(tokens):
        out.append([[NONE] * n for _ in row])
        for t in range(len(row)):
            for k in range(1, n + 1):
                if t + k >= len(row):
                    continue
                if documents is not None and documents[b][t] != documents[b][t + k]:
                    continue
                if padding is not None and (padding[b][t] or padding[b][t + k]):
                    continue
                out[b][t][k - 1] = row[t + k]
    return out


def nll(logits: list[float], target: int) -> float:
    """-log softmax(logits)[target], in nats."""
    top = max(logits)
    return math.log(sum(math.exp(x - top) for x in logits)) + top - logits[target]


def head_sums(logits: list, wanted: list) -> tuple[list[float], list[int]]:
    """Sum of each head's losses and the number of its targets; logits [b][t][k][v], targets [b][t][k]."""
    n = len(wanted[0][0])
    sums, counts = [0.0] * n, [0] * n
    for row, row_targets in zip(logits, wanted):
        for place, place_targets in zip(row, row_targets):
            for k in range(n):
                if place_targets[k] != NONE:
                    sums[k] += nll(place[k], place_targets[k])
                    counts[k] += 1
    return sums, counts


def means(sums: list[float], counts: list[float]) -> list[float]:
    return [s / c if c else 0.0 for s, c in zip(sums, counts)]


class Model:
    """A MultiTokenModel's weights, run place by place. Latents are (B, T, D)."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.cfg = model.cfg
        shared: dict[int, Tensor] = {}  # tied weights stay one tensor
        self.weights = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            copy = shared.setdefault(id(parameter), parameter.detach().double().clone().requires_grad_())
            self.weights[name] = copy
        self.parents = model.heads.parents
        self.n = len(model.heads)

    def norm(self, x: Tensor, name: str = "norm") -> Tensor:
        return x / (x.pow(2).mean(-1, keepdim=True) + self.cfg.norm_eps).sqrt() * self.weights[name + ".weight"]

    def embed(self, tokens: Tensor) -> Tensor:
        rows = [torch.stack([self.weights["embedding.weight"][token] for token in row]) for row in tokens.tolist()]
        return torch.stack(rows)  # (B, T, D)

    def block(self, x: Tensor, name: str) -> Tensor:
        w = self.weights
        attended = [self._attention(row, name + ".attention.") for row in self.norm(x, name + ".attention_norm")]
        x = x + torch.stack(attended)
        y = self.norm(x, name + ".ffn_norm")
        gate = y @ w[name + ".feed_forward.w1.weight"].T
        hidden = gate / (1 + (-gate).exp()) * (y @ w[name + ".feed_forward.w3.weight"].T)
        return x + hidden @ w[name + ".feed_forward.w2.weight"].T

    def _attention(self, x: Tensor, name: str) -> Tensor:
        """x: (T, D), one row."""
        heads, width = self.cfg.n_attention_heads, self.cfg.head_dim
        each = heads // self.cfg.n_kv_heads  # query heads per key/value head
        q, k, v = (x @ self.weights[f"{name}w{letter}.weight"].T for letter in "qkv")
        out = []
        for t in range(len(x)):
            mixed = []
            for h in range(heads):
                own, other = slice(h * width, (h + 1) * width), slice(h // each * width, (h // each + 1) * width)
                query = self._turned(q[t, own], t)
                scores = torch.stack([query @ self._turned(k[s, other], s) for s in range(t + 1)])
                share = (scores / math.sqrt(width)).softmax(0)
                mixed.append(sum(share[s] * v[s, other] for s in range(t + 1)))
            out.append(torch.cat(mixed))
        return torch.stack(out) @ self.weights[name + "wo.weight"].T

    def _turned(self, x: Tensor, position: int) -> Tensor:
        half = len(x) // 2
        angles = torch.tensor([position * self.cfg.rope_theta ** (-i / half) for i in range(half)], dtype=x.dtype)
        one, two = x[:half], x[half:]
        return torch.cat([one * angles.cos() - two * angles.sin(), two * angles.cos() + one * angles.sin()])

    def trunk(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        depth = sum(name.startswith("trunk.") and name.endswith("attention_norm.weight") for name in self.weights)
        for layer in range(depth):
            x = self.block(x, f"trunk.{layer}")
        return x

    def head(self, k: int, x: Tensor) -> Tensor:
        """Head at index k from what it reads."""
        if f"heads.{k}.weight" in self.weights:
            return x @ self.weights[f"heads.{k}.weight"].T
        for layer in range(self.cfg.layers_per_head):
            x = self.block(x, f"heads.{k}.{layer}")
        return x

    def latents(self, trunk: Tensor) -> dict[int, Tensor]:
        """All heads' latents; -1 is the trunk."""
        found = {-1: trunk}
        while len(found) <= self.n:
            for k, parent in enumerate(self.parents):
                if parent in found and k not in found:
                    found[k] = self.head(k, found[parent])
        return found

    def unembed(self, k: int, x: Tensor) -> Tensor:
        one = f"unembeddings.{k}.weight"
        return x @ self.weights[one if one in self.weights else "unembeddings.0.weight"].T

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T, n, V)"""
        latents = self.latents(self.trunk(tokens))
        return torch.stack([self.unembed(k, self.norm(latents[k])) for k in range(self.n)], dim=2)

    def losses(self, tokens: Tensor, wanted: Tensor) -> list[Tensor]:
        """Mean loss of each head over its own targets; 0 without any."""
        logits = self.logits(tokens)
        found = []
        for k in range(wanted.shape[2]):
            each = [
                logits[b, t, k].logsumexp(0) - logits[b, t, k, wanted[b, t, k]]
                for b, t in (wanted[..., k] != NONE).nonzero().tolist()
            ]
            found.append(sum(each) / len(each) if each else torch.zeros((), dtype=torch.float64))
        return found

    def gradients(self, loss: Tensor) -> dict[str, Tensor]:
        """Of every weight; zeros where the loss does not reach. The graph stays, for a second question."""
        names, leaves = list(self.weights), list(self.weights.values())
        found = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        return {n: torch.zeros_like(w) if g is None else g for n, w, g in zip(names, leaves, found)}
