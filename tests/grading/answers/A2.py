# ruff: noqa
"""Answers to A2 for testing the checks; see A1.py."""

# %% right: everything by index, one dict
import torch
from torch import nn
from mtp_edu.trunk import Block


def all_logits(model, tokens):
    context = model.context(tokens)
    x = model.embedding(tokens)
    for block in model.trunk:
        x = block(x, context)
    B, T = tokens.shape
    logits = x.new_empty(B, T, model.cfg.n_future, model.cfg.vocab_size)
    for k in range(model.cfg.n_future):
        logits[:, :, k] = model.unembedding(k)(model.norm(model.heads[k](x, context)))
    return logits


def head_parents(head_order, n):
    parents = []
    for i in range(n):
        if head_order == "causal":
            parents.append(i - 1)
        elif head_order == "anticausal":
            parents.append(i + 1 if i + 1 < n else -1)
        else:
            parents.append(-1)
    return tuple(parents)


def head_latents(model, z, context, wanted):
    needed = set()
    for head in wanted:
        while head != -1:
            needed.add(head)
            head = model.heads.parents[head]
    known = {-1: z}
    while needed - known.keys():
        for head in sorted(needed):
            if head not in known and model.heads.parents[head] in known:
                known[head] = model.heads[head](known[model.heads.parents[head]], context)
    return [known[head] for head in wanted]


class Layers(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.blocks = nn.ModuleList([Block(cfg) for _ in range(cfg.layers_per_head)])

    def forward(self, x, context):
        for block in self.blocks:
            x = block(x, context)
        return x


class OneMatrix(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(width) + 0.02 * torch.randn(width, width))

    def forward(self, x, context=None):
        return x @ self.weight.T


def make_head(cfg):
    return OneMatrix(cfg.dim) if cfg.head_type == "linear" else Layers(cfg)


def parameter_count(cfg):
    D, kv = cfg.dim, cfg.n_kv_heads * cfg.head_dim
    attention = D * D + D * kv + D * kv + D * D
    layer = attention + 3 * D * cfg.ffn_dim + D + D
    if cfg.head_type == "linear":
        body = cfg.n_layers * layer + cfg.n_future * D * D
    else:
        taken = cfg.layers_per_head if cfg.keep_trunk_depth else cfg.n_future * cfg.layers_per_head
        body = (cfg.n_layers - taken) * layer + cfg.n_future * cfg.layers_per_head * layer
    tables = 1
    if not cfg.tie_embeddings:
        tables += cfg.n_future if cfg.replicated_unembedding else 1
    return body + tables * cfg.vocab_size * D + D


# %% right: comprehensions and recursion
import torch
from torch import nn
from mtp_edu.trunk import Stack


def all_logits(model, tokens):
    c = model.context(tokens)
    z = model.trunk(model.embedding(tokens), c)
    return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)


def head_parents(head_order, n):
    return {
        "parallel": (-1,) * n,
        "causal": tuple(i - 1 for i in range(n)),
        "anticausal": tuple(i + 1 for i in range(n - 1)) + (-1,),
    }[head_order]


def head_latents(model, z, context, wanted):
    import functools

    @functools.lru_cache(None)
    def latent(k):
        return z if k < 0 else model.heads[k](latent(model.heads.parents[k]), context)

    return list(map(latent, wanted))


class Linear(nn.Linear):
    def forward(self, x, context):
        return nn.functional.linear(x, self.weight)


def make_head(cfg):
    if cfg.head_type == "transformer":
        return Stack(cfg, cfg.layers_per_head)
    head = Linear(cfg.dim, cfg.dim, bias=False)
    with torch.no_grad():
        head.weight.normal_(0, 0.02).add_(torch.eye(cfg.dim))
    return head


def parameter_count(cfg):
    linear = cfg.head_type == "linear"
    layers = cfg.n_layers + (cfg.n_future - 1) * cfg.layers_per_head * (cfg.keep_trunk_depth and not linear)
    width = cfg.dim
    per_layer = width * (2 * width + 2 * cfg.n_kv_heads * cfg.head_dim + 3 * cfg.ffn_dim + 2)
    out = (not cfg.tie_embeddings) * (cfg.n_future if cfg.replicated_unembedding else 1)
    return int(layers * per_layer + linear * cfg.n_future * width**2 + width + (1 + out) * cfg.vocab_size * width)


