"""A6, questions 1 to 3: attention patterns, and the scores of induction heads (Olsson et al. 2022).

Letters: `B` batch, `T` time, `H` attention heads, `E` width of one, `V` vocabulary. A *head* is an attention head here,
named (layer, head) from 0; layers are those that head 1 of the head tree runs through.
"""

from __future__ import annotations

import math

import torch

from mtp_edu import attention_heads as package
from mtp_edu.grading import reference_probes as plain
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail

CLOSE = 1e-8  # everything here is in float64
PROBES = (
    package.attention_patterns, package._attention_inputs, package.prefix_matching, package._matching,
    package.name_matching, package.previous_token, package.copying, package.ablated, package.induction_heads,
    package.other_heads,
)  # fmt: skip

# ---- A6.1

A6_1 = Question("A6.1", "patterns", points=4, difficulty=4, minutes=35, lines=12, answers=PROBES)


def _expect_patterns(fn, model, tokens, what):
    got, ref = fn(model, tokens), plain.Probed(model)
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
            other = plain.Probed(model, fault)
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
    ref, names = plain.Probed(model), []
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
    _expect_patterns(fn, plain.loud(model), cases.tokens(2, 6, vocab_size=11), "a trunk of one layer and head 1")


@A6_1.check("shared keys")
def _(fn, cases):
    model = cases.model(n_layers=5, n_future=2, dim=16, n_attention_heads=4, n_kv_heads=2)
    _expect_patterns(fn, plain.loud(model), cases.tokens(2, 5, vocab_size=11), "four heads with two key/value heads")


@A6_1.check("other trees")
def _(fn, cases):
    model = cases.model(n_layers=4, n_future=2, dim=16, n_attention_heads=2, head_order="anticausal")
    _expect_patterns(fn, plain.loud(model), cases.tokens(1, 5, vocab_size=11),
                     "anticausal: head 2's block comes before")  # fmt: skip


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
        rows = [plain.score(pattern[b : b + 1], tokens[b : b + 1], plain.known) for b in range(len(tokens))]
        return [sum(column) / len(rows) for column in zip(*rows)]

    def both(first=lambda row: None, shift=1, until=1):
        """With other places for the weights and for what counts: `first` stands before place 0, s < t + until."""

        def where(row, t):
            before = [first(row), *row[:-1]] if shift == 1 else [*row[1:], None]
            return [s for s in range(t + until) if before[s] == row[t]]

        return lambda: plain.score(pattern, tokens, where, where)

    look = "place t looks for s with tokens[s - 1] == tokens[t]"
    mistakes = [
        ("the score is read at the wrong diagonal: on the earlier copy itself, not on the token that followed it",
         lambda: plain.score(pattern, tokens, lambda row, t: [s for s in range(t) if row[s] == row[t]]), look),
        ("the score is read at the wrong diagonal: two places behind the earlier copy",
         lambda: plain.score(pattern, tokens, lambda row, t: plain.known(row, t, 2)), look),
        ("the score is read at the wrong diagonal: before the earlier copy",
         lambda: plain.score(pattern, tokens, lambda row, t: [s - 1 for s in plain.known(row, t, 0) if 0 < s < t]),
         look),
        ("the mean runs over all places; those whose token is new have nothing to find",
         lambda: plain.score(pattern, tokens, plain.known, every), "which places count"),
        ("this is the sum over the places, not their mean", lambda: _sums(pattern, tokens), "what you divide by"),
        ("the pattern is read the other way round: [..., t, s] is how much t looks at s",
         lambda: plain.score(pattern.mT, tokens, plain.known), "which index looks"),
        ("only the last earlier copy counts; the weights on all of them are added",
         lambda: plain.score(pattern, tokens, lambda row, t: plain.known(row, t)[-1:]),
         "tokens that came more than once before"),
        ("only the first earlier copy counts; the weights on all of them are added",
         lambda: plain.score(pattern, tokens, lambda row, t: plain.known(row, t)[:1]),
         "tokens that came more than once before"),
        ("a mean over rows of the rows' means; every place counts the same", mean_of_rows, "one mean over all places"),
        ("row 0's period is taken for all rows", lambda: _one_period(pattern, tokens), "each row's own copies"),
        ("place 0 has nothing before it; roll puts the last token there", both(lambda row: row[-1]),
         "something that is no token, such as -1"),
        ("place 0 has nothing before it, and 0 is a token like any other", both(lambda row: 0),
         "something that is no token, such as -1"),
        ("shifted the wrong way: place s holds what stands behind it", both(shift=-1), look),
        ("s = t is left out: in A A, the second A is what followed the first", both(until=0), "not later than t"),
    ]  # fmt: skip
    expect_same(got, plain.score(pattern, tokens, plain.known), f"{what}: the scores", mistakes, CLOSE, look)


def _sums(pattern, tokens):
    count = sum(bool(plain.known(row, t)) for row in tokens.tolist() for t in range(len(row)))
    return [x * count for x in plain.score(pattern, tokens, plain.known)]


def _one_period(pattern, tokens):
    row = tokens[0].tolist()
    period = next((t for t in range(1, len(row)) if row[t] == row[0]), len(row))
    return plain.score(pattern, tokens, lambda _, t: [t - period + 1], lambda _, t: t >= period)


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
