# ruff: noqa
"""Answers to A6 for testing the checks; see A1.py."""

# %% right: plain loops
import torch
from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


def patterns(model, tokens):
    B, T = tokens.shape
    H, K, E = model.cfg.n_attention_heads, model.cfg.n_kv_heads, model.cfg.head_dim
    context, x, found = model.context(tokens), model.embedding(tokens), []
    for block in head_1_blocks(model):
        y = block.attention_norm(x)
        q = rotate(block.attention.wq(y).view(B, T, H, E).transpose(1, 2), context.rope)
        k = rotate(block.attention.wk(y).view(B, T, K, E).transpose(1, 2), context.rope)
        pattern = torch.zeros(B, H, T, T, dtype=y.dtype)
        for b in range(B):
            for h in range(H):
                for t in range(T):
                    scores = torch.stack([q[b, h, t] @ k[b, h * K // H, s] for s in range(t + 1)])
                    pattern[b, h, t, : t + 1] = (scores / E**0.5).softmax(0)
        found.append(pattern)
        x = block(x, context)
    return found


def prefix_matching(pattern, tokens):
    B, H, T, _ = pattern.shape
    total, places = torch.zeros(H, dtype=pattern.dtype), 0
    for b in range(B):
        for t in range(T):
            where = [s for s in range(1, t + 1) if tokens[b, s - 1] == tokens[b, t]]
            if where:
                places += 1
                for s in where:
                    total += pattern[b, :, t, s]
    return total / places


def previous_token(pattern):
    B, H, T, _ = pattern.shape
    total = torch.zeros(H, dtype=pattern.dtype)
    for t in range(1, T):
        total += pattern[:, :, t, t - 1].sum(0)
    return total / (B * (T - 1))


def silenced(model, tokens, heads):
    E, handles = model.cfg.head_dim, []

    def hook_of(own):
        def hook(module, inputs):
            x = inputs[0].clone()
            for head in own:
                x[..., head * E : (head + 1) * E] = x[..., head * E : (head + 1) * E].mean(dim=(0, 1), keepdim=True)
            return (x,)

        return hook

    for layer, block in enumerate(head_1_blocks(model)):
        own = [head for at, head in heads if at == layer]
        if own:
            handles.append(block.attention.wo.register_forward_pre_hook(hook_of(own)))
    with torch.no_grad():
        logits = model(tokens, n_future=1)
    for handle in handles:
        handle.remove()
    return logits.squeeze(2)


def needed(model, tokens, targets, count, draws, rng):
    found, helpers, every = [], [], []
    for layer, pattern in enumerate(patterns(model, tokens)):
        prefix, previous = prefix_matching(pattern, tokens), previous_token(pattern)
        for head in range(len(prefix)):
            every.append((layer, head))
            found.append((float(prefix[head]), layer, head))
            if previous[head] >= 0.5:
                helpers.append((layer, head))
    found = [(layer, head) for _, layer, head in sorted(found)[::-1][:count]]
    others = [pair for pair in every if pair not in found + helpers]

    def accuracy(heads):
        choices, right, places = silenced(model, tokens, heads).argmax(-1), 0, 0
        for b in range(len(tokens)):
            for t in range(tokens.shape[1]):
                if targets[b, t] != -100:
                    places += 1
                    right += int(choices[b, t] == targets[b, t])
        return right / places

    control = []
    for _ in range(draws):
        some = rng.sample(others, count)
        control.append((some, accuracy(some)))
    return {"found": found, "intact": accuracy([]), "without": accuracy(found), "control": control}


# %% right: hooks for everything
from collections import defaultdict
from contextlib import ExitStack

import torch
from torch.nn import functional as F
from einops import einsum, rearrange
from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


def patterns(model, tokens):
    seen, handles = [], []
    for block in head_1_blocks(model):
        handles.append(block.attention.register_forward_pre_hook(lambda module, args: seen.append((module, *args))))
    try:
        with torch.no_grad():
            model(tokens, n_future=1)
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for attention, x, context, *_ in seen:
        q = rotate(rearrange(attention.wq(x), "b t (h e) -> b h t e", e=attention.head_dim), context.rope)
        k = rotate(rearrange(attention.wk(x), "b t (k e) -> b k t e", e=attention.head_dim), context.rope)
        q = rearrange(q, "b (k g) t e -> b k g t e", k=k.shape[1])
        scores = einsum(q, k, "b k g t e, b k s e -> b k g t s") * attention.head_dim**-0.5
        scores = rearrange(scores, "b k g t s -> b (k g) t s")
        T = scores.shape[-1]
        minus = torch.full((T, T), float("-inf"), dtype=scores.dtype).triu(1)
        found.append(F.softmax(scores + minus, dim=-1).detach())
    return found


def prefix_matching(pattern, tokens):
    before = F.pad(tokens[:, :-1], (1, 0), value=-7)
    match = torch.tril(tokens.unsqueeze(2).eq(before.unsqueeze(1))).to(pattern.dtype)
    return einsum(pattern, match, "b h t s, b t s -> h") / match.amax(-1).sum()


def previous_token(pattern):
    return pattern[:, :, 1:, :-1].diagonal(dim1=-2, dim2=-1).mean(dim=-1).mean(dim=0)


def silenced(model, tokens, heads):
    own = defaultdict(list)
    for layer, head in heads:
        own[layer].append(head)
    with ExitStack() as stack, torch.no_grad():
        for layer, chosen in own.items():

            def silence(module, args, chosen=tuple(chosen)):
                x = rearrange(args[0], "b t (h e) -> b t h e", e=model.cfg.head_dim)
                mute = torch.zeros(x.shape[2], dtype=torch.bool)
                mute[list(chosen)] = True
                return rearrange(torch.where(mute[:, None], x.mean((0, 1)), x), "b t h e -> b t (h e)")

            stack.callback(head_1_blocks(model)[layer].attention.wo.register_forward_pre_hook(silence).remove)
        return model(tokens, n_future=1)[..., 0, :]


def needed(model, tokens, targets, count, draws, rng):
    seen = patterns(model, tokens)
    prefix = torch.stack([prefix_matching(pattern, tokens) for pattern in seen])
    previous = torch.stack([previous_token(pattern) for pattern in seen])
    pairs = [divmod(i, prefix.shape[1]) for i in range(prefix.numel())]
    found = [pairs[i] for i in prefix.flatten().topk(count).indices]
    left = [pair for pair in pairs if pair not in found and previous[pair] < 0.5]
    known = targets.ne(-100)
    accuracy = lambda heads: silenced(model, tokens, heads).argmax(-1).eq(targets)[known].double().mean().item()
    sets = [rng.sample(left, k=count) for _ in range(draws)]
    return dict(found=found, intact=accuracy([]), without=accuracy(found), control=[(s, accuracy(s)) for s in sets])


# %% right: the whole attention walked by hand
import torch
from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


def look(block, x, context):
    """(pattern, values) of one layer."""
    a = block.attention
    y = block.attention_norm(x)
    q, k, v = (w(y).unflatten(-1, (-1, a.head_dim)).transpose(1, 2) for w in (a.wq, a.wk, a.wv))
    q, k = rotate(q, context.rope), rotate(k, context.rope)
    index = torch.arange(q.shape[1]) // (q.shape[1] // k.shape[1])
    k, v = k[:, index], v[:, index]
    scores = (q @ k.transpose(-1, -2)).div(a.head_dim**0.5)
    T = x.shape[1]
    allowed = torch.arange(T)[:, None] >= torch.arange(T)
    weights = scores.sub(scores.amax(-1, keepdim=True)).exp() * allowed
    return weights / weights.sum(-1, keepdim=True), v


@torch.no_grad()
def walk(model, tokens, silent=()):
    context, x, seen = model.context(tokens), model.embedding(tokens), []
    for layer, block in enumerate(head_1_blocks(model)):
        pattern, v = look(block, x, context)
        seen.append(pattern)
        mixed = pattern @ v  # (B, H, T, E)
        for at, head in silent:
            if at == layer:
                mixed[:, head] = mixed[:, head].mean((0, 1))
        x = x + block.attention.wo(mixed.transpose(1, 2).flatten(2))
        x = x + block.feed_forward(block.ffn_norm(x))
    return seen, model.unembed(x, 0)


def patterns(model, tokens):
    return tuple(walk(model, tokens)[0])


def silenced(model, tokens, heads):
    return walk(model, tokens, heads)[1]


def prefix_matching(pattern, tokens):
    values = []
    for weights, row in zip(pattern, tokens):
        match = torch.zeros_like(weights[0], dtype=torch.bool)
        match[:, 1:] = row[:, None] == row[None, :-1]
        match = match & torch.ones_like(match).tril()
        places = match.any(1)
        values.append((weights * match).sum(-1)[:, places])
    return torch.cat(values, dim=1).mean(1)


def previous_token(pattern):
    t = torch.arange(1, pattern.shape[-1])
    return pattern[..., t, t - 1].mean((0, -1))


def needed(model, tokens, targets, count, draws, rng):
    seen, logits = walk(model, tokens)
    where = targets >= 0

    def score(logits):
        return (logits[where].argmax(-1) == targets[where]).sum().item() / where.sum().item()

    prefix = {(i, h): s.item() for i, p in enumerate(seen) for h, s in enumerate(prefix_matching(p, tokens))}
    helper = {(i, h) for i, p in enumerate(seen) for h, s in enumerate(previous_token(p)) if s >= 0.5}
    order = sorted(prefix.items(), key=lambda item: -item[1])
    found = [pair for pair, _ in order[:count]]
    rest = sorted(set(prefix) - set(found) - helper)
    control = []
    while len(control) < draws:
        rng.shuffle(rest)
        control.append((list(rest[:count]), score(silenced(model, tokens, rest[:count]))))
    return {
        "found": found,
        "intact": score(logits),
        "without": score(silenced(model, tokens, found)),
        "control": control,
    }


# %% right: a copy of the model, and the function's own forward exchanged
import copy
import warnings

import torch
from einops import rearrange
from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate
from tqdm import tqdm


class Muted(torch.nn.Module):
    def __init__(self, wo, heads, width):
        super().__init__()
        self.wo, self.heads, self.width = wo, heads, width

    def forward(self, x):
        parts = list(x.split(self.width, dim=-1))
        for head in self.heads:
            parts[head] = parts[head].mean(dim=[0, 1], keepdim=True).expand_as(parts[head])
        return self.wo(torch.cat(parts, dim=-1))


def silenced(model, tokens, heads):
    model = copy.deepcopy(model)
    for layer, block in enumerate(tqdm(head_1_blocks(model))):
        own = [int(head) for at, head in heads if at == layer]
        block.attention.wo = Muted(block.attention.wo, own, block.attention.head_dim)
    with torch.inference_mode():
        return model(tokens)[:, :, 0].clone()


def patterns(model, tokens):
    warnings.warn("slow", stacklevel=1)
    found, x = [], model.embedding(tokens).detach()
    angles = model.context(tokens)
    for block in head_1_blocks(model):
        y = block.attention_norm(x)
        q, k = (
            rearrange(m(y), "b t (h e) -> b h t e", e=model.cfg.head_dim)
            for m in (block.attention.wq, block.attention.wk)
        )
        q, k = rotate(q, angles.rope), rotate(k, angles.rope)
        each = model.cfg.n_attention_heads // model.cfg.n_kv_heads
        rows = []
        for h in range(model.cfg.n_attention_heads):
            scores = torch.einsum("bte,bse->bts", q[:, h], k[:, h // each]) / torch.tensor(model.cfg.head_dim).sqrt()
            late = torch.arange(scores.shape[1]) > torch.arange(scores.shape[1]).unsqueeze(1)
            scores[:, late] = -torch.inf
            rows.append(torch.softmax(scores, dim=2))
        found.append(torch.stack(rows, dim=1).detach())
        x = block(x, angles).detach()
    return found


def prefix_matching(pattern, tokens):
    B, H, T = pattern.shape[:3]
    match = torch.zeros(B, T, T)
    for s in range(1, T):
        for t in range(s, T):
            match[:, t, s] = (tokens[:, t] == tokens[:, s - 1]).float()
    places = match.sum(2) > 0
    weight = torch.einsum("bhts,bts->bth", pattern, match.to(pattern.dtype))
    return weight[places].mean(0)


previous_token = lambda pattern: torch.diagonal(pattern, -1, 2, 3).transpose(0, 1).flatten(1).mean(1)


def needed(model, tokens, targets, count, draws, rng):
    H, seen = model.cfg.n_attention_heads, patterns(model, tokens)
    prefix = torch.cat([prefix_matching(pattern, tokens) for pattern in seen])
    helper = torch.cat([previous_token(pattern) for pattern in seen]) >= 0.5
    order = prefix.argsort(descending=True).tolist()
    name = lambda i: (i // H, i % H)
    others = [i for i in order[count:] if not helper[i]]

    def accuracy(numbers):
        choice = silenced(model, tokens, [name(i) for i in numbers]).max(-1).indices
        mask = (targets != -100).double()
        return float(((choice == targets) * mask).sum() / mask.sum())

    sets = [rng.sample(others, count) for _ in range(draws)]
    control = [([name(i) for i in own], accuracy(own)) for own in sets]
    return {
        "found": [name(i) for i in order[:count]],
        "intact": accuracy([]),
        "without": accuracy(order[:count]),
        "control": control,
    }


# %% right: a context manager; gather and scatter
import contextlib
import itertools

import torch
from mtp_edu.attention_heads import AttentionHead, head_1_blocks
from mtp_edu.trunk import rotate


@torch.no_grad()
def patterns(model, tokens):
    context, x, out = model.context(tokens), model.embedding(tokens), []
    for block in head_1_blocks(model):
        a, y = block.attention, block.attention_norm(x)
        shape = (*tokens.shape, -1, a.head_dim)
        q = rotate(a.wq(y).reshape(shape).permute(0, 2, 1, 3), context.rope)
        k = rotate(a.wk(y).reshape(shape).permute(0, 2, 1, 3), context.rope)
        k = k[:, :, None].expand(-1, -1, q.shape[1] // k.shape[1], -1, -1).flatten(1, 2)
        scores = torch.matmul(q, k.permute(0, 1, 3, 2)) / (a.head_dim**0.5)
        T = tokens.shape[1]
        out.append(torch.where(torch.ones(T, T).tril().bool(), scores, torch.tensor(-torch.inf).to(scores)).softmax(-1))
        x = block(x, context)
    return out


def prefix_matching(pattern, tokens):
    found = [[] for _ in range(pattern.shape[1])]
    for b, row in enumerate(tokens.tolist()):
        after = {}
        for t, token in enumerate(row):
            if t:
                after.setdefault(row[t - 1], []).append(t)
            if token in after:
                for h, weights in enumerate(pattern[b, :, t]):
                    found[h].append(weights[torch.tensor(after[token])].sum())
    return torch.stack([torch.stack(weights).mean() for weights in found])


def previous_token(pattern):
    T = pattern.shape[-1]
    one_back = torch.diag(torch.ones(T - 1, dtype=pattern.dtype), -1)
    return (pattern * one_back).sum((0, 2, 3)) / (pattern.shape[0] * (T - 1))


@contextlib.contextmanager
def without(model, heads):
    blocks, handles = head_1_blocks(model), []

    def hook(module, args, columns):
        (x,) = args
        constant = x.flatten(0, 1).mean(0)
        return torch.cat(
            [(constant.expand_as(x) if i in columns else x)[..., i : i + 1] for i in range(x.shape[-1])], -1
        )

    for layer, group in itertools.groupby(sorted(heads), key=lambda head: head[0]):
        E = blocks[layer].attention.head_dim
        columns = {i for _, head in group for i in range(head * E, head * E + E)}
        handle = blocks[layer].attention.wo.register_forward_pre_hook(lambda m, a, c=columns: hook(m, a, c))
        handles.append(handle)
    try:
        yield
    finally:
        while handles:
            handles.pop().remove()


def silenced(model, tokens, heads):
    with without(model, heads), torch.no_grad():
        return model(tokens, 1)[:, :, 0, :]


def needed(model, tokens, targets, count, draws, rng):
    table = []
    for layer, pattern in enumerate(patterns(model, tokens)):
        both = zip(prefix_matching(pattern, tokens).tolist(), previous_token(pattern).tolist())
        table += [(AttentionHead(layer, head), *scores) for head, scores in enumerate(both)]
    table.sort(key=lambda line: line[1], reverse=True)
    found, rest = [line[0] for line in table[:count]], [line[0] for line in table[count:] if line[2] < 0.5]
    mask = targets.ne(-100)

    def accuracy(*heads):
        return 1 - (silenced(model, tokens, heads).argmax(-1)[mask] != targets[mask]).float().mean().item()

    control = [(own, accuracy(*own)) for own in (rng.sample(rest, count) for _ in range(draws))]
    return {"control": control, "found": found, "without": accuracy(*found), "intact": accuracy()}


# %% wrong: A6.1 | one attention head for each key | not divided by the square root of the head's width
# as the staff's solution, but
# -         scores = q @ k.mT / attention.head_dim**0.5  # (B, H, T, T)
# +         scores = q @ k.mT  # (B, H, T, T)

# %% wrong: A6.1 | one attention head for each key | the rotary angles are missing
# as the staff's solution, but
# -         q, k = rotate(q, context.rope), rotate(k, context.rope)

# %% wrong: A6.1 | one attention head for each key | the mask is missing
# as the staff's solution, but
# -         found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
# +         found.append(scores.softmax(-1))

# %% wrong: A6.1 | one attention head for each key | the mask comes after the softmax
# as the staff's solution, but
# -         found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
# +         found.append(scores.softmax(-1).masked_fill(later, 0.0))

# %% wrong: A6.1 | one attention head for each key | over the places that look
# as the staff's solution, but
# -         found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
# +         found.append(scores.masked_fill(later, -torch.inf).softmax(-2))

# %% wrong: A6.1 | one attention head for each key | block.attention_norm is missing
# as the staff's solution, but
# -         attention, y = block.attention, block.attention_norm(x)
# +         attention, y = block.attention, x

# %% wrong: A6.1 | one attention head for each key | head 1's own block is a layer too
# as the staff's solution, but
# -     for block in head_1_blocks(model):
# +     for block in model.trunk:

# %% wrong: A6.1 | shared keys | here they are dealt out 0 1 0 1
# as the staff's solution, but
# -         k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # (B, H, T, E)
# +         k = k.repeat(1, q.shape[1] // k.shape[1], 1, 1)  # (B, H, T, E)

# %% wrong: A6.1 | one attention head for each key | the rotary angles of the keys
# as the staff's solution, but
# -         q, k = rotate(q, context.rope), rotate(k, context.rope)
# +         q = rotate(q, context.rope)

# %% wrong: A6.1 | one attention head for each key | a masked score of 0
# as the staff's solution, but
# -         found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
# +         found.append(scores.masked_fill(later, 0.0).softmax(-1))

# %% wrong: A6.1 | one attention head for each key | the place itself is masked too
# as the staff's solution, but
# -     later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
# +     later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(0)

# %% wrong: A6.1 | one attention head for each key | every layer is given the embedding
# as the staff's solution, but
# -         x = block(x, context)

# %% wrong: A6.1 | one attention head for each key | the pattern is turned round
# as the staff's solution, but
# -         found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
# +         found.append(scores.masked_fill(later, -torch.inf).softmax(-1).mT)

# %% wrong: A6.1 | one attention head for each key | dealt out in turn
# as the staff's solution, but
# -         q, k = (rearrange(w(y), "b t (h e) -> b h t e", e=attention.head_dim) for w in (attention.wq, attention.wk))
# +         q, k = (rearrange(w(y), "b t (e h) -> b h t e", e=attention.head_dim) for w in (attention.wq, attention.wk))

# %% wrong: A6.1 | one attention head for each key | that is the answer; write your own
from mtp_edu.attention_heads import attention_patterns


def patterns(model, tokens):
    return attention_patterns(model, tokens)


# %% wrong: A6.2 | tokens written twice | on the earlier copy itself
def prefix_matching(pattern, tokens):
    match = (tokens[:, :, None] == tokens[:, None]).tril(-1)
    weight = (pattern * match[:, None]).sum(-1)
    return weight.transpose(1, 2)[match.any(-1)].mean(0)


# %% wrong: A6.2 | tokens written twice | two places behind the earlier copy
def prefix_matching(pattern, tokens):
    before = tokens.roll(2, dims=1)
    before[:, :2] = -1
    match = (tokens[:, :, None] == before[:, None]).tril()  # (B, T, T)
    weight = (pattern * match[:, None]).sum(-1)  # (B, H, T)
    return weight.transpose(1, 2)[(tokens[:, :, None] == tokens[:, None]).tril(-1).any(-1)].mean(0)


# %% wrong: A6.2 | tokens written twice | the mean runs over all places
# as the staff's solution, but
# -     return weight.transpose(1, 2)[match.any(-1)].mean(0)
# +     return weight.mean((0, 2))

# %% wrong: A6.2 | tokens written twice | the pattern is read the other way round
# as the staff's solution, but
# -     weight = (pattern * match[:, None]).sum(-1)  # (B, H, T)
# +     weight = (pattern.mT * match[:, None]).sum(-1)  # (B, H, T)

# %% wrong: A6.2 | tokens written twice | roll puts the last token there
# as the staff's solution, but
# -     before[:, 0] = -1

# %% wrong: A6.2 | tokens written twice | 0 is a token like any other
# as the staff's solution, but
# -     before[:, 0] = -1
# +     before[:, 0] = 0

# %% wrong: A6.2 | tokens written twice | shifted the wrong way
# as the staff's solution, but
# -     before = tokens.roll(1, dims=1)
# -     before[:, 0] = -1
# +     before = tokens.roll(-1, dims=1)
# +     before[:, -1] = -1

# %% wrong: A6.2 | each row its own period | row 0's period is taken for all rows
def prefix_matching(pattern, tokens):
    period = int((tokens[0, 1:] == tokens[0, 0]).long().argmax()) + 1
    return pattern.diagonal(1 - period, dim1=2, dim2=3)[..., 1:].mean((0, 2))


# %% wrong: A6.2 | each row its own period | every place counts the same
# as the staff's solution, but
# -     return weight.transpose(1, 2)[match.any(-1)].mean(0)
# +     rows = [own[:, places].mean(-1) for own, places in zip(weight, match.any(-1))]
# +     return torch.stack(rows).mean(0)

# %% wrong: A6.2 | any text | only the last earlier copy counts
# as the staff's solution, but
# -     weight = (pattern * match[:, None]).sum(-1)  # (B, H, T)
# +     last = match & (match.flip(-1).long().cumsum(-1).flip(-1) == 1)
# +     weight = (pattern * last[:, None]).sum(-1)  # (B, H, T)

# %% wrong: A6.2 | any text | s = t is left out
# as the staff's solution, but
# -     match = (tokens[:, :, None] == before[:, None]).tril()  # (B, T, T)
# +     match = (tokens[:, :, None] == before[:, None]).tril(-1)  # (B, T, T)

# %% wrong: A6.3 | values | this is how much each place looks at itself
# as hooks for everything, but
# -     return pattern[:, :, 1:, :-1].diagonal(dim1=-2, dim2=-1).mean(dim=-1).mean(dim=0)
# +     return pattern.diagonal(0, dim1=2, dim2=3).mean((0, 2))

# %% wrong: A6.3 | values | this looks at the NEXT token
# as hooks for everything, but
# -     return pattern[:, :, 1:, :-1].diagonal(dim1=-2, dim2=-1).mean(dim=-1).mean(dim=0)
# +     return pattern.diagonal(1, dim1=2, dim2=3).mean((0, 2))

# %% wrong: A6.3 | values | divided by T; the first token
# as hooks for everything, but
# -     return pattern[:, :, 1:, :-1].diagonal(dim1=-2, dim2=-1).mean(dim=-1).mean(dim=0)
# +     return pattern.diagonal(-1, dim1=2, dim2=3).sum(-1).mean(0) / pattern.shape[-1]

# %% wrong: A6.4 | one head | the heads are silenced with zeros
# as the staff's solution, but
# -                 x[:, :, own] = x[:, :, own].mean((0, 1))
# +                 x[:, :, own] = 0

# %% wrong: A6.4 | one head | the mean of each row
# as the staff's solution, but
# -                 x[:, :, own] = x[:, :, own].mean((0, 1))
# +                 x[:, :, own] = x[:, :, own].mean(1, keepdim=True)

# %% wrong: A6.4 | one head | one mean for all numbers of a head
# as the staff's solution, but
# -                 x[:, :, own] = x[:, :, own].mean((0, 1))
# +                 x[:, :, own] = x[:, :, own].mean()

# %% wrong: A6.4 | one head | there the heads are mixed already
# as the staff's solution, but
# -             def silence(module, inputs, own=slice(head * width, (head + 1) * width)):
# -                 x = inputs[0].clone()
# +             def silence(module, inputs, output, own=slice(head * width, (head + 1) * width)):
# +                 x = output.clone()
# -             handles.append(blocks[layer].attention.wo.register_forward_pre_hook(silence))
# +             handles.append(blocks[layer].attention.wo.register_forward_hook(silence))

# %% wrong: A6.4 | one head | the next head's numbers, off by one
# as the staff's solution, but
# -             def silence(module, inputs, own=slice(head * width, (head + 1) * width)):
# +             def silence(module, inputs, own=slice((head + 1) % 4 * width, ((head + 1) % 4 + 1) * width)):

# %% wrong: A6.4 | one head | those of the layer before
# as the staff's solution, but
# -             handles.append(blocks[layer].attention.wo.register_forward_pre_hook(silence))
# +             handles.append(blocks[layer - 1].attention.wo.register_forward_pre_hook(silence))

# %% wrong: A6.4 | one head | a head's numbers stand side by side
# as the staff's solution, but
# -             def silence(module, inputs, own=slice(head * width, (head + 1) * width)):
# +             def silence(module, inputs, own=slice(head, None, model.cfg.n_attention_heads)):

# %% wrong: A6.4 | one head | behind wo they are mixed
from einops import rearrange

from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


@torch.no_grad()
def silenced(model, tokens, heads):
    blocks, handles = head_1_blocks(model), []
    for layer in {layer for layer, _ in heads}:
        hook = lambda module, inputs, output: output.mean((0, 1), keepdim=True).expand_as(output)
        handles.append(blocks[layer].attention.wo.register_forward_hook(hook))
    logits = model(tokens, n_future=1)[:, :, 0]
    for handle in handles:
        handle.remove()
    return logits


# %% wrong: A6.4 | several heads | of several heads in one layer only the last
# as the staff's solution, but
# -         for layer, head in heads:
# +         for layer, head in dict(heads).items():

# %% wrong: A6.4 | one head | the hooks are not removed
# as the staff's solution, but
# -             handle.remove()
# +             pass

# %% wrong: A6.4 | one head | the model is not yours to change
from einops import rearrange

from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


@torch.no_grad()
def silenced(model, tokens, heads):
    for layer, head in heads:
        own = slice(head * model.cfg.head_dim, (head + 1) * model.cfg.head_dim)
        head_1_blocks(model)[layer].attention.wo.weight[:, own] = 0
    return model(tokens, n_future=1)[:, :, 0]


# %% wrong: A6.4 | no head at all | that is the answer; write your own
from mtp_edu.attention_heads import AttentionHead, ablated


def silenced(model, tokens, heads):
    with ablated(model, [AttentionHead(*head) for head in heads]):
        return model(tokens, n_future=1)[:, :, 0]


# %% wrong: A6.5 | the heads that are found | those with the LOWEST scores
# as the staff's solution, but
# -     found = sorted(scores, key=scores.get, reverse=True)[:count]
# +     found = sorted(scores, key=scores.get)[:count]

# %% wrong: A6.5 | the heads that are found | layer and head are exchanged
# as the staff's solution, but
# -     return {"found": found, "intact": accuracy([]), "without": accuracy(found), "control": control}
# +     return {
# +         "found": [head[::-1] for head in found],
# +         "intact": accuracy([]),
# +         "without": accuracy(found),
# +         "control": control,
# +     }

# %% wrong: A6.5 | the heads that are found | those that look one back
from einops import rearrange

from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.trunk import rotate


@torch.no_grad()
def patterns(model, tokens):
    context, x, found = model.context(tokens), model.embedding(tokens), []
    later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
    for block in head_1_blocks(model):
        attention, y = block.attention, block.attention_norm(x)
        q, k = (rearrange(w(y), "b t (h e) -> b h t e", e=attention.head_dim) for w in (attention.wq, attention.wk))
        q, k = rotate(q, context.rope), rotate(k, context.rope)
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # (B, H, T, E)
        scores = q @ k.mT / attention.head_dim**0.5  # (B, H, T, T)
        found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
        x = block(x, context)
    return found


def prefix_matching(pattern, tokens):
    before = tokens.roll(1, dims=1)
    before[:, 0] = -1
    match = (tokens[:, :, None] == before[:, None]).tril()  # (B, T, T)
    weight = (pattern * match[:, None]).sum(-1)  # (B, H, T)
    return weight.transpose(1, 2)[match.any(-1)].mean(0)


def previous_token(pattern):
    return pattern.diagonal(-1, dim1=2, dim2=3).mean((0, 2))


@torch.no_grad()
def silenced(model, tokens, heads):
    blocks, width, handles = head_1_blocks(model), model.cfg.head_dim, []
    try:
        for layer, head in heads:

            def silence(module, inputs, own=slice(head * width, (head + 1) * width)):
                x = inputs[0].clone()
                x[:, :, own] = x[:, :, own].mean((0, 1))
                return x

            handles.append(blocks[layer].attention.wo.register_forward_pre_hook(silence))
        return model(tokens, n_future=1)[:, :, 0]
    finally:
        for handle in handles:
            handle.remove()


def needed(model, tokens, targets, count, draws, rng):
    scores, helpers = {}, set()
    for layer, pattern in enumerate(patterns(model, tokens)):
        for head, score in enumerate(previous_token(pattern).tolist()):
            scores[layer, head] = score
        helpers |= {(layer, head) for head, score in enumerate(previous_token(pattern)) if score >= 0.5}
    found = sorted(scores, key=scores.get, reverse=True)[:count]
    others = [head for head in scores if head not in found and head not in helpers]

    def accuracy(heads):
        right = silenced(model, tokens, heads).argmax(-1) == targets
        return float(right[targets != -100].double().mean())

    control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
    return {"found": found, "intact": accuracy([]), "without": accuracy(found), "control": control}


# %% wrong: A6.5 | with and without them | only one of the found heads is silenced
# as the staff's solution, but
# -     return {"found": found, "intact": accuracy([]), "without": accuracy(found), "control": control}
# +     return {"found": found, "intact": accuracy([]), "without": accuracy(found[:1]), "control": control}

# %% wrong: A6.5 | with and without them | places without a target
# as the staff's solution, but
# -         return float(right[targets != -100].double().mean())
# +         return float(right.double().mean())

# %% wrong: A6.5 | with and without them | a target is shifted once more
# as the staff's solution, but
# -         right = silenced(model, tokens, heads).argmax(-1) == targets
# -         return float(right[targets != -100].double().mean())
# +         right = silenced(model, tokens, heads)[:, :-1].argmax(-1) == targets[:, 1:]
# +         return float(right[targets[:, 1:] != -100].double().mean())

# %% wrong: A6.5 | with and without them | an average over the rows' accuracies
# as the staff's solution, but
# -         return float(right[targets != -100].double().mean())
# +         return sum(float(r[t != -100].double().mean()) for r, t in zip(right, targets)) / len(right)

# %% wrong: A6.5 | the control | the control draws the found heads
# as the staff's solution, but
# -     others = [head for head in scores if head not in found and head not in helpers]
# +     others = [head for head in scores if head not in helpers]

# %% wrong: A6.5 | the control | the control draws a helper
# as the staff's solution, but
# -     others = [head for head in scores if head not in found and head not in helpers]
# +     others = [head for head in scores if head not in found]

# %% wrong: A6.5 | the control | number of heads, or one head twice
# as the staff's solution, but
# -     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
# +     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, 1) for _ in range(draws))]

# %% wrong: A6.5 | the control | number of heads, or one head twice
# as the staff's solution, but
# -     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
# +     control = [(heads, accuracy(heads)) for heads in (rng.choices(others, k=count) for _ in range(draws))]

# %% wrong: A6.5 | the control | drawn from another generator
# as the staff's solution, but
# -     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
# +     import random
# +
# +     control = [(heads, accuracy(heads)) for heads in (random.sample(others, count) for _ in range(draws))]

# %% wrong: A6.5 | the control | one set is drawn and used for all draws
# as the staff's solution, but
# -     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
# +     control = [(heads, accuracy(heads)) for heads in [rng.sample(others, count)] * draws]

# %% wrong: A6.5 | the control | the found heads are silenced, whatever was drawn
# as the staff's solution, but
# -     control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
# +     control = [(heads, accuracy(found)) for heads in (rng.sample(others, count) for _ in range(draws))]
