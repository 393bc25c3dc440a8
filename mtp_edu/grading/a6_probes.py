"""A6: attention patterns, the scores of induction heads, and ablation with a control (Olsson et al. 2022).

Letters: `B` batch, `T` time, `H` attention heads, `E` width of one, `V` vocabulary. A *head* is an attention head here,
named (layer, head) from 0; layers are those that head 1 of the head tree runs through.
"""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor

import mtp_edu as mtp
from mtp_edu import attention_heads as package
from mtp_edu.grading import reference
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail, same

CLOSE = 1e-8  # everything here is in float64
SHARE = 1e-5  # but an accuracy, which is often averaged in float32
PROBES = (
    package.attention_patterns, package._attention_inputs, package.prefix_matching, package._matching,
    package.name_matching, package.previous_token, package.copying, package.ablated, package.induction_heads,
    package.other_heads,
)  # fmt: skip
NONE = reference.NONE


# ---- what is right


class Probed(reference.Model):
    """The reference up to head 1, which notes its attention and may be without some of its heads."""

    def __init__(self, model: torch.nn.Module, fault: str = "") -> None:
        super().__init__(model)
        self.fault = fault
        self.silent: list[tuple[int, int]] = []
        self.patterns: list[Tensor] = []

    @torch.no_grad()
    def head_1(self, tokens: Tensor, silent=()) -> Tensor:
        """Logits of head 1, (B, T, V), without the heads in `silent`."""
        self.silent, self.patterns = list(silent), []
        path, k = [], 0
        while k != -1:
            path.insert(0, k)
            k = self.parents[k]
        x = self.trunk(tokens)
        for k in path:
            x = self.head(k, x)
        return self.unembed(0, self.norm(x))

    def block(self, x: Tensor, name: str) -> Tensor:
        w, layer, width = self.weights, len(self.patterns), self.cfg.head_dim
        pattern, v = self._pattern(x if self.fault == "norm" else self.norm(x, name + ".attention_norm"), name)
        self.patterns.append(pattern)
        mixed = torch.einsum("bhts,bhse->bthe", pattern, v)
        own = [head for at, head in self.silent if at == layer]
        if self.fault == "last one":
            own = own[-1:]
        if self.fault == "layer":
            own = [head for at, head in self.silent if at == layer + 1]
        if self.fault == "head":
            own = [(head + 1) % self.cfg.n_attention_heads for head in own]
        if self.fault == "strided":  # every H-th number, as if the heads were interleaved
            mixed = mixed.flatten(2).unflatten(2, (width, -1)).transpose(2, 3)
        means = {"rows": (1,), "positions": (0,), "numbers": (0, 1, 2)}.get(self.fault, (0, 1))
        for head in [] if self.fault == "mixed" else own:
            value = mixed[:, :, head]
            mixed[:, :, head] = 0.0 if self.fault == "zero" else value.mean(means, keepdim=True).expand_as(value)
        if self.fault == "strided":
            mixed = mixed.transpose(2, 3)
        out = mixed.flatten(2) @ w[name + ".attention.wo.weight"].T
        if self.fault == "all" and own:
            out = out.mean((0, 1), keepdim=True).expand_as(out)
        if self.fault == "mixed":
            for head in own:
                part = out[:, :, head * width : (head + 1) * width]
                part.copy_(part.mean((0, 1)).expand_as(part))
        x = x + out
        y = self.norm(x, name + ".ffn_norm")
        gate = y @ w[name + ".feed_forward.w1.weight"].T
        return (
            x
            + (gate * gate.sigmoid() * (y @ w[name + ".feed_forward.w3.weight"].T))
            @ w[name + ".feed_forward.w2.weight"].T
        )

    def _pattern(self, y: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """(B, H, T, T) and the values (B, H, T, E), by loops over heads and places."""
        heads, width, T = self.cfg.n_attention_heads, self.cfg.head_dim, y.shape[1]
        each = heads // self.cfg.n_kv_heads
        q, k, v = (y @ self.weights[f"{name}.attention.w{letter}.weight"].T for letter in "qkv")
        patterns, values = [], []
        for h in range(heads):
            shared = h % self.cfg.n_kv_heads if self.fault == "tiled" else h // each
            own, other = slice(h * width, (h + 1) * width), slice(shared * width, (shared + 1) * width)
            if self.fault == "dealt out":  # "(e h)"
                own, other = slice(h, None, heads), slice(shared, None, self.cfg.n_kv_heads)
            still = lambda x, t: x  # noqa: E731
            turn = still if self.fault == "rotary" else self._placed
            turn_keys = still if self.fault in ("rotary", "keys") else self._placed
            queries = torch.stack([turn(q[:, t, own], t) for t in range(T)], dim=1)  # (B, T, E)
            keys = torch.stack([turn_keys(k[:, s, other], s) for s in range(T)], dim=1)
            scores = queries @ keys.transpose(1, 2) / (1 if self.fault == "scale" else math.sqrt(width))
            if self.fault == "scaled by D":
                scores = scores * math.sqrt(width / self.cfg.dim)
            later = torch.ones(T, T, dtype=torch.bool).triu(1)
            if self.fault == "zeros":
                pattern = scores.softmax(-1).masked_fill(later, 0.0)
            elif self.fault == "zero scores":
                pattern = scores.masked_fill(later, 0.0).softmax(-1)
            elif self.fault == "itself":
                pattern = scores.masked_fill(later | torch.eye(T, dtype=torch.bool), -math.inf).softmax(-1)
            elif self.fault == "later":
                pattern = scores.softmax(-1)
            else:
                dim = -2 if self.fault == "columns" else -1
                pattern = scores.masked_fill(later, -math.inf).softmax(dim)
            patterns.append(pattern)
            values.append(v[:, :, other])
        return torch.stack(patterns, dim=1), torch.stack(values, dim=1)

    def _placed(self, x: Tensor, t: int) -> Tensor:
        """Keys or queries (B, E) with the rotary angles of place t."""
        half = x.shape[1] // 2
        angles = torch.tensor([t * self.cfg.rope_theta ** (-i / half) for i in range(half)], dtype=x.dtype)
        one, two = x[:, :half], x[:, half:]
        return torch.cat([one * angles.cos() - two * angles.sin(), two * angles.cos() + one * angles.sin()], dim=1)


def _known(row: list[int], t: int, after: int = 1) -> list[int]:
    """Places, at most t, that lie `after` places behind an earlier copy of token t."""
    return [s + after for s in range(t) if row[s] == row[t] and s + after <= t]


def _score(pattern: Tensor, tokens: Tensor, where, places=None) -> list[float]:
    """For each head the mean over places of the weight on `where(row, t)`; places: by default those with a copy."""
    heads, rows = pattern.shape[1], tokens.tolist()
    sums, count = [0.0] * heads, 0
    for b, row in enumerate(rows):
        for t in range(len(row)):
            if not (_known(row, t) if places is None else places(row, t)):
                continue
            count += 1
            for h in range(heads):
                sums[h] += sum(float(pattern[b, h, t, s]) for s in where(row, t))
    return [x / count if count else 0.0 for x in sums]


# ---- A6.1

A6_1 = Question("A6.1", "patterns", points=4, difficulty=4, minutes=35, lines=12, answers=PROBES)


def _expect_patterns(fn, model, tokens, what):
    got, ref = fn(model, tokens), Probed(model)
    ref.head_1(tokens)
    want, (B, T), H = ref.patterns, tokens.shape, model.cfg.n_attention_heads
    if type(got) not in (list, tuple):
        fail(f"{what}: the result must be a list with one pattern for each layer; it is of type {type(got).__name__}.",
             "", "what your function returns")  # fmt: skip
    if len(got) != len(want):
        fail(f"{what}: the result must be a list of {len(want)} patterns, one for each layer before head 1's "
             f"prediction; it has {len(got)}.", "head 1's own block is a layer too: the trunk's blocks are not all",
             "head_1_blocks(model)")  # fmt: skip
    for pattern in got:
        expect_tensor(pattern, (B, H, T, T), torch.float64, f"{what}: a pattern", "B, H, T, T")

    def wrong(fault):
        def values():
            other = Probed(model, fault)
            layers, found = _inputs(model, tokens), []
            for name, latent, normed in layers:  # each from its right input
                reads = latent if fault == "norm" else normed
                if fault == "embedding":
                    reads = other.norm(layers[0][1], name + ".attention_norm")
                found.append(other._pattern(reads, name)[0])
            return [pattern.mT for pattern in found] if fault == "turned" else found

        return values

    look = "the five steps: queries and keys, rotary angles, scores, mask, softmax"
    mistakes = [
        ("the scores are not divided by the square root of the head's width", wrong("scale"), look),
        ("the scores are divided by the square root of D; a head's own width counts", wrong("scaled by D"), look),
        ("the rotary angles are missing: without them no head knows a distance", wrong("rotary"), look),
        ("each place looks at later ones as well: the mask is missing", wrong("later"), look),
        ("the mask comes after the softmax, so that rows do not sum to 1", wrong("zeros"), "masked_fill, then softmax"),
        ("the softmax runs over the places that look, not over those that are looked at", wrong("columns"), "dim=-1"),
        ("each key/value head serves neighbouring query heads, 0 0 1 1; here they are dealt out 0 1 0 1",
         wrong("tiled"), "repeat_interleave, not repeat"),
        ("attention reads the normed latent: block.attention_norm is missing", wrong("norm"),
         "what wq and wk are given"),
        ("the rotary angles of the keys are missing", wrong("keys"), "rotate, for q and for k"),
        ("a masked score of 0 is a score like any other: later places still get weight", wrong("zero scores"),
         "masked_fill with -torch.inf"),
        ("the place itself is masked too, so that place 0 has nothing to look at", wrong("itself"), "triu(1)"),
        ("every layer is given the embedding; it reads what the layers before it have written", wrong("embedding"),
         "x = block(x, context), at the end of the loop"),
        ("the pattern is turned round: [..., t, s] is how much t looks at s", wrong("turned"),
         "which of q and k stands on the left"),
        ("the heads' numbers are dealt out in turn; a head's E numbers stand side by side", wrong("dealt out"),
         '"b t (h e) -> b h t e"'),
    ]  # fmt: skip
    expect_same([pattern.tolist() for pattern in got], [pattern.tolist() for pattern in want], what, mistakes, CLOSE,
                look)  # fmt: skip


def _inputs(model, tokens):
    """Of each layer on head 1's way: (its name in the reference, latent, normed latent)."""
    ref, names = Probed(model), []
    own = ref.block

    def noted(x, name):
        names.append((name, x, ref.norm(x, name + ".attention_norm")))
        return own(x, name)

    ref.block = noted
    ref.head_1(tokens)
    return names


@A6_1.check("one attention head for each key")
def _(fn, cases):
    model = cases.model(n_layers=2, n_future=1, dim=16, n_attention_heads=2, n_kv_heads=2)
    _expect_patterns(fn, _loud(model), cases.tokens(2, 6, vocab_size=11), "a trunk of one layer and head 1")


@A6_1.check("shared keys")
def _(fn, cases):
    model = cases.model(n_layers=5, n_future=2, dim=16, n_attention_heads=4, n_kv_heads=2)
    _expect_patterns(fn, _loud(model), cases.tokens(2, 5, vocab_size=11), "four heads with two key/value heads")


@A6_1.check("other trees")
def _(fn, cases):
    model = cases.model(n_layers=4, n_future=2, dim=16, n_attention_heads=2, head_order="anticausal")
    _expect_patterns(fn, _loud(model), cases.tokens(1, 5, vocab_size=11), "anticausal: head 2's block comes before")


def _loud(model):
    """With attention that is far from even."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("wq.weight", "wk.weight")):
                parameter *= 2.5
            if name.endswith("wo.weight"):
                parameter *= 3
    return model.requires_grad_(False)


# ---- A6.2

A6_2 = Question("A6.2", "prefix_matching", points=3, difficulty=3, minutes=25, lines=6, answers=PROBES)


def _looks(cases, B, H, T):
    """Causal patterns (B, H, T, T), random."""
    scores = cases.normal(B, H, T, T).masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -math.inf)
    return scores.softmax(-1)


def _repeats(cases, periods, T=12):
    """Rows of different random tokens that come again after the row's own period."""
    rows = []
    for period in periods:
        copy = cases.random.sample(range(20), period)
        rows.append([copy[t % period] for t in range(T)])
    return torch.tensor(rows)


def _expect_prefix(fn, pattern, tokens, what):
    H = pattern.shape[1]
    got = fn(pattern, tokens)
    expect_tensor(got, (H,), torch.float64, f"{what}: the scores", "H: one for each attention head")

    def every(row, t):
        return True

    def mean_of_rows():
        rows = [_score(pattern[b : b + 1], tokens[b : b + 1], _known) for b in range(len(tokens))]
        return [sum(column) / len(rows) for column in zip(*rows)]

    def both(first=lambda row: None, shift=1, until=1):
        """With other places for the weights and for what counts: `first` stands before place 0, s < t + until."""

        def where(row, t):
            before = [first(row), *row[:-1]] if shift == 1 else [*row[1:], None]
            return [s for s in range(t + until) if before[s] == row[t]]

        return lambda: _score(pattern, tokens, where, where)

    look = "place t looks for s with tokens[s - 1] == tokens[t]"
    mistakes = [
        ("the score is read at the wrong diagonal: on the earlier copy itself, not on the token that followed it",
         lambda: _score(pattern, tokens, lambda row, t: [s for s in range(t) if row[s] == row[t]]), look),
        ("the score is read at the wrong diagonal: two places behind the earlier copy",
         lambda: _score(pattern, tokens, lambda row, t: _known(row, t, 2)), look),
        ("the score is read at the wrong diagonal: before the earlier copy",
         lambda: _score(pattern, tokens, lambda row, t: [s - 1 for s in _known(row, t, 0) if 0 < s < t]), look),
        ("the mean runs over all places; those whose token is new have nothing to find",
         lambda: _score(pattern, tokens, _known, every), "which places count"),
        ("this is the sum over the places, not their mean", lambda: _sums(pattern, tokens), "what you divide by"),
        ("the pattern is read the other way round: [..., t, s] is how much t looks at s",
         lambda: _score(pattern.mT, tokens, _known), "which index looks"),
        ("only the last earlier copy counts; the weights on all of them are added",
         lambda: _score(pattern, tokens, lambda row, t: _known(row, t)[-1:]), "tokens that came more than once before"),
        ("only the first earlier copy counts; the weights on all of them are added",
         lambda: _score(pattern, tokens, lambda row, t: _known(row, t)[:1]), "tokens that came more than once before"),
        ("a mean over rows of the rows' means; every place counts the same", mean_of_rows, "one mean over all places"),
        ("row 0's period is taken for all rows", lambda: _one_period(pattern, tokens), "each row's own copies"),
        ("place 0 has nothing before it; roll puts the last token there", both(lambda row: row[-1]),
         "something that is no token, such as -1"),
        ("place 0 has nothing before it, and 0 is a token like any other", both(lambda row: 0),
         "something that is no token, such as -1"),
        ("shifted the wrong way: place s holds what stands behind it", both(shift=-1), look),
        ("s = t is left out: in A A, the second A is what followed the first", both(until=0), "not later than t"),
    ]  # fmt: skip
    expect_same(got, _score(pattern, tokens, _known), f"{what}: the scores", mistakes, CLOSE, look)


def _sums(pattern, tokens):
    count = sum(bool(_known(row, t)) for row in tokens.tolist() for t in range(len(row)))
    return [x * count for x in _score(pattern, tokens, _known)]


def _one_period(pattern, tokens):
    row = tokens[0].tolist()
    period = next((t for t in range(1, len(row)) if row[t] == row[0]), len(row))
    return _score(pattern, tokens, lambda _, t: [t - period + 1], lambda _, t: t >= period)


@A6_2.check("tokens written twice")
def _(fn, cases):
    tokens = _repeats(cases, [6, 6])
    _expect_prefix(fn, _looks(cases, 2, 3, 12), tokens, "two rows of period 6")


@A6_2.check("each row its own period")
def _(fn, cases):
    tokens = _repeats(cases, [8, 7, 9])
    _expect_prefix(fn, _looks(cases, 3, 3, 12), tokens, "periods 8, 7 and 9")


@A6_2.check("any text")
def _(fn, cases):
    tokens = cases.tokens(2, 12, vocab_size=5)
    _expect_prefix(fn, _looks(cases, 2, 3, 12), tokens, "tokens that come several times")
    tokens = cases.tokens(2, 6, vocab_size=5).repeat_interleave(2, dim=1)
    _expect_prefix(fn, _looks(cases, 2, 3, 12), tokens, "tokens that come twice in a row")


# ---- A6.3

A6_3 = Question("A6.3", "previous_token", points=1, difficulty=1, minutes=10, lines=2, answers=PROBES)


@A6_3.check("shape")
def _(fn, cases):
    expect_tensor(fn(_looks(cases, 2, 3, 6)), (3,), torch.float64, "the scores", "H: one for each attention head")


@A6_3.check("values")
def _(fn, cases):
    T = cases.integer(5, 7)
    pattern = _looks(cases, 2, 3, T)
    got = fn(pattern)
    expect_tensor(got, (3,), torch.float64, "the scores", "H: one for each attention head")

    def mean(offset, places):
        diagonal = [[pattern[:, h, t, t - offset] for t in places] for h in range(3)]
        return [float(torch.stack(values).mean()) for values in diagonal]

    right = mean(1, range(1, T))
    mistakes = [
        ("this is how much each place looks at itself", lambda: mean(0, range(T)), "diagonal(-1, ...)"),
        ("this looks at the NEXT token, which no place sees", lambda: [0.0] * 3, "the sign of the diagonal"),
        ("divided by T; the first token has none before it", lambda: [x * (T - 1) / T for x in right], "T - 1 places"),
        ("two places back", lambda: mean(2, range(2, T)), "diagonal(-1, ...)"),
        ("summed over the places or rows; it must be the mean", lambda: [x * (T - 1) for x in right], "mean"),
        ("summed over the places or rows; it must be the mean", lambda: [x * 2 * (T - 1) for x in right], "mean"),
    ]  # fmt: skip
    expect_same(got, right, "the scores", mistakes, CLOSE, "pattern[b, h, t, t - 1], for t from 1 on")


# ---- A6.4

A6_4 = Question("A6.4", "silenced", points=4, difficulty=4, minutes=35, lines=12, answers=PROBES)


def _expect_silenced(fn, model, tokens, heads, what):
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    got = fn(model, tokens, list(heads))
    hooks = [name for name, part in model.named_modules() if part._forward_hooks or part._forward_pre_hooks]
    if hooks:
        for part in model.modules():
            part._forward_hooks.clear()
            part._forward_pre_hooks.clear()
        fail(f"{what}: after the call the model still has a hook on {hooks[0]}.",
             "the hooks are not removed: from now on the model is without these heads",
             "handle.remove(), in a `finally`")  # fmt: skip
    changed = [name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])]
    if changed:
        fail(f"{what}: {changed[0]} has changed.", "the model is not yours to change", "a hook, or your own walk")
    B, T = tokens.shape
    expect_tensor(got, (B, T, model.cfg.vocab_size), torch.float64, f"{what}: the logits", "B, T, V")

    def wrong(fault, own=heads):
        return lambda: Probed(model, fault).head_1(tokens, own)

    mistakes = [
        ("nothing is silenced", wrong("", ()), "whether the hook runs, and what it returns"),
        ("the heads are silenced with zeros; the mean leaves the constant that later layers are used to",
         wrong("zero"), "the mean over rows and positions"),
        ("the mean of each row: it still tells which text this is", wrong("rows"), "the mean over rows AND positions"),
        ("the mean at each position: it still tells where a token stands", wrong("positions"),
         "the mean over rows AND positions"),
        ("one mean for all numbers of a head; each of its E numbers has its own", wrong("numbers"),
         "the mean over rows and positions alone"),
        ("wrong heads are ablated: the next head's numbers, off by one", wrong("head"), "x[..., h * E : (h + 1) * E]"),
        ("wrong heads are ablated: those of the layer before", wrong("layer"), "which block is layer 0"),
        ("wrong heads are ablated: every H-th number; a head's numbers stand side by side", wrong("strided"),
         "x[..., h * E : (h + 1) * E]"),
        ("all heads of the layer are silenced: behind wo they are mixed", wrong("all"),
         "what wo reads, not what it gives"),
        ("columns of what wo gives: there the heads are mixed already", wrong("mixed"), "what wo reads: a pre-hook"),
        ("of several heads in one layer only the last is silenced", wrong("last one"),
         "several hooks on one module, or an assignment that replaces another"),
    ]  # fmt: skip
    expect_same(got, Probed(model).head_1(tokens, heads), f"{what}: the logits of head 1", mistakes, CLOSE)


