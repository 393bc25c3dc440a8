"""A3: the memory-efficient backward, under a real memory limit (paper, section 2, Fig 2 and Fig S11).

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens, `R` = B * T rows.
"""

from __future__ import annotations

import contextlib
from unittest import mock

import torch

import mtp_edu as mtp
from mtp_edu import backward
from mtp_edu.grading import reference
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail, same
from mtp_edu.meter import MemoryLimitExceeded, limit

NONE = reference.NONE
CLOSE = 1e-8  # the values are compared in float64
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
LOGITS_ALLOWED = 6  # times one head's logits, in the memory checks; the models there have 8 heads


# ---- what a step has to do, whichever way


def _example(cases, order="parallel", parents=None, n=3):
    """A float64 model with a gradient of earlier micro-batches, tokens (B, T), targets (B, T, n).

    Every head has another number of targets."""
    model = cases.model(n_layers=n + 2, n_future=n, head_order=order)
    if parents is not None:
        model.heads.parents = parents
    for parameter in model.parameters():
        parameter.grad = 0.1 * cases.normal(*parameter.shape)
    tokens = cases.tokens(2, 5, vocab_size=11)
    targets = torch.tensor(reference.targets(tokens.tolist(), n))
    targets[0, 1, 0] = targets[1, 0, 1] = NONE
    return model, tokens, targets


def _called(fn, *args):
    """What the student's function returns; says what is behind an error that comes from an empty .grad."""
    try:
        return fn(*args)
    except AssertionError as problem:
        text = str(problem)
        if "only for scalar outputs" in text or ("NoneType" in text and "grad" in text):
            fail(str(problem).strip(), "a detached copy's .grad is None: nothing has gathered there",
                 "requires_grad_() on the copy; whether what is gone back from was computed from the copy")  # fmt: skip
        raise


def _expect_step(fn, model, tokens, targets, what=""):
    """Losses and gradient of one step, against the reference."""
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    got = _called(fn, model, tokens, targets)
    n = targets.shape[2]
    expect_tensor(got, (n,), torch.float64, f"{what}the result", "n: the mean loss of each head")
    if got.requires_grad:
        fail(f"{what}the losses that are returned still have their history.",
             "the graph is kept alive: whoever keeps the losses keeps all that they were computed from",
             ".detach() on what is only reported")  # fmt: skip
    ref = reference.Model(model)
    losses = ref.losses(tokens, targets)
    want = torch.stack([loss.detach() for loss in losses])
    counts = (targets != NONE).sum((0, 1)).double()
    sums = want * counts
    mistakes = [
        ("the loss is averaged over the wrong count: all B*T places, also those without a target",
         lambda: sums / tokens.numel(), "the targets of head k that are not -100"),
        ("the loss is averaged over the wrong count: the targets of all heads together",
         lambda: sums / counts.sum(), "the targets of head k that are not -100"),
        ("these are sums, not means", lambda: sums, "the number of head k's targets"),
        ("0 / 0: a head without a target has loss 0, not NaN", lambda: sums / counts, "a count of at least 1"),
        ("every head is scored on head 1's targets", lambda: _on_first_targets(ref, tokens, targets),
         "targets[..., k]"),
        ("divided by n: each head has its own mean, and the loss is their sum", lambda: want / n,
         "the mean over heads"),
        ("every head reads the trunk; here some read another head",
         lambda: _with_parents(ref, (-1,) * n, tokens, targets), "model.heads.parents[k]"),
        ("each head reads the one before it; here they do not",
         lambda: _with_parents(ref, range(-1, n - 1), tokens, targets), "model.heads.parents[k]"),
        ("parents is read one place too early: what the head at index k reads stands at index k",
         lambda: _with_parents(ref, ref.parents[-1:] + ref.parents[:-1], tokens, targets), "model.heads.parents[k]"),
        ("a head without a target is left out, and with it the heads that read it",
         lambda: want * torch.tensor([_all_counted(ref.parents, counts, k) for k in range(n)]),
         "its loss is 0, and its readers go through it"),
        ("the losses are in another order: each belongs to the index of its head",
         lambda: got if same(got.sort().values, want.sort().values, CLOSE) else want, "losses[k], not append"),
    ]  # fmt: skip
    look = "F.cross_entropy(..., ignore_index=-100, reduction='sum'), divided by head k's own count"
    tree = "which head reads which: what the head at index k reads is model.heads.parents[k]"
    expect_same(got, want, f"{what}the losses of heads 1 to {n}", mistakes, CLOSE,
                tree if any(parent >= 0 for parent in ref.parents) else look)  # fmt: skip
    _expect_gradient(model, before, ref, losses, what)


