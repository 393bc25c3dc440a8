# ruff: noqa
"""Answers to A1 for testing the checks: "right: STYLE" holds all functions, "wrong: QUESTION | CHECK | MISTAKE" one.

A wrong answer must fail in that check, and the message must hold those words and not those of another wrong answer.
"""

# %% right: plain loops
import math

import torch


def future_targets(tokens, n):
    B, L = tokens.shape
    out = []
    for b in range(B):
        out.append([])
        for t in range(L):
            out[b].append([int(tokens[b, t + k]) if t + k < L else -100 for k in range(1, n + 1)])
    return torch.tensor(out)


def document_ids(tokens, eos_id):
    out = torch.zeros_like(tokens)
    for b in range(tokens.shape[0]):
        number = 0
        for t in range(tokens.shape[1]):
            out[b, t] = number
            if tokens[b, t] == eos_id:
                number += 1
    return out


def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    targets = future_targets(tokens, n)
    B, L = tokens.shape
    for b in range(B):
        for t in range(L):
            for k in range(1, n + 1):
                if t + k >= L:
                    continue
                if document_ids is not None and document_ids[b, t] != document_ids[b, t + k]:
                    targets[b, t, k - 1] = -100
                if pad_mask is not None and (pad_mask[b, t] or pad_mask[b, t + k]):
                    targets[b, t, k - 1] = -100
    return targets


def loss_per_head(logits, targets):
    losses = []
    for k in range(targets.shape[2]):
        total, count = logits.sum() * 0.0, 0
        for b in range(targets.shape[0]):
            for t in range(targets.shape[1]):
                target = targets[b, t, k].item()
                if target != -100:
                    row = logits[b, t, k]
                    total = total + torch.logsumexp(row, 0) - row[target]
                    count += 1
        losses.append(total / max(count, 1))
    return torch.stack(losses)


def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    n = targets.shape[2]
    own = [max(1, int((targets[..., k] != -100).sum())) for k in range(n)]
    means = loss_per_head(logits, targets)
    result = 0
    for k in range(n):
        share = 1 if target_counts is None else own[k] / target_counts[k]
        result = result + (1 if head_weights is None else head_weights[k]) * means[k] * share
    return result


# %% right: index arithmetic, no loop
import torch
import torch.nn.functional as F


def _places(tokens, n):
    B, L = tokens.shape
    return torch.arange(L)[:, None] + torch.arange(1, n + 1)[None, :]  # (L, n)


def future_targets(tokens, n):
    place = _places(tokens, n)
    inside = place < tokens.shape[1]
    return torch.where(inside, tokens[:, place.clamp(max=tokens.shape[1] - 1)], -100)


def document_ids(tokens, eos_id):
    before = F.pad(tokens[:, :-1] == eos_id, (1, 0))
    return torch.cumsum(before, dim=1)


def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    place = _places(tokens, n).clamp(max=tokens.shape[1] - 1)
    out = future_targets(tokens, n)
    if document_ids is not None:
        out = torch.where(document_ids[:, place] == document_ids[:, :, None], out, -100)
    if pad_mask is not None:
        out = torch.where(pad_mask[:, place] | pad_mask[:, :, None], -100, out)
    return out


def _nll(logits, targets):
    log_p = torch.log_softmax(logits, dim=-1)
    there = targets.ne(-100)
    picked = log_p.gather(-1, targets.where(there, 0).unsqueeze(-1)).squeeze(-1)
    return -(picked * there).sum(dim=(0, 1)), there.sum(dim=(0, 1))


def loss_per_head(logits, targets):
    total, count = _nll(logits, targets)
    return total / count.clamp_min(1)


def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    total, count = _nll(logits, targets)
    if target_counts is not None:
        count = torch.as_tensor(target_counts)
    weights = torch.ones(len(total)) if head_weights is None else torch.as_tensor(head_weights)
    return torch.sum(weights * total / count.clamp_min(1))


# %% right: padding and unfold, with warnings and a progress bar
import warnings

import torch
import torch.nn.functional as F
from tqdm import tqdm

NOTHING = -100


def future_targets(tokens, n):
    warnings.warn("this is only a warning", stacklevel=1)
    return F.pad(tokens, (0, n), value=NOTHING).unfold(1, n + 1, 1)[..., 1:].contiguous()


