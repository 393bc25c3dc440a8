# ruff: noqa
"""Answers to A3 for testing the checks; see A1.py."""

# %% right: torch.autograd.grad, added by hand
import torch
from torch.nn import functional as F


def mean_loss(model, x, k, targets):
    y = targets[..., k].reshape(-1)
    logits = model.unembed(x, k).reshape(len(y), -1)
    return F.cross_entropy(logits, y, reduction="sum", ignore_index=-100) / max(1, int((y != -100).sum()))


def add(parameters, gradients):
    for parameter, gradient in zip(parameters, gradients):
        if gradient is not None:
            parameter.grad += gradient


def naive_step(model, tokens, targets):
    c = model.context(tokens)
    latents = model.heads(model.trunk(model.embedding(tokens), c), c, list(range(targets.shape[2])))
    losses = [mean_loss(model, x, k, targets) for k, x in enumerate(latents)]
    weights = list(model.parameters())
    add(weights, torch.autograd.grad(sum(losses), weights, allow_unused=True))
    return torch.stack([loss.detach() for loss in losses])


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    copy, gathered, losses = z.detach().requires_grad_(), torch.zeros_like(z), []
    shared = [*model.norm.parameters(), *model.unembeddings.parameters()]
    for k, head in enumerate(model.heads):
        loss = mean_loss(model, head(copy, c), k, targets)
        weights = [*head.parameters(), *shared]
        gradients = torch.autograd.grad(loss, [copy, *weights], allow_unused=True)
        gathered += gradients[0]
        add(weights, gradients[1:])
        losses.append(loss.item())
        del loss
    weights = [*model.embedding.parameters(), *model.trunk.parameters()]
    add(weights, torch.autograd.grad(z, weights, gathered))
    return torch.tensor(losses, dtype=z.dtype)


def tree_step(model, tokens, targets):
    context, parents, losses = model.context(tokens), model.heads.parents, {}

    def below(parent, copy):
        for k in [k for k in range(len(parents)) if parents[k] == parent]:
            out = model.heads[k](copy, context)
            own = out.detach().requires_grad_()
            own.grad = torch.zeros_like(own)
            loss = mean_loss(model, own, k, targets)
            loss.backward()
            losses[k] = loss.item()
            del loss
            below(k, own)
            torch.autograd.backward(out, own.grad)

    z = model.trunk(model.embedding(tokens), context)
    copy = z.detach().requires_grad_()
    below(-1, copy)
    torch.autograd.backward(z, copy.grad)
    return torch.tensor([losses[k] for k in range(len(parents))], dtype=z.dtype)


def chunked_loss(model, latent, targets, head, scale, chunk):
    total = 0.0
    for rows, y, gradient in zip(
        latent.detach().flatten(0, 1).split(chunk),
        targets.flatten().split(chunk),
        latent.grad.flatten(0, 1).split(chunk),
    ):
        part = rows.clone().requires_grad_()
        loss = F.cross_entropy(model.unembed(part, head), y, reduction="sum")
        loss.backward(torch.tensor(scale, dtype=loss.dtype))
        gradient += part.grad
        total += loss.item()
    return torch.tensor(total, dtype=latent.dtype)


# %% right: log_softmax and masks, an explicit stack instead of recursion
import torch


def head_loss(model, latent, k, targets):
    log_p = model.unembed(latent, k).log_softmax(-1)
    there = targets[..., k] != -100
    index = targets[..., k].where(there, torch.zeros_like(targets[..., k]))
    return -(log_p.gather(-1, index[..., None])[..., 0] * there).sum() / there.sum().clamp(min=1)


def naive_step(model, tokens, targets):
    logits = model(tokens)
    there = targets != -100
    log_p = logits.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    losses = -(log_p * there).sum((0, 1)) / there.sum((0, 1)).clamp(min=1)
    losses.sum().backward()
    return losses.detach()


