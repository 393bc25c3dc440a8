"""A1: targets, masks and the n-token loss (paper, section 2).

Letters: `B` batch, `L` tokens of a row, `T` time, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from __future__ import annotations

import torch

from mtp_edu import backward, corpus
from mtp_edu.grading import reference
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail
from mtp_edu.train import evaluate

NONE = reference.NONE
LOSSES = (
    backward.forward_backward,
    backward.head_losses,
    backward._SummedCrossEntropy.forward,
    backward._UnembeddingLoss.__call__,
    evaluate,
)
TARGETS = (corpus.future_targets, corpus.Windows.batch)

# ---- A1.1

A1_1 = Question("A1.1", "future_targets", points=3, difficulty=1, minutes=15, lines=5, answers=TARGETS)


@A1_1.check("shape")
def _(fn, cases):
    B, L, n = 2, cases.integer(7, 9), 3
    expect_tensor(fn(cases.tokens(B, L, vocab_size=50), n), (B, L, n), torch.int64, "the result", "B, L, n")


@A1_1.check("head 1 is the next token")
def _(fn, cases):
    tokens = cases.tokens(2, 8, vocab_size=50)
    _expect_targets(fn(tokens, 1), tokens, 1)


@A1_1.check("every head")
def _(fn, cases):
    tokens = cases.tokens(cases.integer(2, 3), cases.integer(7, 9), vocab_size=50)
    _expect_targets(fn(tokens, 4), tokens, 4)


@A1_1.check("a row shorter than n")
def _(fn, cases):
    for L in (3, 1):
        tokens = cases.tokens(2, L, vocab_size=50)
        _expect_targets(fn(tokens, 5), tokens, 5)


def _expect_targets(got, tokens, n, documents=None, padding=None):
    B, L = tokens.shape
    expect_tensor(got, (B, L, n), torch.int64, "the result", "B, L, n")
    rows = tokens.tolist()
    want = reference.targets(rows, n, documents, padding)

    def shifted(by):
        """As if head k had to name token t + by(k); -100 past the end."""
        return [
            [[row[t + by(k)] if t + by(k) < L else NONE for k in range(1, n + 1)] for t in range(L)] for row in rows
        ]

    def past_the_end(filled):
        """Right, but for the places past the end."""
        return [
            [[row[t + k] if t + k < L else filled(row, t + k) for k in range(1, n + 1)] for t in range(L)]
            for row in rows
        ]

    def without_head_n():
        return [[[*place[:-1], NONE] for place in row] for row in want]

    end = "the last k positions of head k: the row has ended there"
    mistakes = [
        ("off by one: head k must name token t+k, yours names t+k-1 (head 1 copies its own token)",
         lambda: shifted(lambda k: k - 1), "`[..., k-1]` is head k: index 0 is head 1, and head 1 looks one token on"),
        ("off by one: head k must name token t+k, yours names t+k+1", lambda: shifted(lambda k: k + 1),
         "head 1, the next token: index 0, and one token on"),
        ("the shift goes the wrong way: yours names t-k, a token that has been read",
         lambda: [[[row[t - k] if t >= k else NONE for k in range(1, n + 1)] for t in range(L)] for row in rows],
         "`tokens[:, k:]` is what lies k ahead, and it goes to the first places"),
        ("head n has no targets: range(1, n) ends before n", without_head_n, "the loop over k, which must reach n"),
        ("every head names the next token", lambda: shifted(lambda k: 1), "where k enters the shift"),
        ("the heads stand in reverse order", lambda: shifted(lambda k: n + 1 - k), "`[..., 0]`: it belongs to head 1"),
        ("it wraps around: past the end the row's first tokens come again (torch.roll does that)",
         lambda: past_the_end(lambda row, i: row[i % L]), end),
        ("past the end stands 0, which is a token like any other", lambda: past_the_end(lambda *_: 0), end),
        ("past the end the last token is repeated", lambda: past_the_end(lambda row, _: row[-1]), end),
    ]  # fmt: skip
    expect_same(got, want, "targets [b][t][k-1]", mistakes, otherwise="one row of a small case, by hand")


# ---- A1.2

A1_2 = Question(
    "A1.2", "document_ids", points=3, difficulty=2, minutes=15, lines=3, answers=(corpus.Windows.batch, corpus.windows)
)
EOS = 9


def _documents(cases, rows=2, length=12):
    """Rows with ends of text among them, two of them side by side and one at the very start."""
    tokens = cases.tokens(rows, length, vocab_size=EOS)
    for b in range(rows):
        first = cases.integer(2, 4)
        for t in (0, first, first + 1, first + cases.integer(4, 6)):
            if b == 0 or t > 0:
                tokens[b, t] = EOS
    return tokens


def _partition(rows):
    """Each id replaced by the place where its run begins: two numberings of the same documents become equal. An id that
    comes back later is another document's, so it keeps its number."""
    return [[row.index(value) for value in row] for row in rows]