def _on_first_targets(ref, tokens, targets):
    same_for_all = targets[..., :1].expand(-1, -1, targets.shape[2])
    return torch.stack([loss.detach() for loss in ref.losses(tokens, same_for_all)])


def _ancestors(parents, k):
    """k, what it reads, and so on, up to the trunk or all around a ring."""
    found = []
    while k >= 0 and k not in found:
        found.append(k)
        k = parents[k]
    return found if k < 0 else None


def _all_counted(parents, counts, k):
    return all(counts[i] > 0 for i in _ancestors(parents, k))


def _with_parents(ref, parents, tokens, targets):
    """The losses of another tree of heads; of none, if it is no tree."""
    if any(_ancestors(parents, k) is None for k in range(ref.n)):
        return ()
    own, ref.parents = ref.parents, tuple(parents)
    losses = torch.stack([loss.detach() for loss in ref.losses(tokens, targets)])
    ref.parents = own
    return losses


def _part(name):
    """Whose weight it is: "trunk" (with the embedding), "unembedding" (with the final norm) or "head 2"."""
    words = name.split(".")
    if words[0] == "heads":
        return f"head {int(words[1]) + 1}"
    return "trunk" if words[0] in ("embedding", "trunk") else "unembedding"


def _expect_gradient(model, before, ref, losses, what):
    """`.grad` grew by the gradient of the losses' sum. What is wrong is told from the parts in which it is wrong."""
    total = sum(losses)
    want, parts = {}, {}
    for name, gradient in ref.gradients(total).items():
        parts.setdefault(_part(name), []).append(name)
        want[name] = gradient
    now = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            fail(f"{what}{name} has lost its .grad.", "zero_grad, or .grad = None: what was there must stay",
                 "gradients of several micro-batches add up")  # fmt: skip
        now[name] = parameter.grad

    def row(values, names):
        return torch.cat([values[name].flatten() for name in names])

    def added(names):
        return row(now, names) - row(before, names)

    everything = list(want)
    if same(added(everything), row(want, everything), CLOSE):
        return
    wrong = [part for part, names in parts.items() if not same(added(names), row(want, names), CLOSE)]
    right = [part for part in parts if part not in wrong]
    state = f"{what}The losses are right, the gradient is wrong in: {', '.join(wrong)}" + (
        f"; right in: {', '.join(right)}." if right else "."
    )
    if same(row(now, everything), row(want, everything), CLOSE):
        fail(state, "the gradient that was there before is gone: add to .grad, do not replace it",
             "zero_grad, or an assignment to .grad of a parameter")  # fmt: skip
    for name, factor in (("divided by n", 1 / len(losses)), ("n times too large", len(losses)), ("twice too large", 2)):
        if same(added(everything), factor * row(want, everything), CLOSE):
            fail(f"{state} All of it is {name}.",
                 "the mean over heads; the paper's loss is their sum" if factor < 1 else "it is added several times",
                 "what the backward starts from")  # fmt: skip
    if same(added(everything), 0 * row(want, everything), 0):
        fail(f"{state} Nothing was added at all.",
             "there is no backward, or gradients were only computed and thrown away",
             "backward() adds to .grad; torch.autograd.grad only returns")  # fmt: skip
    trunk = parts["trunk"]
    got = added(trunk)
    chain = any(parent >= 0 for parent in ref.parents)
    if "trunk" in wrong:
        if same(got, 0 * got, 0):
            fail(f"{state} Nothing reached the trunk.",
                 "the gradient is detached and never sent on: what the heads left on the detached copy must go through "
                 "the trunk at the end", "trunk_output.backward(copy.grad)")  # fmt: skip
        one_by_one = [row(ref.gradients(loss), trunk) if loss.requires_grad else 0 * got for loss in losses]
        for k, alone in enumerate(one_by_one):
            if not chain and same(got, alone, CLOSE):
                fail(f"{state} The trunk got head {k + 1}'s gradient only.",
                     "the heads' gradients replace each other on the detached copy; they must add up",
                     "one detached copy for all heads, and no fresh one, no = and no zeroing in the loop")  # fmt: skip
        for factor in (2, len(losses)):
            if same(got, factor * row(want, trunk), CLOSE):
                fail(f"{state} The trunk's is {factor} times too large.", "it goes through the trunk several times",
                     "the last backward: once, after all heads")  # fmt: skip
        partial = [sum(one_by_one[: k + 1]) for k in range(len(losses))]
        if same(got, sum(partial), CLOSE):
            fail(f"{state} The trunk's counts the first heads several times.",
                 "the copy's gradient goes through the trunk after every head, and is never emptied in between",
                 "the last backward: once, after all heads")  # fmt: skip
    for part in wrong:
        got = added(parts[part])
        if part.startswith("head") and same(got, 0 * got, 0):
            fail(f"{state} {part} got none.",
                 "the gradient is detached too early: what head k made must be gone back through as well",
                 "where .detach() stands, and what is called after it")  # fmt: skip
    likely = "a head went back before the heads that read it had left their gradient, or one replaced another's"
    fail(state, likely if chain else "", "the order: forward, children, own loss, backward" if chain else "")


