"""A3: the memory-efficient backward, under a real memory limit (paper, section 2, Fig 2 and Fig S11).

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens, `R` = B * T rows.
"""

from __future__ import annotations

import torch

import mtp_edu as mtp
from mtp_edu import backward
from mtp_edu.grading import reference
from mtp_edu.grading.a3_step import (
    CLOSE,
    LOGITS_ALLOWED,
    big,
    called,
    example,
    expect_each_once,
    expect_little_memory,
    expect_step,
    peak_under_limit,
    watch,
)
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail

NONE = reference.NONE
ANSWERS = (
    backward.forward_backward,
    backward.head_losses,
    backward.NaiveWalk.__call__,
    backward.MemoryEfficientWalk.__call__,
    backward.MemoryEfficientWalk.visit,
    backward.MemoryEfficientWalk.add_own_loss,
    backward._SummedCrossEntropy.forward,
    backward._UnembeddingLoss.__call__,
)

# ---- A3.1

A3_1 = Question("A3.1", "naive_step", points=4, difficulty=2, minutes=20, lines=8, answers=ANSWERS)


@A3_1.check("losses and gradient")
def _(fn, cases):
    expect_step(fn, *example(cases))


@A3_1.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = example(cases)
    targets[..., 1] = NONE
    expect_step(fn, model, tokens, targets, "With no target for head 2: ")


@A3_1.check("any tree")
def _(fn, cases):
    expect_step(fn, *example(cases, "anticausal"), "With anticausal heads: ")


# ---- A3.2

A3_2 = Question("A3.2", "efficient_step", points=6, difficulty=3, minutes=25, lines=11, answers=ANSWERS)


@A3_2.check("losses and gradient")
def _(fn, cases):
    expect_step(fn, *example(cases))


@A3_2.check("memory")
def _(fn, cases):
    model, tokens, targets, one = big(cases)
    expect_little_memory(fn, model, tokens, targets, one)


@A3_2.check("nothing twice")
def _(fn, cases):
    model, tokens, targets, _ = big(cases, n=3)
    events = []
    with watch(model, events):
        fn(model, tokens, targets)
    expect_each_once(events, 3)


@A3_2.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = example(cases)
    targets[..., 2] = NONE
    expect_step(fn, model, tokens, targets, "With no target for head 3: ")


# ---- A3.3

A3_3 = Question("A3.3", "tree_step", points=6, difficulty=5, minutes=45, lines=22, answers=ANSWERS)


@A3_3.check("parallel heads")
def _(fn, cases):
    expect_step(fn, *example(cases))


@A3_3.check("chains")
def _(fn, cases):
    for order in ("causal", "anticausal"):
        expect_step(fn, *example(cases, order), f"With {order} heads: ")


@A3_3.check("any tree")
def _(fn, cases):
    parents = cases.choice((3, 0, -1, 2), (2, -1, 1, 1), (-1, 3, 3, 0))
    expect_step(fn, *example(cases, parents=parents, n=4), f"With parents = {parents}: ")


@A3_3.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = example(cases, "causal")
    targets[..., 1] = NONE
    expect_step(fn, model, tokens, targets, "With causal heads and no target for head 2, which head 3 reads: ")


@A3_3.check("memory")
def _(fn, cases):
    for order in ("parallel", "causal"):
        model, tokens, targets, one = big(cases, order)
        events: list = []
        with watch(model, events):
            _expect_tree_memory(fn, model, tokens, targets, one, order)
        expect_each_once(events, 8)


def _expect_tree_memory(fn, model, tokens, targets, one, order):
    """A chain runs forward to its end first, as it must; so the order of events tells nothing there."""
    if order == "parallel":
        expect_little_memory(fn, model, tokens, targets, one)
        return
    allowed = LOGITS_ALLOWED * one + 1_500_000  # a chain keeps its heads' activations, but not their logits
    peak = peak_under_limit(fn, (model, tokens, targets), allowed)
    if peak > allowed:
        fail(f"With causal heads: stopped at {peak / 1e6:.1f} MB; {allowed / 1e6:.1f} MB are allowed, one head's "
             f"logits are {one / 1e6:.2f} MB.",
             "the logits of several heads of the chain are alive together: a head's own loss was computed before its "
             "children were visited and waits with its graph",
             "the order: forward, children, own loss and its backward down to the head's detached output")  # fmt: skip


# ---- A3.4

A3_4 = Question("A3.4", "chunked_loss", points=4, difficulty=4, minutes=30, lines=14, answers=ANSWERS)


def _chunk_case(cases):
    model = cases.model(n_layers=3, n_future=2, replicated_unembedding=True)
    for parameter in model.parameters():
        parameter.grad = 0.1 * cases.normal(*parameter.shape)
    latent = cases.normal(2, 7, 8).requires_grad_()
    latent.grad = 0.1 * cases.normal(2, 7, 8)
    targets = cases.tokens(2, 7, vocab_size=11)
    targets[0, :4] = NONE  # with chunks of 3, one has no target at all
    return model, latent, targets


