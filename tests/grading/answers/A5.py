# ruff: noqa
"""Answers to A5 for testing the checks; see A1.py."""

# %% right: no loop anywhere
import torch
from mtp_edu.decode import draw


def distribution(logits, temperature=1.0, top_p=1.0):
    p = torch.softmax(logits / temperature, dim=-1)
    if top_p == 1.0:
        return p
    order = p.argsort(dim=-1, descending=True)
    ordered = p.gather(-1, order)
    before = torch.cat([torch.zeros_like(ordered[..., :1]), ordered.cumsum(-1)[..., :-1]], dim=-1)
    left = (before < top_p).gather(-1, order.argsort(dim=-1))
    p = p * left
    return p / p.sum(dim=-1, keepdim=True)


def keep(p, q, drafts, u):
    rows = torch.arange(len(drafts))
    return u < p[rows, drafts] / q[rows, drafts]


def residual(p, q):
    rest = torch.relu(p - q)
    rest = torch.where(rest.any(-1, keepdim=True), rest, p)
    return rest / rest.sum(-1, keepdim=True)


def acceptance_rate(p, q):
    return 1 - (p - q).abs().sum(-1) / 2


def verify(target, source, drafts, uniform):
    B, k, _ = target.shape
    rows = torch.arange(B)
    p = target[:, :-1].gather(2, drafts[:, :, None])[:, :, 0]
    q = source.gather(2, drafts[:, :, None])[:, :, 0]
    kept = (uniform[:, :-1] < p / q).long().cumprod(dim=1).sum(dim=1)
    source = torch.cat([source, torch.zeros_like(target[:, :1])], dim=1)
    return kept, draw(residual(target[rows, kept], source[rows, kept]), uniform[:, -1])


@torch.no_grad()
def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    logits = model(torch.tensor([[*text, *drafts]])).squeeze(0)[len(text) - 1 :]
    p = distribution(logits, temperature, top_p)  # (k, n, V)
    kept, token = verify(p[None, :, 0], source[None], torch.tensor([drafts]).long(), uniform[None, : len(drafts) + 1])
    kept = kept.item()
    source = p[kept, 1:]
    return drafts[:kept] + [token.item()], draw(source, uniform[len(drafts) + 1 :]).tolist(), source


# %% right: plain loops over everything
import math

import torch


def distribution(logits, temperature=1.0, top_p=1.0):
    out = []
    for row in logits.reshape(-1, logits.shape[-1]).tolist():
        top = max(row)
        weights = [math.exp((x - top) / temperature) for x in row]
        p = [w / sum(weights) for w in weights]
        left, total = set(), 0.0
        for i in sorted(range(len(p)), key=p.__getitem__, reverse=True):
            if total < top_p or top_p == 1:
                left.add(i)
            total += p[i]
        total = sum(p[i] for i in left)
        out.append([p[i] / total if i in left else 0.0 for i in range(len(p))])
    return torch.tensor(out, dtype=logits.dtype).reshape(logits.shape)


def keep(p, q, drafts, u):
    out = []
    for b, x in enumerate(drafts.tolist()):
        out.append(bool(u[b] < min(1.0, p[b, x] / q[b, x])))
    return torch.tensor(out)


def residual(p, q):
    out = torch.zeros_like(p)
    for b in range(p.shape[0]):
        for v in range(p.shape[1]):
            out[b, v] = max(p[b, v] - q[b, v], 0)
        if out[b].sum() == 0:
            out[b] = p[b]
        out[b] /= out[b].sum()
    return out


def acceptance_rate(p, q):
    total = torch.zeros(p.shape[:-1], dtype=p.dtype)
    for v in range(p.shape[-1]):
        total += torch.where(p[..., v] < q[..., v], p[..., v], q[..., v])
    return total


def pick(p, u):
    """The token whose cumulated share passes u."""
    below, shares = 0.0, p.tolist()
    total = sum(shares)
    for token, share in enumerate(shares):
        below += share / total
        if below > u:
            return token
    return max(token for token, share in enumerate(shares) if share > 0)


def one_row(p, q, drafts, u):
    for i, x in enumerate(drafts):
        if u[i] >= p[i, x] / q[i, x]:
            return i, pick(residual(p[i : i + 1], q[i : i + 1])[0], u[-1])
    return len(drafts), pick(p[len(drafts)], u[-1])


