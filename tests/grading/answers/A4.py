# ruff: noqa
"""Answers to A4 for testing the checks; see A1.py."""

# %% right: tensors, cumprod, the layers one by one
import torch
from mtp_edu.trunk import Context, KVCache


def make(model, rows, places):
    w = model.norm.weight
    new = lambda layers: [KVCache(model.cfg, rows, places, w.device, w.dtype) for _ in layers]
    return new(model.trunk), [new(head) for head in model.heads]


def accept(drafts, verdicts):
    drafts, said = torch.tensor(drafts, dtype=torch.long), torch.tensor(verdicts)
    kept = int((drafts == said[:-1]).long().cumprod(0).sum())
    return kept, said[: kept + 1].tolist()


def run_block(model, caches, tokens, start):
    B, T = tokens.shape
    S = caches[0][0].keys.size(2)
    positions = torch.stack([torch.arange(s, s + T) for s in start.tolist()])
    mask = torch.zeros(B, 1, T, S, dtype=torch.bool)
    for b in range(B):
        for t in range(T):
            mask[b, 0, t, : positions[b, t] + 1] = True
    context = Context(rope=model.rope_at(positions), slots=positions, mask=mask)
    x = model.embedding(tokens)
    for layer, cache in zip(model.trunk, caches[0]):
        x = layer(x, context, cache)
    found = {-1: x}
    while len(found) <= len(model.heads):
        for k, parent in enumerate(model.heads.parents):
            if parent in found and k not in found:
                found[k] = model.heads[k](found[parent], context, caches[1][k])
    return [found[k] for k in range(len(model.heads))]


def speculative_step(model, caches, block, start):
    latents = torch.stack(run_block(model, caches, torch.tensor(block)[None], torch.tensor(start)[None]))[:, 0]
    kept, tokens = accept(block[1:], model.unembed(latents[0], 0).argmax(-1).tolist())
    drafts = [model.unembed(latents[i, kept], i).argmax().item() for i in range(1, len(latents))]
    return tokens, tokens[-1:] + drafts


def generate(model, prompt, count, stop_ids=()):
    caches = make(model, 1, len(prompt) + count + len(model.heads))
    last = [x[:, -1] for x in run_block(model, caches, torch.tensor([prompt]), torch.zeros(1, dtype=torch.long))]
    block = [model.unembed(x, i).argmax().item() for i, x in enumerate(last)]
    text, forwards, more = prompt + block[:1], 0, True
    while len(text) - len(prompt) < count and text[-1] not in stop_ids:
        more, block = speculative_step(model, caches, block, len(text) - 1)
        forwards += 1
        ends = [i for i, token in enumerate(more) if token in stop_ids]
        text = text + (more[: ends[0] + 1] if ends else more)
    return text[len(prompt) : len(prompt) + count], forwards


def generate_batch(model, prompts, count, stop_ids=()):
    B, longest = len(prompts), max(map(len, prompts))
    caches = make(model, B, longest + count + len(model.heads))
    ids = torch.zeros(B, longest, dtype=torch.long)
    for b, prompt in enumerate(prompts):
        ids[b, : len(prompt)] = torch.tensor(prompt)
    texts, done = [list(prompt) for prompt in prompts], [False] * B
    start, places = torch.zeros(B, dtype=torch.long), [len(prompt) - 1 for prompt in prompts]
    latents = run_block(model, caches, ids, start)
    tokens = [[int(model.unembed(latents[0][b, places[b]], 0).argmax())] for b in range(B)]
    while True:
        for b in range(B):
            for token in tokens[b]:
                if not done[b]:
                    texts[b].append(token)
                    done[b] = token in stop_ids or len(texts[b]) == len(prompts[b]) + count
        if all(done):
            return [text[len(prompt) :] for text, prompt in zip(texts, prompts)]
        block = torch.tensor(
            [[int(model.unembed(x[b, places[b]], i).argmax()) for i, x in enumerate(latents)] for b in range(B)]
        )
        latents = run_block(model, caches, block, torch.tensor([len(text) - 1 for text in texts]))
        tokens, places = [], []
        for b in range(B):
            kept, own = accept(block[b, 1:].tolist(), model.unembed(latents[0][b], 0).argmax(-1).tolist())
            tokens.append(own)
            places.append(kept)


# %% right: a class that holds everything
import torch
from einops import rearrange
from mtp_edu.trunk import Context, KVCache


class Decoder:
    def __init__(self, model, caches):
        self.model, (self.trunk, self.heads) = model, caches

    @classmethod
    def fresh(cls, model, rows, places):
        def one():
            return KVCache(model.cfg, rows, places, torch.device("cpu"), model.norm.weight.dtype)

        heads = [[one() for _ in range(head.depth)] for head in model.heads]
        return cls(model, ([one() for _ in range(model.cfg.n_trunk_layers)], heads))

    @torch.inference_mode()
    def __call__(self, tokens, start):
        places = torch.arange(self.trunk[0].keys.shape[2])
        positions = rearrange(start, "b -> b 1") + torch.arange(tokens.shape[1])
        mask = rearrange(positions, "b t -> b 1 t 1") >= places
        context = Context(self.model.rope_at(positions), positions, mask)
        z = self.model.trunk(self.model.embedding(tokens), context, self.trunk)
        return self.model.heads(z, context, list(range(len(self.model.heads))), self.heads)

    def tokens(self, latents, row, place):
        return [int(self.model.unembed(x[row, place], i).argmax()) for i, x in enumerate(latents)]

    def verdicts(self, latents, row):
        return self.model.unembed(latents[0][row], 0).argmax(-1).tolist()