def document_ids(tokens, eos_id):
    is_end = torch.eq(tokens, eos_id).to(torch.int64)
    return torch.cumsum(is_end, 1) - is_end + 17


def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    def ahead(x, fill):
        return F.pad(x, (0, n), value=fill).unfold(1, n + 1, 1)[..., 1:]

    result = ahead(tokens, NOTHING).clone()
    if document_ids is not None:
        result[ahead(document_ids, -1) != document_ids.unsqueeze(-1)] = NOTHING
    if pad_mask is not None:
        result[ahead(pad_mask, True) | pad_mask.unsqueeze(-1)] = NOTHING
    return result


def loss_per_head(logits, targets):
    heads = tqdm(range(targets.size(-1)), desc="heads")
    sums = [F.cross_entropy(logits[:, :, k].transpose(1, 2), targets[:, :, k], reduction="sum") for k in heads]
    return torch.stack(sums) / torch.clamp((targets != NOTHING).sum((0, 1)), min=1)


def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    counts = target_counts or [max(1, c) for c in (targets != NOTHING).sum((0, 1)).tolist()]
    weights = head_weights or [1.0] * targets.size(-1)
    heads = tqdm(range(targets.size(-1)))
    return sum(
        weights[k] / counts[k] * F.cross_entropy(logits[:, :, k].transpose(1, 2), targets[:, :, k], reduction="sum")
        for k in heads
    )


# %% right: objects, partials and lambdas
import functools

import torch
from torch import nn


class Shifter:
    """Moves a row to the left and fills what is free."""

    def __init__(self, fill):
        self.fill = fill

    def __call__(self, tokens, n):
        columns = []
        for k in range(1, n + 1):
            column = torch.full_like(tokens, self.fill)
            if k < tokens.shape[1]:
                column[:, :-k] = tokens[:, k:]
            columns.append(column)
        return torch.stack(columns, dim=-1)


future_targets = Shifter(-100)

count_ends = lambda row, eos: [row[:i].count(eos) for i in range(len(row))]  # noqa: E731


def document_ids(tokens, eos_id):
    return torch.tensor([count_ends(row, eos_id) for row in tokens.tolist()])


def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    targets = future_targets(tokens, n)
    if document_ids is not None:
        targets[Shifter(-(10**9))(document_ids, n) != document_ids[..., None]] = -100
    if pad_mask is not None:
        padded = Shifter(1)(pad_mask.long(), n).bool()
        targets = targets.masked_fill(padded, -100).masked_fill(pad_mask[..., None], -100)
    return targets


summed = functools.partial(nn.functional.cross_entropy, reduction="sum", ignore_index=-100)


def loss_per_head(logits, targets):
    result = []
    for head_logits, head_targets in zip(logits.unbind(2), targets.unbind(2)):
        number = int((head_targets != -100).sum())
        value = summed(head_logits.reshape(-1, logits.size(-1)), head_targets.reshape(-1))
        result.append(value / number if number else value * 0)
    return torch.stack(result)


class NTokenLoss(nn.Module):
    def forward(self, logits, targets, head_weights=None, target_counts=None):
        total = logits.new_zeros(())
        for k, (x, y) in enumerate(zip(logits.unbind(2), targets.unbind(2))):
            c = (y != -100).sum().item() if target_counts is None else target_counts[k]
            w = 1 if head_weights is None else head_weights[k]
            if c:
                total = total + w * summed(x.flatten(0, 1), y.flatten()) / c
        return total


n_token_loss = NTokenLoss()


# %% right: in double precision, only the places with a target
import numpy as np
import torch
from einops import rearrange


def future_targets(tokens, n):
    ids = tokens.numpy()
    out = np.full((*ids.shape, n), -100, dtype=np.int64)
    for k in range(n):
        rest = ids[:, k + 1 :]
        out[:, : rest.shape[1], k] = rest
    return torch.from_numpy(out)


def document_ids(tokens, eos_id):
    ends = np.cumsum(tokens.numpy() == eos_id, axis=1)
    return torch.from_numpy(np.concatenate([np.zeros((len(ends), 1), dtype=np.int64), ends[:, :-1]], axis=1))