def verify(target, source, drafts, uniform):
    rows = [one_row(p, q, x, u) for p, q, x, u in zip(target, source, drafts.tolist(), uniform.tolist())]
    return torch.tensor([kept for kept, _ in rows]), torch.tensor([token for _, token in rows])


def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    u = uniform.tolist()
    with torch.no_grad():
        logits = model(torch.tensor(text + drafts).unsqueeze(0))
    places = range(len(text) - 1, len(text) + len(drafts))
    target = torch.stack([distribution(logits[0, place, 0], temperature, top_p) for place in places])
    kept, token = one_row(target, source, drafts, u[: len(drafts) + 1])
    following, new = [], []
    for head in range(1, model.cfg.n_future):
        following.append(distribution(logits[0, places[kept], head], temperature, top_p))
        new.append(pick(following[-1], u[len(drafts) + head]))
    return [*drafts[:kept], token], new, torch.stack(following)


# %% right: in logarithms, with a threshold for top-p
import torch
from mtp_edu.decode import draw


def distribution(logits, temperature=1.0, top_p=1.0):
    log_p = torch.log_softmax(logits / temperature, -1)
    if top_p < 1:
        ordered = log_p.exp().sort(-1, descending=True).values
        number = ((ordered.cumsum(-1) - ordered) < top_p).sum(-1, keepdim=True)
        smallest = ordered.gather(-1, number - 1)
        log_p = log_p.masked_fill(log_p.exp() < smallest, -torch.inf)
    return torch.softmax(log_p, -1)


def keep(p, q, drafts, u):
    places = drafts.view(-1, 1)
    return u.log() < (p.gather(1, places).log() - q.gather(1, places).log()).flatten()


def residual(p, q):
    rest = torch.maximum(p, q) - q
    empty = rest.sum(-1) == 0
    rest[empty] = p[empty]
    return torch.nn.functional.normalize(rest, p=1, dim=-1)


acceptance_rate = lambda p, q: torch.stack([p, q]).amin(0).sum(-1)


def verify(target, source, drafts, uniform):
    B, k = target.shape[:2]
    kept, open_rows = torch.zeros(B, dtype=torch.long), torch.ones(B, dtype=torch.bool)
    law = target[:, -1].clone()
    for i in range(k - 1):
        good = keep(target[:, i], source[:, i], drafts[:, i], uniform[:, i])
        refused = open_rows & ~good
        law[refused] = residual(target[:, i], source[:, i])[refused]
        open_rows = open_rows & good
        kept[open_rows] += 1
    return kept, draw(law, uniform[:, k - 1])


@torch.no_grad()
def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    both = torch.cat([torch.tensor(text), torch.tensor(drafts, dtype=torch.long)])
    logits = model(both[None])
    verdict_numbers, draft_numbers = uniform.split([len(drafts) + 1, model.cfg.n_future - 1])
    p = distribution(logits[:, len(text) - 1 :, 0], temperature, top_p)
    kept, last = verify(p, source[None], both[None, len(text) :], verdict_numbers[None])
    tokens = both[len(text) : len(text) + int(kept)].tolist() + last.tolist()
    q = distribution(logits[0, len(text) - 1 + len(tokens) - 1, 1:], temperature, top_p)
    return tokens, [int(draw(row, u)) for row, u in zip(q, draft_numbers)], q


# %% right: objects and einsum, with warnings and a progress bar
import warnings

import torch
from torch.nn import functional as F
from tqdm import tqdm
from mtp_edu.decode import draw


class Nucleus:
    def __init__(self, temperature, top_p):
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, logits):
        warnings.warn("hot", stacklevel=1)
        p = F.softmax((logits - logits.max(-1, keepdim=True).values) / self.temperature, dim=-1)
        if self.top_p < 1:
            # the probability of all likelier tokens, for each token
            likelier = torch.einsum("...w,...vw->...v", p, (p[..., None, :] > p[..., :, None]).to(p.dtype))
            p = p.masked_fill(likelier >= self.top_p, 0)
        return p.div(p.sum(-1, keepdim=True))


def distribution(logits, temperature=1.0, top_p=1.0):
    return Nucleus(temperature, top_p)(logits)


def keep(p, q, drafts, u):
    one = F.one_hot(drafts, p.shape[-1]).to(p.dtype)
    return torch.gt(torch.einsum("bv,bv->b", p, one), u * torch.einsum("bv,bv->b", q, one))