def accept(drafts, verdicts):
    for kept, pair in enumerate(zip(drafts, verdicts)):
        if pair[0] != pair[1]:
            return kept, list(verdicts[: kept + 1])
    return len(drafts), list(verdicts)


def run_block(model, caches, tokens, start):
    return Decoder(model, caches)(tokens, start)


def speculative_step(model, caches, block, start):
    decoder = Decoder(model, caches)
    latents = decoder(torch.tensor([block]), torch.tensor([start]))
    kept, tokens = accept(block[1:], decoder.verdicts(latents, 0))
    return tokens, decoder.tokens(latents, 0, kept)


class Text:
    def __init__(self, prompt, count, stop_ids):
        self.length, self.count, self.stop_ids, self.new = len(prompt), count, set(stop_ids), []

    def add(self, tokens):
        for token in tokens:
            if self.open:
                self.new.append(token)

    @property
    def open(self):
        return not self.new or (len(self.new) < self.count and self.new[-1] not in self.stop_ids)

    @property
    def start(self):
        return self.length + len(self.new) - 1


def run(model, prompts, count, stop_ids):
    texts = [Text(prompt, count, stop_ids) for prompt in prompts]
    longest = max(text.length for text in texts)
    decoder = Decoder.fresh(model, len(texts), longest + count + model.cfg.n_future)
    padded = torch.tensor([prompt + prompt[-1:] * (longest - len(prompt)) for prompt in prompts])
    latents = decoder(padded, torch.zeros(len(texts), dtype=torch.int64))
    blocks = [decoder.tokens(latents, row, text.length - 1) for row, text in enumerate(texts)]
    for text, block in zip(texts, blocks):
        text.add(block[:1])
    forwards = 0
    while any(text.open for text in texts):
        latents = decoder(torch.tensor(blocks), torch.tensor([text.start for text in texts]))
        forwards += 1
        for row, text in enumerate(texts):
            kept, tokens = accept(blocks[row][1:], decoder.verdicts(latents, row))
            text.add(tokens)
            blocks[row] = decoder.tokens(latents, row, kept)
    return [text.new for text in texts], forwards


def generate(model, prompt, count, stop_ids=()):
    (tokens,), forwards = run(model, [prompt], count, stop_ids)
    return tokens, forwards


def generate_batch(model, prompts, count, stop_ids=()):
    return run(model, prompts, count, stop_ids)[0]


# %% right: blocks that get shorter at the end, recursion, finished rows leave the batch
import itertools

import torch
from mtp_edu.trunk import Context, KVCache


def caches_of(model, rows, places):
    make = lambda n: [KVCache(model.cfg, rows, places, torch.device("cpu"), torch.float64) for _ in range(n)]
    return make(len(model.trunk)), [make(model.cfg.layers_per_head) for _ in model.heads]


def accept(drafts, verdicts):
    agree = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(drafts, verdicts))
    kept = len(list(agree))
    return kept, drafts[:kept] + [verdicts[kept]]


@torch.no_grad()
def run_block(model, caches, tokens, start):
    every = torch.arange(caches[0][0].values.shape[-2])
    at = torch.add(start.unsqueeze(1), torch.arange(tokens.size(1)).unsqueeze(0))
    hidden = every.view(1, 1, 1, -1) > at[:, None, :, None]
    context = Context(model.rope_at(at), at, ~hidden)
    return model.heads(
        model.trunk(model.embedding(tokens), context, caches[0]), context, range(model.cfg.n_future), caches[1]
    )


@torch.no_grad()
def speculative_step(model, caches, block, start):
    latents = run_block(model, caches, torch.tensor(block).reshape(1, -1), torch.tensor([start]))
    logits = [model.unembed(x, i)[0] for i, x in enumerate(latents)]
    said = torch.stack(logits).argmax(-1).T.tolist()
    kept, tokens = accept(block[1:], [row[0] for row in said])
    return tokens, said[kept]


def cut(tokens, room, stop_ids):
    out = []
    for token in tokens[:room]:
        out.append(token)
        if token in stop_ids:
            break
    return out


def generate(model, prompt, count, stop_ids=()):
    caches = caches_of(model, 1, len(prompt) + count)
    latents = run_block(model, caches, torch.tensor([prompt]), torch.tensor([0]))
    first = [int(model.unembed(x[:, -1], i).argmax()) for i, x in enumerate(latents)]

    def go(tokens, block):
        room = count - len(tokens)
        if room == 0 or tokens[-1] in stop_ids:
            return tokens, 0
        new, following = speculative_step(model, caches, block[:room], len(prompt) + len(tokens) - 1)
        text, forwards = go(tokens + cut(new, room, stop_ids), following)
        return text, forwards + 1

    return go(first[:1], first)