# %% right: concatenated, with warnings and a progress bar
import sys
import warnings
import torch
from torch import nn
from tqdm import tqdm
from mtp_edu.trunk import Stack


def all_logits(model, tokens):
    warnings.warn("beware", stacklevel=1)
    context = model.context(tokens)
    trunk_output = model.trunk(model.embedding(tokens), context)
    columns = []
    for k in tqdm(range(len(model.heads))):
        out = model.norm(model.heads[k](trunk_output, context))
        matrix = model.unembeddings[k if len(model.unembeddings) > 1 else 0].weight
        columns.append((out @ matrix.T)[:, :, None])
    return torch.cat(columns, dim=2)


def head_parents(head_order, n):
    print("parents of", head_order, file=sys.stderr)
    match head_order:
        case "causal":
            return tuple(range(-1, n - 1))
        case "anticausal":
            return tuple([*range(1, n), -1])
        case _:
            return tuple([-1] * n)


def head_latents(model, z, context, wanted):
    parents, found, path = model.heads.parents, {-1: z}, []
    for head in wanted:
        while head not in found:
            path.append(head)
            head = parents[head]
        while path:
            head = path.pop()
            found[head] = model.heads[head](found[parents[head]], context)
    return tuple(found[head] for head in wanted)


def make_head(cfg):
    if cfg.head_type == "linear":

        class Head(nn.Module):
            def __init__(self):
                super().__init__()
                self.map = nn.Linear(cfg.dim, cfg.dim, bias=False)
                nn.init.eye_(self.map.weight)

            def forward(self, x, context, caches=None):
                return self.map(x)

        return Head()
    return Stack(cfg, cfg.layers_per_head)


def shapes(cfg):
    D = cfg.dim
    layers = cfg.n_layers
    if cfg.head_type == "transformer" and cfg.keep_trunk_depth:
        layers += (cfg.n_future - 1) * cfg.layers_per_head
    for _ in range(layers):
        yield from [(D, D)] * 2 + [(cfg.n_kv_heads * cfg.head_dim, D)] * 2 + [(D, cfg.ffn_dim)] * 3 + [(D, 1)] * 2
    if cfg.head_type == "linear":
        yield from [(D, D)] * cfg.n_future
    yield (D, 1)
    yield (cfg.vocab_size, D)
    if not cfg.tie_embeddings:
        yield from [(cfg.vocab_size, D)] * (cfg.n_future if cfg.replicated_unembedding else 1)


def parameter_count(cfg):
    return sum(a * b for a, b in shapes(cfg))


# %% right: einops and lists
import torch
from einops import rearrange
from torch import nn
from mtp_edu.trunk import Stack


def all_logits(model, tokens):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    latents = [head(z, context) for head in model.heads]
    normed = model.norm(rearrange(latents, "n b t d -> b t n d"))
    return torch.stack([model.unembedding(k)(normed[:, :, k]) for k in range(len(latents))], dim=2)


ORDERS = {
    "parallel": lambda i, n: -1,
    "causal": lambda i, n: i - 1,
    "anticausal": lambda i, n: i + 1 if i < n - 1 else -1,
}


def head_parents(head_order, n):
    return tuple(ORDERS[head_order](i, n) for i in range(n))


class Walker:
    def __init__(self, model, z, context):
        self.model, self.z, self.context, self.done = model, z, context, {}

    def __getitem__(self, head):
        if head == -1:
            return self.z
        if head not in self.done:
            self.done[head] = self.model.heads[head](self[self.model.heads.parents[head]], self.context)
        return self.done[head]


def head_latents(model, z, context, wanted):
    walker = Walker(model, z, context)
    return [walker[head] for head in wanted]


class LinearHead(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(cfg.dim))

    def forward(self, x, context):
        return torch.einsum("btd,ed->bte", x, self.matrix)


KINDS = {"linear": LinearHead, "transformer": lambda cfg: Stack(cfg, cfg.layers_per_head)}


def make_head(cfg):
    return KINDS[cfg.head_type](cfg)