@A1_2.check("shape")
def _(fn, cases):
    tokens = _documents(cases)
    expect_tensor(fn(tokens, EOS), tuple(tokens.shape), torch.int64, "the result", "B, L")


@A1_2.check("which tokens belong together")
def _(fn, cases):
    tokens = _documents(cases)
    got = fn(tokens, EOS)
    expect_tensor(got, tuple(tokens.shape), torch.int64, "the result", "B, L")
    rows = tokens.tolist()

    def numbered(ends_its_own, per_row=True):
        out, document = [], 0
        for row in rows:
            document = 0 if per_row else document
            out.append([])
            for token in row:
                if not ends_its_own and token == EOS:
                    document += 1
                out[-1].append(document)
                if ends_its_own and token == EOS:
                    document += 1
        return _partition(out)

    mistakes = [
        ("the end-of-text token was given to the document that follows; it belongs to the one that it ends",
         lambda: numbered(False), "the token right before a boundary: head 1 must learn to end the text there"),
        ("the ids mark the ends only (1 where a text ends, 0 elsewhere): all documents look alike",
         lambda: _partition([[int(token == EOS) for token in row] for row in rows]), "a running count: cumsum"),
        ("all tokens have the same id", lambda: [[0] * len(row) for row in rows], "`tokens == eos_id`"),
        ("ids counted along the batch, not along the row (cumsum over dimension 0)",
         lambda: _partition(_columns([_counted(column) for column in _columns(rows)])), "cumsum's dimension"),
    ]  # fmt: skip
    expect_same(_partition(got.tolist()), numbered(True), "where each token's document begins", mistakes,
                otherwise="a row with one end of text, by hand: [5, 6, EOS, 7] is [0, 0, 0, 1]")  # fmt: skip


def _columns(rows):
    return [list(column) for column in zip(*rows)]


def _counted(row):
    found, out = 0, []
    for token in row:
        out.append(found)
        found += token == EOS
    return out


# ---- A1.3

A1_3 = Question("A1.3", "masked_targets", points=4, difficulty=2, minutes=25, lines=9, answers=TARGETS)


@A1_3.check("without masks")
def _(fn, cases):
    tokens = cases.tokens(2, 7, vocab_size=50)
    _expect_targets(fn(tokens, 3), tokens, 3)


def _boundaries(cases, rows=3, length=10):
    """Ids of short documents; the numbers of a row are all different, and they fall as well as rise."""
    out = []
    for _ in range(rows):
        row = []
        for document in cases.random.sample(range(1, 30), length):
            row += [document] * cases.integer(1, 4)
        out.append(row[:length])
    return torch.tensor(out)


