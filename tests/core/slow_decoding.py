"""What speculative decoding must do, from the slowest decoder there is: the whole text through the model, no cache.

A greedy text and the candidates of every head after each of its prefixes are written once per prompt (`write`). From
them follows, in plain Python, all that any greedy decoder of any block or tree must do (`speculate`): which drafts it
makes, how many are accepted, where it stops. `random_cases` and `differences` compare that with `generate`.
"""

import dataclasses
import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from core.small_models import attentive_model, riddle, trained_model

import mtp_edu as mtp
from mtp_edu.decode import BlockDecoder, DecodeStep, DraftTree
from mtp_edu.trunk import KVCache

MAX_SEQ_LEN = 32
BEYOND = 4  # accepted drafts may lie past the last token that is kept, by fewer than n_future
ORDERS = ("parallel", "causal", "anticausal")
KINDS = {
    "transformer": {},
    "two layers per head": {"layers_per_head": 2, "n_future": 3},
    "linear": {"head_type": "linear"},
}
UNEMBEDDINGS = {
    "shared": {},
    "replicated": {"replicated_unembedding": True},
    "tied": {"tie_embeddings": True},
}
RANDOM_MODELS = [" ".join(parts) for parts in itertools.product(ORDERS, KINDS, UNEMBEDDINGS)]
TRAINED_MODEL = "trained parallel"  # whose drafts are right by more than chance


@dataclass
class Written:
    """A prompt's greedy continuation. candidates[t][k-1]: the ids by head k's logits after text[: t+1], best first."""

    prompt: list[int]
    text: list[int]
    candidates: list[list[list[int]]]


def with_window(model: mtp.MultiTokenModel, max_seq_len: int) -> mtp.MultiTokenModel:
    """The same weights with another max_seq_len."""
    other = mtp.MultiTokenModel(dataclasses.replace(model.cfg, max_seq_len=max_seq_len)).to(model.norm.weight.dtype)
    other.load_state_dict(model.state_dict())
    return other


@torch.no_grad()
def write(model: mtp.MultiTokenModel, prompts: list[list[int]], length: int) -> list[Written]:
    """Continue prompts to `length` tokens, every token from a forward over the whole text."""
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    texts = torch.tensor([prompt + [0] * (length - len(prompt)) for prompt in prompts])  # (B, T)
    for place in range(int(lengths.min()), length):
        following = model(texts[:, :place], n_future=1)[:, -1, 0].argmax(-1)  # (B,)
        texts[:, place] = torch.where(lengths <= place, following, texts[:, place])
    candidates = model(texts).argsort(-1, descending=True)  # (B, T, n, V)
    return [Written(*row) for row in zip(prompts, texts.tolist(), candidates.tolist())]


@functools.cache
def subject(name: str) -> tuple[mtp.MultiTokenModel, list[Written]]:
    """A model to decode with, and continuations of prompts of 1 to 9 tokens."""
    if name.startswith("trained"):
        model = with_window(trained_model(name.split()[1]), MAX_SEQ_LEN)
        prompts = [riddle(1, 9, seed=1000 + i)[0, : 1 + i].tolist() for i in range(9)]
    else:
        order, *kind, unembedding = name.split()
        shape = {"max_seq_len": MAX_SEQ_LEN, "head_order": order} | KINDS[" ".join(kind)] | UNEMBEDDINGS[unembedding]
        model = attentive_model(**shape)
        generator = torch.Generator().manual_seed(0)
        prompts = [torch.randint(0, 5, (1 + i,), generator=generator).tolist() for i in range(9)]
    return model, write(with_window(model, MAX_SEQ_LEN + BEYOND), prompts, MAX_SEQ_LEN + BEYOND)


@dataclass
class Step:
    """What a DecodeStep must say; verdicts up to head 1's own token."""

    position: int
    block: tuple[int, ...]
    verdicts: tuple[int, ...]
    accepted: int
    tokens: tuple[int, ...]
    drafts: tuple[int, ...]
    path: tuple[int, ...]


