"""Drafting a tree instead of a line: several candidates of every head, verified in one forward (Medusa, section 3).

Letters: `B` rows, `N` nodes of the tree with its root, `d` depth (the root 0), `k` = depth of the tree + 1 heads,
`S` places of text in the cache, `V` vocabulary.

    root   the last committed token              a node at depth d is a candidate of head d+1: the rank-r token of
    ├─ 0   head 2's first choice                 its distribution. The model runs over all nodes at once, each seeing
    │  ├─ 0, 0   head 3's first choice           the text and its own ancestors, and stands at position root + d.
    │  └─ 0, 1   head 3's second                 What follows each node is chosen there from head 1 (its largest, or
    └─ 1   head 2's second choice                drawn); a child that carries the chosen token is descended to.

The descent is exact without any q: tokens are chosen by head 1 as in plain decoding, and a tree only saves forwards.
A node's keys and values go to scratch slots behind the text; those of the accepted path are copied into the text.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, islice, product

import torch
from torch import Tensor

from mtp_edu.decode.sampling import Sampling, accept_typical, typical_threshold
from mtp_edu.decode.step import BlockDecoder, StepResult
from mtp_edu.model import MultiTokenModel

BUDGET = 64  # nodes, the root included: more than a forward gets for free on any machine at hand


class DraftTree:
    """Which candidates are drafted. A node is the ranks on its way from the root: (0, 1) is the second choice of head
    3 behind the first choice of head 2.

    Raises ValueError for a node without its parent, a node twice, negative ranks, and more than `budget` nodes.
    """

    def __init__(self, nodes: Iterable[Sequence[int]], budget: int = BUDGET) -> None:
        self.nodes = sorted((tuple(node) for node in nodes), key=lambda node: (len(node), node))
        known = {(), *self.nodes}
        for node in self.nodes:
            if not node or min(node) < 0:
                raise ValueError(f"tree node {node} must hold one rank per depth, 0 for a head's first choice")
            if node[:-1] not in known:
                raise ValueError(f"tree node {node} has no parent: add {node[:-1]}")
        if not self.nodes or len(known) != len(self.nodes) + 1:
            raise ValueError("a tree needs at least one node, and each node once")
        if len(self) > budget:
            more = f"the tree has more nodes than its budget of {budget}, the root included"
            raise ValueError(f"{more}: take fewer candidates, or DraftTree.sparse, which keeps the likeliest")

    @classmethod
    def full(cls, widths: Sequence[int], budget: int = BUDGET) -> DraftTree:
        """The first widths[0] choices of head 2, behind each of them the first widths[1] of head 3, and so on."""
        if not widths or min(widths) < 1:
            raise ValueError(f"widths={tuple(widths)}: give at least one number, each at least 1")
        levels = (product(*map(range, widths[:depth])) for depth in range(1, len(widths) + 1))
        return cls(islice(chain.from_iterable(levels), budget), budget)  # one too many is enough to be refused

    @classmethod
    def sparse(cls, ranks: Tensor, budget: int = BUDGET) -> DraftTree:
        """The nodes that were right most often, `budget` of them with the root; the best tree for what was measured.

        ranks: (places, k-1) from `probe.draft_ranks`, where head 1's own choice stood among each head's candidates.
        Medusa multiplies each head's accuracy, as if heads failed independently; here whole ways down are counted.
        """
        if budget < 2:
            raise ValueError(f"budget={budget} must be at least 2: the root and one candidate")
        counts = Counter(row[:depth] for row in map(tuple, ranks.tolist()) for depth in range(1, len(row) + 1))
        children: dict[tuple, list] = {}
        for node in counts:
            children.setdefault(node[:-1], []).append(node)
        chosen: list[tuple] = []
        frontier = [(-counts[node], len(node), node) for node in children.get((), [])]
        heapq.heapify(frontier)
        while frontier and len(chosen) < budget - 1:
            node = heapq.heappop(frontier)[-1]
            chosen.append(node)
            for child in children.get(node, []):
                heapq.heappush(frontier, (-counts[child], len(child), child))
        return cls(chosen, budget)

    def __len__(self) -> int:
        return len(self.nodes) + 1

    def __repr__(self) -> str:
        return f"DraftTree({len(self)} nodes, n_future={self.n_future})"

    @property
    def n_future(self) -> int:
        """Heads that it needs: a node at depth d is drafted by head d+1."""
        return len(self.nodes[-1]) + 1

    def tokens_per_forward(self, ranks: Tensor) -> float:
        """What this tree would have gained along the text that `ranks` (places, k-1) were measured on."""
        known = set(self.nodes)
        right = sum(row[:depth] in known for row in map(tuple, ranks.tolist()) for depth in range(1, len(row) + 1))
        return 1 + right / len(ranks)

    @cached_property
    def parents(self) -> Tensor:
        """(N,) index of each node's parent; the root is its own."""
        index = {node: i for i, node in enumerate([(), *self.nodes])}
        return torch.tensor([0, *(index[node[:-1]] for node in self.nodes)])

    @cached_property
    def depths(self) -> Tensor:
        """(N,) depth of each node, the root's 0."""
        return torch.tensor([0, *map(len, self.nodes)])

    @cached_property
    def ranks(self) -> Tensor:
        """(N - 1,) which candidate of its head each node but the root is."""
        return torch.tensor([node[-1] for node in self.nodes])

    @cached_property
    def paths(self) -> Tensor:
        """(N, k) nodes from the root to each node, which is repeated to fill the row."""
        rows = []
        for node in range(len(self)):
            way = [node]
            while way[-1]:
                way.append(int(self.parents[way[-1]]))
            rows.append(way[::-1] + [node] * (self.n_future - len(way)))
        return torch.tensor(rows)

    @cached_property
    def sees(self) -> Tensor:
        """(N, N) whether the node of the row sees that of the column: itself and its ancestors."""
        return torch.zeros(len(self), len(self), dtype=torch.bool).scatter_(1, self.paths, True)