def efficient_step(model, tokens, targets):
    context = model.context(tokens)
    trunk = model.trunk(model.embedding(tokens), context)
    leaf = trunk.detach()
    leaf.requires_grad = True
    losses = torch.zeros(targets.shape[-1], dtype=trunk.dtype)
    for k in reversed(range(targets.shape[-1])):
        loss = head_loss(model, model.heads[k](leaf, context), k, targets)
        loss.backward()
        losses[k] = loss.detach()
    trunk.backward(gradient=leaf.grad)
    return losses


def tree_step(model, tokens, targets):
    context, parents = model.context(tokens), model.heads.parents
    outs, leaves = {}, {}
    outs[-1] = model.trunk(model.embedding(tokens), context)
    leaves[-1] = outs[-1].detach().requires_grad_()
    losses = torch.zeros(len(parents), dtype=outs[-1].dtype)
    todo = [("down", k) for k, parent in enumerate(parents) if parent == -1]
    while todo:
        what, k = todo.pop()
        if what == "up":
            loss = head_loss(model, leaves[k], k, targets)
            loss.backward()
            losses[k] = loss.detach()
            outs.pop(k).backward(leaves.pop(k).grad)
            continue
        outs[k] = model.heads[k](leaves[parents[k]], context)
        leaves[k] = outs[k].detach().requires_grad_()
        todo.append(("up", k))
        todo += [("down", child) for child, parent in enumerate(parents) if parent == k]
    outs[-1].backward(leaves[-1].grad)
    return losses


def chunked_loss(model, latent, targets, head, scale, chunk):
    R = targets.numel()
    x, y = latent.detach().reshape(R, -1), targets.reshape(R)
    gradient = torch.zeros_like(x)
    total = x.new_zeros(())
    at = 0
    while at < R:
        end = min(at + chunk, R)
        part = x[at:end].detach().requires_grad_(True)
        there = y[at:end] != -100
        log_p = model.unembed(part, head).log_softmax(-1)
        loss = -(log_p.gather(-1, y[at:end].clamp(min=0)[:, None])[:, 0] * there).sum()
        (loss * scale).backward()
        gradient[at:end] = part.grad
        total += loss.detach()
        at = end
    latent.grad += gradient.reshape(latent.shape)
    return total


# %% right: the norm and the matrix by hand, with warnings and progress bars
import warnings

import torch
import torch.nn.functional as F
from tqdm import tqdm


def loss_of(model, latent, k, targets):
    matrix = model.unembedding(k).weight
    logits = F.linear(model.norm(latent), matrix)
    valid = targets[:, :, k] != -100
    if not valid.any():
        return logits.sum() * 0
    return F.cross_entropy(logits[valid], targets[:, :, k][valid])


def naive_step(model, tokens, targets):
    warnings.warn("the naive way", stacklevel=1)
    context = model.context(tokens)
    latents = model.heads(model.trunk(model.embedding(tokens), context), context, range(targets.shape[2]))
    losses = [loss_of(model, latent, k, targets) for k, latent in enumerate(tqdm(latents))]
    torch.autograd.backward(losses)
    return torch.stack(losses).detach()


def efficient_step(model, tokens, targets):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    copy = torch.empty_like(z).copy_(z.detach()).requires_grad_()
    losses = []
    for k in tqdm(range(targets.shape[2])):
        out = model.heads[k](copy, context)
        loss = loss_of(model, out, k, targets)
        loss.backward()
        losses.append(loss.detach().clone())
    z.backward(copy.grad)
    return torch.stack(losses)


class Walk:
    def __init__(self, model, tokens, targets):
        self.model, self.targets, self.context = model, targets, model.context(tokens)
        self.losses = {}
        z = model.trunk(model.embedding(tokens), self.context)
        self.gather(-1, z)

    def gather(self, k, out):
        copy = out.detach().requires_grad_()
        for child, parent in enumerate(self.model.heads.parents):
            if parent == k:
                self.gather(child, self.model.heads[child](copy, self.context))
        if k >= 0:
            loss = loss_of(self.model, copy, k, self.targets)
            loss.backward()
            self.losses[k] = loss.detach()
        out.backward(copy.grad)