@torch.no_grad()
def generate_batch(model, prompts, count, stop_ids=()):
    longest, k = max(len(prompt) for prompt in prompts), model.cfg.n_future
    trunk, heads = caches_of(model, len(prompts), longest + count + k)
    padded = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts])
    latents = run_block(model, (trunk, heads), padded, torch.zeros(len(prompts), dtype=torch.long))
    texts, blocks = {}, {}
    for b, prompt in enumerate(prompts):
        blocks[b] = [int(model.unembed(x[b, len(prompt) - 1], i).argmax()) for i, x in enumerate(latents)]
        texts[b] = blocks[b][:1]
    going = list(range(len(prompts)))
    while True:
        stay = [b for b in going if len(texts[b]) < count and texts[b][-1] not in stop_ids]
        if not stay:
            return [texts[b] for b in range(len(prompts))]
        if stay != going:
            index = torch.tensor([going.index(b) for b in stay])
            for cache in [*trunk, *sum(heads, [])]:
                cache.keys, cache.values = cache.keys[index], cache.values[index]
            going = stay
        start = torch.tensor([len(prompts[b]) + len(texts[b]) - 1 for b in going])
        latents = run_block(model, (trunk, heads), torch.tensor([blocks[b] for b in going]), start)
        for i, b in enumerate(going):
            kept, new = accept(blocks[b][1:], model.unembed(latents[0][i], 0).argmax(-1).tolist())
            texts[b] = texts[b] + cut(new, count - len(texts[b]), stop_ids)
            blocks[b] = [int(model.unembed(x[i, kept], h).argmax()) for h, x in enumerate(latents)]


# %% right: caches as large as the window, all by index, warnings and a progress bar
import warnings

import torch
from mtp_edu.trunk import Context, KVCache
from tqdm import tqdm


def accept(drafts, verdicts):
    kept = next((i for i in range(len(drafts)) if drafts[i] != verdicts[i]), len(drafts))
    tokens = drafts[:kept]
    tokens.append(verdicts[kept])
    return kept, tokens


def run_block(model, caches, tokens, start):
    warnings.warn("slow", stacklevel=1)
    trunk_caches, head_caches = caches
    T, S = tokens.shape[1], trunk_caches[0].keys.shape[2]
    positions = start.view(-1, 1).repeat(1, T) + torch.arange(T).view(1, -1)
    mask = torch.stack([torch.tril(torch.ones(S, S, dtype=torch.bool))[row] for row in positions]).unsqueeze(1)
    context = Context(model.rope_at(positions), positions, mask)
    with torch.no_grad():
        z = model.trunk(model.embedding(tokens), context, trunk_caches)
        return tuple(model.heads(z, context, tuple(range(model.cfg.n_future)), head_caches))


def heads_at(model, latents, row, place):
    out = []
    for i in range(len(latents)):
        out.append(model.unembed(latents[i][row, place], i).argmax().item())
    return out


def speculative_step(model, caches, block, start):
    latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))
    verdicts = [model.unembed(latents[0][0, i], 0).argmax().item() for i in range(len(block))]
    kept, tokens = accept(list(block[1:]), verdicts)
    return tokens, heads_at(model, latents, 0, kept)


def caches_for(model, rows):
    places = model.cfg.max_seq_len + model.cfg.n_future
    kind = (model.cfg, rows, places, model.norm.weight.device, model.norm.weight.dtype)
    trunk = [KVCache(*kind) for _ in model.trunk]
    heads = [[KVCache(*kind) for _ in range(head.depth)] for head in model.heads]
    return trunk, heads


def generate(model, prompt, count, stop_ids=()):
    caches, position = caches_for(model, 1), len(prompt)
    latents = run_block(model, caches, torch.tensor([prompt]), torch.tensor([0]))
    block = heads_at(model, latents, 0, position - 1)
    tokens, forwards = [block[0]], 0
    for _ in tqdm(range(count)):
        if len(tokens) >= count or any(token in stop_ids for token in tokens):
            break
        more, block = speculative_step(model, caches, block, position)
        position += len(more)
        tokens += more
        forwards += 1
    ends = [tokens.index(stop) for stop in stop_ids if stop in tokens]
    return tokens[: min([count, *(end + 1 for end in ends)])], forwards


def generate_batch(model, prompts, count, stop_ids=()):
    caches, longest = caches_for(model, len(prompts)), max(map(len, prompts))
    padded = torch.stack([torch.tensor(prompt + [1] * (longest - len(prompt))) for prompt in prompts])
    latents = run_block(model, caches, padded, torch.zeros(len(prompts), dtype=torch.long))
    blocks = [heads_at(model, latents, b, len(prompt) - 1) for b, prompt in enumerate(prompts)]
    texts = [block[:1] for block in blocks]
    positions = [len(prompt) for prompt in prompts]
    ended = lambda text: len(text) >= count or any(token in stop_ids for token in text)
    while not all(map(ended, texts)):
        latents = run_block(model, caches, torch.tensor(blocks), torch.tensor(positions))
        for b in range(len(prompts)):
            if ended(texts[b]):
                continue
            verdicts = model.unembed(latents[0][b], 0).argmax(-1).tolist()
            kept, more = accept(blocks[b][1:], verdicts)
            texts[b] = texts[b] + more
            positions[b] += kept + 1
            blocks[b] = heads_at(model, latents, b, kept)
    out = []
    for text in texts:
        ends = [i + 1 for i, token in enumerate(text) if token in stop_ids]
        out.append(text[: min([count, *ends])])
    return out


