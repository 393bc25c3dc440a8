"""A5: lossless sampling: the acceptance rule, the residual, and a whole sampled step (DESIGN: one static step).

Letters: `B` rows, `k` tokens of a block (one committed, k-1 drafts), `V` vocabulary, `n` future tokens; p is head 1's
distribution, q the one that a draft was drawn from.
"""

from __future__ import annotations

import itertools
import math

import torch

from mtp_edu import continuations
from mtp_edu.decode import BlockDecoder, Sampling, TreeDecoder, accept_lossless, accept_typical, generate, stream
from mtp_edu.decode import sampling as package
from mtp_edu.grading import reference_decoding as reference
from mtp_edu.grading.questions import Question, counted, expect_same, expect_tensor, fail

CLOSE = 1e-9  # everything here is in float64
RULES = (
    package.distribution, Sampling.on, accept_lossless, accept_typical, generate, stream, BlockDecoder.prefill,
    BlockDecoder.step, TreeDecoder.step, continuations.exact,
)  # fmt: skip
V = 6


# ---- what is right, in plain loops


def _softmax(logits, temperature=1.0):
    top = max(logits)
    weights = [math.exp((x - top) / temperature) for x in logits]
    return [w / sum(weights) for w in weights]


def _nucleus(p, top_p, crossing=0, normal=True, rank=None):
    """The fewest tokens whose probabilities reach top_p, made to sum to 1; crossing: how many more or fewer."""
    order = sorted(range(len(p)), key=lambda i: -(rank or p)[i])
    total, kept = 0.0, 0
    while kept < len(p) and (total < top_p or top_p == 1):
        total += p[order[kept]]
        kept += 1
    left = set(order[: kept + crossing])
    out = [x if i in left else 0.0 for i, x in enumerate(p)]
    return [x / (sum(out) if normal else 1) if sum(out) else math.nan for x in out]


def _distribution(logits, temperature, top_p):
    return _nucleus(_softmax(logits, temperature), top_p)


def _draw(p, u):
    """The first token whose cumulated probability passes u times their sum."""
    total, below = sum(p), 0.0
    for token, share in enumerate(p):
        below += share
        if below > u * total:
            return token
    return max(i for i, share in enumerate(p) if share > 0)


def _residual(p, q):
    return [max(0.0, a - b) for a, b in zip(p, q)]


def _probabilities(cases, *shape, zeros=False):
    """Distributions (..., V); zeros: some tokens are left out, as by top-p."""
    p = (1.5 * cases.normal(*shape, V)).softmax(-1)
    if zeros:
        p = p.where(p > 0.08, 0.0)
        p = p / p.sum(-1, keepdim=True)
    return p


# ---- A5.1

A5_1 = Question("A5.1", "distribution", points=4, difficulty=2, minutes=25, lines=8, answers=RULES)


def _expect_distribution(fn, logits, temperature, top_p, more=()):
    got, rows = fn(logits, temperature, top_p), logits.flatten(0, -2).tolist()
    what = f"temperature={temperature}, top_p={top_p}: the probabilities"
    expect_tensor(got, tuple(logits.shape), torch.float64, what, "..., V")
    before = "the cumulated probability BEFORE each token"

    def each(one):
        return lambda: [one(row) for row in rows]

    right = each(lambda row: _distribution(row, temperature, top_p))()
    if top_p == 1 and ((got == 0).flatten(0, -2) & (torch.tensor(right) > CLOSE)).any():
        fail(f"{what}: some are 0, but top_p=1 leaves nothing out.",
             "the token that crosses top_p is left out; with it the sum reaches top_p", before)  # fmt: skip
    low = [-x for x in range(logits.shape[-1])]
    p_of = lambda row: _softmax(row, temperature)  # noqa: E731
    mistakes = [
        ("the logits are multiplied by the temperature", each(lambda r: _distribution(r, 1 / temperature, top_p)),
         "a low temperature makes the most likely token likelier"),
        ("the temperature is ignored", each(lambda r: _distribution(r, 1.0, top_p)), "logits / temperature"),
        ("the temperature is applied twice", each(lambda r: _distribution(r, temperature**2, top_p)),
         "every place where temperature stands"),
        ("top_p is ignored", each(p_of), "top_p"),
        ("the tokens that are left are not made to sum to 1", each(lambda r: _nucleus(p_of(r), top_p, normal=False)),
         "a distribution sums to 1"),
        ("the token that crosses top_p is left out; with it the sum reaches top_p",
         each(lambda r: _nucleus(p_of(r), top_p, crossing=-1)), before),
        ("one token too many: those before it reach top_p already",
         each(lambda r: _nucleus(p_of(r), top_p, crossing=1)), before),
        ("the LEAST likely tokens are kept", each(lambda r: _nucleus(p_of(r), top_p, rank=[-x for x in p_of(r)])),
         "descending=True"),
        ("the tokens are cut in the order of their ids", each(lambda r: _nucleus(p_of(r), top_p, rank=low)),
         "the order of their probabilities"),
        ("the probabilities stay in sorted order: they belong to other ids now",
         each(lambda r: sorted(_distribution(r, temperature, top_p), reverse=True)), "scatter, or a second argsort"),
        ("the probabilities are sorted twice, not put back: gather takes values FROM these places, scatter TO them",
         each(lambda r: _sorted_twice(r, temperature, top_p)), "scatter, or a second argsort"),
        ("divided by the sum over all rows; each row is a distribution of its own",
         lambda: _over_all([_nucleus(p_of(r), top_p, normal=False) for r in rows]), "sum(-1, keepdim=True)"),
        ("top-p before the temperature: which tokens are left is decided at temperature 1",
         each(lambda r: _cut_first(r, temperature, top_p)), "the order: temperature, then top-p"),
        *more,
    ]  # fmt: skip
    expect_same(got.flatten(0, -2), right, what, mistakes, CLOSE, "one row of a small case, by hand")