@A1_3.check("document boundaries")
def _(fn, cases):
    tokens, ids = cases.tokens(3, 10, vocab_size=50), _boundaries(cases)
    got, rows, documents, n = fn(tokens, 4, ids), tokens.tolist(), ids.tolist(), 4
    expect_tensor(got, (3, 10, n), torch.int64, "the result", "B, L, n")
    want = reference.targets(rows, n, documents)

    def by(keep):
        free = reference.targets(rows, n)
        for b, t, k in ((b, t, k) for b in range(3) for t in range(10) for k in range(1, n + 1)):
            if t + k < 10 and not keep(documents[b], t, k):
                free[b][t][k - 1] = NONE
        return free

    mistakes = [
        ("the documents are ignored: targets leak across the boundary", lambda: reference.targets(rows, n),
         "a position whose token t+k is in another document (`masked_fill` returns a new tensor)"),
        ("only a larger number counts as another document; any other number does",
         lambda: by(lambda d, t, k: d[t] >= d[t + k]), "`>` where `!=` is meant"),
        ("only a smaller number counts as another document; any other number does",
         lambda: by(lambda d, t, k: d[t] <= d[t + k]), "`<` where `!=` is meant"),
        ("a leaking boundary: only the next token's document is compared, so heads 2..n see into the next document",
         lambda: by(lambda d, t, k: d[t] == d[t + 1]), "document t+k, once for every head"),
        ("a leaking boundary: tokens t+k-1 and t+k are compared, but the boundary may lie before both",
         lambda: by(lambda d, t, k: d[t + k - 1] == d[t + k]), "the position's own document, and that of token t+k"),
        ("too much is masked: a position loses all its targets as soon as one of them is in another document",
         lambda: by(lambda d, t, k: t + n < 10 and d[t] == d[t + n]), "each head for itself"),
        ("the mask is turned round: what stays is in the other document", lambda: by(lambda d, t, k: d[t] != d[t + k]),
         "which of == and != marks a target to remove"),
    ]  # fmt: skip
    expect_same(got, want, "targets [b][t][k-1]", mistakes, otherwise="document_ids[b, t] and document_ids[b, t+k]")


@A1_3.check("padding")
def _(fn, cases):
    tokens, L, n = cases.tokens(2, 9, vocab_size=50), 9, 3
    pads = []
    for _ in range(2):  # on the left and on the right: both occur
        left, right = cases.integer(1, 2), cases.integer(1, 3)
        pads.append([t < left or t >= L - right for t in range(L)])
    got, rows = fn(tokens, n, pad_mask=torch.tensor(pads)), tokens.tolist()
    expect_tensor(got, (2, L, n), torch.int64, "the result", "B, L, n")

    def by(keep):
        free = reference.targets(rows, n)
        for b, t, k in ((b, t, k) for b in range(2) for t in range(L) for k in range(1, n + 1)):
            if t + k < L and not keep(pads[b], t, k):
                free[b][t][k - 1] = NONE
        return free

    mistakes = [
        ("padding is ignored", lambda: reference.targets(rows, n), "pad_mask: True where there is padding"),
        ("padding is no target any more, but still a place to predict from", lambda: by(lambda p, t, k: not p[t + k]),
         "positions t that are padding themselves"),
        ("nothing is predicted from padding, but padding is still a target", lambda: by(lambda p, t, k: not p[t]),
         "targets t+k that are padding"),
        ("only where position and target are both padding is there none; one of them is enough",
         lambda: by(lambda p, t, k: not (p[t] and p[t + k])), "`&` where `|` is meant"),
        ("the mask is turned round: pad_mask is True where there IS padding",
         lambda: by(lambda p, t, k: p[t] and p[t + k]), "what True means"),
        ("the mask is turned round: pad_mask is True where there IS padding",
         lambda: by(lambda p, t, k: p[t] or p[t + k]), "what True means"),
    ]  # fmt: skip
    expect_same(got, reference.targets(rows, n, padding=pads), "targets [b][t][k-1]", mistakes)


@A1_3.check("both masks")
def _(fn, cases):
    tokens, ids = cases.tokens(2, 9, vocab_size=50), _boundaries(cases, 2, 9)
    pads = [[t >= 9 - cases.integer(1, 3) for t in range(9)] for _ in range(2)]
    for L in (9, 2):
        row, documents, padding = tokens[:, :L], ids[:, :L], torch.tensor(pads)[:, :L]
        got = fn(row, 4, document_ids=documents, pad_mask=padding)
        expect_tensor(got, (2, L, 4), torch.int64, "the result", "B, L, n")
        masks = documents.tolist(), padding.tolist()
        one, other, both = (reference.targets(row.tolist(), 4, *m) for m in (masks[:1], (None, masks[1]), masks))
        mistakes = [
            ("together, the second mask undoes the first", lambda other=other: other,
             "the tensor that each mask starts from"),
            ("together, only the documents count", lambda one=one: one, "`elif`: both masks may be given at once"),
        ]  # fmt: skip
        expect_same(got, both, f"targets of a row of {L} tokens", mistakes)


