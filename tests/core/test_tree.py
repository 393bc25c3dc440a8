"""Drafting trees: which nodes a tree holds, what it accepts, and planted faults that the random cases notice.

That trees give the plain greedy text, step by step as they must, is tested with the chains in test_decode.py. Here
sampled trees are compared with a slow decoder: every node's path through the model again, no cache, row by row.
"""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from core import slow_decoding
from core.small_models import attentive_model, loud_model, riddle, trained_model

import mtp_edu as mtp
from mtp_edu.decode import DraftTree, Sampling, TreeDecoder, accept_lossless
from mtp_edu.decode.generate import _Run
from mtp_edu.trunk import KVCache

# Which nodes --------------------------------------------------------------------------------------------------------


def test_a_full_tree_holds_every_combination():
    tree = DraftTree.full([3, 2, 1])
    assert tree.nodes == [
        (0,), (1,), (2,),
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1),
        (0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0), (2, 1, 0),
    ]  # fmt: skip
    assert len(tree) == 16 and tree.n_future == 4 and repr(tree) == "DraftTree(16 nodes, n_future=4)"


def test_the_tables_of_a_tree():
    tree = DraftTree([(1,), (0,), (1, 2), (0, 0), (1, 0)])  # in any order
    assert tree.nodes == [(0,), (1,), (0, 0), (1, 0), (1, 2)]
    assert tree.parents.tolist() == [0, 0, 0, 1, 2, 2]
    assert tree.depths.tolist() == [0, 1, 1, 2, 2, 2]
    assert tree.ranks.tolist() == [0, 1, 0, 0, 2]
    assert tree.paths.tolist() == [[0, 0, 0], [0, 1, 1], [0, 2, 2], [0, 1, 3], [0, 2, 4], [0, 2, 5]]
    assert [row.nonzero()[:, 0].tolist() for row in tree.sees] == [[0], [0, 1], [0, 2], [0, 1, 3], [0, 2, 4], [0, 2, 5]]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: DraftTree([(0,), (1, 0)]), r"tree node \(1, 0\) has no parent: add \(1,\)"),
        (lambda: DraftTree([(0,), (0, 0, 0)]), r"tree node \(0, 0, 0\) has no parent: add \(0, 0\)"),
        (lambda: DraftTree([(0,), (1,), (0,)]), "each node once"),
        (lambda: DraftTree([]), "at least one node"),
        (lambda: DraftTree([(0,), (0, -1)]), r"tree node \(0, -1\)"),
        (lambda: DraftTree([(), (0,)]), r"tree node \(\)"),
        (lambda: DraftTree([(i,) for i in range(64)]), "more nodes than its budget of 64.*sparse"),
        (lambda: DraftTree([(0,), (1,)], budget=2), "more nodes than its budget of 2"),
        (lambda: DraftTree.full([4, 4, 4]), "more nodes than its budget of 64"),
        (lambda: DraftTree.full([1000] * 9), "more nodes than its budget of 64"),
        (lambda: DraftTree.full([]), r"widths=\(\)"),
        (lambda: DraftTree.full([2, 0]), r"widths=\(2, 0\)"),
        (lambda: DraftTree.sparse(torch.zeros(5, 2, dtype=torch.long), budget=1), "budget=1 must be at least 2"),
    ],
)
def test_impossible_trees_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"method": "self-speculative"}, "a tree was given with method='self-speculative'"),
        ({"method": "autoregressive"}, "a tree was given with method='autoregressive'"),
        ({"tree": DraftTree.full([1, 1, 1, 1])}, "4 deep and needs n_future=5.*the model has 4 heads"),
        ({"tree": DraftTree.full([2, 1]), "n_future": 4}, "needs n_future=3; n_future=4 was asked for"),
        ({"tree": None, "n_future": 1}, "n_future must be at least 2"),
        ({"tree": DraftTree.full([13])}, "13 candidates of a vocabulary of 12"),
        ({"temperature": 1.0, "acceptance": accept_lossless}, "a rule of your own accepts lines of drafts"),
    ],
)
def test_trees_that_do_not_fit_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        mtp.generate(untrained(), [1, 2], 4, **({"method": "tree", "tree": DraftTree.full([2, 1])} | options))


def untrained():
    return mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=12, dim=16, n_layers=5, max_seq_len=32))


def test_without_a_tree_the_first_heads_get_more_candidates():
    for n, widths in ((2, [3]), (3, [3, 2]), (4, [3, 2, 1])):
        out = mtp.generate(untrained(), [1, 2], 8, method="tree", n_future=n)
        assert out.n_future == n and len(out.steps[0].block) == len(DraftTree.full(widths))