def chain(k: int) -> list[tuple[int, ...]]:
    """The drafts of plain self-speculation as nodes of a tree: the first choice of heads 2..k."""
    return [(0,) * depth for depth in range(1, k)]


def speculate(
    written: Written, nodes: list[tuple[int, ...]], limit: int, stop_ids: Iterable[int] = ()
) -> tuple[list[int], bool, list[Step]]:
    """The new tokens, whether a stop id ended them, and the steps, when these nodes are drafted."""

    def drafts(place: int) -> dict[tuple[int, ...], int]:
        """Drafts made after text[: place+1]; the root of their block will be the token that follows."""
        return {node: written.candidates[place][len(node)][node[-1]] for node in nodes}

    def cut(tokens: list[int]) -> tuple[list[int], bool]:
        ends = [i for i, token in enumerate(tokens[:room]) if token in stop_ids]
        return (tokens[: ends[0] + 1], True) if ends else (tokens[:room], False)

    index = {node: i for i, node in enumerate([(), *nodes])}
    text, root, room, steps = written.text, len(written.prompt), limit, []
    new, stopped = cut(text[root : root + 1])
    while not stopped and len(new) < limit:
        block, room, way = drafts(root - 1), limit - len(new), [()]
        while True:
            true = text[root + len(way)]
            right = [node for node, token in block.items() if node[:-1] == way[-1] and token == true]
            if not right:
                break
            way += right  # siblings differ: there is one
        accepted = len(way) - 1
        run = text[root + 1 : root + accepted + 2]
        tokens, stopped = cut(run)
        following = drafts(root + accepted)
        steps.append(
            Step(
                root,
                (text[root], *block.values()),
                tuple(run),
                accepted,
                tuple(tokens),
                tuple(following.values()),
                tuple(index[node] for node in way),
            )
        )
        new, root = new + tokens, root + len(run)
    return new, stopped, steps


# Random cases -------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """Arguments of one `generate`; rows: numbers of the model's prompts. tree: None for a chain of n_future."""

    model: str
    rows: list[int]
    n_future: int
    tree: DraftTree | None
    limit: int
    stop_ids: tuple[int, ...]

    @property
    def nodes(self) -> list[tuple[int, ...]]:
        return self.tree.nodes if self.tree else chain(self.n_future)


def random_tree(rng: random.Random, depth: int, ranks: int) -> DraftTree:
    """A tree of that depth, its nodes any candidates among the first `ranks`."""
    nodes = set(chain(depth + 1)) if rng.random() < 0.7 else set()
    size = rng.randint(depth, ranks if depth == 1 else 12)
    while len(nodes) < size or max(map(len, nodes)) < depth:
        parents = sorted(node for node in [(), *nodes] if len(node) < depth)
        parent = max(parents, key=len) if rng.random() < 0.5 else rng.choice(parents)  # so that the depth is reached
        nodes.add((*parent, rng.randrange(ranks)))
    return DraftTree(nodes)


def random_cases(count: int, seed: int = 0, methods: tuple[str, ...] = ("chain", "tree")) -> Iterator[Case]:
    """Every fifth case with the trained model, the others with the random ones in turn."""
    rng, names = random.Random(seed), itertools.cycle(RANDOM_MODELS)
    for i in range(count):
        name = next(names) if i % 5 else TRAINED_MODEL
        model, pool = subject(name)
        rows = rng.choices(range(len(pool)), k=rng.choice([1, 1, 2, 3, 4]))
        room = MAX_SEQ_LEN - max(len(pool[row].prompt) for row in rows)
        limit = room if rng.random() < 0.33 else rng.randint(1, 18)
        stop_ids = ()
        if rng.random() < 0.6:  # ids of one of the texts, where it has gone on for a while
            one = pool[rng.choice(rows)]
            places = range(len(one.prompt) + 3, MAX_SEQ_LEN)
            stop_ids = tuple({one.text[rng.choice(places)] for _ in range(rng.choice([1, 1, 2]))})
        n, tree = min(rng.choice([1, 2, 3, 4, 4, 4]), model.cfg.n_future), None
        if rng.choice(methods) == "tree":
            n = max(2, n)
            tree = random_tree(rng, n - 1, min(4, model.cfg.vocab_size))
        yield Case(name, rows, n, tree, limit, stop_ids)