def one_layer(cfg):
    numbers = 2 * cfg.dim  # norms
    numbers += 3 * cfg.dim * cfg.ffn_dim
    return numbers + 2 * cfg.dim * (cfg.dim + cfg.dim // cfg.n_attention_heads * cfg.n_kv_heads)


def parameter_count(cfg):
    trunk = cfg.n_layers
    heads = 0
    if cfg.head_type == "linear":
        heads = cfg.n_future * cfg.dim * cfg.dim
    else:
        trunk -= cfg.layers_per_head * (1 if cfg.keep_trunk_depth else cfg.n_future)
        heads = cfg.n_future * cfg.layers_per_head * one_layer(cfg)
    total = cfg.vocab_size * cfg.dim + trunk * one_layer(cfg) + heads + cfg.dim
    if cfg.replicated_unembedding:
        return total + cfg.n_future * cfg.vocab_size * cfg.dim
    return total if cfg.tie_embeddings else total + cfg.vocab_size * cfg.dim


# %% right: the norm of all heads at once, subclasses
import torch
from torch import nn
from mtp_edu import trunk


def latents_of(model, tokens):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    return torch.stack([head(z, context) for head in model.heads])


def all_logits(model, tokens):
    normed = model.norm(latents_of(model, tokens))  # (n, B, T, D)
    logits = torch.stack([normed[k] @ model.unembedding(k).weight.T for k in range(len(normed))])
    return logits.permute(1, 2, 0, 3)


def head_parents(head_order, n):
    order = list(range(n))
    if head_order == "parallel":
        return tuple(-1 for _ in order)
    if head_order == "anticausal":
        order.reverse()
    parents = dict(zip(order, [-1] + order))
    return tuple(parents[i] for i in range(n))


def ancestors(parents, head):
    return [] if head == -1 else [*ancestors(parents, parents[head]), head]


def head_latents(model, z, context, wanted):
    results = {}
    for head in wanted:
        x = z
        for step in ancestors(model.heads.parents, head):
            if step not in results:
                results[step] = model.heads[step](x, context)
            x = results[step]
    return [results[head] for head in wanted]


class TransformerHead(trunk.Stack):
    def __init__(self, cfg):
        super().__init__(cfg, depth=cfg.layers_per_head)


class Probe(nn.Linear):
    def __init__(self, cfg):
        super().__init__(cfg.dim, cfg.dim, bias=False)
        self.weight = nn.Parameter(torch.eye(cfg.dim) + self.weight.detach() * 0.1)

    def forward(self, x, *_):
        return super().forward(x)


def make_head(cfg):
    return (Probe if cfg.head_type == "linear" else TransformerHead)(cfg)


def parameter_count(cfg):
    D, V = cfg.dim, cfg.vocab_size
    parts = {"embedding": V * D, "norm": D}
    parts["layer"] = 2 * D + 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim
    extra = 0
    if cfg.head_type == "linear":
        parts["linear"] = D * D * cfg.n_future
    elif cfg.keep_trunk_depth:
        extra = cfg.n_future * cfg.layers_per_head - cfg.layers_per_head
    parts["layer"] *= cfg.n_layers + extra
    if not cfg.tie_embeddings:
        parts["unembedding"] = V * D * [1, cfg.n_future][cfg.replicated_unembedding]
    return sum(parts.values())


# %% wrong: A2.1 | values | the final norm is missing
# as comprehensions and recursion, but
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     return torch.stack([model.unembedding(k)(h(z, c)) for k, h in enumerate(model.heads)], 2)

# %% wrong: A2.1 | values | the norm comes before the head; heads read
# as comprehensions and recursion, but
# -     z = model.trunk(model.embedding(tokens), c)
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     z = model.norm(model.trunk(model.embedding(tokens), c))
# +     return torch.stack([model.unembedding(k)(h(z, c)) for k, h in enumerate(model.heads)], 2)

# %% wrong: A2.1 | values | the heads are a chain
def all_logits(model, tokens):
    c = model.context(tokens)
    x = model.trunk(model.embedding(tokens), c)
    logits = []
    for k in range(len(model.heads)):
        x = model.heads[k](x, c)
        logits.append(model.unembedding(k)(model.norm(x)))
    return torch.stack(logits, 2)


# %% wrong: A2.1 | shape | the dimensions are in another order
# as comprehensions and recursion, but
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)])

# %% wrong: A2.1 | one unembedding per head | all heads use the first unembedding
# as comprehensions and recursion, but
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     return torch.stack([model.unembeddings[0](model.norm(h(z, c))) for h in model.heads], 2)