@pytest.mark.parametrize("budget", [2, 3, 5, 6])
def test_a_sparse_tree_gains_more_than_any_other_of_its_size(budget):
    """Compared with every set of nodes that holds its nodes' parents, of at most 2 deep and ranks below 4."""
    generator = torch.Generator().manual_seed(budget)
    chances = torch.tensor([0.5, 0.25, 0.15, 0.1])
    first = chances.multinomial(300, replacement=True, generator=generator)
    # Behind a first choice the second choices are others than behind the rest: the heads do not fail independently.
    second = (chances.multinomial(300, replacement=True, generator=generator) + 2 * (first == 1)) % 4
    ranks = torch.stack([first, second], dim=1)
    nodes = [(i,) for i in range(4)] + [(i, j) for i in range(4) for j in range(4)]
    best = 0.0
    for size in range(1, budget):
        for some in itertools.combinations(nodes, size):
            if all(len(node) == 1 or node[:1] in some for node in some):
                best = max(best, DraftTree(some).tokens_per_forward(ranks))
    tree = DraftTree.sparse(ranks, budget)
    assert len(tree) == budget
    assert tree.tokens_per_forward(ranks) == best


def test_a_sparse_tree_holds_only_what_was_right_once():
    ranks = torch.tensor([[0, 0, 7], [0, 5, 0], [9, 0, 0]])
    assert DraftTree.sparse(ranks).nodes == [
        (0,), (9,), (0, 0), (0, 5), (9, 0), (0, 0, 7), (0, 5, 0), (9, 0, 0),
    ]  # fmt: skip
    assert DraftTree.sparse(ranks, budget=3).nodes == [(0,), (9,)]  # of equally good nodes the shallower


def test_tokens_per_forward_by_hand():
    ranks = torch.tensor([[0, 0, 0], [0, 2, 0], [1, 1, 0], [4, 0, 0]])  # where head 1's choice stood
    chain = DraftTree.full([1, 1, 1])  # accepts 3, 1, 0 and 0 drafts
    assert chain.tokens_per_forward(ranks) == 1 + 4 / 4
    assert DraftTree.full([2, 2, 1]).tokens_per_forward(ranks) == 1 + (3 + 1 + 3 + 0) / 4
    assert DraftTree([(0,), (0, 2), (4,), (0, 2, 1)]).tokens_per_forward(ranks) == 1 + (1 + 2 + 0 + 1) / 4


def test_tokens_per_forward_is_what_decoding_reaches_where_it_drafts():
    """Measured at the places where blocks begin, it is the mean of what was accepted and one more, exactly."""
    model, tree = (
        trained_model(),
        DraftTree([(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 3), (0, 0, 0), (1, 0, 0), (1, 0, 1)]),
    )
    [written] = slow_decoding.write(model, [riddle(1, 5, seed=1)[0].tolist()], 90)
    out = mtp.generate(model, written.prompt, 70, method="tree", tree=tree)
    ranks = [
        [written.candidates[step.position - 1][head].index(written.text[step.position + head]) for head in (1, 2, 3)]
        for step in out.steps
    ]
    achieved = 1 + sum(step.accepted for step in out.steps) / len(out.steps)
    assert tree.tokens_per_forward(torch.tensor(ranks)) == pytest.approx(achieved)
    assert achieved > mtp.generate(model, written.prompt, 70).tokens_per_forward


@pytest.mark.parametrize("name", [slow_decoding.TRAINED_MODEL, "causal transformer shared", "anticausal linear tied"])
def test_a_tree_of_the_chains_shape_does_what_the_chain_does(name):
    model, pool = slow_decoding.subject(name)
    prompts = [written.prompt for written in pool]
    for k in (2, 4):
        line = mtp.generate(model, prompts, 20, n_future=k, stop_ids=(3,))
        tree = mtp.generate(model, prompts, 20, method="tree", tree=DraftTree.full([1] * (k - 1)), stop_ids=(3,))
        assert tree.tokens == line.tokens and tree.stopped == line.stopped and tree.forwards == line.forwards
        for mine, other in zip(tree.steps, line.steps, strict=True):
            for part in ("row", "forward", "position", "block", "accepted", "tokens", "drafts"):
                assert getattr(mine, part) == getattr(other, part)
            assert mine.verdicts[: mine.accepted + 1] == other.verdicts[: mine.accepted + 1]
            assert mine.path == tuple(range(mine.accepted + 1))


# Planted faults -----------------------------------------------------------------------------------------------------