def _sorted_twice(row, temperature, top_p):
    order = sorted(range(len(row)), key=lambda i: -row[i])
    ordered = sorted(_distribution(row, temperature, top_p), reverse=True)
    return [ordered[i] for i in order]


def _over_all(rows):
    return [[x / sum(map(sum, rows)) for x in row] for row in rows]


def _cut_first(row, temperature, top_p):
    left = _nucleus(_softmax(row), top_p)
    p = [x if y else 0.0 for x, y in zip(_softmax(row, temperature), left)]
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


def _drafted(cases, q):
    """A draft from each q (B, V), and a uniform number."""
    drafts = [_draw(row, cases.random.random()) for row in q.tolist()]
    return torch.tensor(drafts), torch.tensor([cases.random.random() for _ in drafts], dtype=torch.float64)


@A5_2.check("which drafts are kept")
def _(fn, cases):
    p, q = _probabilities(cases, 80), _probabilities(cases, 80)
    _expect_kept(fn, p, q, *_drafted(cases, q), "80 drafts: which are kept")


@A5_2.check("tokens that p leaves out")
def _(fn, cases):
    p, q = _probabilities(cases, 80, zeros=True), _probabilities(cases, 80)
    drafts, _ = _drafted(cases, q)
    u = torch.zeros(80, dtype=torch.float64)
    _expect_kept(fn, p, q, drafts, u, "u = 0, where p(x) may be 0: which are kept")


# ---- A5.3

A5_3 = Question("A5.3", "residual", points=3, difficulty=2, minutes=20, lines=4, answers=RULES)