# ---- A1.4

A1_4 = Question("A1.4", "loss_per_head", points=6, difficulty=3, minutes=30, lines=8, answers=LOSSES)
CLOSE = 1e-4  # the student may compute in float32; the mistakes are larger


def _loss_case(cases, scale=1.0):
    """Logits and targets where every head has another number of targets."""
    B, T, n, V = 2, cases.integer(5, 6), 3, 7
    tokens = cases.tokens(B, T, vocab_size=V)
    targets = torch.tensor(reference.targets(tokens.tolist(), n))
    targets[0, 0, 0] = targets[1, 1, 2] = targets[0, 1, 2] = NONE
    return scale * cases.normal(B, T, n, V, dtype=torch.float32), targets


def _gradient(loss, logits, look):
    """That of the loss with respect to the logits, if its history reaches them."""
    gradient = torch.autograd.grad(loss, logits, allow_unused=True)[0] if loss.requires_grad else None
    if gradient is None:
        fail("no gradient reaches the logits.", "it is detached: .item(), .detach() or torch.tensor(...) cut it", look)
    return gradient


def _head_means(logits, targets):
    return reference.means(*reference.head_sums(logits.double().tolist(), targets.tolist()))


@A1_4.check("shape")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    expect_tensor(fn(logits, targets), (3,), None, "the result", "n: one loss per head")


@A1_4.check("where every place has a target")
def _(fn, cases):
    logits, _ = _loss_case(cases)
    B, T, n, V = logits.shape
    targets = cases.tokens(B, T, n, vocab_size=V)
    got, want = fn(logits, targets), _head_means(logits, targets)
    expect_tensor(got, (n,), None, "the result", "n")
    mixed = logits.reshape(B, n, T, V).transpose(1, 2), logits.transpose(1, 2).reshape(B, T, n, V)
    p = logits.double().exp().softmax(-1)
    picked = lambda scores: scores.gather(-1, targets[..., None]).mean((0, 1)).flatten()  # noqa: E731
    mistakes = [
        ("the sign: a loss is MINUS the logarithm", lambda: [-x for x in want], "the sign of log softmax"),
        ("these are sums over the places, not means", lambda: [x * B * T for x in want], "what you divide by"),
        ("divided by the batch size only", lambda: [x * T for x in want], "B * T places, not B"),
        ("the loss is averaged over the wrong count: n times too many, as if the targets of all heads counted",
         lambda: [x / n for x in want], "the number of targets of head k; no mean over heads"),
        ("bits instead of nats: the logarithm is the natural one", lambda: [x / 0.6931471805599453 for x in want],
         "log2"),
        ("token 0 was taken for a place without a target",
         lambda: _head_means(logits, targets.masked_fill(targets == 0, NONE)), "`targets > 0`: 0 is a token"),
        ("the heads are mixed up: a reshape is no transpose", lambda: _head_means(mixed[0], targets),
         "logits[:, :, k - 1] for head k"),
        ("the heads are mixed up: a reshape is no transpose", lambda: _head_means(mixed[1], targets),
         "logits[:, :, k - 1] for head k"),
        ("the target's logit without the softmax", lambda: -picked(logits.double()), "log softmax over V"),
        ("the target's probability, without the logarithm", lambda: -picked(logits.double().softmax(-1)), "the log"),
        ("softmax twice: cross_entropy wants logits, not probabilities",
         lambda: _head_means(logits.double().softmax(-1), targets), "what goes into cross_entropy"),
        ("softmax twice", lambda: -picked(p.log()), "exp before softmax"),
    ]  # fmt: skip
    expect_same(got, want, "the mean loss of each head", mistakes, CLOSE, "one place, one head, by hand")