def with_latents(change):
    """A fault: TreeDecoder runs its nodes with other positions, slots or mask."""

    def fault(monkeypatch):
        latents, step = TreeDecoder.latents, TreeDecoder.step

        def faulty(self, tokens, positions, slots, mask):
            return latents(self, tokens, *change(self, positions, slots, mask))

        def faulty_step(self, *block):  # the prompt is read as it should be
            with monkeypatch.context() as inside:
                inside.setattr(TreeDecoder, "latents", faulty)
                return step(self, *block)

        monkeypatch.setattr(TreeDecoder, "step", faulty_step)

    return fault


def nodes_see(which):
    def change(self, positions, slots, mask):
        text, _ = mask.split([self.places, len(self.tree)], dim=-1)
        return positions, slots, torch.cat([text, which(self).expand(len(positions), 1, -1, -1)], dim=-1)

    return with_latents(change)


def copying(change):
    """A fault: the accepted path's keys and values are copied otherwise."""

    def fault(monkeypatch):
        copy = KVCache.copy
        monkeypatch.setattr(KVCache, "copy", lambda self, source, target: change(copy, self, source, target))

    return fault


def copied_from_the_first_path(monkeypatch):
    """Of every depth the first node's keys and values are copied, whichever was accepted."""
    step = TreeDecoder.step

    def faulty(self, *block):
        first = torch.searchsorted(self.depths, torch.arange(self.k))
        copy = KVCache.copy
        with monkeypatch.context() as inside:
            inside.setattr(
                KVCache, "copy", lambda cache, source, to: copy(cache, (self.places + first).expand_as(to), to)
            )
            return step(self, *block)

    monkeypatch.setattr(TreeDecoder, "step", faulty)


def a_wrong_sibling_is_descended_to(monkeypatch):
    """Every first choice is kept."""
    judge = TreeDecoder._judge

    def faulty(self, *what):
        chosen, kept, likely = judge(self, *what)
        kept[:, 1:] |= self.ranks == 0
        return chosen, kept, likely

    monkeypatch.setattr(TreeDecoder, "_judge", faulty)


def right_nodes_behind_a_wrong_one(monkeypatch):
    """A node is reached although an ancestor was refused."""
    judge = TreeDecoder._judge

    def faulty(self, *what):
        chosen, kept, likely = judge(self, *what)
        return chosen, (kept[:, :, None] & self.sees).any(1), likely

    monkeypatch.setattr(TreeDecoder, "_judge", faulty)


def the_first_node_follows(monkeypatch):
    """The token that follows is the one chosen after the root, not after the accepted path."""
    judge = TreeDecoder._judge

    def faulty(self, *what):
        chosen, kept, likely = judge(self, *what)
        return chosen[:, :1].expand_as(chosen), kept, likely

    monkeypatch.setattr(TreeDecoder, "_judge", faulty)


def another_rows_start(monkeypatch):
    starts = _Run.starts
    monkeypatch.setattr(_Run, "starts", lambda self: starts(self).roll(1))


def only_the_trunk_is_copied(monkeypatch):
    monkeypatch.setattr(TreeDecoder, "caches", lambda self: iter(self.trunk_caches))


@pytest.mark.parametrize(
    "fault",
    [
        nodes_see(lambda self: torch.ones_like(self.sees)),
        nodes_see(lambda self: self.sees | (self.parents[:, None] == self.parents)),
        nodes_see(lambda self: torch.eye(len(self.tree), dtype=torch.bool)),
        with_latents(lambda self, positions, slots, mask: (positions[:, :1].expand_as(positions), slots, mask)),
        with_latents(lambda self, positions, slots, mask: (positions + (self.depths > 1), slots, mask)),
        with_latents(lambda self, positions, slots, mask: (positions, self.places + self.depths + 0 * slots, mask)),
        copying(lambda copy, self, source, target: None),
        copying(lambda copy, self, source, target: copy(self, source[:, :1], target[:, :1])),
        copying(lambda copy, self, source, target: copy(self, source[:, :1].expand_as(source), target)),
        copying(lambda copy, self, source, target: copy(self, source, target + 1)),
        copied_from_the_first_path,
        only_the_trunk_is_copied,
        a_wrong_sibling_is_descended_to,
        right_nodes_behind_a_wrong_one,
        the_first_node_follows,
        another_rows_start,
    ],
    ids=[
        "every node is seen", "siblings are seen", "ancestors are not seen", "all nodes at the root's position",
        "one position too far below depth 1", "nodes of a depth share a slot", "nothing is copied",
        "the root alone is copied", "the root is copied to every place", "copied one place too far",
        "copied from the first path", "only the trunk's caches are copied", "a wrong sibling is descended to",
        "right nodes behind a wrong one", "what follows is chosen after the root", "another row's start",
    ],
)  # fmt: skip
def test_planted_faults_change_the_text(monkeypatch, fault):
    cases = list(slow_decoding.random_cases(100, seed=1, methods=("tree",)))
    fault(monkeypatch)
    assert any("text" in slow_decoding.differences(case) for case in cases)