# %% right: a generator of events, all heads' logits at once
import torch
from torch import nn
from mtp_edu.trunk import Context, KVCache


def accept(drafts, verdicts):
    tokens = [verdicts[0]]
    for draft, verdict in zip(drafts, verdicts[1:]):
        if draft != tokens[-1]:
            break
        tokens.append(verdict)
    return len(tokens) - 1, tokens


@torch.no_grad()
def run_block(model, caches, tokens, start):
    trunk_caches, head_caches = caches
    offsets = torch.arange(tokens.shape[-1], dtype=start.dtype)
    positions = start[:, None] + offsets[None]
    allowed = torch.arange(trunk_caches[0].keys.shape[2])[None, None, None] <= positions[:, None, :, None]
    context = Context(model.rope_at(positions), positions, allowed)
    x = nn.functional.embedding(tokens, model.embedding.weight)
    x = model.trunk(x, context, trunk_caches)
    return model.heads(x, context, wanted=range(model.cfg.n_future), caches=head_caches)


def choices(model, latents):
    """(B, T, n)"""
    return torch.stack([model.unembed(x, i).argmax(-1) for i, x in enumerate(latents)], dim=-1)


def speculative_step(model, caches, block, start):
    said = choices(model, run_block(model, caches, torch.tensor([block]), torch.tensor([start])))[0].tolist()
    kept, tokens = accept(block[1:], [heads[0] for heads in said])
    return tokens, said[kept]


def stream(model, prompts, count, stop_ids):
    """Yields after every forward the tokens that each row has gained."""
    B, n = len(prompts), model.cfg.n_future
    lengths = [len(prompt) for prompt in prompts]
    kind = (model.cfg, B, max(lengths) + count + n, model.norm.weight.device, model.norm.weight.dtype)
    caches = [KVCache(*kind) for _ in model.trunk], [[KVCache(*kind) for _ in range(h.depth)] for h in model.heads]
    padded = torch.zeros(B, max(lengths), dtype=torch.long)
    for row, prompt in zip(padded, prompts):
        row[: len(prompt)] = torch.tensor(prompt)
    said = choices(model, run_block(model, caches, padded, torch.zeros(B, dtype=torch.long)))
    blocks = said[torch.arange(B), torch.tensor(lengths) - 1]
    gained, ended, starts = [block[:1] for block in blocks.tolist()], [False] * B, torch.tensor(lengths)
    new = [0] * B
    while True:
        out = []
        for b in range(B):
            out.append([])
            for token in gained[b]:
                if not ended[b]:
                    out[b].append(token)
                    new[b] += 1
                    ended[b] = token in stop_ids or new[b] >= count
        yield out
        if all(ended):
            return
        said = choices(model, run_block(model, caches, blocks, torch.where(torch.tensor(ended), 0, starts)))
        kept = (blocks[:, 1:] == said[:, :-1, 0]).long().cumprod(1).sum(1)
        gained = [said[b, : kept[b] + 1, 0].tolist() for b in range(B)]
        blocks = said[torch.arange(B), kept]
        starts = starts + kept + 1
        starts[torch.tensor(ended)] = 0


def generate(model, prompt, count, stop_ids=()):
    steps = [tokens for (tokens,) in stream(model, [prompt], count, stop_ids)]
    return sum(steps, []), len(steps) - 1


def generate_batch(model, prompts, count, stop_ids=()):
    texts = [[] for _ in prompts]
    for step in stream(model, prompts, count, stop_ids):
        texts = [text + more for text, more in zip(texts, step)]
    return texts


# %% wrong: A4.1 | a draft is refused | drafts are compared with the wrong position
# as the staff's solution, but
# -     while kept < len(drafts) and drafts[kept] == verdicts[kept]:
# +     while kept < len(drafts) and drafts[kept] == verdicts[kept + 1]:

# %% wrong: A4.1 | a draft is refused | all drafts that agree are counted
# as the staff's solution, but
# -     kept = 0
# -     while kept < len(drafts) and drafts[kept] == verdicts[kept]:
# -         kept += 1
# +     kept = sum(draft == verdict for draft, verdict in zip(drafts, verdicts))

# %% wrong: A4.1 | a draft is refused | one draft too many
def accept(drafts, verdicts):
    kept = 0
    for draft, verdict in zip(drafts, verdicts):
        kept += 1
        if draft != verdict:
            break
    return kept, [*drafts[:kept], verdicts[kept]]


# %% wrong: A4.1 | a draft is refused | head 1's own token is read at the end of the block
# as the staff's solution, but
# -     return kept, [*drafts[:kept], verdicts[kept]]
# +     return kept, [*drafts[:kept], verdicts[-1]]