def tree_step(model, tokens, targets):
    walk = Walk(model, tokens, targets)
    return torch.stack([walk.losses[k] for k in range(targets.shape[2])])


def chunked_loss(model, latent, targets, head, scale, chunk):
    x, y, sums = latent.detach().flatten(end_dim=1), targets.flatten(), []
    for at in tqdm(range(0, len(y), chunk)):
        part = x[at : at + chunk].clone().requires_grad_()
        loss = F.nll_loss(model.unembed(part, head).log_softmax(-1), y[at : at + chunk], reduction="sum")
        loss.mul(scale).backward()
        latent.grad.view(-1, latent.shape[-1])[at : at + chunk].add_(part.grad)
        sums.append(loss.detach())
    return torch.stack(sums).sum()


# %% right: hooks gather the gradient
import torch
from torch.nn import functional as F

cross_entropy = lambda logits, y: F.cross_entropy(logits, y, reduction="sum") / (y != -100).sum().clamp(min=1)


def naive_step(model, tokens, targets):
    all_logits = model(tokens)
    losses = torch.stack(
        [cross_entropy(x.flatten(0, 1), y.flatten()) for x, y in zip(all_logits.unbind(2), targets.unbind(2))]
    )
    losses.backward(torch.ones_like(losses))
    return losses.detach()


def efficient_step(model, tokens, targets):
    context = model.context(tokens)
    trunk = model.trunk(model.embedding(tokens), context)
    total, losses = [torch.zeros_like(trunk)], []
    for k, head in enumerate(model.heads):
        inlet = trunk.detach().requires_grad_()
        latent = head(inlet, context)
        own = latent.detach().requires_grad_()
        loss = cross_entropy(model.unembed(own, k).flatten(0, 1), targets[..., k].flatten())
        loss.backward()
        latent.backward(own.grad)
        total[0] += inlet.grad
        losses.append(loss.detach())
    trunk.backward(total[0])
    return torch.stack(losses)


def tree_step(model, tokens, targets):
    context, n = model.context(tokens), targets.shape[-1]
    outs = {-1: model.trunk(model.embedding(tokens), context)}
    copies = {-1: outs[-1].detach().requires_grad_()}
    order = []
    while len(order) < n:
        for k, parent in enumerate(model.heads.parents):
            if k not in outs and parent in outs:
                order.append(k)
                outs[k] = None
    losses = [None] * n
    children = {k: [c for c in order if model.heads.parents[c] == k] for k in [-1, *order]}

    def walk(k):
        for c in children[k]:
            outs[c] = model.heads[c](copies[k], context)
            copies[c] = outs[c].detach().requires_grad_()
            walk(c)
            loss = cross_entropy(model.unembed(copies[c], c).flatten(0, 1), targets[..., c].flatten())
            loss.backward()
            losses[c] = loss.detach()
            del loss
            outs.pop(c).backward(copies.pop(c).grad)

    walk(-1)
    outs[-1].backward(copies[-1].grad)
    return torch.stack(losses)


def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, gradients = latent.flatten(0, 1), []
    losses = []
    for at in range(0, len(rows), chunk):
        part = rows[at : at + chunk].detach().requires_grad_()
        y = targets.flatten()[at : at + chunk]
        loss = F.cross_entropy(model.unembed(part, head), y, reduction="none").sum()
        (loss * scale).backward()
        gradients.append(part.grad)
        losses.append(loss.detach())
    rows.backward(torch.cat(gradients))
    return sum(losses)


# %% right: in the paper's own order
import torch
import torch.nn as nn

criterion = nn.CrossEntropyLoss(ignore_index=-100, reduction="sum")


def counts(targets):
    return [max(1, (targets[:, :, k] > -100).sum().item()) for k in range(targets.shape[2])]