def _model_of_heads(cases, **shape):
    sizes = {"n_layers": 4, "n_future": 2, "dim": 16, "n_attention_heads": 4, "n_kv_heads": 2} | shape
    return _loud(cases.model(**sizes)), cases.tokens(2, 5, vocab_size=11)


@A6_4.check("no head at all")
def _(fn, cases):
    _expect_silenced(fn, *_model_of_heads(cases), [], "heads=[]")


@A6_4.check("one head")
def _(fn, cases):
    model, tokens = _model_of_heads(cases)
    for heads in ([(1, cases.integer(0, 3))], [(2, cases.integer(0, 3))], [(0, 3)]):
        _expect_silenced(fn, model, tokens, heads, f"heads={heads}")


@A6_4.check("several heads")
def _(fn, cases):
    model, tokens = _model_of_heads(cases)
    pair = cases.random.sample(range(4), 2)
    _expect_silenced(fn, model, tokens, [(1, h) for h in pair], f"heads {pair} of layer 1")
    heads = [(0, pair[0]), (2, pair[1]), (1, pair[0])]
    _expect_silenced(fn, model, tokens, heads, f"heads={heads}")


# ---- A6.5

A6_5 = Question("A6.5", "needed", points=3, difficulty=3, minutes=35, lines=12, answers=PROBES)
CODE = [6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23]  # of a head's 24 numbers, the 12 that hardly turn with the position


