"""Losses that others have written for large vocabularies, put under our heads: PyTorch's, Liger's, Cut-Cross-Entropy.

Either in our walk over the heads, where each is backpropagated at once, or for all heads in one backward.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mtp_edu import corpus, device
from mtp_edu.backward import MemoryEfficientWalk
from mtp_edu.model import MultiTokenModel


class PeerWalk(MemoryEfficientWalk):
    """Our walk over the heads, another's loss: it is backpropagated at once, like our own."""

    def __init__(self, targets: Tensor, scales: dict[int, float], sums: Tensor, loss: Callable) -> None:
        super().__init__(targets, scales, sums, None, None)
        self.loss_function = loss

    def add_own_loss(self, head: int, leaf: Tensor) -> None:
        rows = leaf.detach().flatten(0, 1).requires_grad_()
        weight = self.model.unembedding(head).weight
        summed = self.loss_function(self.model.norm(rows), weight, self.targets[..., head].flatten())
        (summed * self.scales[head]).backward()
        leaf.grad = rows.grad.view_as(leaf) if leaf.grad is None else leaf.grad + rows.grad.view_as(leaf)


def joint(model: MultiTokenModel, tokens: Tensor, targets: Tensor, loss: Callable) -> None:
    """All heads forward, then one backward: how fused losses are used where nobody walks."""
    n = targets.shape[2]
    context = model.context(tokens)
    latents = model.heads(model.trunk(model.embedding(tokens), context), context, range(n))
    total = 0.0
    for head, latent in enumerate(latents):
        own = targets[..., head].flatten()
        summed = loss(model.norm(latent.flatten(0, 1)), model.unembedding(head).weight, own)
        total = total + summed / (own != corpus.IGNORE).sum()
    total.backward()


def rivals(chunk: int, where: device.Device) -> dict[str, Callable | str]:
    """Others' fused losses, summed over rows; or why one is absent."""
    found: dict[str, Callable | str] = {}
    if hasattr(torch.nn, "LinearCrossEntropyOptions"):
        options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=chunk)

        def torch_loss(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
            x, weight = x.to(where.dtype), weight.to(where.dtype)
            return F.linear_cross_entropy(x, weight, targets, reduction="sum", options=options)

        found["linear_cross_entropy"] = torch_loss
    else:
        found["linear_cross_entropy"] = f"PyTorch has it from 2.13; this is {torch.__version__}"
    for name, make in (("Liger", _liger), ("Cut-Cross-Entropy", _cut_cross_entropy)):
        if where.device.type != "cuda":
            found[name] = "its kernels need CUDA"
            continue
        try:
            found[name] = make(where)
        except Exception as error:  # whatever a foreign package raises on import is the reason why it is absent
            found[name] = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return found


def _liger(where: device.Device) -> Callable:
    from liger_kernel.transformers.fused_linear_cross_entropy import LigerFusedLinearCrossEntropyLoss

    loss = LigerFusedLinearCrossEntropyLoss(ignore_index=corpus.IGNORE, reduction="sum", accum_dtype=torch.float32)
    return lambda x, weight, targets: loss(weight.to(where.dtype), x.to(where.dtype), targets)


def _cut_cross_entropy(where: device.Device) -> Callable:
    from cut_cross_entropy import linear_cross_entropy

    return lambda x, weight, targets: linear_cross_entropy(
        x.to(where.dtype), weight.to(where.dtype), targets, ignore_index=corpus.IGNORE, reduction="sum", impl="cce"
    )
