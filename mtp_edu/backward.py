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

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtp_edu.corpus import IGNORE
from mtp_edu.heads import TRUNK
from mtp_edu.model import MultiTokenModel

MODES = ("memory-efficient", "naive")
ADDED_AT_ONCE = 2**20  # numbers of a product, where a device cannot add it to a wider format in place
PHASE = "mtp_edu: "  # what the names of the phases begin with in a profiler's trace; meter/ reads them


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
    grad_scaler: for float16. Parameters are float32 or float64, and narrow formats come by autocast: sums over chunks
    would round too often in a narrow `.grad`. A head without a valid target has loss 0 and no gradient; so has a head
    of weight 0. A frozen trunk gets no backward. Raises ValueError for wrong shapes, ids outside the vocabulary (of
    tokens on a GPU the lookup itself does) and counts below the valid targets, RuntimeError in inference mode.
    """
    if torch.is_inference_mode_enabled():
        raise RuntimeError("torch.inference_mode knows no gradients: call forward_backward outside, or head_losses")
    weights, counts, valid = _check(model, tokens, targets, mode, token_chunk, head_weights, target_counts)
    active = [k for k in range(len(weights)) if weights[k] > 0 and valid[k] > 0]
    scales = {k: weights[k] / counts[k] for k in active}
    sums = _zeros(model, len(weights))
    if active:
        walk = NaiveWalk if mode == "naive" else MemoryEfficientWalk
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
        model(tokens, walk=MemoryEfficientWalk(targets, scales, sums, token_chunk, None))
    return sums


class Walk:
    """What both walks share: which heads to run, and how a head's weight and count scale its loss."""

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


class NaiveWalk(Walk):
    """Everything forward, then everything backward: n heads' logits are alive together."""

    def __call__(self, model: MultiTokenModel, tokens: Tensor) -> None:
        context = model.context(tokens)
        with phase("trunk forward"):
            latents = {TRUNK: model.trunk(model.embedding(tokens), context)}
        for head in model.heads.top_down(self.scales):
            with phase(f"head {head + 1} forward"):
                latents[head] = model.heads[head](latents[model.heads.parents[head]], context)
        losses = []
        for head, scale in self.scales.items():
            with phase(f"head {head + 1} loss"):
                logits = model.unembed(latents[head].flatten(0, 1), head)  # (R, V)
                summed = _SummedCrossEntropy.apply(logits, self.targets[..., head].flatten())
                del logits
                self.sums[head] += summed.detach()
                losses.append(summed * scale)
        del latents  # what the backward needs, its graph keeps
        loss = torch.stack(losses).sum()
        with phase("backward"):
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


class MemoryEfficientWalk(Walk):
    """The post-order walk: Fig 2 for parallel heads, Fig S11 for causal ones."""

    def __call__(self, model: MultiTokenModel, tokens: Tensor) -> None:
        self.model, self.context = model, model.context(tokens)
        self.needed = model.cfg.heads_run(self.scales)
        self.loss_scale = 1.0
        if self.grad_scaler:  # a tensor, so that nobody waits for the GPU; and the scaler notes that it is in use
            self.loss_scale = self.grad_scaler.scale(torch.ones((), device=tokens.device, dtype=self.sums.dtype))
        with phase("trunk forward"):
            trunk = model.trunk(model.embedding(tokens), self.context)  # (B, T, D)
        leaf = _detached(trunk)
        self.visit_children(TRUNK, leaf)
        with phase("trunk backward"):
            _pass_on(trunk, leaf)

    def visit_children(self, parent: int, leaf: Tensor) -> None:
        for head in self.model.heads.children_of(parent, self.needed):
            self.visit(head, leaf)

    def visit(self, head: int, parent: Tensor) -> None:
        with phase(f"head {head + 1} forward"):
            # A view, because autocast would keep its rounded copy of a leaf, and with it the leaf, to its very end.
            out = self.model.heads[head](parent.view_as(parent), self.context)  # (B, T, D)
        leaf = _detached(out)
        self.visit_children(head, leaf)
        if head in self.scales:
            with phase(f"head {head + 1} loss"):
                self.add_own_loss(head, leaf)
        with phase(f"head {head + 1} backward"):
            _pass_on(out, leaf)

    def add_own_loss(self, head: int, leaf: Tensor) -> None:
        """Loss and its gradient with respect to the head's output, `token_chunk` rows of logits at a time."""
        rows, targets = leaf.detach().flatten(0, 1), self.targets[..., head].flatten()  # (R, D), (R,)
        if leaf.requires_grad and leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)
        chunk = min(self.token_chunk or len(rows), len(rows))
        loss = _UnembeddingLoss(self.model.unembedding(head), chunk, self.scales[head] * self.loss_scale)
        for start in range(0, len(rows), chunk):
            some = slice(start, start + chunk)
            part = rows[some].requires_grad_(leaf.requires_grad)  # (r, D)
            normed = self.model.norm(part)
            summed, gradient = loss(normed, targets[some])
            self.sums[head] += summed
            if normed.requires_grad:
                _backward(normed, gradient)
            if leaf.requires_grad:
                leaf.grad.flatten(0, 1)[some] += part.grad


