"""A2, questions 1 to 3: from the trunk to all heads, in every order (paper, section 2 and appendix B).

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from __future__ import annotations

import torch

from mtp_edu import backward
from mtp_edu.config import HEAD_ORDERS, ModelConfig
from mtp_edu.grading import reference
from mtp_edu.grading.questions import Question, counted, expect_same, expect_tensor, fail
from mtp_edu.heads import HeadTree
from mtp_edu.model import MultiTokenModel

CLOSE = 1e-8  # everything here is in float64
WALKS = (backward.forward_backward, backward.NaiveWalk.__call__, backward.MemoryEfficientWalk.__call__)

# ---- A2.1

A2_1 = Question(
    "A2.1", "all_logits", points=5, difficulty=2, minutes=25, lines=7,
    answers=(MultiTokenModel.forward, MultiTokenModel.unembed, HeadTree.forward, HeadTree.top_down, *WALKS),
)  # fmt: skip


def _parallel(cases, **shape):
    n = cases.integer(3, 4)
    model = cases.model(n_layers=n + 1, n_future=n, **shape)
    return model, cases.tokens(2, 5, vocab_size=11), n


@A2_1.check("shape")
def _(fn, cases):
    model, tokens, n = _parallel(cases)
    expect_tensor(fn(model, tokens), (2, 5, n, 11), torch.float64, "the result", "B, T, n, V")


@A2_1.check("values")
def _(fn, cases):
    model, tokens, n = _parallel(cases)
    got, ref = fn(model, tokens), reference.Model(model)
    expect_tensor(got, (2, 5, n, 11), torch.float64, "the result", "B, T, n, V")
    z, heads = ref.trunk(tokens), range(n)

    def stacked(one):
        return torch.stack([one(k) for k in heads], dim=2)

    def chained():
        x, out = z, []
        for k in heads:
            x = ref.head(k, x)
            out.append(ref.unembed(k, ref.norm(x)))
        return torch.stack(out, dim=2)

    want = ref.logits(tokens)
    mistakes = [
        ("the final norm is missing", lambda: stacked(lambda k: ref.unembed(k, ref.head(k, z))),
         "what stands between a head and the unembedding"),
        ("the norm comes before the head; heads read the trunk's latent as it is",
         lambda: stacked(lambda k: ref.unembed(k, ref.head(k, ref.norm(z)))), "the order: head, norm, unembedding"),
        ("the norm comes before the head and once more after it",
         lambda: stacked(lambda k: ref.unembed(k, ref.norm(ref.head(k, ref.norm(z))))),
         "what each head reads: the trunk's latent, without a norm"),
        ("the heads are a chain: each reads the one before it. These are parallel, each reads the trunk", chained,
         "a name that is assigned anew in the loop"),
        ("the trunk is missing: the heads read the embedding",
         lambda: stacked(lambda k: ref.unembed(k, ref.norm(ref.head(k, ref.embed(tokens))))),
         "model.trunk(x, context)"),
        ("every head is head 1", lambda: stacked(lambda k: ref.unembed(k, ref.norm(ref.head(0, z)))),
         "the index of model.heads"),
        ("the heads stand in reverse order", lambda: want.flip(2), "index k-1 is head k"),
        ("the heads are missing: these are the trunk's own logits",
         lambda: stacked(lambda k: ref.unembed(k, ref.norm(z))), "model.heads[k](z, context)"),
        ("these are probabilities or their logarithms; logits come before the softmax", lambda: want.softmax(-1),
         "the last line"),
        ("these are probabilities or their logarithms; logits come before the softmax", lambda: want.log_softmax(-1),
         "the last line"),
    ]  # fmt: skip
    expect_same(got, want, "the logits", mistakes, CLOSE, "f_u(f_h(f_s(x))), from the inside out")


@A2_1.check("one unembedding per head")
def _(fn, cases):
    model, tokens, n = _parallel(cases, replicated_unembedding=True)
    ref = reference.Model(model)
    latents = ref.latents(ref.trunk(tokens))
    mistakes = [
        ("all heads use the first unembedding; with replicated_unembedding each has its own",
         lambda: torch.stack([ref.unembed(0, ref.norm(latents[k])) for k in range(n)], dim=2),
         "model.unembedding(k), which knows whether it is shared"),
    ]  # fmt: skip
    expect_same(fn(model, tokens), ref.logits(tokens), "the logits", mistakes, CLOSE)


@A2_1.check("the trunk runs once")
def _(fn, cases):
    model, tokens, n = _parallel(cases)
    runs = []
    with counted(model.trunk[0], runs):
        got = fn(model, tokens)
    if len(runs) != 1:
        fail(f"The trunk ran {len(runs)} times for {n} heads.", "the trunk stands inside the loop over the heads",
             "one reading of the text, n answers")  # fmt: skip
    if not got.requires_grad:
        fail("the logits have no gradient.", "the gradient is detached: no_grad, .detach() or .data cut it",
             "every step from the embedding to the logits")  # fmt: skip


# ---- A2.2

A2_2 = Question(
    "A2.2", "head_parents", points=2, difficulty=1, minutes=15, lines=6,
    answers=(ModelConfig.head_parents, ModelConfig.heads_run, HeadTree.__init__),
)  # fmt: skip


def _parents(order: str, n: int) -> list[int]:
    """From the paper's words: causal head k reads head k-1, anticausal head k reads head k+1; -1 is the trunk."""
    out = []
    for k in range(1, n + 1):
        read = {"parallel": 0, "causal": k - 1, "anticausal": k + 1 if k < n else 0}[order]  # a head number; 0: trunk
        out.append(read - 1)
    return out