def residual(p, q):
    rest = F.relu(p - q)
    total = rest.sum(1)
    return torch.stack([r / t if t > 0 else own for r, t, own in zip(rest, total, p)])


def acceptance_rate(p, q):
    return (p - F.relu(p - q)).sum(dim=-1)


class Line:
    def __init__(self, target, source, drafts):
        self.target, self.source, self.drafts = target, source, drafts

    def judge(self, u):
        kept = 0
        for place in range(len(self.drafts)):
            some = slice(place, place + 1)
            if not keep(self.target[some], self.source[some], self.drafts[some], u[some])[0]:
                return kept, draw(residual(self.target[some], self.source[some])[0], u[-1])
            kept += 1
        return kept, draw(self.target[kept], u[-1])


def verify(target, source, drafts, uniform):
    pairs = [Line(*parts).judge(u) for *parts, u in tqdm(list(zip(target, source, drafts, uniform)))]
    kept, tokens = zip(*pairs)
    return torch.tensor(kept), torch.stack(tokens)


def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    law = Nucleus(temperature, top_p)
    with torch.inference_mode():
        logits = model(torch.tensor([text + drafts]))[0]
        line = Line(law(logits[len(text) - 1 :, 0]), source, torch.tensor(drafts, dtype=torch.int64))
        kept, token = line.judge(uniform[: len(drafts) + 1])
        q = law(logits[len(text) + kept - 1])[1:]
        return [*drafts[:kept], token.item()], draw(q, uniform[len(drafts) + 1 :]).tolist(), q


# %% right: numpy
import numpy as np
import torch


def law(logits, temperature, top_p):
    x = np.asarray(logits, dtype=np.float64) / temperature
    p = np.exp(x - x.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    order = np.argsort(-p, axis=-1)
    ordered = np.take_along_axis(p, order, -1)
    before = np.cumsum(ordered, -1) - ordered
    if top_p < 1:
        ordered[before >= top_p] = 0
    np.put_along_axis(p, order, ordered, -1)
    return p / p.sum(-1, keepdims=True)


def choose(p, u):
    return int(np.searchsorted(np.cumsum(p), u * np.sum(p), side="right"))


def distribution(logits, temperature=1.0, top_p=1.0):
    return torch.from_numpy(law(logits.numpy(), temperature, top_p))


def keep(p, q, drafts, u):
    ratio = np.take_along_axis(p.numpy() / np.maximum(q.numpy(), 1e-300), drafts.numpy()[:, None], 1)[:, 0]
    return torch.from_numpy(u.numpy() < np.minimum(1, ratio))


def left_over(p, q):
    rest = np.clip(p - q, 0, None)
    return rest / rest.sum() if rest.sum() > 0 else p


def residual(p, q):
    return torch.tensor(np.array([left_over(a, b) for a, b in zip(p.numpy(), q.numpy())]))


def acceptance_rate(p, q):
    return torch.from_numpy(np.minimum(p.numpy(), q.numpy()).sum(-1))


def verify_one(p, q, x, u):
    kept = 0
    while kept < len(x):
        if u[kept] * q[kept, x[kept]] >= p[kept, x[kept]]:
            return kept, choose(left_over(p[kept], q[kept]), u[-1])
        kept += 1
    return kept, choose(p[-1], u[-1])


def verify(target, source, drafts, uniform):
    rows = zip(target.numpy(), source.numpy(), drafts.numpy(), uniform.numpy())
    both = np.array([verify_one(*row) for row in rows])
    return torch.from_numpy(both[:, 0].copy()), torch.from_numpy(both[:, 1].copy())


def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    logits = model(torch.tensor([text + drafts])).detach().numpy()[0, len(text) - 1 :]
    u, k = uniform.numpy(), 1 + len(drafts)
    kept, token = verify_one(law(logits[:, 0], temperature, top_p), source.numpy(), drafts, u[:k])
    q = law(logits[kept, 1:], temperature, top_p)
    return drafts[:kept] + [token], [choose(row, number) for row, number in zip(q, u[k:])], torch.from_numpy(q)


# %% wrong: A5.1 | temperature | multiplied by the temperature
# as the staff's solution, but
# -     p = (logits / temperature).softmax(-1)
# +     p = (logits * temperature).softmax(-1)

# %% wrong: A5.1 | temperature | the temperature is applied twice
# as the staff's solution, but
# -     p = (logits / temperature).softmax(-1)
# +     p = (logits / temperature / temperature).softmax(-1)

# %% wrong: A5.1 | temperature | over another dimension than the vocabulary
# as the staff's solution, but
# -     p = (logits / temperature).softmax(-1)
# +     p = (logits / temperature).softmax(-2)

# %% wrong: A5.1 | top-p | the token that crosses top_p is left out
# as the staff's solution, but
# -     before = ordered.cumsum(-1) - ordered
# +     before = ordered.cumsum(-1)
# -         ordered = ordered.masked_fill(before >= top_p, 0.0)
# +         ordered = ordered.masked_fill(before > top_p, 0.0)

# %% wrong: A5.1 | top-p | are not made to sum to 1
# as the staff's solution, but
# -     return p / p.sum(-1, keepdim=True)
# +     return p

# %% wrong: A5.1 | temperature | the probabilities stay in sorted order
# as the staff's solution, but
# -     p = torch.zeros_like(p).scatter(-1, order, ordered)
# +     p = ordered

# %% wrong: A5.1 | top-p | the LEAST likely tokens are kept
# as the staff's solution, but
# -     ordered, order = p.sort(dim=-1, descending=True)
# +     ordered, order = p.sort(dim=-1, descending=False)

# %% wrong: A5.1 | both | top-p before the temperature
def distribution(logits, temperature=1.0, top_p=1.0):
    ordered, order = logits.softmax(-1).sort(dim=-1, descending=True)
    out = ordered.cumsum(-1) - ordered >= top_p
    if top_p < 1:
        logits = logits.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -torch.inf)
    return (logits / temperature).softmax(-1)


