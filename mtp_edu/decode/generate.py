"""Plain, self-speculative and tree decoding of one prompt or of many: the loop around the static step.

`stream` yields what every forward did; `generate` collects it. Greedy speculation gives the text that plain greedy
decoding gives, in fewer forwards (paper, section 3.2, Tables S2 and S3); sampled, it has the same distribution.
Rows of a batch accept different numbers of drafts and end at different times; none waits for another's text, and a
row's text is the same alone and in any batch (near ties aside in lower precision than float64).
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtp_edu.compiling import CompiledStep, can_compile, rounded_places
from mtp_edu.decode.sampling import Sampling, exact_dtype
from mtp_edu.decode.step import BlockDecoder
from mtp_edu.decode.tree import DraftTree, TreeDecoder
from mtp_edu.device import synchronize
from mtp_edu.model import MultiTokenModel

METHODS = ("self-speculative", "autoregressive", "tree")
WIDTHS = (3, 2, 1)  # candidates of heads 2, 3, 4 in the tree that is taken if none is given; one of each head beyond
Prompt = Sequence[int]


@dataclass(frozen=True)
class DecodeStep:
    """What one forward of the model, after the prompt's, has done for one row.

    position: place in prompt + text of the block's first token, the last one committed. block: the k tokens that went
    in, that token and k-1 drafts. verdicts: head 1's token after each of them (when sampling, the accepted drafts and
    the token drawn after them; what it holds most likely beyond). accepted: drafts kept, 0..k-1. tokens: what this
    step adds to the text, the accepted drafts and then head 1's own token, cut at a stop id or at the limit. drafts:
    the k-1 next drafts. seconds: time of this forward, for all rows together. row, forward: numbered from 0.

    Of a tree, block and drafts hold all its nodes (the root first in the block), and path the accepted ones, root
    included, by their index; verdicts are those along the path.
    """

    position: int
    block: tuple[int, ...]
    verdicts: tuple[int, ...]
    accepted: int
    tokens: tuple[int, ...]
    drafts: tuple[int, ...]
    seconds: float
    row: int = 0
    forward: int = 0
    path: tuple[int, ...] = ()


@dataclass(frozen=True)
class Generation:
    """Finished text: `tokens` are the new ones only, a list, or a list of lists if many prompts were given.

    The first token of a row comes from the prompt's own forward. steps: of all rows, in the order of the forwards.
    """

    tokens: list[int] | list[list[int]]
    steps: list[DecodeStep]
    prefill_seconds: float
    stopped: bool | list[bool]  # by a stop id, not by the limit
    method: str
    n_future: int
    compile_seconds: float = 0.0  # part of neither prefill_seconds nor seconds

    @property
    def forwards(self) -> int:
        """Forwards after the prompt's; each serves all rows that are not finished."""
        return self.steps[-1].forward + 1 if self.steps else 0

    @property
    def seconds(self) -> float:
        """Time of these forwards; the prompt's apart."""
        return sum({step.forward: step.seconds for step in self.steps}.values())

    @property
    def _after_the_first(self) -> int:
        return sum(len(step.tokens) for step in self.steps)

    @property
    def tokens_per_forward(self) -> float:
        """(new tokens kept - 1) / steps, over all rows: the first came with the prompt. Plain decoding is exactly 1."""
        return self._after_the_first / len(self.steps) if self.steps else 1.0

    @property
    def tokens_per_second(self) -> float:
        return self._after_the_first / self.seconds if self.steps else 0.0

    def __repr__(self) -> str:
        speed = f"{self.tokens_per_forward:.2f} tokens per forward, {self.tokens_per_second:.0f} tokens/s"
        kind = "rows" if any(isinstance(row, list) for row in self.tokens) else "tokens"
        return f"Generation({len(self.tokens)} {kind}, {self.method}, n_future={self.n_future}: {speed})"


def stream(
    model: MultiTokenModel,
    prompt: Prompt | Sequence[Prompt],
    max_new_tokens: int = 128,
    method: str = "self-speculative",
    n_future: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int | None = None,
    acceptance: str | Callable = "lossless",
    seed: int | Sequence[int] | None = None,
    stop_ids: int | Iterable[int] = (),
    tree: DraftTree | None = None,
    compile: bool = False,
) -> Iterator[DecodeStep]:
    """The steps of `generate`, one by one as they happen.

    The first new token comes with the prompt's forward and is the first step's `block[0]`; a text that ends with it
    (max_new_tokens=1, or a stop id at once) has no step.
    """
    sampling = Sampling(temperature, top_p, top_k, acceptance)
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed, tree, compile)
    run.prefill()
    return run.steps()


