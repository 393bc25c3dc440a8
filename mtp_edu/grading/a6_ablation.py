"""A6, questions 4 and 5: silenced heads, and ablation with a control (Olsson et al. 2022).

Letters: `B` batch, `T` time, `H` attention heads, `E` width of one, `V` vocabulary. A *head* is an attention head here,
named (layer, head) from 0; layers are those that head 1 of the head tree runs through.
"""

from __future__ import annotations

import math
import random

import torch

import mtp_edu as mtp
from mtp_edu.grading import reference_probes as plain
from mtp_edu.grading.a6_patterns import CLOSE, PROBES
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail, same
from mtp_edu.grading.reference import NONE

SHARE = 1e-5  # but an accuracy, which is often averaged in float32

# ---- A6.4

A6_4 = Question("A6.4", "silenced", points=4, difficulty=4, minutes=35, lines=12, answers=PROBES)


def _expect_silenced(fn, model, tokens, heads, what):
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    got = fn(model, tokens, list(heads))
    hooks = [name for name, part in model.named_modules() if part._forward_hooks or part._forward_pre_hooks]
    if hooks:
        for part in model.modules():
            part._forward_hooks.clear()
            part._forward_pre_hooks.clear()
        fail(f"{what}: after the call the model still has a hook on {hooks[0]}.",
             "the hooks are not removed: from now on the model is without these heads",
             "handle.remove(), in a `finally`")  # fmt: skip
    changed = [name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])]
    if changed:
        fail(f"{what}: {changed[0]} has changed.", "the model is not yours to change", "a hook, or your own walk")
    B, T = tokens.shape
    expect_tensor(got, (B, T, model.cfg.vocab_size), torch.float64, f"{what}: the logits", "B, T, V")

    def wrong(fault, own=heads):
        return lambda: plain.Probed(model, fault).head_1(tokens, own)

    mistakes = [
        ("nothing is silenced", wrong("", ()), "whether the hook runs, and what it returns"),
        ("the heads are silenced with zeros; the mean leaves the constant that later layers are used to",
         wrong("zero"), "the mean over rows and positions"),
        ("the mean of each row: it still tells which text this is", wrong("rows"), "the mean over rows AND positions"),
        ("the mean at each position: it still tells where a token stands", wrong("positions"),
         "the mean over rows AND positions"),
        ("one mean for all numbers of a head; each of its E numbers has its own", wrong("numbers"),
         "the mean over rows and positions alone"),
        ("wrong heads are ablated: the next head's numbers, off by one", wrong("head"), "x[..., h * E : (h + 1) * E]"),
        ("wrong heads are ablated: those of the layer before", wrong("layer"), "which block is layer 0"),
        ("wrong heads are ablated: every H-th number; a head's numbers stand side by side", wrong("strided"),
         "x[..., h * E : (h + 1) * E]"),
        ("all heads of the layer are silenced: behind wo they are mixed", wrong("all"),
         "what wo reads, not what it gives"),
        ("columns of what wo gives: there the heads are mixed already", wrong("mixed"), "what wo reads: a pre-hook"),
        ("of several heads in one layer only the last is silenced", wrong("last one"),
         "several hooks on one module, or an assignment that replaces another"),
    ]  # fmt: skip
    expect_same(got, plain.Probed(model).head_1(tokens, heads), f"{what}: the logits of head 1", mistakes, CLOSE)


def _model_of_heads(cases, **shape):
    sizes = {"n_layers": 4, "n_future": 2, "dim": 16, "n_attention_heads": 4, "n_kv_heads": 2} | shape
    return plain.loud(cases.model(**sizes)), cases.tokens(2, 5, vocab_size=11)


@A6_4.check("no head at all")
def _(fn, cases):
    _expect_silenced(fn, *_model_of_heads(cases), [], "heads=[]")


@A6_4.check("one head")
def _(fn, cases):
    model, tokens = _model_of_heads(cases)
    for heads in ([(1, cases.integer(0, 3))], [(2, cases.integer(0, 3))], [(0, 3)]):
        _expect_silenced(fn, model, tokens, heads, f"heads={heads}")


@A6_4.check("several heads")
def _(fn, cases):
    model, tokens = _model_of_heads(cases)
    pair = cases.random.sample(range(4), 2)
    _expect_silenced(fn, model, tokens, [(1, h) for h in pair], f"heads {pair} of layer 1")
    heads = [(0, pair[0]), (2, pair[1]), (1, pair[0])]
    _expect_silenced(fn, model, tokens, heads, f"heads={heads}")


# ---- A6.5

A6_5 = Question("A6.5", "needed", points=3, difficulty=3, minutes=35, lines=12, answers=PROBES)
CODE = [6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23]  # of a head's 24 numbers, the 12 that hardly turn with the position