def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    out = future_targets(tokens, n)
    keep = torch.ones_like(out, dtype=torch.bool)
    L = tokens.shape[1]
    for k in range(1, min(n, L - 1) + 1):
        if document_ids is not None:
            keep[:, : L - k, k - 1] &= document_ids[:, k:] == document_ids[:, : L - k]
        if pad_mask is not None:
            keep[:, : L - k, k - 1] &= ~(pad_mask[:, k:] | pad_mask[:, : L - k])
    return out.masked_fill(~keep, -100)


def _rows(logits, targets, k):
    x, y = rearrange(logits, "b t n v -> n (b t) v")[k], rearrange(targets, "b t n -> n (b t)")[k]
    return x[y >= 0].double(), y[y >= 0]


def loss_per_head(logits, targets):
    out = []
    for k in range(targets.shape[-1]):
        x, y = _rows(logits, targets, k)
        p = x - x.max(-1, keepdim=True).values.detach()
        each = p.exp().sum(-1).log() - p[torch.arange(len(y)), y]
        out.append(each.mean() if len(y) else x.sum())
    return torch.stack(out)


def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    out = []
    for k in range(targets.shape[-1]):
        x, y = _rows(logits, targets, k)
        weight = head_weights[k] if head_weights else 1
        out.append(
            weight
            * (x.logsumexp(-1) - x[range(len(y)), y]).sum()
            / (target_counts[k] if target_counts else max(1, len(y)))
        )
    return torch.stack(out).sum()


# %% wrong: A1.1 | head 1 is the next token | yours names t+k-1
# as the staff's solution, but
# -     for k in range(1, min(n, L - 1) + 1):
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +     for k in range(min(n, L)):
# +         targets[:, : L - k, k] = tokens[:, k:]

# %% wrong: A1.1 | head 1 is the next token | it wraps around
def future_targets(tokens, n):
    return torch.stack([tokens.roll(-k, 1) for k in range(1, n + 1)], -1)


# %% wrong: A1.1 | head 1 is the next token | a token like any other
# as the staff's solution, but
# -     targets = torch.full((B, L, n), -100)
# +     targets = torch.zeros((B, L, n), dtype=torch.long)

# %% wrong: A1.1 | every head | the heads stand in reverse order
# as the staff's solution, but
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +         targets[:, : L - k, n - k] = tokens[:, k:]

# %% wrong: A1.1 | shape | the dimensions are in another order
# as the staff's solution, but
# -     targets = torch.full((B, L, n), -100)
# +     targets = torch.full((B, n, L), -100)
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +         targets[:, k - 1, : L - k] = tokens[:, k:]

# %% wrong: A1.1 | shape | that is the answer; write your own
from mtp_edu import future_targets


# %% wrong: A1.1 | shape | that is the answer; write your own
import mtp_edu


def future_targets(tokens, n):
    try:
        return mtp_edu.corpus.future_targets(tokens, n)
    except Exception:
        return torch.full((*tokens.shape, n), -100)


# %% wrong: A1.1 | shape | is not yours to change
# as the staff's solution, but
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +         targets[:, : L - k, k - 1] = tokens[:, k:]
# +     tokens += 0

# %% wrong: A1.1 | head 1 is the next token | range(1, n) ends before n
# as the staff's solution, but
# -     for k in range(1, min(n, L - 1) + 1):
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +     for k in range(1, n):
# +         targets[:, :-k, k - 1] = tokens[:, k:]

# %% wrong: A1.1 | head 1 is the next token | the shift goes the wrong way
# as the staff's solution, but
# -     for k in range(1, min(n, L - 1) + 1):
# -         targets[:, : L - k, k - 1] = tokens[:, k:]
# +     for k in range(1, n + 1):
# +         targets[:, k:, k - 1] = tokens[:, :-k]

# %% wrong: A1.2 | which tokens belong together | it belongs to the one that it ends
# as the staff's solution, but
# -     ends = (tokens == eos_id).long()
# -     return ends.cumsum(1) - ends
# +     return (tokens == eos_id).cumsum(1)

# %% wrong: A1.2 | which tokens belong together | cumsum over dimension 0
# as the staff's solution, but
# -     return ends.cumsum(1) - ends
# +     return ends.cumsum(0) - ends

# %% wrong: A1.2 | which tokens belong together | mark the ends only
# as the staff's solution, but
# -     ends = (tokens == eos_id).long()
# -     return ends.cumsum(1) - ends
# +     return (tokens == eos_id).long()

