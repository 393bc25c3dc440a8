"""A5, questions 5 and 6: all drafts of a block by the rule, and a whole sampled step (DESIGN: one static step).

Letters: `B` rows, `k` tokens of a block (one committed, k-1 drafts), `V` vocabulary, `n` future tokens; p is head 1's
distribution, q the one that a draft was drawn from.
"""

from __future__ import annotations

import itertools

import torch

from mtp_edu.grading import reference_decoding as reference
from mtp_edu.grading import reference_sampling as plain
from mtp_edu.grading.a5_rules import RULES
from mtp_edu.grading.questions import Question, counted, expect_same, expect_tensor, fail
from mtp_edu.grading.reference_sampling import V

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
        rest = plain.residual(after, source[place])
        after = rest if sum(rest) else after
    if fault == "bonus" and kept == k - 1:
        after = target[max(k - 2, 0)]
    if fault == "end":
        after = target[-1] if kept == k - 1 else plain.residual(target[-1], source[-1])
    if fault == "reused":
        u = uniform[min(kept, k - 1)]
    if fault == "first":
        u = uniform[0]
    if fault == "residual at the end" and kept == k - 1 and k > 1:
        after = plain.residual(target[-1], source[-1])
    if not sum(after):
        after = target[kept]
    return kept, plain.draw(after, u)


def _lines(cases, B, k, zeros=False):
    """Targets (B, k, V), sources and drafts from them, uniforms; q is near p, so that all numbers of drafts occur."""
    target = plain.probabilities(cases, B, k, zeros=zeros)
    source = (target[:, :-1].clamp(min=1e-9).log() + 0.7 * cases.normal(B, k - 1, V)).softmax(-1)
    drafts = torch.tensor([[plain.draw(q, cases.random.random()) for q in row] for row in source.tolist()])
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
    target, source = plain.probabilities(cases, 40, 3, zeros=True), plain.probabilities(cases, 40, 2)
    drafts, _ = plain.drafted(cases, source.flatten(0, 1))  # some of them tokens that p leaves out
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
    target = [plain.distribution(heads[0], hot, mass) for heads in logits]
    kept, following = _verify(target, source.tolist(), drafts, uniform[:k].tolist())
    place = {"end": k - 1, "late": min(kept + 1, k - 1), "first": 0}.get(fault, kept)
    cold = 1.0 if fault in ("target only", "temperature of target only") else temperature
    own_p = 1.0 if fault in ("target only", "top-p of target only") else top_p
    heads = logits[place][:-1] if fault == "heads" else logits[place][1:]
    q = [plain.distribution(head, cold, own_p) for head in heads]
    own = uniform[: n - 1] if fault == "reused" else uniform[k - 1 : -1] if fault == "shifted" else uniform[k:]
    own = own[:1].expand(n - 1) if fault == "one for all" else own
    new = [plain.draw(each, u) for each, u in zip(q, own.tolist())]
    if fault == "greedy":
        new = [each.index(max(each)) for each in q]
    said = [plain.distribution(head, 1.0, 1.0) for head in heads] if fault == "source" else q
    said = [plain.distribution(head, temperature, 1.0) for head in heads] if fault == "source without top-p" else said
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
        source = torch.tensor([plain.distribution(head, temperature, top_p) for head in heads], dtype=torch.float64)
        # Drafts that head 1 would draw now and then: from the true text, so that all numbers of kept drafts occur.
        drafts: list[int] = []
        while len(drafts) < k - 1:
            with torch.no_grad():
                p = model(torch.tensor([text + drafts]), n_future=1)[0, -1, 0].tolist()
            drafts.append(plain.draw(plain.distribution(p, temperature, top_p), cases.random.random()))
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