# %% wrong: A2.1 | the trunk runs once | the trunk stands inside the loop
def all_logits(model, tokens):
    c = model.context(tokens)
    logits = []
    for k in range(len(model.heads)):
        z = model.trunk(model.embedding(tokens), c)
        logits.append(model.unembedding(k)(model.norm(model.heads[k](z, c))))
    return torch.stack(logits, 2)


# %% wrong: A2.1 | the trunk runs once | no_grad, .detach() or .data cut it
def all_logits(model, tokens):
    c = model.context(tokens)
    with torch.no_grad():
        z = model.trunk(model.embedding(tokens), c)
        return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], 2)


# %% wrong: A2.1 | shape | that is the answer; write your own
# as comprehensions and recursion, but
# -     c = model.context(tokens)
# -     z = model.trunk(model.embedding(tokens), c)
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     return model(tokens)

# %% wrong: A2.1 | values | the trunk is missing
# as comprehensions and recursion, but
# -     z = model.trunk(model.embedding(tokens), c)
# -     return torch.stack([model.unembedding(k)(model.norm(h(z, c))) for k, h in enumerate(model.heads)], -2)
# +     x = model.embedding(tokens)
# +     return torch.stack([model.unembedding(k)(model.norm(h(x, c))) for k, h in enumerate(model.heads)], 2)

# %% wrong: A2.2 | each order | causal and anticausal are exchanged
def head_parents(head_order, n):
    if head_order == "anticausal":
        return tuple(range(-1, n - 1))
    return (*range(1, n), -1) if head_order == "causal" else (-1,) * n


# %% wrong: A2.2 | each order | not a head that does not exist
# as the staff's solution, but
# -     if head_order == "anticausal":
# -         return (*range(1, n), -1)
# -     return (-1,) * n
# +     return tuple(range(1, n + 1)) if head_order == "anticausal" else (-1,) * n

# %% wrong: A2.2 | each order | the trunk is -1, not 0
def head_parents(head_order, n):
    if head_order == "causal":
        return (0, *range(n - 1))
    return (*range(1, n), 0) if head_order == "anticausal" else (0,) * n


# %% wrong: A2.2 | type | it must be a tuple of int
def head_parents(head_order, n):
    return [-1] * n


# %% wrong: A2.2 | each order | the entries are head numbers
def head_parents(head_order, n):
    if head_order == "causal":
        return (-1, *range(1, n))
    return (*range(2, n + 1), -1) if head_order == "anticausal" else (-1,) * n


# %% wrong: A2.2 | each order | one tuple is the other one backwards
def head_parents(head_order, n):
    causal = tuple(range(-1, n - 1))
    return {"parallel": (-1,) * n, "causal": causal, "anticausal": causal[::-1]}[head_order]


# %% wrong: A2.2 | type | there is no `return` for 'anticausal'
def head_parents(head_order, n):
    if head_order == "parallel":
        return (-1,) * n
    if head_order == "causal":
        return tuple(range(-1, n - 1))
    parents = (*range(1, n), -1)


# %% wrong: A2.3 | chains | every head reads the trunk; here some read another head
def head_latents(model, z, context, wanted):
    return [model.heads[k](z, context) for k in wanted]


# %% wrong: A2.3 | chains | each head reads the head before it
def head_latents(model, z, context, wanted):
    if model.cfg.head_order == "parallel":
        return [model.heads[k](z, context) for k in wanted]
    done = []
    for head in model.heads:
        done.append(head(done[-1] if done else z, context))
    return [done[k] for k in wanted]


# %% wrong: A2.3 | parallel heads | the latents are in another order than
def head_latents(model, z, context, wanted):
    done = {-1: z}
    while len(done) <= len(model.heads):
        for k, head in enumerate(model.heads):
            if k not in done and model.heads.parents[k] in done:
                done[k] = head(done[model.heads.parents[k]], context)
    return [done[k] for k in sorted(wanted)]


# %% wrong: A2.3 | parallel heads | and no others
def head_latents(model, z, context, wanted):
    done = {-1: z}
    while len(done) <= len(model.heads):
        for k, head in enumerate(model.heads):
            if k not in done and model.heads.parents[k] in done:
                done[k] = head(done[model.heads.parents[k]], context)
    return [done[k] for k in range(len(model.heads))]


# %% wrong: A2.3 | what has to run, once | a parent runs anew
def head_latents(model, z, context, wanted):
    def latent(k):
        return z if k < 0 else model.heads[k](latent(model.heads.parents[k]), context)

    return [latent(k) for k in wanted]