def generate(
    model: MultiTokenModel,
    prompt: Prompt | Sequence[Prompt],
    max_new_tokens: int = 128,
    method: str = "self-speculative",
    n_future: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int | None = None,
    acceptance: str | Callable = "lossless",
    seed: int | Sequence[int] | None = None,
    stop_ids: int | Iterable[int] = (),
    tree: DraftTree | None = None,
    compile: bool = False,
) -> Generation:
    """Continue one prompt (a list of ids) or many (a list of such lists, of any lengths).

    method: "self-speculative" with heads 1..n_future (all by default), "autoregressive" with head 1 alone, or "tree"
    with several candidates of every head; tree: which ones (decode/tree.py), by default 3 of head 2, 2 of head 3
    behind each of them, 1 of the heads beyond.
    stop_ids: a text ends with the first of these, also inside a run of accepted drafts; it is kept as the last token.
    temperature: 0 is greedy; above, tokens are drawn, after top_k and top_p, and drafts are accepted by the lossless
    rule (decode/sampling.py): the text has the distribution of plain sampling. acceptance: "typical" is Medusa's rule
    instead, which keeps more drafts and not the distribution; or a rule of your own, called as `accept_lossless` is.
    seed: row i draws from seed + i, or from seed[i]; None: a new one. Seeded, a row is the same alone and in any batch.
    compile: run compiled steps (compiling.py); the first text of a shape and way of sampling waits for the compiler,
    and `compile_seconds` says how long. They round differently.
    Raises ValueError for an empty prompt or batch, ids outside the vocabulary, numbers out of range or not whole, and a
    prompt that leaves no room for max_new_tokens within max_seq_len.
    """
    sampling = Sampling(temperature, top_p, top_k, acceptance)
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed, tree, compile)
    prefill_seconds, steps = run.prefill(), list(run.steps())
    tokens, stopped = (run.tokens, run.stopped) if run.many else (run.tokens[0], run.stopped[0])
    return Generation(tokens, steps, prefill_seconds, stopped, method, run.k, run.compile_seconds)


class _Run:
    """Texts being written, one per row."""

    def __init__(
        self, model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed, tree, compile
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"method={method!r} must be one of {METHODS}")
        self.many, prompts = _rows(prompt)
        self.limit = _whole("max_new_tokens", max_new_tokens)
        if self.limit < 1:
            raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1")
        asked, self.tree = model.check_n_future(n_future), _tree(model, method, tree, n_future)
        self.k = self.tree.n_future if self.tree else 1 if method == "autoregressive" else asked
        longest, most = max(map(len, prompts)), model.cfg.max_seq_len
        if longest + self.limit > most:
            ask = f"ask for at most {most - longest}, or " if longest < most else ""
            both = f"a prompt of {longest} tokens and max_new_tokens={max_new_tokens} are together"
            raise ValueError(f"{both} more than the model's max_seq_len={most}: {ask}cut the prompt")
        self.device = model.norm.weight.device
        # Padding is never seen: a row's own tokens are written over it before anything may look there.
        padded = torch.tensor([[*row, *row[:1] * (longest - len(row))] for row in prompts])  # (B, P)
        model.check_tokens(padded)
        self.prompt, self.lengths = padded.to(self.device), [len(row) for row in prompts]
        ends = stop_ids if isinstance(stop_ids, Iterable) else [stop_ids]
        self.stop_ids = frozenset(_whole("stop_ids", end) for end in ends)
        drawn = sampling if sampling.temperature > 0 else None
        self.generators = [np.random.default_rng(own) for own in _seeds(seed, len(prompts))] if drawn else None
        compiled, places = compile and can_compile(self.device), longest + self.limit
        places = rounded_places(places, most) if compiled else places
        kind, drafts = (TreeDecoder, self.tree) if self.tree else (BlockDecoder, self.k)
        self.decoder = kind(model, drafts, len(prompts), places, drawn)
        self.compiled, self.compile_seconds = CompiledStep(self.decoder) if compiled else None, 0.0
        self.tokens: list[list[int]] = [[] for _ in prompts]
        self.stopped = [False for _ in prompts]

    def uniform(self) -> Tensor | None:
        """Random numbers of one forward, (B, decoder.uniforms), each row from its own seed; None if greedy."""
        if self.generators is None:
            return None
        drawn = np.stack([generator.random(self.decoder.uniforms) for generator in self.generators])
        return torch.from_numpy(drawn).to(exact_dtype(self.device)).to(self.device)

    def prefill(self) -> float:
        """Read the prompts, commit the first token of each; seconds it took."""
        start, uniform = time.perf_counter(), self.uniform()
        result = self.decoder.prefill(self.prompt, torch.tensor(self.lengths, device=self.device), uniform)
        self.block, self.source = torch.cat([result.verdicts, result.drafts], dim=1), result.source  # (B, k)
        for row, first in enumerate(result.verdicts[:, 0].tolist()):
            self.commit(row, [first])
        synchronize(self.device)
        seconds = time.perf_counter() - start
        if self.compiled and self.unfinished():
            self.warm_up(uniform)
        return seconds

    def warm_up(self, uniform: Tensor | None) -> None:
        """Run the first step once more than needed: nothing it writes is seen before the real one writes there."""
        start = time.perf_counter()
        for _ in range(3 if self.device.type == "cuda" else 1):  # a CUDA graph warms up, is recorded, and runs
            self.compiled(self.block, self.starts(), self.source, uniform)
        synchronize(self.device)
        self.compile_seconds = time.perf_counter() - start

    def unfinished(self) -> list[int]:
        return [row for row, own in enumerate(self.tokens) if not self.stopped[row] and len(own) < self.limit]

    def starts(self) -> Tensor:
        """Position of each row's last committed token, (B,); a row that has ended stays where it is."""
        written = [length + len(tokens) - 1 for length, tokens in zip(self.lengths, self.tokens, strict=True)]
        return torch.tensor(written, device=self.device)

    def steps(self) -> Iterator[DecodeStep]:
        try:
            forward = 0
            while rows := self.unfinished():
                yield from self.forward(rows, forward)
                forward += 1
        finally:
            if self.compiled:
                self.compiled.close()

    def forward(self, rows: list[int], forward: int) -> list[DecodeStep]:
        """One forward of the model; what it has done for each of the unfinished rows."""
        begin = time.perf_counter()
        run, block, starts = self.compiled or self.decoder.step, self.block, self.starts()
        result = run(block, starts, self.source, self.uniform())
        following = result.verdicts.gather(1, result.accepted[:, None])  # (B, 1)
        self.block, self.source = torch.cat([following, result.drafts], dim=1), result.source
        path = block[:, :0] if result.path is None else result.path
        # Fetched from the device all at once: each time would wait for it.
        parts = (result.accepted[:, None], starts[:, None], block, result.verdicts, result.drafts, path)
        fetched = torch.cat(parts, dim=1).cpu().split([part.shape[1] for part in parts], dim=1)
        accepted, start, block, verdicts, drafts, path = (part.tolist() for part in fetched)
        kept = {row: self.commit(row, verdicts[row][: accepted[row][0] + 1]) for row in rows}
        seconds = time.perf_counter() - begin
        return [
            DecodeStep(
                start[row][0], tuple(block[row]), tuple(verdicts[row]), accepted[row][0], tuple(kept[row]),
                tuple(drafts[row]), seconds, row, forward, tuple(path[row][: accepted[row][0] + 1]),
            )
            for row in rows
        ]  # fmt: skip

    def commit(self, row: int, tokens: list[int]) -> list[int]:
        """Add tokens to a row's text up to the first stop id or the limit; return those that were added."""
        kept = tokens[: self.limit - len(self.tokens[row])]
        ends = [i for i, token in enumerate(kept) if token in self.stop_ids]
        if ends:
            kept, self.stopped[row] = kept[: ends[0] + 1], True
        self.tokens[row] += kept
        return kept