def a_drafting_head_forgets(monkeypatch):
    slow_decoding.forgetful_head(monkeypatch, 1)


def a_drafting_heads_nodes_are_not_copied(monkeypatch):
    """Of the heads only the first has its accepted nodes copied."""
    monkeypatch.setattr(
        TreeDecoder, "caches", lambda self: iter([*self.trunk_caches, *self.head_caches[0], *self.head_caches[2]])
    )


def candidates_of_the_wrong_rank(monkeypatch):
    """First and second choices are confused."""
    init = TreeDecoder.__init__

    def faulty(self, *what):
        init(self, *what)
        swapped = torch.where(self.ranks < 2, 1 - self.ranks, self.ranks)
        self.ranks, self.widest = swapped, max(self.widest, 2)

    monkeypatch.setattr(TreeDecoder, "__init__", faulty)


def drafts_from_the_root(monkeypatch):
    """The next candidates are drafted at the root, not at the deepest accepted node."""
    latents = TreeDecoder.latents

    def faulty(self, tokens, *more):
        first, *others = latents(self, tokens, *more)
        return [first, *(latent[:, :1].expand_as(latent) for latent in others)] if len(more) > 1 else [first, *others]

    monkeypatch.setattr(TreeDecoder, "latents", faulty)


@pytest.mark.parametrize(
    "fault",
    [
        a_drafting_head_forgets, a_drafting_heads_nodes_are_not_copied, candidates_of_the_wrong_rank,
        drafts_from_the_root,
    ],
)  # fmt: skip
def test_planted_faults_of_the_drafts_change_the_steps_alone(monkeypatch, fault):
    slow_decoding.check_that_drafts_alone_differ(monkeypatch, fault, "tree")


# Sampled trees ------------------------------------------------------------------------------------------------------

BUSHY = DraftTree(
    [(0,), (1,), (2,), (0, 0), (0, 1), (1, 0), (2, 0), (2, 2), (0, 0, 0), (0, 1, 0), (2, 0, 0), (2, 0, 1)]
)


def slow_draw(p, uniform):
    """The first token whose cumulated probability passes the uniform number."""
    below, p = 0.0, p.tolist()
    wanted = uniform * sum(p)
    for token, chance in enumerate(p):
        below += chance
        if below > wanted:
            return token
    return max(token for token, chance in enumerate(p) if chance > 0)


def slow_judge(tree, p, tokens, uniform, acceptance):
    """One row: the accepted nodes, root included, and the token that follows. p: what head 1 holds after each node, by
    node; tokens: each node's own."""
    ways = {}
    for node in [(), *tree.nodes]:
        way = [node[:depth] for depth in range(len(node) + 1)]
        likely, kept = 1.0, True
        for before, after in itertools.pairwise(way):
            own = float(p[before][tokens[after]])
            if acceptance == "typical":  # Medusa, section 3.3.1, with its defaults
                entropy = -sum(x * math.log(x) for x in p[before].tolist() if x > 0)
                kept = kept and own > min(0.09, 0.3 * math.exp(-entropy))
            else:
                kept = kept and tokens[after] == slow_draw(p[before], uniform[len(before)])
            likely *= own
        if kept:
            ways[node] = (len(node), likely, way)
    longest = max(way[0] for way in ways.values())
    _, _, way = max((way for way in ways.values() if way[0] == longest), key=lambda way: way[1])
    return way, slow_draw(p[way[-1]], uniform[len(way) - 1])