class TreeDecoder(BlockDecoder):
    """The same interface as BlockDecoder's; a block is the N nodes' tokens, `accepted` the depth that was reached."""

    def __init__(
        self, model: MultiTokenModel, tree: DraftTree, rows: int, places: int, sampling: Sampling | None = None
    ) -> None:
        """Uniform numbers are (B, k): one for the token that follows a node of each depth."""
        super().__init__(model, tree.n_future, rows, places, sampling, scratch=len(tree))
        if sampling and callable(sampling.acceptance):
            raise ValueError("a rule of your own accepts lines of drafts: with a tree use 'lossless' or 'typical'")
        self.tree, self.uniforms, device = tree, tree.n_future, model.norm.weight.device
        self.widest = max(node[-1] for node in tree.nodes) + 1
        if self.widest > model.cfg.vocab_size:
            raise ValueError(f"the tree asks for {self.widest} candidates of a vocabulary of {model.cfg.vocab_size}")
        self.parents, self.depths, self.ranks, self.paths, self.sees = (
            table.to(device) for table in (tree.parents, tree.depths, tree.ranks, tree.paths, tree.sees)
        )

    @torch.no_grad()
    def step(
        self, block: Tensor, start: Tensor, source: Tensor | None = None, uniform: Tensor | None = None
    ) -> StepResult:
        """One forward over the nodes' tokens (B, N), whose root stands at position start (B,)."""
        rows, nodes = torch.arange(len(block), device=block.device), torch.arange(len(self.tree), device=block.device)
        slots = (self.places + nodes).expand(len(block), -1)  # (B, N)
        text = torch.arange(self.places, device=block.device) < start[:, None, None]  # (B, 1, S): before the root
        mask = torch.cat([text.expand(-1, len(nodes), -1), self.sees.expand(len(block), -1, -1)], dim=-1)  # (B, N, S+N)
        latents = self.latents(block, start[:, None] + self.depths, slots, mask.unsqueeze(1))  # k times (B, N, D)
        chosen, kept, likely = self._judge(self.model.unembed(latents[0], 0), block, uniform)  # (B, N) each
        reached = torch.where((kept[:, None] | ~self.sees).all(-1), self.depths, -1)  # (B, N): -1 behind a refused one
        last = torch.where(reached == reached.amax(-1, keepdim=True), likely, -1).argmax(-1)  # (B,): the deepest
        accepted, path = self.depths[last], self.paths[last]  # (B,), (B, k)
        # The path's tokens, and the one chosen at its end; beyond, that one again.
        following = chosen[rows, last, None]  # (B, 1)
        on_path = torch.arange(1, self.k, device=block.device) <= accepted[:, None]  # (B, k-1)
        verdicts = torch.cat([torch.where(on_path, block.gather(1, path[:, 1:]), following), following], dim=1)
        # Beyond the accepted depth copies of its last node are written, which the next block overwrites unseen.
        target = start[:, None] + torch.arange(self.k, device=block.device)  # (B, k)
        for cache in self.caches():
            cache.copy(self.places + path, target)
        drafts, _ = self._draft([latent[rows, last] for latent in latents], uniform)
        return StepResult(verdicts, accepted, drafts, None, path)

    def _judge(self, logits: Tensor, block: Tensor, uniform: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """From head 1's logits (B, N, V): the token chosen after each node; whether each node is kept; and its path's
        probability, which decides between nodes of one depth. (B, N) each."""
        root, parents, even = torch.ones_like(block[:, :1], dtype=torch.bool), self.parents[1:], logits.new_zeros(())
        chosen, p = self._choose(logits, uniform, self.depths)  # (B, N), (B, N, V)
        if self.rule is accept_typical:  # several children of a node may be likely enough
            before = p[:, parents]  # (B, N-1, V)
            own = before.gather(-1, block[:, 1:, None])[..., 0]  # (B, N-1)
            kept = torch.cat([root, own > typical_threshold(before)], dim=1)
            factors = torch.cat([root.to(own.dtype), own], dim=1)[:, self.paths]  # (B, N, k), the last repeated
            repeated = torch.arange(self.k, device=block.device) > self.depths[:, None]
            return chosen, kept, factors.masked_fill(repeated, 1.0).prod(-1)
        # Siblings differ, so one child at most carries its parent's chosen token: one node is the deepest.
        return chosen, torch.cat([root, block[:, 1:] == chosen[:, parents]], dim=1), even

    def _draft(self, latents: list[Tensor], uniform: Tensor | None) -> tuple[Tensor, None]:
        """Tokens (B, N-1) of the next tree's nodes, from the latents (B, D) of heads 1..k where it is rooted."""
        candidates = self._draft_logits(latents).topk(self.widest, dim=-1).indices  # (B, k-1, widest)
        return candidates[:, self.depths[1:] - 1, self.ranks], None
