"""A5, questions 1 to 4: the distribution, the acceptance rule and the residual of lossless sampling.

Letters: `B` rows, `k` tokens of a block (one committed, k-1 drafts), `V` vocabulary, `n` future tokens; p is head 1's
distribution, q the one that a draft was drawn from.
"""

from __future__ import annotations

import torch

from mtp_edu import continuations
from mtp_edu.decode import BlockDecoder, Sampling, TreeDecoder, accept_lossless, accept_typical, generate, stream
from mtp_edu.decode import sampling as package
from mtp_edu.grading import reference_sampling as plain
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail
from mtp_edu.grading.reference_sampling import V

CLOSE = 1e-9  # everything here is in float64
RULES = (
    package.distribution, Sampling.on, accept_lossless, accept_typical, generate, stream, BlockDecoder.prefill,
    BlockDecoder.step, TreeDecoder.step, continuations.exact,
)  # fmt: skip

# ---- A5.1

A5_1 = Question("A5.1", "distribution", points=4, difficulty=2, minutes=25, lines=8, answers=RULES)


def _expect_distribution(fn, logits, temperature, top_p, more=()):
    got, rows = fn(logits, temperature, top_p), logits.flatten(0, -2).tolist()
    what = f"temperature={temperature}, top_p={top_p}: the probabilities"
    expect_tensor(got, tuple(logits.shape), torch.float64, what, "..., V")
    before = "the cumulated probability BEFORE each token"

    def each(one):
        return lambda: [one(row) for row in rows]

    right = each(lambda row: plain.distribution(row, temperature, top_p))()
    if top_p == 1 and ((got == 0).flatten(0, -2) & (torch.tensor(right) > CLOSE)).any():
        fail(f"{what}: some are 0, but top_p=1 leaves nothing out.",
             "the token that crosses top_p is left out; with it the sum reaches top_p", before)  # fmt: skip
    low = [-x for x in range(logits.shape[-1])]
    p_of = lambda row: plain.softmax(row, temperature)  # noqa: E731
    mistakes = [
        ("the logits are multiplied by the temperature", each(lambda r: plain.distribution(r, 1 / temperature, top_p)),
         "a low temperature makes the most likely token likelier"),
        ("the temperature is ignored", each(lambda r: plain.distribution(r, 1.0, top_p)), "logits / temperature"),
        ("the temperature is applied twice", each(lambda r: plain.distribution(r, temperature**2, top_p)),
         "every place where temperature stands"),
        ("top_p is ignored", each(p_of), "top_p"),
        ("the tokens that are left are not made to sum to 1",
         each(lambda r: plain.nucleus(p_of(r), top_p, normal=False)), "a distribution sums to 1"),
        ("the token that crosses top_p is left out; with it the sum reaches top_p",
         each(lambda r: plain.nucleus(p_of(r), top_p, crossing=-1)), before),
        ("one token too many: those before it reach top_p already",
         each(lambda r: plain.nucleus(p_of(r), top_p, crossing=1)), before),
        ("the LEAST likely tokens are kept", each(lambda r: plain.nucleus(p_of(r), top_p, rank=[-x for x in p_of(r)])),
         "descending=True"),
        ("the tokens are cut in the order of their ids", each(lambda r: plain.nucleus(p_of(r), top_p, rank=low)),
         "the order of their probabilities"),
        ("the probabilities stay in sorted order: they belong to other ids now",
         each(lambda r: sorted(plain.distribution(r, temperature, top_p), reverse=True)),
         "scatter, or a second argsort"),
        ("the probabilities are sorted twice, not put back: gather takes values FROM these places, scatter TO them",
         each(lambda r: _sorted_twice(r, temperature, top_p)), "scatter, or a second argsort"),
        ("divided by the sum over all rows; each row is a distribution of its own",
         lambda: _over_all([plain.nucleus(p_of(r), top_p, normal=False) for r in rows]), "sum(-1, keepdim=True)"),
        ("top-p before the temperature: which tokens are left is decided at temperature 1",
         each(lambda r: _cut_first(r, temperature, top_p)), "the order: temperature, then top-p"),
        *more,
    ]  # fmt: skip
    expect_same(got.flatten(0, -2), right, what, mistakes, CLOSE, "one row of a small case, by hand")


def _sorted_twice(row, temperature, top_p):
    order = sorted(range(len(row)), key=lambda i: -row[i])
    ordered = sorted(plain.distribution(row, temperature, top_p), reverse=True)
    return [ordered[i] for i in order]


def _over_all(rows):
    return [[x / sum(map(sum, rows)) for x in row] for row in rows]