class _UnembeddingLoss:
    """Sum of the losses of some rows under one unembedding, and its gradient times `scale`, without autograd.

    The logits of `rows` rows at most are alive, in one buffer: they turn into the softmax and into its gradient in
    place. The unembedding's gradient is added to its `.grad` in place by the matrix product itself: no second (V, D)
    matrix ever exists, whatever n, but autocast's rounded weights. (Autograd hooks on the unembedding see nothing.)

    How others do it. torch.nn.functional.linear_cross_entropy (2.13, with options) and Liger's fused loss walk over
    the same chunks, but fill a (V, D) gradient of their own in every call, which waits for the backward and is then
    added to `.grad`: n heads backward together keep n of them. Cut-cross-entropy never writes logits to memory: it
    keeps a log-sum-exp per row and computes the logits a second time in its backward, tile by tile in Triton, and by
    default leaves out gradients too small for bfloat16. Here the backward of a head follows its loss at once, so
    nothing is stored, nothing is computed twice and nothing is left out.
    """

    def __init__(self, unembedding: nn.Linear, rows: int, scale: float | Tensor) -> None:
        self.weight, self.scale = unembedding.weight, scale
        kind, dtype = self.weight.device.type, self.weight.dtype
        if torch.is_autocast_enabled(kind) and dtype != torch.float64:  # which autocast leaves alone everywhere
            dtype = torch.get_autocast_dtype(kind)
        self.matrix = self.weight.detach().to(dtype)  # (V, D) in the format of the matrix products
        self.logits = self.matrix.new_empty(rows, len(self.matrix))  # (rows, V)

    def __call__(self, latents: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """latents: (r, D) after the norm; targets: (r,). Returns the sum, and its gradient (r, D) if they want one."""
        x = latents.detach().to(self.matrix.dtype)
        logits = torch.mm(x, self.matrix.T, out=self.logits[: len(x)])  # (r, V)
        p = logits.to(torch.promote_types(logits.dtype, torch.float32))  # the same buffer if it is float32 already
        there = (targets != IGNORE).unsqueeze(-1)  # (r, 1)
        index = targets.unsqueeze(-1).clamp(min=0)
        p -= p.amax(-1, keepdim=True)
        of_target = p.gather(-1, index)
        total = p.exp_().sum(-1, keepdim=True)  # p is not yet divided by it
        summed = (total.log() - of_target).masked_fill_(~there, 0).sum()
        if not torch.is_grad_enabled():
            return summed, None
        scale = there.to(p.dtype) * self.scale  # (r, 1)
        p *= scale / total
        p.scatter_add_(-1, index, -scale)
        by_logits = p if p.dtype == logits.dtype else logits.copy_(p)
        if self.weight.requires_grad:
            if self.weight.grad is None:
                self.weight.grad = torch.zeros_like(self.weight)
            _add_product(self.weight.grad, by_logits.T, x)
        by_latents = (by_logits @ self.matrix).to(latents.dtype) if latents.requires_grad else None  # (r, D)
        return summed, by_latents


def _add_product(total: Tensor, one: Tensor, other: Tensor) -> None:
    """total += one @ other without a matrix in between; total may be in a wider format than the product's factors."""
    if total.dtype == one.dtype:
        total.addmm_(one, other)
    elif _adds_widely(total.device.type, one.dtype, total.dtype):
        torch.addmm(total, one, other, out_dtype=total.dtype, out=total)
    else:  # adding numbers of two formats first makes a wide copy of the narrow ones: a few rows at a time
        rows = max(1, ADDED_AT_ONCE // total.shape[1])
        for part, some in zip(total.split(rows), one.split(rows), strict=True):
            part += some @ other


@functools.cache
def _adds_widely(kind: str, narrow: torch.dtype, wide: torch.dtype) -> bool:
    """Whether this device can add a product of narrow numbers to wide ones in place; tried once, on a small case."""
    one = torch.eye(16, device=kind, dtype=narrow)
    total = torch.ones(16, 16, device=kind, dtype=wide)
    try:
        torch.addmm(total, one, one, out_dtype=wide, out=total)
    except (TypeError, RuntimeError):  # an older torch; a device or formats that have no such kernel
        return False
    return torch.equal(total, 1 + one.to(wide))


def _zeros(model: MultiTokenModel, n: int) -> Tensor:
    """Sums of losses are kept in float32, or in float64 with the model."""
    weight = model.norm.weight
    return torch.zeros(n, device=weight.device, dtype=torch.promote_types(weight.dtype, torch.float32))


def phase(name: str) -> torch.profiler.record_function:
    """A stretch of work that profilers show by this name: "trunk forward", "head 3 loss"; meter/ tells by it."""
    return torch.profiler.record_function(PHASE + name)


def _detached(out: Tensor) -> Tensor:
    """The same numbers with no history: gradients of what is built on it stop here and wait in `.grad`."""
    return out.detach().contiguous().requires_grad_(out.requires_grad)


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
    if targets.dim() != 3 or targets.shape[:2] != tokens.shape or targets.dtype != torch.int64:
        kind, over = f"{tuple(targets.shape)} of {targets.dtype}", tuple(tokens.shape)
        raise ValueError(f"targets must be torch.int64 of shape (B, T, n) over tokens of {over}, not {kind}")
    n = targets.shape[2]
    model.check_tokens(tokens)
    model.check_n_future(n)
    if targets.numel():
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
    if len(counts) != n or any(not count >= own for count, own in zip(counts, valid, strict=False)):
        raise ValueError(f"target_counts must be {n} counts of at least this call's own {valid}, not {counts}")
    return weights, [max(1, count) for count in counts], valid