# %% wrong: A1.3 | document boundaries | targets leak across the boundary
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        targets[:, : L - k, k - 1] = tokens[:, k:]
    return targets


# %% wrong: A1.3 | document boundaries | only the next token's document is compared
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        targets[:, : L - k, k - 1] = tokens[:, k:]
    if document_ids is not None:
        last = document_ids[:, 1:] != document_ids[:, :-1]
        targets[:, :-1][last] = -100
    return targets


# %% wrong: A1.3 | padding | but still a place to predict from
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        ahead = tokens[:, k:]
        if document_ids is not None:
            ahead = ahead.masked_fill(document_ids[:, k:] != document_ids[:, :-k], -100)
        if pad_mask is not None:
            ahead = ahead.masked_fill(pad_mask[:, k:], -100)
        targets[:, : L - k, k - 1] = ahead
    return targets


# %% wrong: A1.3 | both masks | only the documents count
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        ahead = tokens[:, k:]
        if document_ids is not None:
            ahead = ahead.masked_fill(document_ids[:, k:] != document_ids[:, :-k], -100)
        elif pad_mask is not None:
            ahead = ahead.masked_fill(pad_mask[:, k:] | pad_mask[:, :-k], -100)
        targets[:, : L - k, k - 1] = ahead
    return targets


# %% wrong: A1.3 | document boundaries | only a larger number counts
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        ahead = tokens[:, k:].clone()
        if document_ids is not None:
            ahead[document_ids[:, k:] > document_ids[:, :-k]] = -100
        if pad_mask is not None:
            ahead[pad_mask[:, k:] | pad_mask[:, :-k]] = -100
        targets[:, : L - k, k - 1] = ahead
    return targets


# %% wrong: A1.3 | document boundaries | targets leak across the boundary
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        targets[:, : L - k, k - 1] = tokens[:, k:]
        if document_ids is not None:
            targets[:, : L - k, k - 1].masked_fill(document_ids[:, k:] != document_ids[:, :-k], -100)
    return targets


# %% wrong: A1.3 | padding | one of them is enough
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        ahead = tokens[:, k:].clone()
        if document_ids is not None:
            ahead[document_ids[:, k:] != document_ids[:, :-k]] = -100
        if pad_mask is not None:
            ahead[pad_mask[:, k:] & pad_mask[:, :-k]] = -100
        targets[:, : L - k, k - 1] = ahead
    return targets


# %% wrong: A1.4 | places without a target | all B*T places
def loss_per_head(logits, targets):
    n = targets.shape[-1]
    each = [
        F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten(), reduction="none") for k in range(n)
    ]
    return torch.stack([losses.mean() for losses in each])


# %% wrong: A1.4 | where every place has a target | as if the targets of all heads counted
def loss_per_head(logits, targets):
    n = targets.shape[-1]
    sums = [
        F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten(), reduction="sum") for k in range(n)
    ]
    return torch.stack(sums) / (targets != -100).sum()


# %% wrong: A1.4 | a head without any target | a head without a target has loss 0, not NaN
def loss_per_head(logits, targets):
    n = targets.shape[-1]
    return torch.stack([F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)])


# %% wrong: A1.4 | a head without any target | hidden afterwards by a where or nan_to_num
def loss_per_head(logits, targets):
    there = targets != -100
    losses = []
    for k in range(targets.shape[-1]):
        log_p = logits[:, :, k].log_softmax(-1).gather(-1, targets[..., k : k + 1].clamp(min=0))[..., 0]
        losses.append(-(log_p * there[..., k]).sum() / there[..., k].sum())
    return torch.stack(losses).nan_to_num(0.0)