def circuit(cases) -> tuple[mtp.MultiTokenModel, dict[str, list[tuple[int, int]]]]:
    """A model whose weights are set by hand, so that its induction heads are known; which these are, by what they do.

    Layer 0 (the trunk) has a previous-token head, layer 1 (head 1's block) two induction heads; in both there are heads
    that do something else, one of which looks at the earlier copy itself. Width: 0-11 the token, 12 a constant,
    16-27 the token before, 32-43 what the induction heads say, from 44 on what nobody reads.
    """
    V, H, E, D = 12, 4, 24, 96
    cfg = mtp.ModelConfig(vocab_size=V, dim=D, n_layers=2, n_attention_heads=H, n_future=1, ffn_dim=8, max_seq_len=32)
    model = mtp.MultiTokenModel(cfg, seed=cases.integer(0, 2**31)).double().requires_grad_(False)
    first, second = (cases.random.sample(range(H), H) for _ in range(2))
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.zero_()
    for token in range(V):
        model.embedding.weight[token, token] = model.embedding.weight[token, 12] = 1.0
        model.unembeddings[0].weight[token, 32 + token] = 10.0
    one, two = model.trunk[0].attention, model.heads[0][0].attention

    def looks_back(attention, h, distance, strength=15.0):
        """From the constant alone: most weight on the place at that distance."""
        scale = math.sqrt(strength * math.sqrt(E)) / math.sqrt(D / 2)
        for i in range(4):
            turn = -distance * cfg.rope_theta ** (-i / (E // 2))
            attention.wq.weight[h * E + i, 12] = scale * math.cos(turn)
            attention.wq.weight[h * E + i + E // 2, 12] = scale * math.sin(turn)
            attention.wk.weight[h * E + i, 12] = scale

    def matches(attention, h, key, strength=25.0):
        """The present token with what stands at `key`."""
        scale = math.sqrt(strength * math.sqrt(E)) / math.sqrt(D / 3)
        for token, place in enumerate(CODE):
            attention.wq.weight[h * E + place, token] = attention.wk.weight[h * E + place, key + token] = scale

    def writes(attention, h, to, strength):
        """The token that is looked at."""
        for token in range(V):
            attention.wv.weight[h * E + token, token] = strength
            attention.wo.weight[to + token, h * E + token] = 1.0

    looks_back(one, first[0], 1)
    writes(one, first[0], 16, 1 / math.sqrt(D / 2))
    looks_back(one, first[1], 2)
    writes(one, first[1], 44, 0.02)
    for h in second[:2]:
        matches(two, h, 16)
        writes(two, h, 32, 0.2)
    matches(two, second[2], 0)
    writes(two, second[2], 56, 0.02)
    looks_back(two, second[3], 3)
    writes(two, second[3], 68, 0.02)
    return model, {"previous": [(0, first[0])], "induction": sorted((1, h) for h in second[:2])}


def repeated(cases, rows=4, T=18):
    """Rows for the circuit: id 11 opens each, then 5 to 8 different tokens come again and again; and targets (B, T):
    the next token, from the second copy on."""
    tokens, targets = [], []
    for _ in range(rows):
        period = cases.integer(5, 8)
        copy = cases.random.sample(range(11), period)
        row = [11] + [copy[t % period] for t in range(T)]
        tokens.append(row[:-1])
        targets.append([row[t + 1] if t > period else NONE for t in range(T)])
    return torch.tensor(tokens), torch.tensor(targets)


def _accuracy(logits, targets):
    right = wanted = 0
    for row, own in zip(logits.argmax(-1).tolist(), targets.tolist()):
        for choice, target in zip(row, own):
            if target != NONE:
                wanted, right = wanted + 1, right + (choice == target)
    return right / wanted


def _of_rows(logits, targets):
    rows = [_accuracy(logits[b : b + 1], targets[b : b + 1]) for b in range(len(targets))]
    return sum(rows) / len(rows)


def _one_late(logits, targets):
    return _accuracy(logits[:, :-1], targets[:, 1:])


def _pairs(heads):
    return [tuple(int(i) for i in head) for head in heads]


def _report(fn, cases, rng, draws=8):
    model, known = circuit(cases)
    tokens, targets = repeated(cases)
    got = fn(model, tokens, targets, 2, draws, rng)
    names = ["found", "intact", "without", "control"]
    if type(got) is not dict or sorted(got) != sorted(names):
        fail(f"the result must be a dict with {names}, not {got if got is None else sorted(got)}.", "", "the docstring")
    try:
        got = got | {"found": _pairs(got["found"]), "control": [(_pairs(own), float(x)) for own, x in got["control"]]}
    except (TypeError, ValueError):
        fail("`found` must be a list of (layer, head), `control` a list of (list of such pairs, accuracy).")
    ref = plain.Probed(model)

    def accuracy(heads, of=_accuracy):
        return of(ref.head_1(tokens, heads), targets)

    return model, tokens, targets, known, got, accuracy


@A6_5.check("the heads that are found")
def _(fn, cases):
    model, tokens, _, known, got, _ = _report(fn, cases, random.Random(0))
    ref = plain.Probed(model)
    ref.head_1(tokens)

    def best(score, reverse=True):
        scores = {(i, h): x for i, p in enumerate(ref.patterns) for h, x in enumerate(score(p))}
        return lambda: sorted(sorted(scores, key=lambda head: scores[head], reverse=reverse)[:2])

    mistakes = [
        ("wrong heads are found: those with the LOWEST scores",
         best(lambda p: plain.score(p, tokens, plain.known), False), "the order of the sort"),
        ("wrong heads are found: those that look one back",
         best(lambda p: plain.score(p, tokens, lambda _, t: [t - 1])), "which score is sorted"),
        ("wrong heads are found: layer and head are exchanged", lambda: [(h, i) for i, h in known["induction"]],
         "divmod by H, the heads of a layer"),
    ]  # fmt: skip
    if len(got["found"]) != 2:
        fail(f"count=2, but {len(got['found'])} heads are found.", "", "the first `count` of the sorted heads")
    expect_same(sorted(got["found"]), known["induction"], "the two heads with the highest prefix-matching score",
                mistakes, otherwise="the scores of all heads, printed")  # fmt: skip


@A6_5.check("with and without them")
def _(fn, cases):
    _, _, targets, _, got, accuracy = _report(fn, cases, random.Random(0))
    whole, cut = accuracy([]), accuracy(got["found"])
    single = accuracy(got["found"][:1])
    every = (targets != NONE).sum().item() / targets.numel()

    def general(heads, right):
        return [
            ("the accuracy counts places without a target, at which nothing can be right", lambda: right * every,
             "targets != -100"),
            ("a target is shifted once more: targets[:, t] is already what comes after t",
             lambda: accuracy(heads, _one_late), "logits and targets at the same place"),
            ("an average over the rows' accuracies; a row with more targets counts more",
             lambda: accuracy(heads, _of_rows), "one mean over all places"),
        ]  # fmt: skip

    mistakes = [*general([], whole), ("intact and without are exchanged", lambda: cut, "which accuracy is which")]
    expect_same(float(got["intact"]), whole, "intact", mistakes, SHARE)
    mistakes = [
        ("only one of the found heads is silenced; the other does its work", lambda: single, "both together"),
        ("nothing is silenced", lambda: whole, "silenced(model, tokens, found)"),
        *general(got["found"], cut),
    ]  # fmt: skip
    expect_same(float(got["without"]), cut, "without the found heads", mistakes, SHARE)


@A6_5.check("the control")
def _(fn, cases):
    draws = 16  # choices instead of sample has to draw one head twice
    rng = random.Random(cases.integer(0, 999))
    start = rng.getstate()
    _, _, _, known, got, accuracy = _report(fn, cases, rng, draws)
    if rng.getstate() == start:
        fail("`rng` was never asked.", "the control is drawn from another generator, so that nobody can draw it again",
             "rng.sample")  # fmt: skip
    sets = [own for own, _ in got["control"]]
    if len(sets) != draws:
        fail(f"draws={draws}, but the control has {len(sets)} sets.", "", "one set for each draw")
    look = "the list that is drawn from: all heads but the found ones and the helpers"
    for own in sets:
        if len(set(own)) != 2:
            fail(f"a control set is {own}.", "the control silences another number of heads, or one head twice",
                 "rng.sample, which draws without putting back")  # fmt: skip
        if set(own) & set(got["found"]):
            fail(f"a control set is {own}; found are {got['found']}.", "the control draws the found heads", look)
        if set(own) & set(known["previous"]):
            fail(f"a control set is {own}; the head that looks one back is {known['previous'][0]}.",
                 "the control draws a helper: induction needs a previous-token head below it", look)  # fmt: skip
        if not all(layer in (0, 1) and head in range(4) for layer, head in own):
            fail(f"a control set is {own}; there are layers 0 and 1 with heads 0 to 3.", "", look)
    if len({frozenset(own) for own in sets}) == 1:
        fail(f"all {draws} control sets are {sets[0]}.", "one set is drawn and used for all draws", "inside the loop")
    got_values, want = [value for _, value in got["control"]], [accuracy(own) for own in sets]
    if same(got_values, [accuracy(got["found"])] * draws, SHARE):
        fail("every control has the accuracy of the model without the found heads.",
             "the found heads are silenced, whatever was drawn", "what accuracy is given")  # fmt: skip
    expect_same(got_values, want, "the accuracies of the control sets", (), SHARE, "silenced(model, tokens, heads)")