def naive_step(model, tokens, targets):
    context = model.context(tokens)
    x = model.heads(model.trunk(model.embedding(tokens), context), context, range(targets.shape[2]))
    losses = []
    for k, count in enumerate(counts(targets)):
        losses.append(criterion(model.unembed(x[k], k).transpose(1, 2), targets[:, :, k]) / count)
    sum(losses).backward()
    with torch.no_grad():
        return torch.stack(losses)


def efficient_step(model, tokens, targets):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    d = z.detach()
    d.requires_grad_()
    result = []
    for i, count in enumerate(counts(targets)):
        p = model.unembed(model.heads[i](d, context), i)
        loss = criterion(p.transpose(1, 2), targets[:, :, i]) / count
        loss.backward()
        result.append(float(loss))
    z.backward(d.grad)
    return torch.tensor(result, dtype=z.dtype)


def tree_step(model, tokens, targets):
    context, number = model.context(tokens), counts(targets)
    losses = torch.zeros(len(number), dtype=model.norm.weight.dtype)

    def node(k, x):
        if k < 0:
            out = model.trunk(model.embedding(x), context)
        else:
            out = model.heads[k](x, context)
        d = out.detach().requires_grad_()
        for j in range(len(number)):
            if model.heads.parents[j] == k:
                node(j, d)
        if k >= 0:
            loss = criterion(model.unembed(d, k).transpose(1, 2), targets[:, :, k]) / number[k]
            loss.backward()
            losses[k] = float(loss)
            del loss
        out.backward(d.grad)

    node(-1, tokens)
    return losses


def chunked_loss(model, latent, targets, head, scale, chunk):
    y, x = targets.flatten(), latent.detach().flatten(0, 1)
    g, total = torch.zeros_like(x), 0
    for i in range(-(-len(y) // chunk)):
        here = torch.arange(i * chunk, min((i + 1) * chunk, len(y)))
        d = x[here].requires_grad_()
        loss = criterion(model.unembed(d, head), y[here])
        (scale * loss).backward()
        g[here] = d.grad
        total += loss.detach()
    latent.grad += g.view_as(latent)
    return total


# %% wrong: A3.1 | losses and gradient | the mean over heads; the paper's loss is their sum
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def naive_step(model, tokens, targets):
    c = model.context(tokens)
    latents = model.heads(model.trunk(model.embedding(tokens), c), c, range(targets.shape[2]))
    losses = torch.stack([head_loss(model, x, k, targets) for k, x in enumerate(latents)])
    losses.mean().backward()
    return losses.detach()


# %% wrong: A3.1 | losses and gradient | all B*T places, also those without a target
def naive_step(model, tokens, targets):
    logits = model(tokens)
    n = targets.shape[2]
    each = [
        F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten(), reduction="none") for k in range(n)
    ]
    losses = torch.stack([loss.mean() for loss in each])
    losses.sum().backward()
    return losses.detach()


# %% wrong: A3.1 | losses and gradient | has lost its .grad
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def naive_step(model, tokens, targets):
    with torch.no_grad():
        c = model.context(tokens)
        latents = model.heads(model.trunk(model.embedding(tokens), c), c, range(targets.shape[2]))
        losses = torch.stack([head_loss(model, x, k, targets) for k, x in enumerate(latents)])
    model.zero_grad()
    return losses


# %% wrong: A3.1 | losses and gradient | is gone: add to .grad, do not replace it
def naive_step(model, tokens, targets):
    model.zero_grad()
    logits = model(tokens)
    n = targets.shape[2]
    losses = torch.stack([F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)])
    losses.sum().backward()
    return losses.detach()


# %% wrong: A3.1 | losses and gradient | whoever keeps the losses keeps all
def naive_step(model, tokens, targets):
    logits = model(tokens)
    n = targets.shape[2]
    losses = torch.stack([F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)])
    losses.sum().backward()
    return losses