def _watch(model, events):
    """A list of what runs: ("forward" or "backward", "trunk" or the index of a head), also under autograd.grad; and
    ("retained", "graph") for a backward with retain_graph=True."""
    stack, own = contextlib.ExitStack(), torch.autograd.backward

    def noted(tensors, grad_tensors=None, retain_graph=None, *rest, **more):
        if retain_graph:
            events.append(("retained", "graph"))
        return own(tensors, grad_tensors, retain_graph, *rest, **more)

    stack.enter_context(mock.patch.object(torch.autograd, "backward", noted))
    for name, module in (("trunk", model.trunk), *enumerate(model.heads)):

        def note(_module, _inputs, output, name=name):
            events.append(("forward", name))
            if output.requires_grad:
                output.register_hook(lambda _: events.append(("backward", name)))

        stack.callback(module.register_forward_hook(note).remove)
    return stack


def _big(cases, order="parallel", n=8):
    """A model whose logits are most of its memory, and the bytes of one head's logits."""
    V, B, T = cases.integer(1400, 1600), 4, 24
    cfg = mtp.ModelConfig(vocab_size=V, dim=16, n_layers=n + 1, n_attention_heads=2, n_future=n, head_order=order)
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 999))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    tokens = cases.tokens(B, T, vocab_size=V)
    return model, tokens, torch.tensor(reference.targets(tokens.tolist(), n)), B * T * V * 4


def _expect_little_memory(fn, model, tokens, targets, one):
    """Run under a limit of bytes; say from the order of events why it was too small."""
    events: list = []
    n = targets.shape[2]
    allowed = LOGITS_ALLOWED * one + 500_000  # for activations; the naive way needs eight heads' logits at least
    stopped = False
    with _watch(model, events):
        try:
            with limit(allowed) as used:
                fn(model, tokens, targets)
        except MemoryLimitExceeded:
            stopped = True
    if stopped or used.peak > allowed:
        heads = [event for event in events if type(event[1]) is int]
        first = next((i for i, event in enumerate(heads) if event[0] == "backward"), len(heads))
        seen = (
            f"Stopped at {used.peak / 1e6:.1f} MB; {allowed / 1e6:.1f} MB are allowed, one head's logits are "
            f"{one / 1e6:.2f} MB."
        )
        if first >= 2:
            fail(f"{seen} {first} of {n} heads had run forward before the first one went back.",
                 "this is the naive backward: all heads forward first, so the logits of all of them are alive together",
                 "forward, loss and backward of one head inside the loop")  # fmt: skip
        grows = f"{seen} Each head goes back right after its forward, and yet memory grows from head to head."
        if ("retained", "graph") in events:
            fail(grows, "retain_graph=True keeps each head's logits for a second backward that never comes",
                 "why the graph seemed to be needed: what do all heads go back through?")  # fmt: skip
        fail(grows, "a name keeps earlier logits alive, such as a list that they are appended to",
             "what still has a name when the next head begins")  # fmt: skip
    return events


def _expect_each_once(events, n):
    """Every head and the trunk go forward once and back once."""
    for name in ("trunk", *range(n)):
        label = name if name == "trunk" else f"head {name + 1}"
        forward, back = events.count(("forward", name)), events.count(("backward", name))
        if forward > 1:
            fail(f"{label} ran forward {forward} times.",
                 "what was computed is computed again: the paper's way saves memory without that",
                 "activation checkpointing, or a forward inside the loop that belongs before it")  # fmt: skip
        if forward < 1:
            fail(f"{label} was not run, as far as a hook on the module can see.", "", "call the module itself")
        if back > 1 and name != "trunk":
            fail(f"The gradient went back through {label} {back} times; once is enough.",
                 "the head goes back for its own loss and again for its readers: both gradients must meet first",
                 "the own loss, from the detached copy of its output; then one backward from the output")  # fmt: skip
        if back > 1:
            fail(f"The gradient went back through {label} {back} times; once is enough.",
                 "the heads read an output that is not detached, so each head's backward runs through all below it",
                 "one detached copy of the trunk's output; at the end, one backward through the trunk")  # fmt: skip