def circuit(cases) -> tuple[mtp.MultiTokenModel, dict[str, list[tuple[int, int]]]]:
    """A model whose weights are set by hand, so that its induction heads are known; which these are, by what they do.

    Layer 0 (the trunk) has a previous-token head, layer 1 (head 1's block) two induction heads; in both there are heads
    that do something else, one of which looks at the earlier copy itself. Width: 0-11 the token, 12 a constant,
    16-27 the token before, 32-43 what the induction heads say, from 44 on what nobody reads.
    """
    V, H, E, D = 12, 4, 24, 96
    cfg = mtp.ModelConfig(vocab_size=V, dim=D, n_layers=2, n_attention_heads=H, n_future=1, ffn_dim=8, max_seq_len=32)
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 2**31)).double().requires_grad_(False)
    first, second = (cases.random.sample(range(H), H) for _ in range(2))
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.zero_()
    for token in range(V):
        model.embedding.weight[token, token] = model.embedding.weight[token, 12] = 1.0
        model.unembeddings[0].weight[token, 32 + token] = 10.0
    one, two = model.trunk[0].attention, model.heads[0][0].attention

    def looks_back(attention, h, distance, strength=15.0):
        """From the constant alone: most weight on the place at that distance."""
        scale = math.sqrt(strength * math.sqrt(E)) / math.sqrt(D / 2)
        for i in range(4):
            turn = -distance * cfg.rope_theta ** (-i / (E // 2))
            attention.wq.weight[h * E + i, 12] = scale * math.cos(turn)
            attention.wq.weight[h * E + i + E // 2, 12] = scale * math.sin(turn)
            attention.wk.weight[h * E + i, 12] = scale

    def matches(attention, h, key, strength=25.0):
        """The present token with what stands at `key`."""
        scale = math.sqrt(strength * math.sqrt(E)) / math.sqrt(D / 3)
        for token, place in enumerate(CODE):
            attention.wq.weight[h * E + place, token] = attention.wk.weight[h * E + place, key + token] = scale

    def writes(attention, h, to, strength):
        """The token that is looked at."""
        for token in range(V):
            attention.wv.weight[h * E + token, token] = strength
            attention.wo.weight[to + token, h * E + token] = 1.0

    looks_back(one, first[0], 1)
    writes(one, first[0], 16, 1 / math.sqrt(D / 2))
    looks_back(one, first[1], 2)
    writes(one, first[1], 44, 0.02)
    for h in second[:2]:
        matches(two, h, 16)
        writes(two, h, 32, 0.2)
    matches(two, second[2], 0)
    writes(two, second[2], 56, 0.02)
    looks_back(two, second[3], 3)
    writes(two, second[3], 68, 0.02)
    return model, {"previous": [(0, first[0])], "induction": sorted((1, h) for h in second[:2])}


def repeated(cases, rows=4, T=18):
    """Rows for the circuit: id 11 opens each, then 5 to 8 different tokens come again and again; and targets (B, T):
    the next token, from the second copy on."""
    tokens, targets = [], []
    for _ in range(rows):
        period = cases.integer(5, 8)
        copy = cases.random.sample(range(11), period)
        row = [11] + [copy[t % period] for t in range(T)]
        tokens.append(row[:-1])
        targets.append([row[t + 1] if t > period else NONE for t in range(T)])
    return torch.tensor(tokens), torch.tensor(targets)


def _accuracy(logits, targets):
    right = wanted = 0
    for row, own in zip(logits.argmax(-1).tolist(), targets.tolist()):
        for choice, target in zip(row, own):
            if target != NONE:
                wanted, right = wanted + 1, right + (choice == target)
    return right / wanted


def _of_rows(logits, targets):
    rows = [_accuracy(logits[b : b + 1], targets[b : b + 1]) for b in range(len(targets))]
    return sum(rows) / len(rows)


def _one_late(logits, targets):
    return _accuracy(logits[:, :-1], targets[:, 1:])


def _pairs(heads):
    return [tuple(int(i) for i in head) for head in heads]


def _report(fn, cases, rng, draws=8):
    model, known = circuit(cases)
    tokens, targets = repeated(cases)
    got = fn(model, tokens, targets, 2, draws, rng)
    names = ["found", "intact", "without", "control"]
    if type(got) is not dict or sorted(got) != sorted(names):
        fail(f"the result must be a dict with {names}, not {got if got is None else sorted(got)}.", "", "the docstring")
    try:
        got = got | {"found": _pairs(got["found"]), "control": [(_pairs(own), float(x)) for own, x in got["control"]]}
    except (TypeError, ValueError):
        fail("`found` must be a list of (layer, head), `control` a list of (list of such pairs, accuracy).")
    ref = Probed(model)

    def accuracy(heads, of=_accuracy):
        return of(ref.head_1(tokens, heads), targets)

    return model, tokens, targets, known, got, accuracy


@A6_5.check("the heads that are found")
def _(fn, cases):
    model, tokens, _, known, got, _ = _report(fn, cases, random.Random(0))
    ref = Probed(model)
    ref.head_1(tokens)

    def best(score, reverse=True):
        scores = {(i, h): x for i, p in enumerate(ref.patterns) for h, x in enumerate(score(p))}
        return lambda: sorted(sorted(scores, key=lambda head: scores[head], reverse=reverse)[:2])

    mistakes = [
        ("wrong heads are found: those with the LOWEST scores", best(lambda p: _score(p, tokens, _known), False),
         "the order of the sort"),
        ("wrong heads are found: those that look one back", best(lambda p: _score(p, tokens, lambda _, t: [t - 1])),
         "which score is sorted"),
        ("wrong heads are found: layer and head are exchanged", lambda: [(h, i) for i, h in known["induction"]],
         "divmod by H, the heads of a layer"),
    ]  # fmt: skip
    if len(got["found"]) != 2:
        fail(f"count=2, but {len(got['found'])} heads are found.", "", "the first `count` of the sorted heads")
    expect_same(sorted(got["found"]), known["induction"], "the two heads with the highest prefix-matching score",
                mistakes, otherwise="the scores of all heads, printed")  # fmt: skip


@A6_5.check("with and without them")
def _(fn, cases):
    _, _, targets, _, got, accuracy = _report(fn, cases, random.Random(0))
    whole, cut = accuracy([]), accuracy(got["found"])
    single = accuracy(got["found"][:1])
    every = (targets != NONE).sum().item() / targets.numel()

    def general(heads, right):
        return [
            ("the accuracy counts places without a target, at which nothing can be right", lambda: right * every,
             "targets != -100"),
            ("a target is shifted once more: targets[:, t] is already what comes after t",
             lambda: accuracy(heads, _one_late), "logits and targets at the same place"),
            ("an average over the rows' accuracies; a row with more targets counts more",
             lambda: accuracy(heads, _of_rows), "one mean over all places"),
        ]  # fmt: skip

    mistakes = [*general([], whole), ("intact and without are exchanged", lambda: cut, "which accuracy is which")]
    expect_same(float(got["intact"]), whole, "intact", mistakes, SHARE)
    mistakes = [
        ("only one of the found heads is silenced; the other does its work", lambda: single, "both together"),
        ("nothing is silenced", lambda: whole, "silenced(model, tokens, found)"),
        *general(got["found"], cut),
    ]  # fmt: skip
    expect_same(float(got["without"]), cut, "without the found heads", mistakes, SHARE)


@A6_5.check("the control")
def _(fn, cases):
    draws = 16  # choices instead of sample has to draw one head twice
    rng = random.Random(cases.integer(0, 999))
    start = rng.getstate()
    _, _, _, known, got, accuracy = _report(fn, cases, rng, draws)
    if rng.getstate() == start:
        fail("`rng` was never asked.", "the control is drawn from another generator, so that nobody can draw it again",
             "rng.sample")  # fmt: skip
    sets = [own for own, _ in got["control"]]
    if len(sets) != draws:
        fail(f"draws={draws}, but the control has {len(sets)} sets.", "", "one set for each draw")
    look = "the list that is drawn from: all heads but the found ones and the helpers"
    for own in sets:
        if len(set(own)) != 2:
            fail(f"a control set is {own}.", "the control silences another number of heads, or one head twice",
                 "rng.sample, which draws without putting back")  # fmt: skip
        if set(own) & set(got["found"]):
            fail(f"a control set is {own}; found are {got['found']}.", "the control draws the found heads", look)
        if set(own) & set(known["previous"]):
            fail(f"a control set is {own}; the head that looks one back is {known['previous'][0]}.",
                 "the control draws a helper: induction needs a previous-token head below it", look)  # fmt: skip
        if not all(layer in (0, 1) and head in range(4) for layer, head in own):
            fail(f"a control set is {own}; there are layers 0 and 1 with heads 0 to 3.", "", look)
    if len({frozenset(own) for own in sets}) == 1:
        fail(f"all {draws} control sets are {sets[0]}.", "one set is drawn and used for all draws", "inside the loop")
    got_values, want = [value for _, value in got["control"]], [accuracy(own) for own in sets]
    if same(got_values, [accuracy(got["found"])] * draws, SHARE):
        fail("every control has the accuracy of the model without the found heads.",
             "the found heads are silenced, whatever was drawn", "what accuracy is given")  # fmt: skip
    expect_same(got_values, want, "the accuracies of the control sets", (), SHARE, "silenced(model, tokens, heads)")