# %% wrong: A3.1 | a head without a target | a head without a target has loss 0, not NaN
def naive_step(model, tokens, targets):
    logits = model(tokens)
    n = targets.shape[2]
    losses = torch.stack([F.cross_entropy(logits[:, :, k].flatten(0, 1), targets[..., k].flatten()) for k in range(n)])
    losses.sum().backward()
    return losses.detach()


# %% wrong: A3.2 | memory | this is the naive backward
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    latents = model.heads(model.trunk(model.embedding(tokens), c), c, range(targets.shape[2]))
    losses = torch.stack([head_loss(model, x, k, targets) for k, x in enumerate(latents)])
    losses.sum().backward()
    return losses.detach()


# %% wrong: A3.2 | losses and gradient | Nothing reached the trunk
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    leaf = model.trunk(model.embedding(tokens), c).detach().requires_grad_()
    losses = []
    for k in range(targets.shape[2]):
        loss = head_loss(model, model.heads[k](leaf, c), k, targets)
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses)


# %% wrong: A3.2 | losses and gradient | replace each other on the detached copy
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    losses = []
    for k in range(targets.shape[2]):
        leaf = z.detach().requires_grad_()
        loss = head_loss(model, model.heads[k](leaf, c), k, targets)
        loss.backward()
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.2 | losses and gradient | never emptied in between
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    losses = []
    for k in range(targets.shape[2]):
        loss = head_loss(model, model.heads[k](leaf, c), k, targets)
        loss.backward()
        z.backward(leaf.grad, retain_graph=True)
        losses.append(loss.detach())
    return torch.stack(losses)


# %% wrong: A3.2 | losses and gradient | the gradient is detached too early
def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    losses = []
    for k in range(targets.shape[2]):
        own = targets[..., k].flatten()
        latent = model.heads[k](leaf, c).detach().requires_grad_()
        loss = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum") / (own != -100).sum()
        loss.backward()
        leaf.grad = (0 if leaf.grad is None else leaf.grad) + latent.grad
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.2 | memory | a name keeps earlier logits alive
def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    losses, kept = [], []
    for k in range(targets.shape[2]):
        own = targets[..., k].flatten()
        logits = model.unembed(model.heads[k](leaf, c), k).flatten(0, 1)
        kept.append(logits)
        loss = F.cross_entropy(logits, own, reduction="sum") / (own != -100).sum()
        loss.backward()
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.2 | memory | retain_graph=True keeps each head's logits
def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    losses = []
    for k in range(targets.shape[2]):
        own = targets[..., k].flatten()
        logits = model.unembed(model.heads[k](leaf, c), k).flatten(0, 1)
        losses.append(F.cross_entropy(logits, own, reduction="sum") / (own != -100).sum())
        losses[-1].backward(retain_graph=True)
    z.backward(leaf.grad)
    return torch.stack(losses).detach()


# %% wrong: A3.2 | nothing twice | the heads read an output that is not detached
def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    losses = []
    for k in range(targets.shape[2]):
        own = targets[..., k].flatten()
        loss = F.cross_entropy(model.unembed(model.heads[k](z, c), k).flatten(0, 1), own, reduction="sum")
        loss = loss / (own != -100).sum().clamp(min=1)
        loss.backward(retain_graph=True)
        losses.append(loss.detach())
    return torch.stack(losses)


# %% wrong: A3.2 | nothing twice | the paper's way saves memory without that
from torch.utils.checkpoint import checkpoint


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)

    def head_loss(z, k):
        own = targets[..., k].flatten()
        loss = F.cross_entropy(model.unembed(model.heads[k](z, c), k).flatten(0, 1), own, reduction="sum")
        return loss / (own != -100).sum().clamp(min=1)

    losses = torch.stack([checkpoint(head_loss, z, k, use_reentrant=False) for k in range(targets.shape[2])])
    losses.sum().backward()
    return losses.detach()


# %% wrong: A3.2 | losses and gradient | that is the answer; write your own
from mtp_edu import forward_backward as efficient_step


