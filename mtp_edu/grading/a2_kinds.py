"""A2, questions 4 and 5: kinds of heads, and equal parameters (paper, Table S4 and appendix B).

Letters: `B` batch, `T` time, `D` width, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from __future__ import annotations

import inspect
import math

import torch
from torch import nn

from mtp_edu.config import ModelConfig
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail, same, unlimited
from mtp_edu.heads import HeadTree, LinearHead, TransformerHead
from mtp_edu.model import MultiTokenModel

CLOSE = 1e-8  # everything here is in float64

# ---- A2.4

A2_4 = Question(
    "A2.4", "make_head", points=4, difficulty=3, minutes=30, lines=14,
    answers=(TransformerHead.__init__, LinearHead.__init__, HeadTree.__init__, MultiTokenModel.__init__),
)  # fmt: skip


def _head_config(cases, **changes):
    shape = {"vocab_size": 11, "dim": 16, "n_layers": 9, "n_attention_heads": 4, "n_future": 2}
    return ModelConfig(**(shape | changes))


def _run(fn, head, cfg, x, what):
    """The head as the model calls it, with the context of positions 0 to T-1."""
    context = MultiTokenModel(cfg).to(x.dtype).context(torch.zeros(x.shape[:2], dtype=torch.long))
    try:
        inspect.signature(head.forward).bind(x, context)
    except TypeError as problem:
        fail(f"{what}: head(x, context) cannot be called: {problem}.",
             "a head must take (x, context) like every other, even if it does not need the context",
             "a small nn.Module of your own with forward(self, x, context)")  # fmt: skip
    out = fn.call(head, x, context)
    expect_tensor(out, tuple(x.shape), x.dtype, f"{what}: the output", "B, T, D")
    return out


def _make(fn, cfg, what):
    head = fn(cfg)
    if not isinstance(head, nn.Module):
        likely = f"there is no `return` for {what}" if head is None else ""
        fail(f"{what}: make_head returned a {type(head).__name__}; it must be an nn.Module.", likely)
    return head.double()


def _size(head):
    return sum(parameter.numel() for parameter in head.parameters())


@A2_4.check("a linear head")
def _(fn, cases):
    cfg, what = _head_config(cases, head_type="linear"), "head_type='linear'"
    x, y = cases.normal(2, 5, 16), cases.normal(2, 5, 16)
    head = _make(fn, cfg, what)
    if _size(head) < 16 * 16:
        fail(f"{what}: it has {_size(head)} parameters; one matrix of width 16 has {16 * 16}.",
             "a plain tensor is no weight to torch", "nn.Parameter, or a module such as nn.Linear")  # fmt: skip
    out = _run(fn, head, cfg, x, what)
    with torch.no_grad():
        if not same(_run(fn, head, cfg, torch.zeros_like(x), what), torch.zeros_like(x), 0):
            fail(f"{what}: zeros do not give zeros.", "a bias: a linear head is a single matrix", "bias=False")
        if not same(_run(fn, head, cfg, x + y, what), out + _run(fn, head, cfg, y, what), CLOSE):
            fail(f"{what}: head(x + y) is not head(x) + head(y).", "a non-linearity: a linear head is a single matrix",
                 "an activation function or a norm in the head")  # fmt: skip
    if _size(head) != 16 * 16:
        fail(f"{what}: it has {_size(head)} parameters; one matrix of width 16 has {16 * 16}.",
             "more than one matrix, or a bias",
             "n D^2 parameters for n linear heads")  # fmt: skip


@A2_4.check("where a linear head starts")
def _(fn, cases):
    cfg, what = _head_config(cases, head_type="linear"), "head_type='linear'"
    x = cases.normal(2, 40, 16)
    out = _run(fn, _make(fn, cfg, what), cfg, x, what).detach()
    # The identity plus nn.Linear's own draw is 0.6 away; that draw alone 1.2, zeros 1.
    away = float((out - x).norm() / x.norm())
    if not away < 0.8:
        fail(f"{what}: at the start |output - input| is {away:.2f} |input|; for the identity it is 0.",
             "it starts like any other matrix; it must start at or near the identity, since the trunk is complete",
             "the weight after it is drawn: add torch.eye, or fill with it, under torch.no_grad()")  # fmt: skip


@A2_4.check("a transformer head")
def _(fn, cases):
    for layers in (1, 3):
        cfg = _head_config(cases, layers_per_head=layers, n_kv_heads=2)
        what = f"head_type='transformer', layers_per_head={layers}"
        head, x = _make(fn, cfg, what), cases.normal(2, 6, 16)
        layer = 2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * cfg.ffn_dim + 2 * 16
        count = _size(head)
        if count != layers * layer:
            likely = ""
            if count == 0:
                likely = "layers in a plain list are none to torch: nn.ModuleList, or Stack"
            elif count == layer:
                likely = "layers_per_head is ignored, or one layer stands in the list several times"
            elif count == cfg.n_layers * layer or count == cfg.n_trunk_layers * layer:
                likely = "the head got all layers of the model, or of the trunk"
            fail(f"{what}: it has {count:,} parameters; {layers} layer(s) have {layers * layer:,}.", likely,
                 "mtp_edu.trunk.Stack(cfg, depth): depth transformer layers")  # fmt: skip
        out = _run(fn, head, cfg, x, what)
        later = x.clone()
        later[:, 4:] += 1
        changed = (_run(fn, head, cfg, later, what) - out).abs().amax((0, 2)) > 1e-9
        if changed[:4].any():
            fail(f"{what}: position 4 changes the output at earlier positions.", "attention is not causal", "Block")
        earlier = x.clone()
        earlier[:, 0] += 1
        if not ((_run(fn, head, cfg, earlier, what) - out).abs().amax((0, 2)) > 1e-9)[5]:
            fail(f"{what}: position 0 does not change the output at position 5.", "this head has no attention",
                 "a transformer head is a layer like those of the trunk")  # fmt: skip


@A2_4.check("every head its own weights")
def _(fn, cases):
    for kind in ("transformer", "linear"):
        cfg = _head_config(cases, head_type=kind)
        one, two = _make(fn, cfg, kind), _make(fn, cfg, kind)
        if {id(parameter) for parameter in one.parameters()} & {id(parameter) for parameter in two.parameters()}:
            fail(f"{kind}: two calls of make_head gave heads that share weights.",
                 "the layer is made once, outside of the function, or stored for later",
                 "where the layer is made")  # fmt: skip
        x = cases.normal(1, 3, 16)
        x.requires_grad_()
        _run(fn, one, cfg, x, kind).sum().backward()
        if any(parameter.grad is None for parameter in one.parameters()) or x.grad is None:
            fail(f"{kind}: no gradient reaches the weights or the input.",
                 "the gradient is detached, or the weight is no nn.Parameter",
                 "no_grad, .data and buffers")  # fmt: skip


# ---- A2.5

A2_5 = Question(
    "A2.5", "parameter_count", points=4, difficulty=3, minutes=30, lines=12,
    answers=(ModelConfig.parameters, ModelConfig.parameter_table, ModelConfig.n_trunk_layers, ModelConfig.n_head_layers,
             MultiTokenModel.__init__),
)  # fmt: skip


def _count(cfg, *, trunk=None, kv=True, norms=True, copies=None, tied=None, linear=None):
    """Every weight's shape, one after the other; the keywords are mistakes."""
    shapes, n, D = [(cfg.vocab_size, cfg.dim)], cfg.n_future, cfg.dim
    narrow = cfg.n_kv_heads * (D // cfg.n_attention_heads) if kv else D
    moved = (1 if cfg.keep_trunk_depth else n) * cfg.layers_per_head
    usual = cfg.n_layers - moved if cfg.head_type == "transformer" else cfg.n_layers
    layers = usual if trunk is None else trunk
    layers += n * cfg.layers_per_head if cfg.head_type == "transformer" else 0
    for _ in range(layers):
        shapes += [(D, D), (D, narrow), (D, narrow), (D, D)]  # attention
        shapes += [(D, cfg.ffn_dim)] * 3  # SwiGLU
        shapes += [(D,), (D,)] if norms else []
    if cfg.head_type == "linear":
        shapes += [(D, D)] * (n if linear is None else linear)
    shapes += [(D,)] if norms else []
    tied = cfg.tie_embeddings if tied is None else tied
    copies = (n if cfg.replicated_unembedding else 1) if copies is None else copies
    shapes += [] if tied else [(cfg.vocab_size, D)] * copies
    return sum(math.prod(shape) for shape in shapes)


def _expect_count(fn, cfg, what):
    got = fn(cfg)
    if type(got) is not int:
        likely = "there is no `return`" if got is None else "/ instead of //, or a tensor"
        fail(f"{what}: the result is {type(got).__name__}; it must be an int.", likely)
    whole, per_head = cfg.n_layers, cfg.layers_per_head
    if cfg.head_type == "linear":
        mistakes = [
            ("linear heads take layers out of the trunk; they replace none",
             lambda: _count(cfg, trunk=whole - cfg.n_future), "head_type='linear': the trunk keeps n_layers"),
            ("the linear heads' own matrices are missing", lambda: _count(cfg, linear=0), "n D^2"),
            ("one matrix for all linear heads; each has its own", lambda: _count(cfg, linear=1), "n D^2"),
        ]  # fmt: skip
    elif cfg.keep_trunk_depth:
        mistakes = [
            ("with keep_trunk_depth=True the trunk loses head 1's layers only",
             lambda: _count(cfg, trunk=whole - cfg.n_future * per_head), "keep_trunk_depth"),
            ("one layer too many: the last layer of an ordinary model IS head 1, also with keep_trunk_depth",
             lambda: _count(cfg, trunk=whole), "n = 1: a trunk of n_layers - 1"),
            ("one layer for each added head, where each has layers_per_head of them",
             lambda: _count(cfg, trunk=whole + cfg.n_future - 1 - cfg.n_future * per_head), "layers_per_head"),
        ]  # fmt: skip
    else:
        mistakes = [
            ("the heads' layers are added to a complete trunk; without keep_trunk_depth they are moved out of it",
             lambda: _count(cfg, trunk=whole),
             "n_layers counts the trunk's layers and the transformer heads together"),
            ("one layer too many: the last layer of an ordinary model IS head 1, so n heads take n layers, not n-1",
             lambda: _count(cfg, trunk=whole - (cfg.n_future - 1) * per_head), "n = 1: a trunk of n_layers - 1"),
            ("layers_per_head is ignored in the trunk", lambda: _count(cfg, trunk=whole - cfg.n_future),
             "layers_per_head"),
        ]  # fmt: skip
    mistakes += [
        ("the norms are missing: two in each layer, one at the end", lambda: _count(cfg, norms=False), "vectors of D"),
        ("keys and values are narrower than D where heads share them (n_kv_heads)", lambda: _count(cfg, kv=False),
         "wk and wv: D times n_kv_heads * head_dim"),
        ("with tied embeddings the unembedding is the embedding: count it once", lambda: _count(cfg, tied=False),
         "tie_embeddings"),
        ("replicated_unembedding: one unembedding for each head", lambda: _count(cfg, copies=1), "n V D"),
        ("one unembedding for each head, where all share one", lambda: _count(cfg, copies=cfg.n_future),
         "replicated_unembedding=False"),
        ("the unembedding is missing", lambda: _count(cfg, copies=0), "V D once more"),
    ]  # fmt: skip
    off = got - _count(cfg)
    in_widths = f", {off // cfg.dim} D with D = {cfg.dim}" if off % cfg.dim == 0 else ""
    expect_same(got, _count(cfg), f"{what}: the number of parameters", mistakes, 0,
                "cfg.parameter_table() of the same shape, part by part, outside of the check. The difference is "
                f"{off}{in_widths}; n_layers = {cfg.n_layers}, n_future = {cfg.n_future}")  # fmt: skip


def _with(cfg, **changes):
    return ModelConfig(**(cfg.to_dict() | changes))


def _shape(cases, **changes):
    heads = cases.choice(2, 4)
    shape = {"vocab_size": cases.integer(50, 90), "dim": 16 * heads, "n_attention_heads": heads, "n_layers": 11}
    return ModelConfig(**(shape | {"n_future": cases.integer(2, 4)} | changes))


@A2_5.check("parallel transformer heads")
def _(fn, cases):
    _expect_count(fn, _shape(cases), "transformer heads")


@A2_5.check("n does not change it")
def _(fn, cases):
    cfg = _shape(cases)
    counts = {n: fn(_with(cfg, n_future=n)) for n in (1, 2, 3, 4)}
    if len(set(counts.values())) > 1:
        fail(f"By n: {counts}. They must all be equal.", "the heads' layers are added, not moved", "the trunk's depth")
    _expect_count(fn, _with(cfg, layers_per_head=2), "layers_per_head=2")


@A2_5.check("other kinds of head")
def _(fn, cases):
    _expect_count(fn, _shape(cases, head_type="linear"), "head_type='linear'")
    _expect_count(fn, _shape(cases, keep_trunk_depth=True), "keep_trunk_depth=True")
    both = _shape(cases, keep_trunk_depth=True, layers_per_head=2)
    _expect_count(fn, both, "keep_trunk_depth=True, layers_per_head=2")


@A2_5.check("narrow keys, tied and replicated unembeddings")
def _(fn, cases):
    _expect_count(fn, _shape(cases, n_kv_heads=1), "n_kv_heads=1")
    _expect_count(fn, _shape(cases, tie_embeddings=True), "tie_embeddings=True")
    _expect_count(fn, _shape(cases, replicated_unembedding=True), "replicated_unembedding=True")


@A2_5.check("in closed form")
def _(fn, cases):
    cfg = ModelConfig(vocab_size=32_000, dim=4096, n_layers=32, n_attention_heads=32, ffn_dim=11_008, n_future=4)
    with unlimited() as used:
        _expect_count(fn, cfg, "the paper's 7B")
    if used.peak > 1 << 20:
        fail(f"{used.peak:,} bytes of tensors were made to count a model.", "tensors are made only to be counted",
             "the shapes follow from the config alone")  # fmt: skip