def _rows(prompt: Prompt | Sequence[Prompt]) -> tuple[bool, list[list[int]]]:
    """Whether many prompts were given, and all of them as lists of ids."""
    prompt = prompt.tolist() if isinstance(prompt, Tensor | np.ndarray) else list(prompt)
    if not prompt:
        raise ValueError("the prompt is empty: give at least one token to continue")
    if any(isinstance(one, str) for one in prompt):
        raise ValueError("the prompt is text: pass its ids, tokenizer.encode(prompt)")
    nested = [isinstance(one, Sequence | Tensor | np.ndarray) and getattr(one, "ndim", 1) > 0 for one in prompt]
    if not any(nested):
        return False, [prompt]
    if not all(nested):
        raise ValueError("the prompt mixes ids and lists of ids: give one list of ids, or a list of such lists")
    rows = [one.tolist() if isinstance(one, Tensor | np.ndarray) else list(one) for one in prompt]
    if not all(rows):
        raise ValueError(f"prompt {rows.index([])} of the batch is empty: give each at least one token to continue")
    return True, rows


def _tree(model: MultiTokenModel, method: str, tree: DraftTree | None, n_future: int | None) -> DraftTree | None:
    """The tree to draft, or None if the method drafts none."""
    if method != "tree":
        if tree is not None:
            raise ValueError(f"a tree was given with method={method!r}: use method='tree'")
        return None
    if tree is None:
        n = model.check_n_future(n_future)
        if n == 1:
            raise ValueError("method='tree' drafts with heads 2 and beyond: n_future must be at least 2")
        widths = [min(width, model.cfg.vocab_size) for width in [*WIDTHS, *[1] * n][: n - 1]]
        return DraftTree.full(widths, budget=10 + 6 * n)
    if tree.n_future != (tree.n_future if n_future is None else n_future) or tree.n_future > model.cfg.n_future:
        raise ValueError(
            f"the tree is {tree.n_future - 1} deep and needs n_future={tree.n_future}; n_future={n_future} was asked "
            f"for, and the model has {model.cfg.n_future} heads"
        )
    return tree


def _seeds(seed: int | Sequence[int] | None, rows: int) -> list[int | None]:
    if not isinstance(seed, Sequence | np.ndarray | Tensor):
        return [None if seed is None else _whole("seed", seed) + row for row in range(rows)]
    if len(seed) != rows:
        raise ValueError(f"{len(seed)} seeds for {rows} prompts: give one number, or one for each prompt")
    return [_whole("seed", own) for own in seed]


def _whole(name: str, number: object) -> int:
    """A whole number, numpy's and torch's too, as an int."""
    with contextlib.suppress(TypeError):
        if operator.index(number) >= 0:
            return operator.index(number)
    raise ValueError(f"{name}={number!r} is no whole number: give an int, at least 0")