# %% wrong: A2.3 | what has to run, once | heads ran that nobody needs
def head_latents(model, z, context, wanted):
    done = {-1: z}
    while len(done) <= len(model.heads):
        for k, head in enumerate(model.heads):
            if k not in done and model.heads.parents[k] in done:
                done[k] = head(done[model.heads.parents[k]], context)
    return [done[k] for k in wanted]


# %% wrong: A2.3 | parallel heads | the norm belongs to the unembedding
def head_latents(model, z, context, wanted):
    def latent(k):
        return z if k < 0 else model.heads[k](latent(model.heads.parents[k]), context)

    return [model.norm(latent(k)) for k in wanted]


# %% wrong: A2.3 | parallel heads | that is the answer; write your own
def head_latents(model, z, context, wanted):
    return model.heads(z, context, wanted)


# %% wrong: A2.3 | parallel heads | the function changes `wanted` in place
def head_latents(model, z, context, wanted):
    done = {-1: z}

    def latent(k):
        if k not in done:
            done[k] = model.heads[k](latent(model.heads.parents[k]), context)
        return done[k]

    latents = []
    while wanted:
        latents.append(latent(wanted.pop(0)))
    return latents


# %% wrong: A2.3 | chains | left from an earlier call
done = {}


def head_latents(model, z, context, wanted):
    done[-1] = z

    def latent(k):
        if k not in done:
            done[k] = model.heads[k](latent(model.heads.parents[k]), context)
        return done[k]

    return [latent(k) for k in wanted]


# %% wrong: A2.4 | a linear head | a head must take (x, context)
def make_head(cfg):
    return nn.Linear(cfg.dim, cfg.dim, bias=False)


# %% wrong: A2.4 | a linear head | a bias: a linear head is a single matrix
class Head(nn.Linear):
    def forward(self, x, context):
        return super().forward(x)


def make_head(cfg):
    return Head(cfg.dim, cfg.dim)


# %% wrong: A2.4 | a linear head | a non-linearity
class Head(nn.Linear):
    def forward(self, x, context):
        return super().forward(x).relu()


def make_head(cfg):
    return Head(cfg.dim, cfg.dim, bias=False)


# %% wrong: A2.4 | where a linear head starts | it starts like any other matrix
class Head(nn.Linear):
    def forward(self, x, context):
        return super().forward(x)


def make_head(cfg):
    return Head(cfg.dim, cfg.dim, bias=False)


# %% wrong: A2.4 | a transformer head | layers_per_head is ignored
from mtp_edu.trunk import Block, Stack


class Head(nn.Linear):
    def __init__(self, cfg):
        super().__init__(cfg.dim, cfg.dim, bias=False)
        nn.init.eye_(self.weight)

    def forward(self, x, context):
        return super().forward(x)


def make_head(cfg):
    if cfg.head_type == "linear":
        return Head(cfg)
    layer = Block(cfg)
    stack = Stack(cfg, 0)
    for _ in range(cfg.layers_per_head):
        stack.append(layer)
    return stack


# %% wrong: A2.4 | every head its own weights | two calls of make_head gave heads that share weights
from mtp_edu.trunk import Stack


class Head(nn.Linear):
    def __init__(self, cfg):
        super().__init__(cfg.dim, cfg.dim, bias=False)
        nn.init.eye_(self.weight)

    def forward(self, x, context):
        return super().forward(x)


made = {}


def make_head(cfg):
    key = str(cfg)
    if key not in made:
        made[key] = Head(cfg) if cfg.head_type == "linear" else Stack(cfg, cfg.layers_per_head)
    return made[key]