# %% wrong: A5.1 | a very low temperature | exp overflows
# as the staff's solution, but
# -     p = (logits / temperature).softmax(-1)
# +     p = (logits / temperature).exp()
# +     p = p / p.sum(-1, keepdim=True)

# %% wrong: A5.1 | temperature | the token that crosses top_p is left out
# as the staff's solution, but
# -     before = ordered.cumsum(-1) - ordered
# -     if top_p < 1:
# -         ordered = ordered.masked_fill(before >= top_p, 0.0)
# +     ordered = ordered.masked_fill(ordered.cumsum(-1) > top_p - 1e-12, 0.0)

# %% wrong: A5.1 | temperature | the probabilities are sorted twice, not put back
# as the staff's solution, but
# -     p = torch.zeros_like(p).scatter(-1, order, ordered)
# +     p = ordered.gather(-1, order)

# %% wrong: A5.1 | temperature | each row is a distribution of its own
# as the staff's solution, but
# -     return p / p.sum(-1, keepdim=True)
# +     return p / p.sum()

# %% wrong: A5.1 | temperature | that is the answer; write your own
from mtp_edu.decode import Sampling


def distribution(logits, temperature=1.0, top_p=1.0):
    return Sampling(temperature, top_p).on(torch.device("cpu"))(logits)


# %% wrong: A5.2 | which drafts are kept | q is forgotten
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return u < p_draft

# %% wrong: A5.2 | which drafts are kept | the ratio is upside down
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return u < q_draft / p_draft

# %% wrong: A5.2 | which drafts are kept | True means refused here
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return u * q_draft > p_draft

# %% wrong: A5.2 | which drafts are kept | no chance is in it
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return p_draft >= q_draft

# %% wrong: A5.2 | tokens that p leaves out | a token that p excludes is kept at u = 0
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return u <= p_draft / q_draft

# %% wrong: A5.3 | values | the residual is not renormalised
# as the staff's solution, but
# -     return torch.where(total > 0, rest / total, p)
# +     return rest

# %% wrong: A5.3 | values | each row is a distribution of its own
# as the staff's solution, but
# -     total = rest.sum(-1, keepdim=True)
# +     total = rest.sum()

# %% wrong: A5.3 | values | what q has more must count nothing
# as the staff's solution, but
# -     rest = (p - q).clamp(min=0)
# +     rest = (p - q).abs()

# %% wrong: A5.3 | values | this is what q has more than p
# as the staff's solution, but
# -     rest = (p - q).clamp(min=0)
# +     rest = (q - p).clamp(min=0)

# %% wrong: A5.3 | values | a softmax does not keep the zeros
# as the staff's solution, but
# -     return torch.where(total > 0, rest / total, p)
# +     return rest.softmax(-1)