def _cut_first(row, temperature, top_p):
    left = plain.nucleus(plain.softmax(row), top_p)
    p = [x if y else 0.0 for x, y in zip(plain.softmax(row, temperature), left)]
    return [x / sum(p) for x in p]


@A5_1.check("temperature")
def _(fn, cases):
    logits = 2 * cases.normal(2, 3, V)
    over = logits.div(0.5).softmax(-2).flatten(0, -2)
    wrong = [
        ("the softmax runs over another dimension than the vocabulary", lambda: over, "dim=-1"),
        ("the softmax runs over another dimension than the vocabulary", lambda: over / over.sum(-1, keepdim=True),
         "dim=-1"),
    ]  # fmt: skip
    _expect_distribution(fn, logits, 0.5, 1.0, wrong)
    _expect_distribution(fn, logits, 2.0, 1.0)


@A5_1.check("top-p")
def _(fn, cases):
    for top_p in (0.6, 0.9, 0.01):
        _expect_distribution(fn, 1.5 * cases.normal(4, V), 1.0, top_p)


@A5_1.check("both")
def _(fn, cases):
    for temperature, top_p in ((0.5, 0.8), (2.0, 0.7)):
        _expect_distribution(fn, 2 * cases.normal(2, 6, V), temperature, top_p)


@A5_1.check("a very low temperature")
def _(fn, cases):
    logits = 30 * cases.normal(4, V)
    got = fn(logits, 0.01, 0.9)
    if not torch.isfinite(got).all():
        fail("temperature=0.01: some probabilities are not finite.", "exp overflows",
             "softmax, which subtracts the largest logit first")  # fmt: skip
    _expect_distribution(fn, logits, 0.01, 0.9)


# ---- A5.2

A5_2 = Question("A5.2", "keep", points=3, difficulty=2, minutes=15, lines=3, answers=RULES)


def _expect_kept(fn, p, q, drafts, u, what):
    B = len(p)
    got = fn(p, q, drafts, u)
    expect_tensor(got, (B,), torch.bool, what, "B")
    rows = list(zip(p.tolist(), q.tolist(), drafts.tolist(), u.tolist()))

    def each(rule):
        return lambda: [rule(p[x], q[x], u, p, q) for p, q, x, u in rows]

    mistakes = [
        ("a token that p excludes is kept at u = 0: u is in [0, 1), so keep below the ratio, not up to it",
         each(lambda p, q, u, *_: u * q <= p), "< and <="),
        ("q is forgotten: the draft is kept with probability p(x)", each(lambda p, q, u, *_: u < p),
         "p(x) / q(x)"),
        ("the ratio is upside down: q(x) / p(x)", each(lambda p, q, u, *_: u * p < q), "p(x) / q(x)"),
        ("the decision is turned round: True means refused here", each(lambda p, q, u, *_: not u * q < p),
         "u is BELOW the ratio with just that probability"),
        ("no chance is in it: the draft is kept where p(x) is at least q(x)", each(lambda p, q, u, *_: p >= q), "u"),
        ("the most likely token is judged, not the draft",
         each(lambda p, q, u, ps, qs: u * qs[ps.index(max(ps))] < max(ps)), "gather, with the drafts as the index"),
        ("the draft is kept where u is below 1 - q(x)", each(lambda p, q, u, *_: u < 1 - q), "p(x) / q(x)"),
    ]  # fmt: skip
    expect_same(got.long(), [int(x) for x in each(lambda p, q, u, *_: u * q < p)()], what,
                [(a, lambda f=f: [int(x) for x in f()], c) for a, f, c in mistakes],
                otherwise="one row: p(x), q(x), their ratio and u, printed")  # fmt: skip


@A5_2.check("which drafts are kept")
def _(fn, cases):
    p, q = plain.probabilities(cases, 80), plain.probabilities(cases, 80)
    _expect_kept(fn, p, q, *plain.drafted(cases, q), "80 drafts: which are kept")


@A5_2.check("tokens that p leaves out")
def _(fn, cases):
    p, q = plain.probabilities(cases, 80, zeros=True), plain.probabilities(cases, 80)
    drafts, _ = plain.drafted(cases, q)
    u = torch.zeros(80, dtype=torch.float64)
    _expect_kept(fn, p, q, drafts, u, "u = 0, where p(x) may be 0: which are kept")


# ---- A5.3

A5_3 = Question("A5.3", "residual", points=3, difficulty=2, minutes=20, lines=4, answers=RULES)


