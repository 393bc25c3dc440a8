"""A1, questions 4 and 5: the n-token loss (paper, section 2).

Letters: `B` batch, `L` tokens of a row, `T` time, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from __future__ import annotations

import torch

from mtp_edu import backward
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