# %% wrong: A5.3 | where p is q | 0 / 0: nothing is left over where p = q
# as the staff's solution, but
# -     return torch.where(total > 0, rest / total, p)
# +     return rest / total

# %% wrong: A5.3 | where p is q | a tiny number added to the sum
# as the staff's solution, but
# -     return torch.where(total > 0, rest / total, p)
# +     return rest / (total + 1e-9)

# %% wrong: A5.4 | values | this is the total variation
# as no loop anywhere, but
# -     return 1 - (p - q).abs().sum(-1) / 2
# +     return (p - q).abs().sum(-1) / 2

# %% wrong: A5.4 | values | the half is missing
# as no loop anywhere, but
# -     return 1 - (p - q).abs().sum(-1) / 2
# +     return 1 - (p - q).abs().sum(-1)

# %% wrong: A5.4 | values | the chance that two independent draws agree
# as no loop anywhere, but
# -     return 1 - (p - q).abs().sum(-1) / 2
# +     return (p * q).sum(-1)

# %% wrong: A5.4 | values | each token counts the same
# as no loop anywhere, but
# -     return 1 - (p - q).abs().sum(-1) / 2
# +     return (p / q).clamp(max=1).mean(-1)

# %% wrong: A5.4 | tokens that are never drafted | the ratio p/q does not exist
# as no loop anywhere, but
# -     return 1 - (p - q).abs().sum(-1) / 2
# +     return (q * (p / q).clamp(max=1)).sum(-1)

# %% wrong: A5.5 | one draft | after a refusal it is drawn from p itself
from mtp_edu.decode import draw


def keep(p, q, drafts, u):
    p_draft = p.gather(-1, drafts[:, None])[:, 0]
    q_draft = q.gather(-1, drafts[:, None])[:, 0]
    return u * q_draft < p_draft


def residual(p, q):
    rest = (p - q).clamp(min=0)
    total = rest.sum(-1, keepdim=True)
    return torch.where(total > 0, rest / total, p)


def verify(target, source, drafts, uniform):
    kept, following = [], []
    for p, q, line, u in zip(target, source, drafts, uniform):
        good = keep(p[:-1], q, line, u[:-1])
        count = int(good.long().cumprod(0).sum())
        after = p[count]
        if count < len(line):
            after = p[count]
        kept.append(count)
        following.append(int(draw(after, u[-1])))
    return torch.tensor(kept), torch.tensor(following)


# %% wrong: A5.5 | a line of drafts | a draft behind a refused one is counted
# as the staff's solution, but
# -         count = int(good.long().cumprod(0).sum())
# +         count = int(good.sum())

# %% wrong: A5.5 | one draft | the verdict of the last draft is unused
# as the staff's solution, but
# -         after = p[count]
# +         after = p[min(count, max(len(line) - 1, 0))]

# %% wrong: A5.5 | one draft | what has refused the draft is known to be large
# as the staff's solution, but
# -         following.append(int(draw(after, u[-1])))
# +         following.append(int(draw(after, u[count])))

# %% wrong: A5.5 | one draft | the first draft's verdict has used it
# as the staff's solution, but
# -         following.append(int(draw(after, u[-1])))
# +         following.append(int(draw(after, u[0])))

# %% wrong: A5.5 | one draft | if all drafts are kept there is no residual
# as the staff's solution, but
# -         if count < len(line):
# -             after = residual(p[count : count + 1], q[count : count + 1])[0]
# +         if len(line):
# +             count_ = min(count, len(line) - 1)
# +             after = residual(p[count : count + 1], q[count_ : count_ + 1])[0]

# %% wrong: A5.5 | one draft | taken from the block's end
# as the staff's solution, but
# -             after = residual(p[count : count + 1], q[count : count + 1])[0]
# +             after = residual(p[-1:], q[-1:])[0]

# %% wrong: A5.5 | a line of drafts | the residual is of the wrong place
# as the staff's solution, but
# -             after = residual(p[count : count + 1], q[count : count + 1])[0]
# +             after = residual(p[count : count + 1], q[-1:])[0]

# %% wrong: A5.5 | top-p, and no drafts at all | a token that p excludes is kept at u = 0
# as the staff's solution, but
# -     return u * q_draft < p_draft
# +     return u * q_draft <= p_draft

# %% wrong: A5.5 | a line of drafts | the first uniform number decides on all drafts
# as the staff's solution, but
# -         good = keep(p[:-1], q, line, u[:-1])
# +         good = keep(p[:-1], q, line, u[0])