@A5_3.check("values")
def _(fn, cases):
    p, q = _probabilities(cases, 3, zeros=True), _probabilities(cases, 3, zeros=True)
    got = fn(p, q)
    expect_tensor(got, (3, V), torch.float64, "the result", "B, V")
    rows = list(zip(p.tolist(), q.tolist()))
    raw = [_residual(a, b) for a, b in rows]

    def normal(values):
        return [[x / sum(row) for x in row] for row in values]

    mistakes = [
        ("the residual is not renormalised: it must sum to 1", lambda: raw, "the sum of each row"),
        ("divided by the sum over all rows; each row is a distribution of its own",
         lambda: _over_all(raw), "sum(-1, keepdim=True)"),
        ("this is what q has more than p", lambda: normal([_residual(b, a) for a, b in rows]), "p - q"),
        ("the absolute difference: what q has more must count nothing",
         lambda: normal([[abs(x - y) for x, y in zip(a, b)] for a, b in rows]), "clamp(min=0)"),
        ("a softmax does not keep the zeros: divide by the sum", lambda: [_softmax(row) for row in raw],
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
    p = _probabilities(cases, 3)
    q = p.clone()
    q[1] = _probabilities(cases, 1)[0]
    got = fn(p, q)
    expect_tensor(got, (3, V), torch.float64, "the result", "B, V")
    for row in (0, 2):
        if not torch.isfinite(got[row]).all():
            fail(f"Row {row}, where p = q: {got[row].tolist()}", "0 / 0: nothing is left over where p = q",
                 "what to return there: p")  # fmt: skip
        zeros = [("zeros are no distribution; a tiny number added to the sum, or nan_to_num, gives them",
                  lambda: [0.0] * V, "what to return there: p")]  # fmt: skip
        expect_same(got[row], p[row], f"row {row}, where p = q: nothing is left over, so p itself", zeros, CLOSE)
    rest = _residual(p[1].tolist(), q[1].tolist())
    expect_same(got[1], [x / sum(rest) for x in rest], "row 1, where p is not q", [
        ("one row with p = q changes what the others get", lambda: p[1], "a decision for each row"),
    ], 1e-6)  # fmt: skip


# ---- A5.4

A5_4 = Question("A5.4", "acceptance_rate", points=2, difficulty=2, minutes=15, lines=2, answers=RULES)


@A5_4.check("values")
def _(fn, cases):
    p, q = _probabilities(cases, 2, 3, zeros=True), _probabilities(cases, 2, 3)
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
    p, q = _probabilities(cases, 4, zeros=True), _probabilities(cases, 4, zeros=True)
    mistakes = [("0 / 0: the ratio p/q does not exist where q leaves a token out",
                 lambda: ((p / q).clamp(max=1) * q).sum(-1), "q min(1, p/q) in a form without a ratio")]  # fmt: skip
    expect_same(fn(p, q), torch.minimum(p, q).sum(-1), "the acceptance rate, where p and q are 0", mistakes, CLOSE)


# ---- A5.5

A5_5 = Question("A5.5", "verify", points=4, difficulty=4, minutes=40, lines=10, answers=RULES)


def _verify(target, source, drafts, uniform, fault=""):
    """One row by the rule, or with a mistake: (kept, following)."""
    k = len(target)
    good = [uniform[i] * source[i][x] < target[i][x] for i, x in enumerate(drafts)]
    if fault == "up to":
        good = [uniform[i] * source[i][x] <= target[i][x] for i, x in enumerate(drafts)]
    if fault == "one number":
        good = [uniform[0] * source[i][x] < target[i][x] for i, x in enumerate(drafts)]
    if fault == "behind":
        good = [uniform[i] * source[i][x] < target[i + 1][x] for i, x in enumerate(drafts)]
    kept = next((i for i, yes in enumerate(good) if not yes), k - 1)
    if fault == "every":
        kept = sum(good)
    after, u = target[kept], uniform[-1]
    if kept < k - 1 and fault not in ("from p", "every"):
        place = {"before": max(kept - 1, 0), "last": k - 2}.get(fault, kept)
        rest = _residual(after, source[place])
        after = rest if sum(rest) else after
    if fault == "bonus" and kept == k - 1:
        after = target[max(k - 2, 0)]
    if fault == "end":
        after = target[-1] if kept == k - 1 else _residual(target[-1], source[-1])
    if fault == "reused":
        u = uniform[min(kept, k - 1)]
    if fault == "first":
        u = uniform[0]
    if fault == "residual at the end" and kept == k - 1 and k > 1:
        after = _residual(target[-1], source[-1])
    if not sum(after):
        after = target[kept]
    return kept, _draw(after, u)


def _lines(cases, B, k, zeros=False):
    """Targets (B, k, V), sources and drafts from them, uniforms; q is near p, so that all numbers of drafts occur."""
    target = _probabilities(cases, B, k, zeros=zeros)
    source = (target[:, :-1].clamp(min=1e-9).log() + 0.7 * cases.normal(B, k - 1, V)).softmax(-1)
    drafts = torch.tensor([[_draw(q, cases.random.random()) for q in row] for row in source.tolist()])
    uniform = torch.tensor([[cases.random.random() for _ in range(k)] for _ in range(B)], dtype=torch.float64)
    return target, source, drafts.reshape(B, k - 1).long(), uniform


def _expect_verified(fn, line, what):
    B = len(line[0])
    got = fn(*line)
    if type(got) is not tuple or len(got) != 2:
        fail(f"{what}: the result must be a tuple (kept, following) of two tensors.", "", "what is returned")
    for name, part in zip(("kept", "following"), got):
        expect_tensor(part, (B,), torch.int64, f"{what}: {name}", "B")
    rows = list(zip(*(part.tolist() for part in line)))

    def each(which, fault=""):
        return lambda: [_verify(*row, fault)[which] for row in rows]

    mistakes = [
        ("a draft behind a refused one is counted: it follows a text that does not exist", each(0, "every"),
         "cumprod, or a loop that ends at the first refusal"),
        ("a token that p excludes is kept at u = 0: u is in [0, 1), so keep below the ratio, not up to it",
         each(0, "up to"), "< and <="),
        ("the first uniform number decides on all drafts", each(0, "one number"), "uniform[:, i] for drafts[:, i]"),
        ("a draft is judged by p behind it; that one judges the next draft", each(0, "behind"),
         "target[:, i] for drafts[:, i]"),
        ("kept and following are exchanged", each(1), "the order of what is returned"),
    ]  # fmt: skip
    want = each(0)()
    expect_same(got[0], want, f"{what}: how many drafts are kept", mistakes,
                otherwise="the first draft with uniform >= p/q, row by row")  # fmt: skip
    mistakes = [
        ("after a refusal it is drawn from p itself; what q likes comes too often then", each(1, "from p"),
         "the residual of p and q at the refused place"),
        ("after the last draft was kept, the token is drawn from the distribution before that draft: the verdict of "
         "the last draft is unused", each(1, "bonus"), "target[:, k - 1]"),
        ("if all drafts are kept there is no residual: nothing was refused", each(1, "residual at the end"),
         "the case kept = k - 1"),
        ("the token that follows is taken from the block's end, wherever the refusal was", each(1, "end"),
         "target[row, kept]"),
        ("the residual is of the wrong place: p and q must stand at the refused draft", each(1, "before"),
         "source[row, kept]"),
        ("the residual is of the wrong place: p and q must stand at the refused draft", each(1, "last"),
         "source[row, kept]"),
        ("a uniform number is used twice: what has refused the draft is known to be large, so it is not uniform any "
         "more", each(1, "reused"), "uniform[:, -1] is for the token that follows"),
        ("a uniform number is used twice: the first draft's verdict has used it", each(1, "first"),
         "uniform[:, -1] is for the token that follows"),
    ]  # fmt: skip
    expect_same(got[1], each(1)(), f"{what}: the token that follows", mistakes,
                otherwise="one row: kept, target[kept] and source[kept], printed")  # fmt: skip


@A5_5.check("one draft")
def _(fn, cases):
    _expect_verified(fn, _lines(cases, 120, 2), "120 rows of one draft")


@A5_5.check("a line of drafts")
def _(fn, cases):
    _expect_verified(fn, _lines(cases, 150, 4), "150 rows of three drafts")


@A5_5.check("top-p, and no drafts at all")
def _(fn, cases):
    _expect_verified(fn, _lines(cases, 60, 3, zeros=True), "60 rows where p leaves tokens out")
    target, source = _probabilities(cases, 40, 3, zeros=True), _probabilities(cases, 40, 2)
    drafts, _ = _drafted(cases, source.flatten(0, 1))  # some of them tokens that p leaves out
    uniform = torch.zeros(40, 3, dtype=torch.float64)
    uniform[:, -1] = 0.5
    _expect_verified(fn, (target, source, drafts.reshape(40, 2), uniform), "40 rows where u = 0 and p(x) may be 0")
    _expect_verified(fn, _lines(cases, 5, 1), "5 rows without drafts")


# In sixths, so that six uniform numbers, 1/12, 3/12, ... 11/12, stand for all: each threshold lies between two of them.
LAWS = ((1, 2, 3), (3, 1, 2), (2, 2, 2), (4, 1, 1))
SOURCES = ((1, 2, 3), (3, 2, 1), (2, 1, 3), (3, 1, 2), (1, 3, 2))


@A5_5.check("exactly the target's distribution")
def _(fn, cases):
    """All drafts and all uniform numbers of a vocabulary of three: the first token's law, and the second's after it."""
    first = torch.tensor(cases.choice(*LAWS)) / 6.0
    then = torch.tensor([cases.choice(*LAWS) for _ in range(3)]) / 6.0  # by the first draft
    last = torch.tensor([cases.choice(*LAWS) for _ in range(3)]) / 6.0  # by the second
    q = torch.tensor([cases.choice(*SOURCES), cases.choice(*SOURCES)]) / 6.0
    grid = [(2 * i + 1) / 12 for i in range(6)]
    cells = list(itertools.product(range(3), range(3), grid, grid, grid))
    drafts = torch.tensor([cell[:2] for cell in cells])
    target = torch.stack([first.expand(len(cells), 3), then[drafts[:, 0]], last[drafts[:, 1]]], dim=1).double()
    weight = (q[0][drafts[:, 0]] * q[1][drafts[:, 1]]).double() / 6**3
    uniform = torch.tensor([cell[2:] for cell in cells], dtype=torch.float64)
    kept, following = fn(target, q.double().expand(len(cells), 2, 3).clone(), drafts, uniform)
    tokens = torch.where(torch.arange(2) < kept[:, None], drafts, following[:, None])  # (cells, 2); of those committed
    law = [float(weight[tokens[:, 0] == a].sum()) for a in range(3)]
    what = f"all {len(cells)} drafts and random numbers of a vocabulary of 3"
    expect_same(law, first.tolist(), f"{what}: how often each first token comes", (), 1e-6,
                "min(p, q) + max(0, p - q) = p: which of the two is too large?")  # fmt: skip
    for a in range(3):
        here = (kept >= 1) & (drafts[:, 0] == a)
        second = [float((weight * (here & (tokens[:, 1] == b))).sum() / (weight * here).sum()) for b in range(3)]
        expect_same(second, then[a].tolist(), f"{what}: each second token, after a kept {a}", (), 1e-6,
                    "the place of p and q of the second draft")  # fmt: skip


# ---- A5.6

A5_6 = Question("A5.6", "sampled_step", points=4, difficulty=4, minutes=40, lines=10, answers=RULES)


def _step(model, text, drafts, source, uniform, temperature, top_p, fault=""):
    """The step in plain loops, or with a mistake: (tokens, next drafts, their distributions)."""
    n, k = model.cfg.n_future, len(drafts) + 1
    with torch.no_grad():
        logits = model(torch.tensor([text + drafts]))[0, len(text) - 1 :].tolist()  # k, n, V
    hot = temperature**2 if fault == "twice" else 1.0 if fault in ("drafts only", "plain p") else temperature
    mass = 1.0 if fault in ("top-p of drafts only", "plain p") else top_p
    target = [_distribution(heads[0], hot, mass) for heads in logits]
    kept, following = _verify(target, source.tolist(), drafts, uniform[:k].tolist())
    place = {"end": k - 1, "late": min(kept + 1, k - 1), "first": 0}.get(fault, kept)
    cold = 1.0 if fault in ("target only", "temperature of target only") else temperature
    own_p = 1.0 if fault in ("target only", "top-p of target only") else top_p
    heads = logits[place][:-1] if fault == "heads" else logits[place][1:]
    q = [_distribution(head, cold, own_p) for head in heads]
    own = uniform[: n - 1] if fault == "reused" else uniform[k - 1 : -1] if fault == "shifted" else uniform[k:]
    own = own[:1].expand(n - 1) if fault == "one for all" else own
    new = [_draw(each, u) for each, u in zip(q, own.tolist())]
    if fault == "greedy":
        new = [each.index(max(each)) for each in q]
    said = [_distribution(head, 1.0, 1.0) for head in heads] if fault == "source" else q
    said = [_distribution(head, temperature, 1.0) for head in heads] if fault == "source without top-p" else said
    said = heads if fault == "logits" else said
    return [*drafts[:kept], following], new, said


def _step_cases(cases, temperature, top_p, count=10):
    """A model and arguments of `count` steps, the last of which has no drafts yet."""
    model = reference.attentive(cases, vocab_size=V, n_future=4)
    arguments = []
    for number in range(count):
        text = cases.tokens(cases.integer(2, 6), vocab_size=V).tolist()
        k = 4 if number < count - 1 else 1
        with torch.no_grad():
            heads = model(torch.tensor([text]))[0, -1, 1:k].reshape(k - 1, V).tolist()
        source = torch.tensor([_distribution(head, temperature, top_p) for head in heads], dtype=torch.float64)
        # Drafts that head 1 would draw now and then: from the true text, so that all numbers of kept drafts occur.
        drafts: list[int] = []
        while len(drafts) < k - 1:
            with torch.no_grad():
                p = model(torch.tensor([text + drafts]), n_future=1)[0, -1, 0].tolist()
            drafts.append(_draw(_distribution(p, temperature, top_p), cases.random.random()))
        source = 0.5 * source.reshape(k - 1, V) + 0.5 / V
        uniform = torch.tensor([cases.random.random() for _ in range(k + 3)], dtype=torch.float64)
        arguments.append((text, drafts, source, uniform, temperature, top_p))
    return model, arguments


def _expect_steps(fn, model, arguments, what):
    results = []
    for text, drafts, source, *rest in arguments:
        given = list(text), list(drafts)
        got = fn(model, *given, source.clone(), *rest)
        if type(got) is not tuple or len(got) != 3 or not (isinstance(got[0], list) and isinstance(got[1], list)):
            fail(f"{what}: the result must be a tuple (tokens, drafts, source) of two lists and a tensor.")
        if len(got[1]) != 3:
            fail(f"{what}: {len(got[1])} next drafts; heads 2 to 4 make 3, whatever number was read.", "", "the heads")
        expect_tensor(got[2], (3, V), torch.float64, f"{what}: the next source", "n-1, V")
        if given != (text, drafts):
            fail(f"{what}: text was {text} and drafts {drafts}; after the call they are {given[0]} and {given[1]}.",
                 "the caller's lists are changed; += and append do that", "text + drafts, a new list")  # fmt: skip
        results.append(got)

    def each(which, fault=""):
        return lambda: [_step(model, *one, fault)[which] for one in arguments]

    mistakes = [
        ("the temperature is applied twice", each(0, "twice"), "distribution takes logits, and divides them itself"),
        ("head 1's distribution lacks the temperature", each(0, "drafts only"), "distribution, for p as for q"),
        ("head 1's distribution lacks top-p", each(0, "top-p of drafts only"), "distribution, for p as for q"),
        ("head 1's distribution lacks both temperature and top-p", each(0, "plain p"), "distribution, for p as for q"),
    ]  # fmt: skip
    expect_same([tokens for tokens, _, _ in results], each(0)(), f"{what}: the tokens that they add", mistakes,
                otherwise="p at the last token of the text and at each draft; uniform[: len(drafts) + 1]")  # fmt: skip
    ends = [
        ("the next drafts come from the end of the block, where the heads have read refused drafts", "end",
         "the place of the last kept token"),
        ("the next drafts come from one place too late, behind the first refused draft", "late",
         "the place of the last kept token"),
        ("the next drafts always come from the last token of the old text", "first",
         "the place of the last kept token"),
        ("off by one head: heads 2 to n draft", "heads", "logits[place, 1:]"),
        ("uniform numbers are reused: those of the verdicts also draw the next drafts", "reused",
         "uniform[len(drafts) + 1 :]"),
        ("uniform numbers are reused: the one that drew the token that follows also draws the first draft", "shifted",
         "uniform[len(drafts) + 1 :]"),
        ("uniform numbers are reused: one draws all drafts", "one for all", "one number for each draft"),
        ("the next drafts are the most likely tokens, so they were not drawn from the source that is returned",
         "greedy", "draw(source, uniform[len(drafts) + 1 :])"),
        ("the drafts' distribution lacks temperature and top-p: both belong to p and to q", "target only",
         "distribution, for p as for q"),
        ("the drafts' distribution lacks the temperature: top-p alone is in it", "temperature of target only",
         "distribution, for p as for q"),
        ("top-p of the target only: the drafts are drawn from all tokens", "top-p of target only",
         "distribution, for p as for q"),
    ]  # fmt: skip
    expect_same([drafts for _, drafts, _ in results], each(1)(), f"{what}: the next drafts",
                [(likely, each(1, fault), look) for likely, fault, look in ends])  # fmt: skip
    sources = [
        ("q is not what was sampled: the source lacks temperature and top-p, but the drafts were drawn with them",
         "source", "the tensor that `draw` was given: return that one"),
        ("q is not what was sampled: the source lacks top-p, but the drafts were drawn with it",
         "source without top-p", "the tensor that `draw` was given: return that one"),
        ("these are logits; the source is the distribution", "logits", "the tensor that `draw` was given"),
        *ends,
    ]  # fmt: skip
    expect_same([source.tolist() for _, _, source in results], each(2)(), f"{what}: the next source",
                [(likely, each(2, fault), look) for likely, fault, look in sources], 1e-7)  # fmt: skip


@A5_6.check("temperature 1")
def _(fn, cases):
    _expect_steps(fn, *_step_cases(cases, 1.0, 1.0), "10 steps at temperature 1")


@A5_6.check("temperature and top-p")
def _(fn, cases):
    _expect_steps(fn, *_step_cases(cases, 0.6, 0.8), "10 steps at temperature 0.6, top-p 0.8")


@A5_6.check("one forward")
def _(fn, cases):
    model, (arguments, *_) = _step_cases(cases, 1.0, 1.0, count=2)
    runs = []
    with counted(model.trunk[0], runs):
        fn(model, *arguments)
    if len(runs) != 1:
        fail(f"The trunk ran {len(runs)} times.", "verify and draft are the same forward",
             "the logits of all heads at all places of one forward")  # fmt: skip