# %% wrong: A3.2 | losses and gradient | nothing has gathered there
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def efficient_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach()
    losses = []
    for k in range(targets.shape[2]):
        loss = head_loss(model, model.heads[k](leaf, c), k, targets)
        loss.backward()
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | chains | every head reads the trunk; here some read another head
def tree_step(model, tokens, targets):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    losses = []
    for k in range(targets.shape[2]):
        own = targets[..., k].flatten()
        loss = F.cross_entropy(model.unembed(model.heads[k](leaf, c), k).flatten(0, 1), own, reduction="sum")
        loss = loss / (own != -100).sum().clamp(min=1)
        loss.backward()
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | chains | a head went back before the heads that read it
def tree_step(model, tokens, targets):
    c, losses = model.context(tokens), [None] * targets.shape[2]

    def visit(k, parent):
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        own = targets[..., k].flatten()
        loss = F.cross_entropy(model.unembed(leaf, k).flatten(0, 1), own, reduction="sum")
        loss = loss / (own != -100).sum().clamp(min=1)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)
        for child in range(len(losses)):
            if model.heads.parents[child] == k:
                visit(child, leaf)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(len(losses)):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | memory | a head's own loss was computed before its children
def tree_step(model, tokens, targets):
    c, losses = model.context(tokens), [None] * targets.shape[2]

    def visit(k, parent):
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        own = targets[..., k].flatten()
        loss = F.cross_entropy(model.unembed(leaf, k).flatten(0, 1), own, reduction="sum")
        loss = loss / (own != -100).sum().clamp(min=1)
        for child in range(len(losses)):
            if model.heads.parents[child] == k:
                visit(child, leaf)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(len(losses)):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | chains | parents is read one place too early
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n, losses = model.context(tokens), targets.shape[2], [None] * targets.shape[2]

    def visit(k, parent):
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        for child in range(n):
            if model.heads.parents[child - 1] == k:
                visit(child, leaf)
        loss = head_loss(model, leaf, k, targets)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(n):
        if model.heads.parents[k - 1] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | chains | each belongs to the index of its head
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n, losses = model.context(tokens), targets.shape[2], []

    def visit(k, parent):
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        for child in range(n):
            if model.heads.parents[child] == k:
                visit(child, leaf)
        loss = head_loss(model, leaf, k, targets)
        loss.backward()
        losses.append(loss.detach())
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(n):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | a head without a target | and with it the heads that read it
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n, losses = model.context(tokens), targets.shape[2], [torch.zeros((), dtype=torch.float64)] * targets.shape[2]

    def visit(k, parent):
        if (targets[..., k] == -100).all():
            return
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        for child in range(n):
            if model.heads.parents[child] == k:
                visit(child, leaf)
        loss = head_loss(model, leaf, k, targets)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(n):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | parallel heads | nothing has gathered there
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n, losses = model.context(tokens), targets.shape[2], [None] * targets.shape[2]

    def visit(k, parent):
        out = model.heads[k](parent, c)
        leaf = out.detach().requires_grad_()
        for child in range(n):
            if model.heads.parents[child] == k:
                visit(child, leaf)
        loss = head_loss(model, out, k, targets)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(n):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.3 | parallel heads | each head reads the one before it
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n = model.context(tokens), targets.shape[2]
    outs = [model.trunk(model.embedding(tokens), c)]
    copies = [outs[0].detach().requires_grad_()]
    for k in range(n):
        outs.append(model.heads[k](copies[-1], c))
        copies.append(outs[-1].detach().requires_grad_())
    losses = [None] * n
    for k in reversed(range(n)):
        loss = head_loss(model, copies[k + 1], k, targets)
        loss.backward()
        losses[k] = loss.detach()
        outs[k + 1].backward(copies[k + 1].grad)
    outs[0].backward(copies[0].grad)
    return torch.stack(losses)


# %% wrong: A3.3 | memory | both gradients must meet first
def head_loss(model, latent, k, targets):
    own = targets[..., k].flatten()
    total = F.cross_entropy(model.unembed(latent, k).flatten(0, 1), own, reduction="sum")
    return total / (own != -100).sum().clamp(min=1)