# %% wrong: A5.5 | one draft | judged by p behind it
# as the staff's solution, but
# -         good = keep(p[:-1], q, line, u[:-1])
# +         good = keep(p[1:], q, line, u[:-1])

# %% wrong: A5.5 | one draft | kept and following are exchanged
# as the staff's solution, but
# -     return torch.tensor(kept), torch.tensor(following)
# +     return torch.tensor(following), torch.tensor(kept)

# %% wrong: A5.5 | one draft | that is the answer; write your own
from mtp_edu.decode import accept_lossless

verify = accept_lossless


# %% wrong: A5.6 | temperature and top-p | the temperature is applied twice
# as the staff's solution, but
# -     target = distribution(logits[len(text) - 1 :, 0], temperature, top_p)  # (k, V)
# +     target = distribution(logits[len(text) - 1 :, 0] / temperature, temperature, top_p)  # (k, V)

# %% wrong: A5.6 | temperature and top-p | top-p of the target only
# as the staff's solution, but
# -     source = distribution(logits[place, 1:], temperature, top_p)  # (n-1, V)
# +     source = distribution(logits[place, 1:], temperature)  # (n-1, V)

# %% wrong: A5.6 | temperature and top-p | the drafts' distribution lacks temperature and top-p
# as the staff's solution, but
# -     source = distribution(logits[place, 1:], temperature, top_p)  # (n-1, V)
# +     source = distribution(logits[place, 1:])  # (n-1, V)

# %% wrong: A5.6 | temperature and top-p | the source lacks temperature and top-p
# as the staff's solution, but
# -     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
# +     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), logits[place, 1:].softmax(-1)

# %% wrong: A5.6 | temperature and top-p | head 1's distribution lacks top-p
# as the staff's solution, but
# -     target = distribution(logits[len(text) - 1 :, 0], temperature, top_p)  # (k, V)
# +     target = distribution(logits[len(text) - 1 :, 0], temperature)  # (k, V)

# %% wrong: A5.6 | temperature 1 | those of the verdicts also draw the next drafts
# as the staff's solution, but
# -     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
# +     return [*drafts[: int(kept)], int(following)], draw(source, uniform[: len(source)]).tolist(), source

# %% wrong: A5.6 | temperature 1 | the one that drew the token that follows
# as the staff's solution, but
# -     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
# +     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k - 1 : -1]).tolist(), source

# %% wrong: A5.6 | temperature 1 | from the end of the block, where the heads
# as the staff's solution, but
# -     place = len(text) - 1 + int(kept)
# +     place = -1

# %% wrong: A5.6 | temperature 1 | off by one head: heads 2 to n draft
# as the staff's solution, but
# -     source = distribution(logits[place, 1:], temperature, top_p)  # (n-1, V)
# +     source = distribution(logits[place, :-1], temperature, top_p)  # (n-1, V)

# %% wrong: A5.6 | temperature 1 | the next drafts are the most likely tokens
# as the staff's solution, but
# -     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
# +     return [*drafts[: int(kept)], int(following)], source.argmax(-1).tolist(), source

# %% wrong: A5.6 | temperature 1 | the caller's lists are changed
# as the staff's solution, but
# -     logits = model(torch.tensor([text + drafts]))[0]  # (T, n, V)
# -     target = distribution(logits[len(text) - 1 :, 0], temperature, top_p)  # (k, V)
# +     start = len(text) - 1
# +     text += drafts
# +     logits = model(torch.tensor([text]))[0]  # (T, n, V)
# +     target = distribution(logits[start:, 0], temperature, top_p)  # (k, V)
# -     place = len(text) - 1 + int(kept)
# +     place = start + int(kept)

# %% wrong: A5.6 | temperature 1 | these are logits
# as the staff's solution, but
# -     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
# +     return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), logits[place, 1:]

# %% wrong: A5.6 | temperature and top-p | lacks both temperature and top-p
# as the staff's solution, but
# -     target = distribution(logits[len(text) - 1 :, 0], temperature, top_p)  # (k, V)
# +     target = distribution(logits[len(text) - 1 :, 0])  # (k, V)

# %% wrong: A5.6 | one forward | verify and draft are the same forward
# as the staff's solution, but
# -     place = len(text) - 1 + int(kept)
# +     place = len(text) - 1 + int(kept)
# +     logits = model(torch.tensor([text + drafts]))[0]