# ---- A3.1

A3_1 = Question("A3.1", "naive_step", points=4, difficulty=2, minutes=20, lines=8, answers=ANSWERS)


@A3_1.check("losses and gradient")
def _(fn, cases):
    _expect_step(fn, *_example(cases))


@A3_1.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = _example(cases)
    targets[..., 1] = NONE
    _expect_step(fn, model, tokens, targets, "With no target for head 2: ")


@A3_1.check("any tree")
def _(fn, cases):
    _expect_step(fn, *_example(cases, "anticausal"), "With anticausal heads: ")


# ---- A3.2

A3_2 = Question("A3.2", "efficient_step", points=6, difficulty=3, minutes=25, lines=11, answers=ANSWERS)


@A3_2.check("losses and gradient")
def _(fn, cases):
    _expect_step(fn, *_example(cases))


@A3_2.check("memory")
def _(fn, cases):
    model, tokens, targets, one = _big(cases)
    _expect_little_memory(fn, model, tokens, targets, one)


@A3_2.check("nothing twice")
def _(fn, cases):
    model, tokens, targets, _ = _big(cases, n=3)
    events = []
    with _watch(model, events):
        fn(model, tokens, targets)
    _expect_each_once(events, 3)


@A3_2.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = _example(cases)
    targets[..., 2] = NONE
    _expect_step(fn, model, tokens, targets, "With no target for head 3: ")


# ---- A3.3

A3_3 = Question("A3.3", "tree_step", points=6, difficulty=5, minutes=45, lines=22, answers=ANSWERS)


@A3_3.check("parallel heads")
def _(fn, cases):
    _expect_step(fn, *_example(cases))


@A3_3.check("chains")
def _(fn, cases):
    for order in ("causal", "anticausal"):
        _expect_step(fn, *_example(cases, order), f"With {order} heads: ")


@A3_3.check("any tree")
def _(fn, cases):
    parents = cases.choice((3, 0, -1, 2), (2, -1, 1, 1), (-1, 3, 3, 0))
    _expect_step(fn, *_example(cases, parents=parents, n=4), f"With parents = {parents}: ")


@A3_3.check("a head without a target")
def _(fn, cases):
    model, tokens, targets = _example(cases, "causal")
    targets[..., 1] = NONE
    _expect_step(fn, model, tokens, targets, "With causal heads and no target for head 2, which head 3 reads: ")


@A3_3.check("memory")
def _(fn, cases):
    for order in ("parallel", "causal"):
        model, tokens, targets, one = _big(cases, order)
        events: list = []
        with _watch(model, events):
            _expect_tree_memory(fn, model, tokens, targets, one, order)
        _expect_each_once(events, 8)


def _expect_tree_memory(fn, model, tokens, targets, one, order):
    """A chain runs forward to its end first, as it must; so the order of events tells nothing there."""
    if order == "parallel":
        _expect_little_memory(fn, model, tokens, targets, one)
        return
    allowed = LOGITS_ALLOWED * one + 1_500_000  # a chain keeps its heads' activations, but not their logits
    stopped = False
    try:
        with limit(allowed) as used:
            fn(model, tokens, targets)
    except MemoryLimitExceeded:
        stopped = True
    if stopped or used.peak > allowed:
        fail(f"With causal heads: stopped at {used.peak / 1e6:.1f} MB; {allowed / 1e6:.1f} MB are allowed, one head's "
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
    got = _called(fn, model, latent, targets, head, scale, chunk)
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
        with limit(allowed) as used:
            fn(model, latent, targets, 0, 0.01, chunk)
    except MemoryLimitExceeded:
        pass
    finally:
        hook.remove()
    if used.peak > allowed:
        peak, most, unit = (f"{bytes / 1e6:.2f} MB" for bytes in (used.peak, allowed, one))
        seen = f"Stopped at {peak}; {most} are allowed, a chunk's logits are {unit}"
        if used.peak >= 2 * allowed:
            fail(f"{seen}.", "the logits of all rows are made at once, and cut into chunks too late",
                 "take the chunk's rows first, then the norm and the unembedding")  # fmt: skip
        if max(at_once, default=0) > chunk:
            fail(f"{seen}, of {chunk} rows. {max(at_once)} rows were unembedded at once.",
                 "the chunks are cut along T, in all rows of the batch; `chunk` counts rows of the B * T",
                 "flatten(0, 1) before the slice")  # fmt: skip
        fail(f"{seen}.", "memory grows from chunk to chunk: each chunk's graph waits for one backward at the end, or a "
             "list keeps its logits", "a backward for each chunk, inside the loop; what keeps a name")  # fmt: skip
