"""A3: what a training step has to do, whichever way: losses, gradient, each part run once, little memory.

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens, `R` = B * T rows.
"""

from __future__ import annotations

import contextlib
from unittest import mock

import torch

import mtp_edu as mtp
from mtp_edu.grading import reference
from mtp_edu.grading.questions import expect_same, expect_tensor, fail, same
from mtp_edu.meter import MemoryLimitExceeded, limit

NONE = reference.NONE
CLOSE = 1e-8  # the values are compared in float64
LOGITS_ALLOWED = 6  # times one head's logits, in the memory checks; the models there have 8 heads


def example(cases, order="parallel", parents=None, n=3):
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


def called(fn, *args):
    """What the student's function returns; says what is behind an error that comes from an empty .grad."""
    try:
        return fn(*args)
    except AssertionError as problem:
        text = str(problem)
        if "only for scalar outputs" in text or ("NoneType" in text and "grad" in text):
            fail(str(problem).strip(), "a detached copy's .grad is None: nothing has gathered there",
                 "requires_grad_() on the copy; whether what is gone back from was computed from the copy")  # fmt: skip
        raise


def expect_step(fn, model, tokens, targets, what=""):
    """Losses and gradient of one step, against the reference."""
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    got = called(fn, model, tokens, targets)
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


def watch(model, events):
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


def big(cases, order="parallel", n=8):
    """A model whose logits are most of its memory, and the bytes of one head's logits."""
    V, B, T = cases.integer(1400, 1600), 4, 24
    cfg = mtp.ModelConfig(vocab_size=V, dim=16, n_layers=n + 1, n_attention_heads=2, n_future=n, head_order=order)
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 999))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    tokens = cases.tokens(B, T, vocab_size=V)
    return model, tokens, torch.tensor(reference.targets(tokens.tolist(), n)), B * T * V * 4


def peak_under_limit(fn, args, allowed):
    """Bytes of live tensors at the peak of fn(*args), which is stopped as soon as they are more than `allowed`."""
    with contextlib.suppress(MemoryLimitExceeded), limit(allowed) as used:
        fn(*args)
    return used.peak


def expect_little_memory(fn, model, tokens, targets, one):
    """Run under a limit of bytes; say from the order of events why it was too small."""
    events: list = []
    n = targets.shape[2]
    allowed = LOGITS_ALLOWED * one + 500_000  # for activations; the naive way needs eight heads' logits at least
    with watch(model, events):
        peak = peak_under_limit(fn, (model, tokens, targets), allowed)
    if peak > allowed:
        heads = [event for event in events if type(event[1]) is int]
        first = next((i for i, event in enumerate(heads) if event[0] == "backward"), len(heads))
        seen = (
            f"Stopped at {peak / 1e6:.1f} MB; {allowed / 1e6:.1f} MB are allowed, one head's logits are "
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


def expect_each_once(events, n):
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