def differences(case: Case, events: Counter | None = None) -> set[str]:
    """Where `generate` differs from what must be: "text", "steps" or both; what has happened is counted in events."""
    model, pool = subject(case.model)
    prompts, one = [pool[row].prompt for row in case.rows], len(case.rows) == 1
    how = {"method": "tree", "tree": case.tree} if case.tree else {"n_future": case.n_future}
    if case.n_future == 1 and case.limit % 2:  # two names for the same
        how = {"method": "autoregressive"}
    out = mtp.generate(model, prompts[0] if one else prompts, case.limit, stop_ids=case.stop_ids, **how)
    texts = zip([out.tokens], [out.stopped]) if one else zip(out.tokens, out.stopped)
    found = set()
    for row, (tokens, stopped) in enumerate(texts):
        own = [step for step in out.steps if step.row == row]
        *text, steps = speculate(pool[case.rows[row]], case.nodes, case.limit, case.stop_ids)
        if text != [tokens, stopped]:
            found.add("text")
        if list(map(_comparable, own)) != [dataclasses.replace(s, path=s.path if case.tree else ()) for s in steps]:
            found.add("steps")
        if events is not None:
            _count(events, case, out, own, len(prompts[row]) + len(tokens) == MAX_SEQ_LEN)
    return found


def _comparable(step: DecodeStep) -> Step:
    parts = {field.name: getattr(step, field.name) for field in dataclasses.fields(Step)}
    return Step(**(parts | {"verdicts": step.verdicts[: step.accepted + 1]}))


def _count(events: Counter, case: Case, out: mtp.Generation, own: list[DecodeStep], full: bool) -> None:
    method = "tree" if case.tree else "chain"
    for step in own:
        if case.n_future > 1:
            events[f"{method}: {step.accepted} accepted"] += 1
        if len(step.tokens) < step.accepted + 1:
            stopped = step.tokens[-1] in case.stop_ids
            events[f"{method}: {'a stop id' if stopped else 'the limit'} inside an accepted run"] += 1
    events[f"{method}: a row finishes before another"] += len(own) < out.forwards
    events[f"{method}: the text fills max_seq_len"] += full


# Planting faults ----------------------------------------------------------------------------------------------------


def write_in_steps(monkeypatch, decoder: type[BlockDecoder], faulty: Callable) -> None:
    """In steps, not while prompts are read, caches are written by faulty(write, cache, slots, keys, values), whose
    `decoder` is the one that runs."""
    write, step = KVCache.write, decoder.step

    def written(cache, *what):
        faulty(write, cache, *what)
        return cache.keys, cache.values

    def faulty_step(self, *block):
        faulty.decoder = self
        with monkeypatch.context() as inside:
            inside.setattr(KVCache, "write", written)
            return step(self, *block)

    monkeypatch.setattr(decoder, "step", faulty_step)


def forgetful_head(monkeypatch, head: int) -> None:
    """A head finds its cache empty at every forward."""
    latents = BlockDecoder.latents

    def faulty(self, *tokens):
        for cache in self.head_caches[head] if head < self.k else []:
            cache.keys.zero_()
            cache.values.zero_()
        return latents(self, *tokens)

    monkeypatch.setattr(BlockDecoder, "latents", faulty)


def check_that_drafts_alone_differ(monkeypatch, fault: Callable, method: str) -> None:
    """With a fault behind head 1 the text stays right, since head 1 judges every draft; the steps show it."""
    cases = random_cases(60, seed=2, methods=(method,))
    # In an anticausal chain head 1 reads the others; a linear head has no cache.
    cases = [case for case in cases if not any(word in case.model for word in ("anticausal", "linear"))]
    fault(monkeypatch)
    found = [differences(case) for case in cases]
    assert set().union(*found) == {"steps"}
