"""What sampling has to give, in plain loops over lists; and distributions and drafts to try it on.

Letters: `B` rows, `V` vocabulary; p is head 1's distribution, q the one that a draft was drawn from.
"""

from __future__ import annotations

import math

import torch

V = 6


def softmax(logits, temperature=1.0):
    top = max(logits)
    weights = [math.exp((x - top) / temperature) for x in logits]
    return [w / sum(weights) for w in weights]


def nucleus(p, top_p, crossing=0, normal=True, rank=None):
    """The fewest tokens whose probabilities reach top_p, made to sum to 1; crossing: how many more or fewer."""
    order = sorted(range(len(p)), key=lambda i: -(rank or p)[i])
    total, kept = 0.0, 0
    while kept < len(p) and (total < top_p or top_p == 1):
        total += p[order[kept]]
        kept += 1
    left = set(order[: kept + crossing])
    out = [x if i in left else 0.0 for i, x in enumerate(p)]
    return [x / (sum(out) if normal else 1) if sum(out) else math.nan for x in out]


def distribution(logits, temperature, top_p):
    return nucleus(softmax(logits, temperature), top_p)


def draw(p, u):
    """The first token whose cumulated probability passes u times their sum."""
    total, below = sum(p), 0.0
    for token, share in enumerate(p):
        below += share
        if below > u * total:
            return token
    return max(i for i, share in enumerate(p) if share > 0)


def residual(p, q):
    return [max(0.0, a - b) for a, b in zip(p, q)]


def probabilities(cases, *shape, zeros=False):
    """Distributions (..., V); zeros: some tokens are left out, as by top-p."""
    p = (1.5 * cases.normal(*shape, V)).softmax(-1)
    if zeros:
        p = p.where(p > 0.08, 0.0)
        p = p / p.sum(-1, keepdim=True)
    return p


def drafted(cases, q):
    """A draft from each q (B, V), and a uniform number."""
    drafts = [draw(row, cases.random.random()) for row in q.tolist()]
    return torch.tensor(drafts), torch.tensor([cases.random.random() for _ in drafts], dtype=torch.float64)