# %% wrong: A2.4 | a linear head | a plain tensor is no weight to torch
class Head(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.matrix = torch.eye(dim)

    def forward(self, x, context):
        return x @ self.matrix


def make_head(cfg):
    return Head(cfg.dim)


# %% wrong: A2.4 | where a linear head starts | it starts like any other matrix
class Head(nn.Linear):
    def forward(self, x, context):
        return super().forward(x)


def make_head(cfg):
    head = Head(cfg.dim, cfg.dim, bias=False)
    nn.init.ones_(head.weight)
    return head


# %% wrong: A2.4 | a transformer head | layers in a plain list are none to torch
# as comprehensions and recursion, but
# - class Linear(nn.Linear):
# + class Matrix(nn.Linear):
# -         return nn.functional.linear(x, self.weight)
# +         return super().forward(x)
# + class Layers(nn.Module):
# +     def __init__(self, cfg):
# +         super().__init__()
# +         self.layers = [Stack(cfg, 1) for _ in range(cfg.layers_per_head)]
# +     def forward(self, x, context):
# +         for layer in self.layers:
# +             x = layer(x, context)
# +         return x
# -         return Stack(cfg, cfg.layers_per_head)
# -     head = Linear(cfg.dim, cfg.dim, bias=False)
# -     with torch.no_grad():
# -         head.weight.normal_(0, 0.02).add_(torch.eye(cfg.dim))
# +         return Layers(cfg)
# +     head = Matrix(cfg.dim, cfg.dim, bias=False)
# +     nn.init.eye_(head.weight)

# %% wrong: A2.5 | n does not change it | the heads' layers are added, not moved
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    layers = cfg.n_layers + (cfg.n_future if cfg.n_future == 1 else 0)
    return 2 * cfg.vocab_size * D + D + layers * layer


# %% wrong: A2.5 | parallel transformer heads | the heads' layers are added to a complete trunk
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    return 2 * cfg.vocab_size * D + D + (cfg.n_layers + cfg.n_future * cfg.layers_per_head) * layer


# %% wrong: A2.5 | parallel transformer heads | so n heads take n layers, not n-1
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    return 2 * cfg.vocab_size * D + D + (cfg.n_layers - (cfg.n_future - 1) + cfg.n_future) * layer


# %% wrong: A2.5 | parallel transformer heads | the norms are missing
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim
    return 2 * cfg.vocab_size * D + cfg.n_layers * layer


# %% wrong: A2.5 | other kinds of head | linear heads take layers out of the trunk
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    linear = cfg.head_type == "linear"
    layers = cfg.n_layers - cfg.n_future * linear
    return 2 * cfg.vocab_size * D + D + layers * layer + linear * cfg.n_future * D * D


# %% wrong: A2.5 | narrow keys, tied and replicated unembeddings | keys and values are narrower
def parameter_count(cfg):
    D = cfg.dim
    layer = 4 * D * D + 3 * D * cfg.ffn_dim + 2 * D
    linear = cfg.head_type == "linear"
    layers = cfg.n_layers + (cfg.n_future - 1) * cfg.layers_per_head * cfg.keep_trunk_depth
    return 2 * cfg.vocab_size * D + D + layers * layer + linear * cfg.n_future * D * D


# %% wrong: A2.5 | narrow keys, tied and replicated unembeddings | the unembedding is the embedding
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    linear = cfg.head_type == "linear"
    layers = cfg.n_layers + (cfg.n_future - 1) * cfg.layers_per_head * cfg.keep_trunk_depth
    return 2 * cfg.vocab_size * D + D + layers * layer + linear * cfg.n_future * D * D


# %% wrong: A2.5 | parallel transformer heads | that is the answer; write your own
import mtp_edu as mtp


def parameter_count(cfg):
    return sum(p.numel() for p in mtp.MultiTokenModel(cfg).parameters())


# %% wrong: A2.5 | in closed form | tensors are made only to be counted
from mtp_edu.trunk import Block


def parameter_count(cfg):
    D, V, n = cfg.dim, cfg.vocab_size, cfg.n_future
    layer = sum(p.numel() for p in Block(cfg).parameters())
    linear = cfg.head_type == "linear"
    layers = cfg.n_layers + (0 if linear or not cfg.keep_trunk_depth else (n - 1) * cfg.layers_per_head)
    unembeddings = n if cfg.replicated_unembedding else 0 if cfg.tie_embeddings else 1
    return V * D + layers * layer + linear * n * D * D + D + unembeddings * V * D


# %% wrong: A2.5 | parallel transformer heads | -11 D
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + D
    return 2 * cfg.vocab_size * D + D + cfg.n_layers * layer


# %% wrong: A2.5 | other kinds of head | one layer for each added head
def parameter_count(cfg):
    D = cfg.dim
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    layers, matrices = cfg.n_layers, 0
    if cfg.head_type == "linear":
        matrices = cfg.n_future
    elif cfg.keep_trunk_depth:
        layers += cfg.n_future - 1
    return 2 * cfg.vocab_size * D + D + layers * layer + matrices * D * D