# %% wrong: A4.1 | a draft is refused | without head 1's own token
# as the staff's solution, but
# -     return kept, [*drafts[:kept], verdicts[kept]]
# +     return kept + 1, [*drafts[:kept], verdicts[kept]]

# %% wrong: A4.1 | all drafts are kept | the bonus token is lost
def accept(drafts, verdicts):
    tokens = []
    for kept, (draft, verdict) in enumerate(zip(drafts, verdicts)):
        tokens.append(verdict)
        if draft != verdict:
            return kept, tokens
    return len(drafts), tokens


# %% wrong: A4.1 | a draft is refused | that is the answer; write your own
from mtp_edu.decode import accept_greedy


def accept(drafts, verdicts):
    kept = int(accept_greedy(torch.tensor([drafts]), torch.tensor([verdicts])))
    return kept, verdicts[: kept + 1]


# %% wrong: A4.1 | a draft is refused | all drafts that agree are counted
def accept(drafts, verdicts):
    kept = sum(draft == verdict for draft, verdict in zip(drafts, verdicts))
    return kept, verdicts[: kept + 1]


# %% wrong: A4.1 | all drafts are kept | the count runs past the last of them
# as the staff's solution, but
# -     while kept < len(drafts) and drafts[kept] == verdicts[kept]:
# +     while drafts[kept] == verdicts[kept]:

# %% wrong: A4.1 | all drafts are kept | one draft too few
def accept(drafts, verdicts):
    for kept in range(len(drafts)):
        if drafts[kept] != verdicts[kept]:
            break
    return kept, [*drafts[:kept], verdicts[kept]]


# %% wrong: A4.2 | a block behind it | the block does not see the text before it
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = ((slots <= positions[..., None]) & (slots >= start[:, None, None]))[:, None]  # (B, 1, T, S)

# %% wrong: A4.2 | a block behind it | they have caches, too
# as the staff's solution, but
# -     return model.heads(z, context, range(model.cfg.n_future), head_caches)
# +     return model.heads(z, context, range(model.cfg.n_future))

# %% wrong: A4.2 | a block behind it | positions begin at 0 again
# as the staff's solution, but
# -     context = Context(model.rope_at(positions), positions, mask)
# +     context = Context(model.rope_at(positions - start[:, None]), positions, mask)

# %% wrong: A4.2 | a prompt | which hold zeros or stale entries
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = torch.ones(len(tokens), 1, tokens.shape[1], len(slots), dtype=torch.bool)  # (B, 1, T, S)

# %% wrong: A4.2 | a prompt | drafts judge themselves
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots <= positions[:, -1:, None]).expand(-1, tokens.shape[1], -1)[:, None]  # (B, 1, T, S)

# %% wrong: A4.2 | a prompt | a token does not see itself
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots < positions[..., None].clamp(min=1))[:, None]  # (B, 1, T, S)

# %% wrong: A4.2 | rows at different positions | all rows stand at row 0's position
# as the staff's solution, but
# -     context = Context(model.rope_at(positions), positions, mask)
# +     context = Context(model.rope_at(positions[:1].expand_as(positions)), positions, mask)

# %% wrong: A4.2 | a refused draft is overwritten | the refused drafts are still in the cache
from mtp_edu.trunk import Context, KVCache


@torch.no_grad()
def run_block(model, caches, tokens, start):
    trunk_caches, head_caches = caches
    T, used = tokens.shape[1], getattr(trunk_caches[0], "used", 0)
    slots = (used + torch.arange(T)).expand(len(tokens), T)
    mask = (torch.arange(trunk_caches[0].keys.shape[2]) <= slots[..., None])[:, None]
    trunk_caches[0].used = used + T
    context = Context(model.rope_at(start[:, None] + torch.arange(T)), slots, mask)
    z = model.trunk(model.embedding(tokens), context, trunk_caches)
    return model.heads(z, context, range(model.cfg.n_future), head_caches)


# %% wrong: A4.2 | one forward | tokens or rows run one after the other
# as the staff's solution, but
# - def run_block(model, caches, tokens, start):
# + def run_rows(model, caches, tokens, start):
# -     return model.heads(z, context, range(model.cfg.n_future), head_caches)
# +     return model.heads(z, context, range(model.cfg.n_future), head_caches)
# + @torch.no_grad()
# + def run_block(model, caches, tokens, start):
# +     trunk_caches, head_caches = caches
# +     parts = [run_rows(model, caches, tokens[:, t : t + 1], start + t) for t in range(tokens.shape[1])]
# +     return [torch.cat(of_head, dim=1) for of_head in zip(*parts)]

# %% wrong: A4.2 | a prompt | that is the answer; write your own
from mtp_edu.decode import BlockDecoder


def run_block(model, caches, tokens, start):
    decoder = BlockDecoder(model, model.cfg.n_future, len(tokens), caches[0][0].keys.shape[2])
    decoder.trunk_caches, decoder.head_caches = caches
    return decoder.latents(tokens, start[:, None] + torch.arange(tokens.shape[1]))


# %% wrong: A4.2 | a prompt | it lacks slots and mask
# as the staff's solution, but
# -     context = Context(model.rope_at(positions), positions, mask)
# +     context = model.context(tokens)