@A2_2.check("type")
def _(fn, cases):
    for order in HEAD_ORDERS:
        got = fn(order, 4)
        if got is None:
            fail(f"head_parents({order!r}, 4) is None.", f"there is no `return` for {order!r}", "each `if` and its end")
        if type(got) is not tuple or any(type(parent) is not int for parent in got):
            fail(f"head_parents({order!r}, 4) is {got!r} of type {type(got).__name__}; it must be a tuple of int.")
        if len(got) != 4:
            fail(f"head_parents({order!r}, 4) has {len(got)} entries; one for each head makes 4.")


@A2_2.check("each order")
def _(fn, cases):
    other = {"parallel": "parallel", "causal": "anticausal", "anticausal": "causal"}
    for order in ("causal", "anticausal", "parallel"):  # chains first: there a wrong count shows more
        for n in (4, 1, cases.integer(5, 8)):
            want = _parents(order, n)
            mistakes = [
                ("causal and anticausal are exchanged", lambda order=order, n=n: _parents(other[order], n),
                 "which head is the deepest: causal the last one, anticausal head 1"),
                ("the entries are head numbers; they must be indices, one less, and -1 for the trunk",
                 lambda want=want: [parent + 1 for parent in want], "head k stands at index k-1"),
                ("the entries are head numbers; they must be indices, one less, and -1 for the trunk",
                 lambda want=want: [parent + (parent >= 0) for parent in want], "head k stands at index k-1"),
                ("one tuple is the other one backwards; entry i is what index i reads, in both orders",
                 lambda order=order, n=n: _parents(other[order], n)[::-1], "the first entry: what head 1 reads"),
                ("a head reads itself: off by one", lambda n=n: list(range(n)), "what stands one before, or one after"),
                ("the trunk is -1, not 0", lambda want=want: [max(parent, 0) for parent in want],
                 "the first of a chain"),
                ("the last head of the anticausal chain must read the trunk (-1), not a head that does not exist",
                 lambda n=n: list(range(1, n + 1)), "the last entry"),
            ]  # fmt: skip
            expect_same(fn(order, n), want, f"head_parents({order!r}, {n})", mistakes)


# ---- A2.3

A2_3 = Question(
    "A2.3", "head_latents", points=5, difficulty=4, minutes=35, lines=10,
    answers=(HeadTree.forward, HeadTree.top_down, HeadTree.children_of, ModelConfig.heads_run, MultiTokenModel.forward,
             *WALKS),
)  # fmt: skip


def _tree(cases, order="parallel", parents=None, n=4):
    """A model with that tree, the trunk's latents (B, T, D) of some text, its context, and the reference's latents."""
    model = cases.model(n_layers=n + 1, n_future=n, head_order=order)
    if parents is not None:
        model.heads.parents = parents
    tokens = cases.tokens(2, 4, vocab_size=11)
    ref = reference.Model(model)
    z = ref.trunk(tokens).detach()
    return model, z, model.context(tokens), ref, ref.latents(z)