@A1_4.check("places without a target")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    B, T = logits.shape[:2]
    sums, counts = reference.head_sums(logits.double().tolist(), targets.tolist())
    zeroed, _ = reference.head_sums(logits.double().tolist(), targets.clamp(min=0).tolist())
    last, _ = reference.head_sums(logits.double().tolist(), targets.where(targets != NONE, targets + 107 - 1).tolist())
    by_row = [_head_means(logits[b : b + 1], targets[b : b + 1]) for b in range(B)]
    look = "the number of targets of head k that are not -100"
    mistakes = [
        ("the loss is averaged over the wrong count: all B*T places, also those without a target",
         lambda: [s / (B * T) for s in sums], look),
        ("the loss is averaged over the wrong count: the targets of all heads together, not head k's own",
         lambda: [s / sum(counts) for s in sums], look),
        ("the loss is averaged over the wrong count: head 1's for every head", lambda: [s / counts[0] for s in sums],
         look),
        ("a mean over rows of each row's own mean: a row with few targets gets too much weight",
         lambda: [sum(each) / B for each in zip(*by_row)], look),
        ("-100 was taken for token 0: places without a target enter the loss", lambda: [s / (B * T) for s in zeroed],
         "clamp or abs on the targets: what it makes of -100 must not count"),
        ("-100 was taken for token 0: places without a target enter the sum",
         lambda: [s / c for s, c in zip(zeroed, counts)], "multiply by the mask before you add up"),
        ("-100 was used as an index from the end", lambda: [s / (B * T) for s in last], "gather with -100"),
    ]  # fmt: skip
    expect_same(fn(logits, targets), reference.means(sums, counts), "the mean loss of each head", mistakes, CLOSE, look)


@A1_4.check("a head without any target")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    targets[..., 1] = NONE
    logits.requires_grad_()
    got = fn(logits, targets)
    expect_tensor(got, (3,), None, "the result", "n")
    mistakes = [
        ("0 / 0: a head without a target has loss 0, not NaN",
         lambda: [float("nan") if k == 1 else x for k, x in enumerate(_head_means(logits.detach(), targets))],
         "the count of such a head: at least 1"),
    ]  # fmt: skip
    expect_same(got, _head_means(logits.detach(), targets), "the loss of each head", mistakes, CLOSE,
                "a head whose targets are all -100: its loss is 0")  # fmt: skip
    gradient = _gradient(got.sum(), logits, "how the n losses are put together: torch.stack keeps the history")
    if gradient.isnan().any():
        fail("the gradient is NaN.", "0 / 0 in a head without a target, hidden afterwards by a where or nan_to_num",
             "the count of such a head: at least 1 before you divide")  # fmt: skip


@A1_4.check("large logits")
def _(fn, cases):
    logits, targets = _loss_case(cases, scale=200.0)
    got = fn(logits, targets)
    if not torch.isfinite(got).all():
        fail(f"logits of some hundreds give {got.detach().tolist()}.", "exp overflows: the softmax was made by hand",
             "log_softmax, logsumexp or cross_entropy, which subtract the largest logit first")  # fmt: skip
    expect_same(got, _head_means(logits, targets), "the mean loss of each head", (), CLOSE)


# ---- A1.5

A1_5 = Question("A1.5", "n_token_loss", points=4, difficulty=3, minutes=25, lines=8, answers=LOSSES)


@A1_5.check("a plain sum")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    got, want = fn(logits, targets), _head_means(logits, targets)
    expect_tensor(got, (), None, "the result", "one number")
    sums, counts = reference.head_sums(logits.double().tolist(), targets.tolist())
    mistakes = [
        ("the mean over the heads; the paper adds them up", lambda: sum(want) / 3, "torch.sum against torch.mean"),
        ("the loss is averaged over the wrong count: one mean over all targets, where each head has its own mean",
         lambda: sum(sums) / sum(counts), "sum of head k's losses / head k's own count, then the sum over k"),
        ("one mean over all targets, times n", lambda: 3 * sum(sums) / sum(counts), "each head's own count"),
        ("only head 1", lambda: want[0], "the sum over k"),
    ]  # fmt: skip
    expect_same(got, sum(want), "the loss", mistakes, CLOSE, "A1.4: the n means that are added up")


