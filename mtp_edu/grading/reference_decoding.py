"""What decoding has to give, from forwards over whole texts without any cache; and what a student's forwards were seen
to read and write.

Letters: `B` rows, `T` tokens of a forward, `k` tokens of a block (one committed, k-1 drafts), `V` vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

import mtp_edu as mtp
from mtp_edu.grading import reference


class Seen(reference.Model):
    """The reference, whose tokens can be given wrong eyes: which places each sees (in the heads, if they differ there),
    where it thinks it stands, and how many empty slots of a cache it sees besides (keys and values of zeros)."""

    sees: Callable[[int], Sequence[int]] = staticmethod(lambda t: range(t + 1))
    sees_in_heads: Callable[[int], Sequence[int]] | None = None
    stands: Callable[[int], int] = staticmethod(lambda t: t)
    empty: Callable[[int], int] = staticmethod(lambda t: 0)

    def _attention(self, x: Tensor, name: str) -> Tensor:
        heads, width = self.cfg.n_attention_heads, self.cfg.head_dim
        q, k, v = (x @ self.weights[f"{name}w{letter}.weight"].T for letter in "qkv")
        sees = (name.startswith("heads.") and self.sees_in_heads) or self.sees
        out = []
        for t in range(len(x)):
            mixed, seen = [], list(sees(t))
            for h in range(heads):
                own, other = slice(h * width, (h + 1) * width), self._shared(h)
                query = self._turned(q[t, own], self.stands(t))
                keys = [self._turned(k[s, other], self.stands(s)) for s in seen] + [0 * query] * self.empty(t)
                share = torch.stack([query @ key / math.sqrt(width) for key in keys]).softmax(0)
                mixed.append(sum(share[i] * v[s, other] for i, s in enumerate(seen)))
            out.append(torch.cat(mixed))
        return torch.stack(out) @ self.weights[name + "wo.weight"].T

    def _shared(self, head: int) -> slice:
        """The columns of the key/value head that an attention head reads."""
        width, each = self.cfg.head_dim, self.cfg.n_attention_heads // self.cfg.n_kv_heads
        return slice(head // each * width, (head // each + 1) * width)

    @torch.no_grad()
    def heads_of(self, tokens: Tensor) -> list[Tensor]:
        """Latents (B, T, D) of heads 1 to n."""
        found = self.latents(self.trunk(tokens))
        return [found[k] for k in range(self.n)]


def attentive(cases, vocab_size: int = 3, n_future: int = 3, **shape) -> mtp.MultiTokenModel:
    """A random float64 model whose attention is sharp and weighs more than the token itself, so that each token of the
    context changes what every head says; with few ids a draft is right by chance now and then."""
    sizes = {"dim": 16, "n_attention_heads": 4, "n_kv_heads": 2, "n_layers": 2 + n_future, "max_seq_len": 32}
    cfg = mtp.ModelConfig(**(sizes | {"vocab_size": vocab_size, "n_future": n_future} | shape))
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 2**31)).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".attention." in name:
                parameter *= 4.0
            elif ".feed_forward." in name:
                parameter *= 2.0
    return model.requires_grad_(False)


@torch.no_grad()
def said(model: mtp.MultiTokenModel, text: Sequence[int]) -> list[list[int]]:
    """[t][k-1]: the token that head k finds most likely after text[: t + 1]."""
    return model(torch.tensor([list(text)]))[0].argmax(-1).tolist()


def plain(model: mtp.MultiTokenModel, prompt: Sequence[int], count: int, stop_ids: Sequence[int] = ()) -> list[int]:
    """What plain greedy decoding writes: `count` tokens, or fewer if one is a stop id, which is the last one then."""
    text = _written.setdefault(model, {}).setdefault(tuple(prompt), [])
    while len(text) < count:
        with torch.no_grad():
            text.append(int(model(torch.tensor([[*prompt, *text]]), n_future=1)[0, -1, 0].argmax()))
    ends = [i + 1 for i, token in enumerate(text[:count]) if token in stop_ids]
    return text[: ends[0] if ends else count]


_written: WeakKeyDictionary = WeakKeyDictionary()  # plain texts so far: {model: {prompt: tokens}}


@dataclass
class Step:
    """One speculative step: the block that is read, its first position, how many of its drafts are kept."""

    block: list[int]
    start: int
    accepted: int


def steps(model: mtp.MultiTokenModel, prompt: Sequence[int], text: Sequence[int]) -> list[Step]:
    """The steps in which self-speculation writes `text`, what plain decoding writes; the prompt's forward apart."""
    whole, k = [*prompt, *text], model.cfg.n_future
    after = said(model, whole)
    out, start = [], len(prompt)
    while start < len(whole) - 1:  # the last committed token stands at `start`
        block, accepted = after[start - 1][:k], 0  # what all heads said one place before
        while accepted < k - 1 and start + accepted < len(whole) and block[accepted + 1] == after[start + accepted][0]:
            accepted += 1
        out.append(Step(block, start, accepted))
        start += accepted + 1
    return out


def story(cases, rows=1, **shape):
    """A model, prompts, texts that plain decoding writes and their steps, in which every number of kept drafts comes
    up."""
    count = 20 if rows == 1 else 12
    while True:
        model = attentive(cases, **shape)
        vocab_size, k = model.cfg.vocab_size, model.cfg.n_future
        lengths = cases.random.sample(range(2, 8), rows)
        prompts = [cases.tokens(length, vocab_size=vocab_size).tolist() for length in lengths]
        texts = [plain(model, prompt, count) for prompt in prompts]
        rows_steps = [steps(model, *row) for row in zip(prompts, texts)]
        if {step.accepted for own in rows_steps for step in own[:-1]} == set(range(k)):
            return model, prompts, texts, rows_steps


def _stops(prompts, texts, rows_steps, vocab_size):
    """Such an id, if there is one."""
    for token in range(vocab_size):
        if token in texts[0][1:] and token != texts[0][0]:
            at = len(prompts[0]) + texts[0].index(token)
            for step in rows_steps[0][:-1]:
                if step.start < at <= step.start + step.accepted:
                    return token
    return None


def stopping_story(cases, **shape):
    """A story, and a stop id whose first place in row 0 is inside an accepted run."""
    while True:
        model, *rest = story(cases, **shape)
        token = _stops(*rest, model.cfg.vocab_size)
        if token is not None:
            return model, *rest, token


# ---- what a student's forwards do


@dataclass
class Forward:
    """One forward through the trunk: how many rows and tokens; ids and slots [row][t] as far as they can be seen."""

    rows: int
    tokens: int
    ids: list[list[int]] | None
    slots: list[list[int]] | None


@contextmanager
def watched(model: mtp.MultiTokenModel) -> Iterator[list[Forward]]:
    """Inside the block, every forward through the trunk's first layer is noted."""
    seen: list[Forward] = []
    ids: list[list[list[int]]] = []

    def note(_module, args, kwargs) -> None:
        x = args[0] if args else kwargs["x"]
        context = args[1] if len(args) > 1 else kwargs.get("context")
        slots = getattr(context, "slots", None)
        slots = None if slots is None else slots.expand(x.shape[:2]).tolist()
        seen.append(Forward(x.shape[0], x.shape[1], ids.pop() if ids else None, slots))

    with ExitStack() as hooks:
        hooks.callback(model.embedding.register_forward_pre_hook(lambda _, args: ids.append(args[0].tolist())).remove)
        hooks.callback(model.trunk[0].register_forward_pre_hook(note, with_kwargs=True).remove)
        yield seen