def _expect_latents(got, wanted, z, ref, latents, what):
    if type(got) not in (list, tuple) or len(got) != len(wanted):
        kind = f"{type(got).__name__} of {len(got)}" if isinstance(got, (list, tuple)) else type(got).__name__
        fail(f"{what}: the result is a {kind}; it must be a list with one latent for each of {wanted}.", "",
             "what is returned: the heads in `wanted`, in that order, and no others")  # fmt: skip
    for latent in got:
        expect_tensor(latent, tuple(z.shape), z.dtype, f"{what}: a latent", "B, T, D")
    want = [latents[k].tolist() for k in wanted]

    def chain():
        x, found = z, {}
        for k in range(ref.n):
            x = found[k] = ref.head(k, x)
        return [found[k] for k in wanted]

    def wanted_chain():
        x, out = z, []
        for k in wanted:
            x = ref.head(k, x)
            out.append(x)
        return out

    def backward_chain():
        x, found = z, {}
        for k in reversed(range(ref.n)):
            x = found[k] = ref.head(k, x)
        return [found[k] for k in wanted]

    def normed():
        found = {-1: z}
        while len(found) <= ref.n:
            for k, parent in enumerate(ref.parents):
                if parent in found and k not in found:
                    found[k] = ref.head(k, found[parent] if parent < 0 else ref.norm(found[parent]))
        return [found[k] for k in wanted]

    mistakes = [
        ("every head reads the trunk; here some read another head", lambda: [ref.head(k, z) for k in wanted],
         "model.heads.parents[k]: what head k reads"),
        ("the latents are in another order than `wanted`", lambda: [latents[k] for k in sorted(wanted)],
         "the order of the list that you return"),
        ("each head reads the head before it, whatever the tree says", chain, "model.heads.parents[k]"),
        ("each head reads the last one that was asked for, not its parent", wanted_chain, "model.heads.parents[k]"),
        ("each head reads the head after it, whatever the tree says", backward_chain, "model.heads.parents[k]"),
        ("a norm stands between a head and the head that it reads; latents go on as they are", normed,
         "the final norm: it belongs before the unembedding only"),
        ("these are the normed latents; the norm belongs to the unembedding",
         lambda: [ref.norm(latents[k]) for k in wanted], "what the question calls a latent"),
        ("every head's latent is the one of its parent", lambda: [latents[ref.parents[k]] for k in wanted],
         "when the head itself runs"),
    ]  # fmt: skip
    got = [latent.tolist() for latent in got]  # as lists, so that the message names the first number that differs
    expect_same(got, want, f"{what}, latents [i][b][t][d]", mistakes, CLOSE,
                "model.heads.parents, and whether anything is left from an earlier call")  # fmt: skip


def _latents(fn, model, z, context, wanted, what):
    given = list(wanted)
    got = fn(model, z, context, given)
    if given != wanted:
        fail(f"{what}: afterwards that list is {given}.", "the function changes `wanted` in place",
             "pop, remove, sort and append on an argument: work on a copy")  # fmt: skip
    return got


@A2_3.check("parallel heads")
def _(fn, cases):
    model, z, context, ref, latents = _tree(cases)
    for wanted in ([0, 1, 2, 3], [2, 0]):
        what = f"wanted={wanted}"
        _expect_latents(_latents(fn, model, z, context, wanted, what), wanted, z, ref, latents, what)


@A2_3.check("chains")
def _(fn, cases):
    for order in ("causal", "anticausal"):
        model, z, context, ref, latents = _tree(cases, order)
        for wanted in ([0, 1, 2, 3], [3, 1]):
            what = f"{order}, wanted={wanted}"
            _expect_latents(_latents(fn, model, z, context, wanted, what), wanted, z, ref, latents, what)


@A2_3.check("any tree")
def _(fn, cases):
    parents = cases.choice((3, 0, -1, 2), (2, -1, 1, 1), (-1, 3, 3, 0))
    model, z, context, ref, latents = _tree(cases, parents=parents)
    for wanted in ([0, 1, 2, 3], [1]):
        what = f"parents={parents}, wanted={wanted}"
        _expect_latents(_latents(fn, model, z, context, wanted, what), wanted, z, ref, latents, what)


@A2_3.check("what has to run, once")
def _(fn, cases):
    every = {0, 1, 2, 3}
    for order, wanted, needed in (
        ("parallel", [1, 3], {1, 3}),
        ("causal", [2], {0, 1, 2}),
        ("anticausal", [1], {1, 2, 3}),
        ("causal", [0, 1, 2, 3], every),
        ("anticausal", [0, 3], every),
    ):
        model, z, context, _, _ = _tree(cases, order)
        runs = [[] for _ in range(4)]
        with counted(model.heads[0], runs[0]), counted(model.heads[1], runs[1]), \
                counted(model.heads[2], runs[2]), counted(model.heads[3], runs[3]):  # fmt: skip
            fn(model, z, context, wanted)
        times = [len(each) for each in runs]
        want = [int(k in needed) for k in range(4)]
        if times == want:
            continue
        if any(ran > 1 for ran in times):
            likely, look = "a parent runs anew for each head that reads it", "keep what you have computed, in a dict"
        else:
            likely, look = "heads ran that nobody needs", "only the heads asked for, and what they read"
        fail(f"{order}, wanted={wanted}: heads 1 to 4 ran {times} times; {want} is enough.", likely, look)