@A1_5.check("head weights")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    weights = [1.0, round(cases.random.uniform(0.3, 0.8), 3), 0.0]
    got, want = fn(logits, targets, head_weights=weights), _head_means(logits, targets)
    weighted = sum(w * x for w, x in zip(weights, want))
    mistakes = [
        ("the weights are ignored", lambda: sum(want), "head_weights[k-1] times head k's mean"),
        ("divided by the sum of the weights; the paper's loss is a plain weighted sum",
         lambda: weighted / sum(weights), "what you divide by"),
        ("the weights stand in reverse order", lambda: sum(w * x for w, x in zip(weights[::-1], want)), "head 1 first"),
    ]  # fmt: skip
    expect_tensor(got, (), None, "the result", "one number")
    expect_same(got, weighted, "the weighted loss", mistakes, CLOSE)


@A1_5.check("micro-batches add up")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    targets[1, :, 1] = NONE  # one micro-batch without a target of head 2
    sums, counts = reference.head_sums(logits.double().tolist(), targets.tolist())
    parts = [fn(logits[b : b + 1], targets[b : b + 1], target_counts=counts) for b in range(2)]
    for part in parts:
        expect_tensor(part, (), None, "the result", "one number")
    own = [_head_means(logits[b : b + 1], targets[b : b + 1]) for b in range(2)]
    doubled = [sum(x / c for x, c in zip(one, counts)) for one in own]
    mistakes = [
        ("target_counts is ignored: each micro-batch is averaged over its own targets", lambda: sum(map(sum, own)),
         "the denominators, where target_counts is given"),
        ("divided twice: by the micro-batch's own count, then by target_counts", lambda: sum(doubled),
         "a sum, not a mean, is divided by target_counts"),
        ("all heads are divided by one count", lambda: sum(sums) / sum(counts), "target_counts[k-1] for head k"),
    ]  # fmt: skip
    want = sum(reference.means(sums, counts))
    got = sum(part.detach() for part in parts)
    expect_same(got, want, "the losses of two micro-batches, added up", mistakes, CLOSE)


@A1_5.check("weights and counts together")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    sums, own = reference.head_sums(logits.double().tolist(), targets.tolist())
    weights = [1.0, round(cases.random.uniform(0.3, 0.8), 3), 2.0]
    counts = [count + cases.integer(3, 9) for count in own]  # those of a larger batch
    got = fn(logits, targets, head_weights=weights, target_counts=counts)
    expect_tensor(got, (), None, "the result", "one number")

    def loss(w, c):
        return sum(weight * total / count for weight, total, count in zip(w, sums, c))

    mistakes = [
        ("the weights are ignored when counts are given too", lambda: loss([1.0] * 3, counts),
         "where head_weights is used"),
        ("the counts are ignored when weights are given too", lambda: loss(weights, own),
         "where target_counts is used"),
    ]  # fmt: skip
    expect_same(got, loss(weights, counts), "the loss with other weights and counts", mistakes, CLOSE)


@A1_5.check("a head without any target")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    targets[..., 1] = NONE
    got, want = fn(logits, targets), _head_means(logits, targets)
    expect_tensor(got, (), None, "the result", "one number")
    mistakes = [
        ("0 / 0: a head without a target adds 0, as in A1.4", lambda: float("nan"), "your own counts: at least 1"),
    ]  # fmt: skip
    expect_same(got, sum(want), "the loss", mistakes, CLOSE)


@A1_5.check("its gradient")
def _(fn, cases):
    logits, targets = _loss_case(cases)
    logits.requires_grad_()
    got = fn(logits, targets)
    gradient = _gradient(got, logits, "every step from the logits to the sum: it must stay a tensor with its history")
    _, counts = reference.head_sums(logits.tolist(), targets.tolist())
    want = logits.detach().double().softmax(-1)
    there = targets != NONE
    want.scatter_add_(-1, targets.clamp(min=0)[..., None], torch.full((*targets.shape, 1), -1.0, dtype=want.dtype))
    want *= (there / torch.tensor(counts))[..., None]  # (p - 1 at the target) / count
    expect_same(gradient, want, "the gradient of the loss with respect to the logits", (), CLOSE,
                "p minus 1 at the target, divided by the head's count")  # fmt: skip