@pytest.mark.parametrize(
    ("acceptance", "dtype", "vocab_size", "temperature"),
    [
        ("typical", torch.float64, 8, 0.5),
        ("typical", torch.float32, 8, 1.0),
        ("typical", torch.float32, 2000, 4.0),  # paths whose probabilities near 1e-10 must still be compared
        ("lossless", torch.float64, 8, 0.5),
    ],
)
def test_a_step_accepts_the_longest_path_and_of_equals_the_likeliest(acceptance, dtype, vocab_size, temperature):
    """On random logits, caches filled with random numbers: the path, what follows, and the copied keys and values."""
    rows, places, sampling = 200 if vocab_size < 10 else 40, 12, Sampling(temperature, acceptance=acceptance)
    model = loud_model(n_layers=5, n_future=4, dim=16, vocab_size=vocab_size, max_seq_len=12).to(dtype)
    decoder, accepted = TreeDecoder(model, BUSHY, rows, places, sampling), Counter()
    for cache in decoder.caches():
        cache.keys.normal_()
        cache.values.normal_()
    before = [(cache.keys.clone(), cache.values.clone()) for cache in decoder.caches()]
    latents = [torch.randn(rows, len(BUSHY), 16, dtype=dtype) for _ in range(4)]
    decoder.latents = lambda *what: latents
    block = decoder._draft([latent[:, 0].roll(1, 0) for latent in latents], None)[0]  # siblings differ, as they must
    block = torch.cat([torch.zeros(rows, 1, dtype=torch.long), block], dim=1)  # (B, N)
    start, uniform = torch.randint(0, places, (rows,)), torch.rand(rows, 4, dtype=torch.float64)
    found = decoder.step(block, start, None, uniform)
    p = sampling.on(torch.device("cpu"))(model.unembed(latents[0], 0).detach())  # (B, N, V)
    nodes = [(), *BUSHY.nodes]
    for row in range(rows):
        by_node, tokens = dict(zip(nodes, p[row])), dict(zip(nodes, block[row].tolist()))
        way, following = slow_judge(BUSHY, by_node, tokens, uniform[row].tolist(), acceptance)
        depth, where = len(way) - 1, [nodes.index(node) for node in way]
        accepted[depth] += 1
        assert found.accepted[row] == depth
        assert found.path[row, : depth + 1].tolist() == where
        assert found.verdicts[row, : depth + 1].tolist() == [*(tokens[node] for node in way[1:]), following]
        text = slice(int(start[row]), int(start[row]) + depth + 1)
        for cache, olds in zip(decoder.caches(), before, strict=True):
            for new, old in zip((cache.keys, cache.values), olds):
                assert torch.equal(new[row, :, text], old[row, :, [decoder.places + node for node in where]])
                assert torch.equal(new[row, :, : text.start], old[row, :, : text.start])
    assert len(accepted) == 4, accepted


def slow_sampled_tree(model, prompt, tree, limit, sampling, seed):
    """The text and its steps (accepted nodes), each node's path through the model in full."""

    def logits(text):
        with torch.no_grad():
            return model(torch.tensor([text]))[0, -1]  # (n, V)

    distribution = sampling.on(torch.device("cpu"))
    numbers, text, steps = np.random.default_rng(seed), list(prompt), []
    text.append(slow_draw(distribution(logits(text)[0]), numbers.random(tree.n_future)[-1]))
    while len(text) < len(prompt) + limit:
        candidates = logits(text[:-1]).argsort(-1, descending=True).tolist()
        tokens = {node: candidates[len(node)][node[-1]] for node in tree.nodes}
        paths = {node: [tokens[node[: i + 1]] for i in range(len(node))] for node in [(), *tree.nodes]}
        p = {node: distribution(logits(text + path)[0]) for node, path in paths.items()}
        way, following = slow_judge(tree, p, tokens, numbers.random(tree.n_future), sampling.acceptance)
        text += [*paths[way[-1]], following]
        steps.append(way)
    return text[len(prompt) : len(prompt) + limit], steps


@pytest.mark.parametrize("acceptance", ["typical", "lossless"])
@pytest.mark.parametrize("order", slow_decoding.ORDERS)
def test_sampled_trees_follow_the_slow_decoder(order, acceptance):
    model = attentive_model(head_order=order, max_seq_len=40, vocab_size=12)
    sampling = Sampling(temperature=0.8, top_p=0.95, acceptance=acceptance)
    prompts, accepted = [[1], [0, 3, 2, 11], [7, 4, 1]], Counter()
    out = mtp.generate(
        model, prompts, 24, method="tree", tree=BUSHY, temperature=0.8, top_p=0.95, acceptance=acceptance, seed=5
    )
    for row, prompt in enumerate(prompts):
        text, steps = slow_sampled_tree(model, prompt, BUSHY, 24, sampling, 5 + row)
        own = [step for step in out.steps if step.row == row]
        assert out.tokens[row] == text
        assert [step.path for step in own] == [tuple(([(), *BUSHY.nodes]).index(node) for node in way) for way in steps]
        accepted.update(len(way) - 1 for way in steps)
    assert len(accepted) >= 3, accepted


def test_the_default_tree_fits_any_model():
    for shape in ({"n_future": 16, "n_layers": 18}, {"n_future": 3, "n_layers": 5, "vocab_size": 2}):
        model = loud_model(**shape)
        prompt = [1, 0, 1]
        plain = mtp.generate(model, prompt, 20, method="autoregressive")
        assert mtp.generate(model, prompt, 20, method="tree").tokens == plain.tokens
