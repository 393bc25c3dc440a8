"""Loss and gradient of all heads, two ways: the naive one, and one whose memory does not grow with n.

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens, `R` = B * T rows.

Naive: all heads' logits, (B, T, n, V), are alive at once; one backward. Memory-efficient (paper, section 2 and
Fig 2; Fig S11 for causal heads): a post-order walk over the head tree. A head runs forward from its parent's
*detached* output, its own loss leaves a gradient on its own detached output, one backward carries that into the
parent's, and the head is forgotten before the next begins. Only one head's logits ever exist. At the end the
gradient that all heads have left on the trunk's output goes through the trunk, once.

Both give the same gradient, equal to rounding: that of sum over k of weight_k * (sum of head k's losses) / count_k.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtp_edu.corpus import IGNORE
from mtp_edu.heads import TRUNK
from mtp_edu.model import MultiTokenModel

MODES = ("memory-efficient", "naive")


def forward_backward(
    model: MultiTokenModel,
    tokens: Tensor,
    targets: Tensor,
    mode: str = "memory-efficient",
    token_chunk: int | None = None,
    head_weights: Sequence[float] | None = None,
    target_counts: Sequence[float] | Tensor | None = None,
    grad_scaler: torch.amp.GradScaler | None = None,
) -> Tensor:
    """Add the gradient of the n-token loss to every `.grad`; return the mean loss per head, (n,), detached.

    tokens: (B, T) ids. targets: (B, T, n), -100 where there is none; n may be less than the model's heads.
    mode: "memory-efficient" or "naive". token_chunk: rows of logits alive at once (None: all R of one head); the
    naive mode keeps them all and ignores it. head_weights: n numbers, 1 each by default (the paper's plain sum); a
    head of weight 0 is not run unless another reads it. target_counts: n denominators, by default this call's own
    valid targets; with gradient accumulation pass the counts of the whole batch, and the losses of the calls add up.
    grad_scaler: for float16.
    A head without a valid target has loss 0 and no gradient; so has a head of weight 0. A frozen trunk gets no
    backward. Raises ValueError for wrong shapes, ids outside the vocabulary and counts below the valid targets.
    """
    weights, counts, valid = _check(model, tokens, targets, mode, token_chunk, head_weights, target_counts)
    active = [k for k in range(len(weights)) if weights[k] > 0 and valid[k] > 0]
    scales = {k: weights[k] / counts[k] for k in active}
    sums = _zeros(model, len(weights))
    if active:
        walk = _NaiveWalk if mode == "naive" else _MemoryEfficientWalk
        with torch.enable_grad():
            model(tokens, walk=walk(targets, scales, sums, token_chunk, grad_scaler))
    return sums / torch.tensor(counts, device=sums.device, dtype=sums.dtype)


@torch.no_grad()
def head_losses(model: MultiTokenModel, tokens: Tensor, targets: Tensor, token_chunk: int | None = 2048) -> Tensor:
    """Sum of each head's losses, (n,), in nats, without any gradient: for validation, head by head too."""
    weights, _, valid = _check(model, tokens, targets, "memory-efficient", token_chunk, None, None)
    scales = {k: 1.0 for k in range(len(weights)) if valid[k] > 0}
    sums = _zeros(model, len(weights))
    if scales:
        model(tokens, walk=_MemoryEfficientWalk(targets, scales, sums, token_chunk, None))
    return sums


class _Walk:
    """What both walks share: which heads to run, and the loss of one head."""

    def __init__(
        self,
        targets: Tensor,
        scales: dict[int, float],
        sums: Tensor,
        token_chunk: int | None,
        grad_scaler: torch.amp.GradScaler | None,
    ) -> None:
        self.targets, self.scales, self.sums = targets, scales, sums
        self.token_chunk, self.grad_scaler = token_chunk, grad_scaler

    def loss(self, model: MultiTokenModel, rows: Tensor, targets: Tensor, head: int) -> Tensor:
        """Weighted loss of some rows (r, D) of one head; its plain sum is added to the losses to be reported."""
        summed = _SummedCrossEntropy.apply(model.unembed(rows, head), targets)  # logits (r, V)
        self.sums[head] += summed.detach()
        return summed * self.scales[head]

    def run_backward(self, loss: Tensor) -> None:
        if loss.requires_grad:
            _backward(self.grad_scaler.scale(loss) if self.grad_scaler else loss)


class _SummedCrossEntropy(torch.autograd.Function):
    """Sum of -log p(target) over the rows that have one, at least in float32.

    Its gradient, p minus one at the target, is made in place of log p as soon as the loss is known, so that one
    matrix of the size of the logits waits for the backward where torch's own two functions need three.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))  # (r, V)
        there = (targets != IGNORE).unsqueeze(-1)  # (r, 1)
        index = targets.unsqueeze(-1).clamp(min=0)
        loss = -log_p.gather(-1, index).masked_fill(~there, 0).sum()
        if ctx.needs_input_grad[0]:
            gradient = log_p.exp_()
            gradient.scatter_add_(-1, index, -torch.ones_like(index, dtype=gradient.dtype))
            ctx.save_for_backward(gradient.mul_(there))
            ctx.dtype = logits.dtype
        return loss

    @staticmethod
    def backward(ctx, scale: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(scale).to(ctx.dtype), None  # in place: this graph is run once


class _NaiveWalk(_Walk):
    """Everything forward, then everything backward: n heads' logits are alive together."""

    def __call__(self, model: MultiTokenModel, tokens: Tensor) -> None:
        context = model.context(tokens)
        active = list(self.scales)
        latents = model.heads(model.trunk(model.embedding(tokens), context), context, active)
        losses = [
            self.loss(model, latent.flatten(0, 1), self.targets[..., head].flatten(), head)
            for head, latent in zip(active, latents, strict=True)
        ]
        self.run_backward(torch.stack(losses).sum())


class _MemoryEfficientWalk(_Walk):
    """The post-order walk: Fig 2 for parallel heads, Fig S11 for causal ones."""

    def __call__(self, model: MultiTokenModel, tokens: Tensor) -> None:
        self.model, self.context = model, model.context(tokens)
        self.needed = model.cfg.heads_run(self.scales)
        trunk = model.trunk(model.embedding(tokens), self.context)  # (B, T, D)
        leaf = _detached(trunk)
        self.visit_children(TRUNK, leaf)
        _pass_on(trunk, leaf)

    def visit_children(self, parent: int, leaf: Tensor) -> None:
        for head in self.model.heads.children_of(parent, self.needed):
            self.visit(head, leaf)

    def visit(self, head: int, parent: Tensor) -> None:
        out = self.model.heads[head](parent, self.context)  # (B, T, D)
        leaf = _detached(out)
        self.visit_children(head, leaf)
        if head in self.scales:
            self.add_own_loss(head, leaf)
        _pass_on(out, leaf)

    def add_own_loss(self, head: int, leaf: Tensor) -> None:
        """Loss and its gradient with respect to the head's output, `token_chunk` rows of logits at a time."""
        rows, targets = leaf.detach().flatten(0, 1), self.targets[..., head].flatten()  # (R, D), (R,)
        chunk = self.token_chunk or len(rows)
        gradients = []
        for part, wanted in zip(rows.split(chunk), targets.split(chunk), strict=True):
            part = part.detach().requires_grad_(leaf.requires_grad)  # (r, D)
            self.run_backward(self.loss(self.model, part, wanted, head))
            gradients.append(part.grad)
        if leaf.requires_grad:
            gradient = (gradients[0] if len(gradients) == 1 else torch.cat(gradients)).view_as(leaf)
            leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient


def _zeros(model: MultiTokenModel, n: int) -> Tensor:
    """Sums of losses are kept in float32, or in float64 with the model."""
    weight = model.norm.weight
    return torch.zeros(n, device=weight.device, dtype=torch.promote_types(weight.dtype, torch.float32))


def _detached(out: Tensor) -> Tensor:
    """The same numbers with no history: gradients of what is built on it stop here and wait in `.grad`."""
    return out.detach().requires_grad_(out.requires_grad)


def _pass_on(out: Tensor, leaf: Tensor) -> None:
    """Send the gradient that has gathered on the detached copy on through the graph that made `out`."""
    if leaf.grad is not None:
        _backward(out, leaf.grad)


def _backward(out: Tensor, gradient: Tensor | None = None) -> None:
    """A backward runs in the formats that its forward chose; a surrounding autocast must not choose again."""
    with torch.autocast(out.device.type, enabled=False):
        out.backward(gradient)


def _check(model, tokens, targets, mode, token_chunk, head_weights, target_counts):
    """Refuse bad input; return weights, denominators and the number of valid targets of each head as lists."""
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} must be one of {MODES}")
    if token_chunk is not None and token_chunk < 1:
        raise ValueError(f"token_chunk={token_chunk} must be at least 1, or None for all rows of a head at once")
    if targets.dim() != 3 or targets.shape[:2] != tokens.shape:
        raise ValueError(
            f"targets must have shape (B, T, n) over tokens of {tuple(tokens.shape)}, not {tuple(targets.shape)}"
        )
    n = targets.shape[2]
    model.check_n_future(n)
    if targets.device.type == "cpu" and targets.numel():
        bad = ((targets < 0) & (targets != IGNORE)) | (targets >= model.cfg.vocab_size)
        if bool(bad.any()):
            found = int(targets[bad][0])
            raise ValueError(f"targets must be ids below {model.cfg.vocab_size}, or {IGNORE} for none; found {found}")
    weights = [1.0] * n if head_weights is None else [float(w) for w in head_weights]
    if len(weights) != n or not all(0 <= w < float("inf") for w in weights):
        raise ValueError(f"head_weights must be {n} numbers of at least 0, one per head, not {head_weights}")
    valid = (targets != IGNORE).sum((0, 1)).tolist()
    if target_counts is None:
        return weights, [max(1, count) for count in valid], valid
    counts = target_counts.tolist() if isinstance(target_counts, Tensor) else list(target_counts)
    if len(counts) != n or any(count < own for count, own in zip(counts, valid, strict=False)):
        raise ValueError(f"target_counts must be {n} counts of at least this call's own {valid}, not {counts}")
    return weights, [max(1, count) for count in counts], valid