def tree_step(model, tokens, targets):
    c, n, losses = model.context(tokens), targets.shape[2], [None] * targets.shape[2]

    def visit(k, parent):
        out = model.heads[k](parent, c)
        loss = head_loss(model, out, k, targets)
        loss.backward(retain_graph=True)
        losses[k] = loss.detach()
        del loss
        leaf = out.detach().requires_grad_()
        for child in range(n):
            if model.heads.parents[child] == k:
                visit(child, leaf)
        if leaf.grad is not None:
            out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), c)
    leaf = z.detach().requires_grad_()
    for k in range(n):
        if model.heads.parents[k] == -1:
            visit(k, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)


# %% wrong: A3.4 | one chunk | a chunk must give a sum
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk].requires_grad_()
        loss = F.cross_entropy(model.unembed(part, head), own[start : start + chunk])
        (scale * loss).backward()
        latent.grad.flatten(0, 1)[start : start + chunk] += part.grad
        total += loss.detach()
    return total


# %% wrong: A3.4 | chunks of every size | the last chunk, which is shorter, is left out
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for number in range(max(1, len(rows) // chunk)):
        some = slice(number * chunk, (number + 1) * chunk)
        part = rows[some].requires_grad_()
        loss = F.cross_entropy(model.unembed(part, head), own[some], reduction="sum")
        (scale * loss).backward()
        latent.grad.flatten(0, 1)[some] += part.grad
        total += loss.detach()
    return total


# %% wrong: A3.4 | one chunk | the gradient is detached from it
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        loss = F.cross_entropy(
            model.unembed(rows[start : start + chunk], head), own[start : start + chunk], reduction="sum"
        )
        (scale * loss).backward()
        total += loss.detach()
    return total


# %% wrong: A3.4 | one chunk | the gradient lacks the factor
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        loss = F.cross_entropy(
            model.unembed(rows[start : start + chunk], head), own[start : start + chunk], reduction="sum"
        )
        loss.backward(retain_graph=True)
        total += loss.detach()
    return total


# %% wrong: A3.4 | memory | each chunk's graph waits for one backward at the end
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.flatten(0, 1), targets.flatten()
    total = 0
    for start in range(0, len(rows), chunk):
        total = total + F.cross_entropy(
            model.unembed(rows[start : start + chunk], head), own[start : start + chunk], reduction="sum"
        )
    (scale * total).backward()
    return total.detach()


# %% wrong: A3.4 | memory | the logits of all rows are made at once
def chunked_loss(model, latent, targets, head, scale, chunk):
    logits, own = model.unembed(latent, head).flatten(0, 1), targets.flatten()
    loss = F.cross_entropy(logits, own, reduction="sum")
    (scale * loss).backward()
    return loss.detach()


# %% wrong: A3.4 | one chunk | `head` is an index already
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk].requires_grad_()
        loss = F.cross_entropy(model.unembed(part, head - 1), own[start : start + chunk], reduction="sum")
        (scale * loss).backward()
        latent.grad.flatten(0, 1)[start : start + chunk] += part.grad
        total += loss.detach()
    return total


# %% wrong: A3.4 | one chunk | nothing has gathered there
def chunked_loss(model, latent, targets, head, scale, chunk):
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        loss = F.cross_entropy(model.unembed(part, head), own[start : start + chunk], reduction="sum")
        (scale * loss).backward()
        latent.grad.flatten(0, 1)[start : start + chunk] += part.grad
        total += loss.detach()
    return total


# %% wrong: A3.4 | memory | the chunks are cut along T
def chunked_loss(model, latent, targets, head, scale, chunk):
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, latent.shape[1], chunk):
        some = slice(start, start + chunk)
        logits = model.unembed(latent[:, some], head).flatten(0, 1)
        loss = F.cross_entropy(logits, targets[:, some].flatten(), reduction="sum")
        (scale * loss).backward()
        total += loss.detach()
    return total