def _expect_chunks(fn, cases, chunk):
    model, latent, targets = _chunk_case(cases)
    head, scale, what = 1, cases.random.uniform(0.05, 0.2), f"14 rows, chunk={chunk}: "
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    left = latent.grad.clone()
    got = called(fn, model, latent, targets, head, scale, chunk)
    expect_tensor(got, (), torch.float64, f"{what}the result", "one number")
    ref = reference.Model(model)
    x = latent.detach().clone().requires_grad_()
    rows, wanted = ref.unembed(head, ref.norm(x)).flatten(0, 1), targets.flatten().tolist()
    each, other = (
        [torch.zeros(()) if t == NONE else r.logsumexp(0) - r[t] for r, t in zip(logits, wanted)]
        for logits in (rows, ref.unembed(0, ref.norm(x)).flatten(0, 1))
    )
    want = sum(each)
    starts = range(0, len(each), chunk)
    valid = [max(1, sum(t != NONE for t in wanted[s : s + chunk])) for s in starts]
    chunks = [sum(each[s : s + chunk]) for s in starts]
    whole = len(each) - len(each) % chunk
    mistakes = [
        ("the last chunk, which is shorter, is left out", lambda: sum(each[:whole]), "range(0, R, chunk)"),
        ("the sum of the chunks' means; a chunk must give a sum", lambda: sum(c / v for c, v in zip(chunks, valid)),
         "reduction='sum'"),
        ("this is the mean; return the sum, the count is in `scale` already", lambda: want / sum(valid),
         "reduction='sum'"),
        ("the scale is in it; it belongs to the gradient only", lambda: want * scale, "what is returned"),
        ("another head's unembedding: `head` is an index already", lambda: sum(other), "model.unembed(..., head)"),
        ("only the last chunk is returned", lambda: chunks[-1], "+= on the sum"),
    ]  # fmt: skip
    expect_same(got, want.detach(), f"{what}the sum of the losses", mistakes, CLOSE)
    if got.requires_grad:
        fail(f"{what}the sum that is returned still has its history.", "the graph is kept alive", ".detach()")
    wanted_gradient = torch.autograd.grad(want, [x, *ref.weights.values()], allow_unused=True)
    by_latent = scale * wanted_gradient[0]
    if latent.grad is None:
        fail(f"{what}latent.grad is gone.", "the gradient that was there before must stay", "latent.grad = None")
    added = latent.grad - left
    mistakes = [
        ("nothing was added to latent.grad: the gradient is detached from it", lambda: 0 * by_latent,
         "the rows' own gradients: latent.grad.flatten(0, 1)[rows] += part.grad"),
        ("the gradient lacks the factor `scale`", lambda: by_latent / scale, "what the backward starts from"),
        ("the gradient has the factor `scale` twice", lambda: by_latent * scale, "what the backward starts from"),
        ("the gradient that was there before is gone: add to latent.grad, do not replace it", lambda: by_latent - left,
         "= and += on latent.grad"),
    ]  # fmt: skip
    expect_same(added, by_latent, f"{what}what was added to latent.grad", mistakes, CLOSE)
    for name, gradient in zip(ref.weights, wanted_gradient[1:]):
        parameter = dict(model.named_parameters())[name]
        by_weight = torch.zeros_like(parameter) if gradient is None else scale * gradient
        mistakes = [
            ("nothing was added to the weights' .grad", lambda by_weight=by_weight: 0 * by_weight,
             "torch.autograd.grad only returns; backward() adds"),
            ("the gradient of the weights lacks the factor `scale`", lambda by_weight=by_weight: by_weight / scale,
             "what the backward starts from"),
            ("the weights' gradient that was there before is gone",
             lambda by_weight=by_weight, name=name: by_weight - before[name], "zero_grad"),
        ]  # fmt: skip
        expect_same(parameter.grad - before[name], by_weight, f"{what}the gradient of {name}", mistakes, CLOSE)


@A3_4.check("one chunk")
def _(fn, cases):
    _expect_chunks(fn, cases, 20)


@A3_4.check("chunks of every size")
def _(fn, cases):
    for chunk in (7, 4, 3, 1):
        _expect_chunks(fn, cases, chunk)


@A3_4.check("memory")
def _(fn, cases):
    V, B, T, chunk = 1500, 4, 120, 20
    cfg = mtp.ModelConfig(vocab_size=V, dim=16, n_layers=2, n_attention_heads=2, n_future=1)
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 999))
    latent = cases.normal(B, T, 16, dtype=torch.float32).requires_grad_()
    latent.grad = torch.zeros_like(latent)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    targets = cases.tokens(B, T, vocab_size=V)
    one, allowed = chunk * V * 4, 10 * chunk * V * 4  # a chunk's logits; all rows' are 24 times as much
    at_once: list = []  # rows that the unembedding was given
    hook = model.unembeddings[0].register_forward_pre_hook(lambda _, args: at_once.append(args[0].shape[:-1].numel()))
    try:
        peak = peak_under_limit(fn, (model, latent, targets, 0, 0.01, chunk), allowed)
    finally:
        hook.remove()
    if peak > allowed:
        at, most, unit = (f"{bytes / 1e6:.2f} MB" for bytes in (peak, allowed, one))
        seen = f"Stopped at {at}; {most} are allowed, a chunk's logits are {unit}"
        if peak >= 2 * allowed:
            fail(f"{seen}.", "the logits of all rows are made at once, and cut into chunks too late",
                 "take the chunk's rows first, then the norm and the unembedding")  # fmt: skip
        if max(at_once, default=0) > chunk:
            fail(f"{seen}, of {chunk} rows. {max(at_once)} rows were unembedded at once.",
                 "the chunks are cut along T, in all rows of the batch; `chunk` counts rows of the B * T",
                 "flatten(0, 1) before the slice")  # fmt: skip
        fail(f"{seen}.", "memory grows from chunk to chunk: each chunk's graph waits for one backward at the end, or a "
             "list keeps its logits", "a backward for each chunk, inside the loop; what keeps a name")  # fmt: skip