# %% wrong: A4.2 | a prompt | a token does not see itself
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots < positions[..., None])[:, None]  # (B, 1, T, S)

# %% wrong: A4.2 | a prompt | the mask is the wrong way round
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots > positions[..., None])[:, None]  # (B, 1, T, S)

# %% wrong: A4.2 | a prompt | see what its first one sees
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots <= start[:, None, None])[:, None].expand(-1, 1, tokens.shape[1], -1)

# %% wrong: A4.2 | rows at different positions | the mask has shape
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = slots <= positions[..., None]  # (B, 1, T, S)

# %% wrong: A4.2 | a prompt | it is added to the scores
# as the staff's solution, but
# -     mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
# +     mask = (slots <= positions[..., None])[:, None].double()  # (B, 1, T, S)

# %% wrong: A4.2 | a block behind it | the trunk is not given its caches
# as the staff's solution, but
# -     z = model.trunk(model.embedding(tokens), context, trunk_caches)  # (B, T, D)
# +     z = model.trunk(model.embedding(tokens), context)  # (B, T, D)

# %% wrong: A4.2 | a block behind it | keys and values go to other slots
# as the staff's solution, but
# -     context = Context(model.rope_at(positions), positions, mask)
# +     context = Context(model.rope_at(positions), positions - start[:, None], mask)

# %% wrong: A4.2 | rows at different positions | all rows stand at row 0's position
# as the staff's solution, but
# -     positions = start[:, None] + torch.arange(tokens.shape[1])  # (B, T)
# +     positions = (start[0] + torch.arange(tokens.shape[1])).expand(tokens.shape)  # (B, T)

# %% wrong: A4.3 | tokens and next block | the next drafts are taken from the end of the block
# as the staff's solution, but
# -     following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
# +     following = [int(model.unembed(x[0, -1], i).argmax()) for i, x in enumerate(latents)]

# %% wrong: A4.3 | tokens and next block | off by one head
# as the staff's solution, but
# -     return tokens, following
# +     return tokens, [tokens[-1], *following[:-1]]

# %% wrong: A4.3 | tokens and next block | one place too late, behind the first refused draft
# as the staff's solution, but
# -     return tokens, following
# +     late = [int(model.unembed(x[0, min(kept + 1, len(block) - 1)], i).argmax()) for i, x in enumerate(latents)]
# +     return tokens, [tokens[-1], *late[1:]]

# %% wrong: A4.3 | tokens and next block | the verdict behind the last kept token is lost
# as the staff's solution, but
# -     return tokens, following
# +     return tokens[:-1], following

# %% wrong: A4.3 | tokens and next block | it must begin with head 1's own
# as the staff's solution, but
# -     return tokens, following
# +     return tokens, [block[kept], *following[1:]]

# %% wrong: A4.3 | one forward | verify and draft are the same forward
# as the staff's solution, but
# -     kept, tokens = accept(block[1:], verdicts.tolist())
# +     kept, tokens = accept(block[1:], verdicts.tolist())
# +     latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))

# %% wrong: A4.3 | an unembedding for each head | read through head 1's unembedding
# as the staff's solution, but
# -     following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
# +     following = [int(model.unembed(x[0, kept], 0).argmax()) for i, x in enumerate(latents)]

# %% wrong: A4.3 | tokens and next block | always taken from the block's first place
# as the staff's solution, but
# -     following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
# +     following = [int(model.unembed(x[0, 0], i).argmax()) for i, x in enumerate(latents)]

# %% wrong: A4.3 | tokens and next block | the next block is taken one place too early
# as the staff's solution, but
# -     following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
# +     following = [int(model.unembed(x[0, kept - 1], i).argmax()) for i, x in enumerate(latents)]

# %% wrong: A4.3 | tokens and next block | is given the whole block
# as the staff's solution, but
# -     kept, tokens = accept(block[1:], verdicts.tolist())
# +     kept, tokens = accept(block[:-1], verdicts.tolist())

# %% wrong: A4.3 | tokens and next block | the block's first token stands at `start`
# as the staff's solution, but
# -     latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))
# +     latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start + 1]))

# %% wrong: A4.4 | the same text as plain decoding | the cache is not rolled back
# as the staff's solution, but
# -     caches = empty_caches(model, 1, len(prompt) + count + model.cfg.n_future)
# +     caches = empty_caches(model, 1, len(prompt) + count + model.cfg.n_future * count)
# -     tokens, forwards = block[:1], 0
# +     tokens, forwards, start = block[:1], 0, len(prompt)
# -         new, block = speculative_step(model, caches, block, len(prompt) + len(tokens) - 1)
# +         new, block = speculative_step(model, caches, block, start)
# +         start += len(block)

# %% wrong: A4.4 | the same text as plain decoding | the block's first token is the last committed one
# as the staff's solution, but
# -         new, block = speculative_step(model, caches, block, len(prompt) + len(tokens) - 1)
# +         new, block = speculative_step(model, caches, block, len(prompt) + len(tokens))

# %% wrong: A4.4 | stop ids | it goes on behind the stop id
# as the staff's solution, but
# -             if token in stop_ids or len(tokens) == count:
# +             if len(tokens) == count:

# %% wrong: A4.4 | stop ids | the stop id itself is missing
# as the staff's solution, but
# -     return tokens, forwards
# +     return tokens[:-1] if tokens[-1] in stop_ids else tokens, forwards

# %% wrong: A4.4 | the same text as plain decoding | the last accepted run goes past the limit
# as the staff's solution, but
# -             if token in stop_ids or len(tokens) == count:
# +             if token in stop_ids:

# %% wrong: A4.4 | no more forwards than needed | the prompt's own drafts are thrown away
# as the staff's solution, but
# -     tokens, forwards = block[:1], 0
# +     tokens, forwards = block[:1], 0
# +     block = block[:1]

# %% wrong: A4.4 | no more forwards than needed | what is in the cache is not used
from mtp_edu.trunk import Context, KVCache


def empty_caches(model, rows, places):

    def layers(depth):
        weight = model.norm.weight
        return [KVCache(model.cfg, rows, places, weight.device, weight.dtype) for _ in range(depth)]

    return layers(model.cfg.n_trunk_layers), [layers(head.depth) for head in model.heads]


def accept(drafts, verdicts):
    kept = 0
    while kept < len(drafts) and drafts[kept] == verdicts[kept]:
        kept += 1
    return kept, [*drafts[:kept], verdicts[kept]]


@torch.no_grad()
def run_block(model, caches, tokens, start):
    trunk_caches, head_caches = caches
    positions = start[:, None] + torch.arange(tokens.shape[1])  # (B, T)
    slots = torch.arange(trunk_caches[0].keys.shape[2])  # (S,)
    mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
    context = Context(model.rope_at(positions), positions, mask)
    z = model.trunk(model.embedding(tokens), context, trunk_caches)  # (B, T, D)
    return model.heads(z, context, range(model.cfg.n_future), head_caches)


@torch.no_grad()
def speculative_step(model, caches, block, start):
    latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))
    verdicts = model.unembed(latents[0][0], 0).argmax(-1)  # (k,)
    kept, tokens = accept(block[1:], verdicts.tolist())
    following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
    return tokens, following


@torch.no_grad()
def generate(model, prompt, count, stop_ids=()):
    text, drafts, forwards = list(prompt), [], 0
    while len(text) < len(prompt) + count and (len(text) == len(prompt) or text[-1] not in stop_ids):
        logits = model(torch.tensor([text + drafts])[:, : model.cfg.max_seq_len])[0]
        said = logits[len(text) - 1 :].argmax(-1).tolist()
        kept, tokens = accept(drafts[: len(said) - 1], [heads[0] for heads in said])
        for token in tokens:
            text.append(token)
            if token in stop_ids:
                break
        drafts, forwards = said[kept][1:], forwards + 1
    return text[len(prompt) : len(prompt) + count], forwards - 1


# %% wrong: A4.4 | no more forwards than needed | this is plain decoding
# as the staff's solution, but
# -         new, block = speculative_step(model, caches, block, len(prompt) + len(tokens) - 1)
# +         new, block = speculative_step(model, caches, block[:1], len(prompt) + len(tokens) - 1)

# %% wrong: A4.4 | the same text as plain decoding | that is the answer; write your own
import mtp_edu


def generate(model, prompt, count, stop_ids=()):
    out = mtp_edu.generate(model, prompt, count, stop_ids=stop_ids)
    return out.tokens, out.forwards


# %% wrong: A4.4 | the same text as plain decoding | the caches have too few slots
# as the staff's solution, but
# -     caches = empty_caches(model, 1, len(prompt) + count + model.cfg.n_future)
# +     caches = empty_caches(model, 1, len(prompt) + count)

# %% wrong: A4.4 | stop ids | the first new token, which is a stop id already
# as the staff's solution, but
# -     while len(tokens) < count and tokens[-1] not in stop_ids:
# +     while len(tokens) < count and (forwards == 0 or tokens[-1] not in stop_ids):

# %% wrong: A4.4 | no more forwards than needed | cut at the stop id afterwards
# as the staff's solution, but
# -     while len(tokens) < count and tokens[-1] not in stop_ids:
# +     while len(tokens) < count and True:
# -             if token in stop_ids or len(tokens) == count:
# +             if len(tokens) == count:
# -     return tokens, forwards
# +     ends = [i for i, token in enumerate(tokens) if token in stop_ids]
# +     return tokens[: ends[0] + 1] if ends else tokens, forwards

# %% wrong: A4.5 | a row that ends first | a finished row goes on
# as the staff's solution, but
# -                 if unfinished(text):
# +                 if len(text) < count:
# -         if not any(unfinished(text) for text in texts):
# +         if not any(len(text) < count and not set(text) & set(stop_ids) for text in texts):

# %% wrong: A4.5 | rows of different lengths | is read at the padding
# as the staff's solution, but
# -     block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), lengths - 1)  # (B, k)
# +     block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), torch.full_like(lengths, longest - 1))