@A5_3.check("values")
def _(fn, cases):
    p, q = plain.probabilities(cases, 3, zeros=True), plain.probabilities(cases, 3, zeros=True)
    got = fn(p, q)
    expect_tensor(got, (3, V), torch.float64, "the result", "B, V")
    rows = list(zip(p.tolist(), q.tolist()))
    raw = [plain.residual(a, b) for a, b in rows]

    def normal(values):
        return [[x / sum(row) for x in row] for row in values]

    mistakes = [
        ("the residual is not renormalised: it must sum to 1", lambda: raw, "the sum of each row"),
        ("divided by the sum over all rows; each row is a distribution of its own",
         lambda: _over_all(raw), "sum(-1, keepdim=True)"),
        ("this is what q has more than p", lambda: normal([plain.residual(b, a) for a, b in rows]), "p - q"),
        ("the absolute difference: what q has more must count nothing",
         lambda: normal([[abs(x - y) for x, y in zip(a, b)] for a, b in rows]), "clamp(min=0)"),
        ("a softmax does not keep the zeros: divide by the sum", lambda: [plain.softmax(row) for row in raw],
         "the last line"),
        ("this is p: a draw from p itself after a refusal makes what q likes come too often", lambda: p,
         "what is missing to p after the kept drafts"),
        ("p without the tokens that q likes more, but at p's own height",
         lambda: normal([[x if x > y else 0.0 for x, y in zip(a, b)] for a, b in rows]), "p - q, not p"),
    ]  # fmt: skip
    # A tiny number added to the sum is found in the next check, where it matters.
    expect_same(got, normal(raw), "the residual", mistakes, 1e-6, "max(0, p - q), and its sum")


@A5_3.check("where p is q")
def _(fn, cases):
    p = plain.probabilities(cases, 3)
    q = p.clone()
    q[1] = plain.probabilities(cases, 1)[0]
    got = fn(p, q)
    expect_tensor(got, (3, V), torch.float64, "the result", "B, V")
    for row in (0, 2):
        if not torch.isfinite(got[row]).all():
            fail(f"Row {row}, where p = q: {got[row].tolist()}", "0 / 0: nothing is left over where p = q",
                 "what to return there: p")  # fmt: skip
        zeros = [("zeros are no distribution; a tiny number added to the sum, or nan_to_num, gives them",
                  lambda: [0.0] * V, "what to return there: p")]  # fmt: skip
        expect_same(got[row], p[row], f"row {row}, where p = q: nothing is left over, so p itself", zeros, CLOSE)
    rest = plain.residual(p[1].tolist(), q[1].tolist())
    expect_same(got[1], [x / sum(rest) for x in rest], "row 1, where p is not q", [
        ("one row with p = q changes what the others get", lambda: p[1], "a decision for each row"),
    ], 1e-6)  # fmt: skip


# ---- A5.4

A5_4 = Question("A5.4", "acceptance_rate", points=2, difficulty=2, minutes=15, lines=2, answers=RULES)


@A5_4.check("values")
def _(fn, cases):
    p, q = plain.probabilities(cases, 2, 3, zeros=True), plain.probabilities(cases, 2, 3)
    got = fn(p, q)
    expect_tensor(got, (2, 3), torch.float64, "the result", "...")
    least, apart = torch.minimum(p, q), (p - q).abs().sum(-1)
    mistakes = [
        ("this is the total variation; the acceptance rate is what is missing to 1", lambda: apart / 2, "1 - ..."),
        ("half of the sum of |p - q| is the total variation; the half is missing", lambda: 1 - apart,
         "p and q are each counted in |p - q|"),
        ("each token counts the same: the draft comes with probability q(x)", lambda: (p / q).clamp(max=1).mean(-1),
         "the mean over drafts drawn from q"),
        ("weighted by p; the draft is drawn from q", lambda: ((p / q).clamp(max=1) * p).sum(-1),
         "the mean over drafts drawn from q"),
        ("the chance that two independent draws agree is another number", lambda: (p * q).sum(-1),
         "q(x) min(1, p(x)/q(x))"),
        ("the largest overlap of a single token", lambda: least.amax(-1), "the sum over all tokens"),
        ("the mean over the vocabulary; it must be the sum", lambda: least.mean(-1), "sum(-1)"),
    ]  # fmt: skip
    expect_same(got, least.sum(-1), "the acceptance rate", mistakes, CLOSE, "p, q of three tokens, by hand")


@A5_4.check("tokens that are never drafted")
def _(fn, cases):
    p, q = plain.probabilities(cases, 4, zeros=True), plain.probabilities(cases, 4, zeros=True)
    mistakes = [("0 / 0: the ratio p/q does not exist where q leaves a token out",
                 lambda: ((p / q).clamp(max=1) * q).sum(-1), "q min(1, p/q) in a form without a ratio")]  # fmt: skip
    expect_same(fn(p, q), torch.minimum(p, q).sum(-1), "the acceptance rate, where p and q are 0", mistakes, CLOSE)