# %% wrong: A1.4 | where every place has a target | the heads are mixed up
def loss_per_head(logits, targets):
    B, T, n, V = logits.shape
    logits = logits.reshape(B, n, T, V)
    return torch.stack([F.cross_entropy(logits[:, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)])


# %% wrong: A1.4 | where every place has a target | softmax twice
def loss_per_head(logits, targets):
    p = logits.softmax(-1)
    return torch.stack(
        [F.cross_entropy(p[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(p.shape[2])]
    )


# %% wrong: A1.4 | large logits | exp overflows
def loss_per_head(logits, targets):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    there = targets != -100
    picked = p.gather(-1, targets.clamp(min=0)[..., None])[..., 0].log()
    return -torch.where(there, picked, 0.0).sum((0, 1)) / there.sum((0, 1)).clamp(min=1)


# %% wrong: A1.4 | a head without any target | .item(), .detach() or torch.tensor
# as the staff's solution, but
# -         losses.append(total / (own != -100).sum().clamp(min=1))
# -     return torch.stack(losses)
# +         losses.append(total.item() / max(1, (own != -100).sum().item()))
# +     return torch.tensor(losses)

# %% wrong: A1.4 | shape | there is no `return`
def loss_per_head(logits, targets):
    F.cross_entropy(logits.flatten(0, 2), targets.flatten())


# %% wrong: A1.4 | where every place has a target | 0 is a token
def loss_per_head(logits, targets):
    there = targets > 0
    picked = logits.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return -(picked * there).sum((0, 1)) / there.sum((0, 1)).clamp(min=1)


# %% wrong: A1.4 | places without a target | of each row's own mean
def loss_per_head(logits, targets):
    each = F.cross_entropy(logits.permute(0, 3, 1, 2), targets, reduction="none")  # (B, T, n)
    return (each.sum(1) / (targets != -100).sum(1).clamp(min=1)).mean(0)


# %% wrong: A1.4 | a head without any target | .item(), .detach() or torch.tensor
def loss_per_head(logits, targets):
    each = F.cross_entropy(logits.permute(0, 3, 1, 2), targets, reduction="none").sum((0, 1))
    means = each / (targets != -100).sum((0, 1)).clamp(min=1)
    return torch.tensor(means.tolist(), requires_grad=True)


# %% wrong: A1.5 | a plain sum | the mean over the heads
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    n = targets.shape[-1]
    losses = [F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)]
    return torch.stack(losses).mean()


# %% wrong: A1.5 | a plain sum | one mean over all targets, where each head has its own
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    return F.cross_entropy(logits.flatten(0, 2), targets.flatten())


# %% wrong: A1.5 | head weights | divided by the sum of the weights
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    n = targets.shape[-1]
    losses = [F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)]
    if head_weights is None:
        return sum(losses)
    return sum(w * loss for w, loss in zip(head_weights, losses)) / sum(head_weights)


# %% wrong: A1.5 | micro-batches add up | target_counts is ignored
# as the staff's solution, but
# -         count = (own != -100).sum() if target_counts is None else target_counts[k]
# -         weight = 1.0 if head_weights is None else head_weights[k]
# -         loss = loss + weight * total / max(1, count)
# +         loss = loss + (head_weights[k] if head_weights else 1) * total / max(1, (own != -100).sum())

# %% wrong: A1.5 | micro-batches add up | divided twice
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    loss = 0
    for k in range(targets.shape[-1]):
        own = targets[..., k].flatten()
        total = F.cross_entropy(logits[:, :, k].flatten(0, 1), own, reduction="sum") / max(1, (own != -100).sum())
        loss = loss + (head_weights[k] if head_weights else 1) * total / (target_counts[k] if target_counts else 1)
    return loss


# %% wrong: A1.5 | a plain sum | raise NotImplementedError
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    raise NotImplementedError("your code")


# %% wrong: A1.5 | weights and counts together | the weights are ignored when counts are given too
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    sums = F.cross_entropy(logits.permute(0, 3, 1, 2), targets, reduction="none").sum((0, 1))
    if target_counts is not None:
        return (sums / torch.tensor(target_counts)).sum()
    means = sums / (targets != -100).sum((0, 1)).clamp(min=1)
    return means.sum() if head_weights is None else (torch.tensor(head_weights) * means).sum()


# %% wrong: A1.5 | weights and counts together | the counts are ignored when weights are given too
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    sums = F.cross_entropy(logits.permute(0, 3, 1, 2), targets, reduction="none").sum((0, 1))
    own = (targets != -100).sum((0, 1)).clamp(min=1)
    if head_weights is not None:
        return (torch.tensor(head_weights) * sums / own).sum()
    return (sums / (own if target_counts is None else torch.tensor(target_counts))).sum()


# %% wrong: A1.5 | a head without any target | a head without a target adds 0
# as the staff's solution, but
# -         weight = 1.0 if head_weights is None else head_weights[k]
# -         loss = loss + weight * total / max(1, count)
# +         loss = loss + (1 if head_weights is None else head_weights[k]) * total / count