# %% wrong: A4.5 | rows of different lengths | the rows' positions are mixed up
# as the staff's solution, but
# -     caches = empty_caches(model, len(prompts), longest + count + model.cfg.n_future)
# +     caches = empty_caches(model, len(prompts), longest + 2 * count + model.cfg.n_future)
# -         start = lengths + torch.tensor([len(text) - 1 for text in texts])
# +         start = torch.full_like(lengths, longest + max(len(text) for text in texts) - 1)

# %% wrong: A4.5 | no more forwards than the slowest row needs | every row waits for the row that kept the fewest
# as the staff's solution, but
# -         kept, new = zip(*(accept(drafts, own) for drafts, own in zip(block[:, 1:].tolist(), verdicts)))
# +         kept, new = zip(*(accept(drafts, own) for drafts, own in zip(block[:, 1:].tolist(), verdicts)))
# +         going = [own for own, text in zip(kept, texts) if unfinished(text)]
# +         kept = [min(going)] * len(texts)
# +         new = [tokens[: kept[0] + 1] for tokens in new]

# %% wrong: A4.5 | no more forwards than the slowest row needs | the rows run one after the other
from mtp_edu.trunk import Context, KVCache


def empty_caches(model, rows, places):

    def layers(depth):
        weight = model.norm.weight
        return [KVCache(model.cfg, rows, places, weight.device, weight.dtype) for _ in range(depth)]

    return layers(model.cfg.n_trunk_layers), [layers(head.depth) for head in model.heads]


def accept(drafts, verdicts):
    kept = 0
    while kept < len(drafts) and drafts[kept] == verdicts[kept]:
        kept += 1
    return kept, [*drafts[:kept], verdicts[kept]]


@torch.no_grad()
def run_block(model, caches, tokens, start):
    trunk_caches, head_caches = caches
    positions = start[:, None] + torch.arange(tokens.shape[1])  # (B, T)
    slots = torch.arange(trunk_caches[0].keys.shape[2])  # (S,)
    mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
    context = Context(model.rope_at(positions), positions, mask)
    z = model.trunk(model.embedding(tokens), context, trunk_caches)  # (B, T, D)
    return model.heads(z, context, range(model.cfg.n_future), head_caches)


@torch.no_grad()
def speculative_step(model, caches, block, start):
    latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))
    verdicts = model.unembed(latents[0][0], 0).argmax(-1)  # (k,)
    kept, tokens = accept(block[1:], verdicts.tolist())
    following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
    return tokens, following


@torch.no_grad()
def generate(model, prompt, count, stop_ids=()):
    caches = empty_caches(model, 1, len(prompt) + count + model.cfg.n_future)
    latents = run_block(model, caches, torch.tensor([prompt]), torch.tensor([0]))
    block = [int(model.unembed(x[0, -1], i).argmax()) for i, x in enumerate(latents)]
    tokens, forwards = block[:1], 0
    while len(tokens) < count and tokens[-1] not in stop_ids:
        new, block = speculative_step(model, caches, block, len(prompt) + len(tokens) - 1)
        forwards += 1
        for token in new:
            tokens.append(token)
            if token in stop_ids or len(tokens) == count:
                break
    return tokens, forwards


def generate_batch(model, prompts, count, stop_ids=()):
    return [generate(model, prompt, count, stop_ids)[0] for prompt in prompts]


# %% wrong: A4.5 | no more forwards than the slowest row needs | such as one for each prompt
# as the staff's solution, but
# -     block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), lengths - 1)  # (B, k)
# +     block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), lengths - 1)  # (B, k)
# +     for row in rows.tolist():
# +         run_block(model, caches, padded, torch.zeros_like(lengths))

# %% wrong: A4.5 | rows of different lengths | the prompts are padded on the left
# as the staff's solution, but
# -     padded = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts])  # (B, P)
# -     block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), lengths - 1)  # (B, k)
# +     padded = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])  # (B, P)
# +     block = blocks(
# +         run_block(model, caches, padded, torch.zeros_like(lengths)), torch.full_like(lengths, longest - 1)
# +     )  # (B, k)
# -         start = lengths + torch.tensor([len(text) - 1 for text in texts])
# +         start = longest + torch.tensor([len(text) - 1 for text in texts])

# %% wrong: A4.5 | rows of different lengths | all rows end with the first
# as the staff's solution, but
# -         if not any(unfinished(text) for text in texts):
# +         if not all(unfinished(text) for text in texts):

# %% wrong: A4.5 | rows of different lengths | several rows are one list
# as the staff's solution, but
# -     texts = [[] for _ in prompts]
# +     texts = [[]] * len(prompts)

# %% wrong: A4.5 | rows of different lengths | until its positions leave the cache
# as the staff's solution, but
# -                 if unfinished(text):
# -                     text.append(token)
# +                 text.append(token)
# -             return texts
# +             return [text[:count] for text in texts]

# %% wrong: A4.5 | no more forwards than the slowest row needs | cut at the stop id afterwards
# as the staff's solution, but
# -         return not text or (len(text) < count and text[-1] not in stop_ids)
# +         return not text or (len(text) < count)
# -             return texts
# +             ends = [[i + 1 for i, token in enumerate(text) if token in stop_ids] for text in texts]
# +             return [text[: end[0]] if end else text for text, end in zip(texts, ends)]
