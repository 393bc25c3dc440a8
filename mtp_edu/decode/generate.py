"""Plain and self-speculative decoding of one prompt or of many: the loop around the static step.

`stream` yields what every forward did; `generate` collects it. Greedy speculation gives the text that plain greedy
decoding gives, in fewer forwards (paper, section 3.2, Tables S2 and S3); sampled, it has the same distribution.
Rows of a batch accept different numbers of drafts and end at different times; none waits for another's text, and a
row's text is the same alone and in any batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtp_edu.decode.sampling import Sampling
from mtp_edu.decode.step import BlockDecoder
from mtp_edu.device import synchronize
from mtp_edu.model import MultiTokenModel

METHODS = ("self-speculative", "autoregressive")


Prompt = Sequence[int]


@dataclass(frozen=True)
class DecodeStep:
    """What one forward of the model, after the prompt's, has done for one row.

    position: place in prompt + text of the block's first token, the last one committed. block: the k tokens that went
    in, that token and k-1 drafts. verdicts: head 1's token after each of them (when sampling, the accepted drafts and
    the token drawn after them; what it holds most likely beyond). accepted: drafts kept, 0..k-1. tokens: what this
    step adds to the text, the accepted drafts and then head 1's own token, cut at a stop id or at the limit. drafts:
    the k-1 next drafts. seconds: time of this forward, for all rows together. row, forward: numbered from 0.
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
        rows = self.tokens if self.tokens and isinstance(self.tokens[0], list) else [self.tokens]
        return sum(len(row) - 1 for row in rows)

    @property
    def tokens_per_forward(self) -> float:
        """(new tokens kept - 1) / steps, over all rows: the first came with the prompt. Plain decoding is exactly 1."""
        return self._after_the_first / len(self.steps) if self.steps else 1.0

    @property
    def tokens_per_second(self) -> float:
        return self._after_the_first / self.seconds if self.steps else 0.0

    def __repr__(self) -> str:
        speed = f"{self.tokens_per_forward:.2f} tokens per forward, {self.tokens_per_second:.0f} tokens/s"
        count = len(self.tokens)
        many = f"{count} rows" if count and isinstance(self.tokens[0], list) else f"{count} tokens"
        return f"Generation({many}, {self.method}, n_future={self.n_future}: {speed})"


def stream(
    model: MultiTokenModel,
    prompt: Prompt | Sequence[Prompt],
    max_new_tokens: int = 128,
    method: str = "self-speculative",
    n_future: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int | None = None,
    acceptance: str = "lossless",
    seed: int | Sequence[int] | None = None,
    stop_ids: int | Iterable[int] = (),
) -> Iterator[DecodeStep]:
    """The steps of `generate`, one by one as they happen.

    The first new token comes with the prompt's forward and is the first step's `block[0]`; a text that ends with it
    (max_new_tokens=1, or a stop id at once) has no step.
    """
    sampling = Sampling(temperature, top_p, top_k, acceptance)
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed)
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
    acceptance: str = "lossless",
    seed: int | Sequence[int] | None = None,
    stop_ids: int | Iterable[int] = (),
) -> Generation:
    """Continue one prompt (a list of ids) or many (a list of such lists, of any lengths).

    method: "self-speculative" with heads 1..n_future (all by default), or "autoregressive" with head 1 alone.
    stop_ids: a text ends with the first of these, also inside a run of accepted drafts; it is kept as the last token.
    temperature: 0 is greedy; above, tokens are drawn, after top_k and top_p, and drafts are accepted by the lossless
    rule (decode/sampling.py): the text has the distribution of plain sampling. acceptance: "typical" is Medusa's
    rule instead, which keeps more drafts and does not keep the distribution. seed: row i draws from seed + i, or
    from seed[i]; None: a new one. With the same seed a row is the same alone and in any batch.
    Raises ValueError for an empty prompt or batch, ids outside the vocabulary, n_future out of range, temperatures and
    shares that describe no distribution, and a prompt that leaves no room for max_new_tokens within max_seq_len.
    """
    sampling = Sampling(temperature, top_p, top_k, acceptance)
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed)
    prefill_seconds = run.prefill()
    steps = list(run.steps())
    tokens, stopped = (run.tokens, run.stopped) if run.many else (run.tokens[0], run.stopped[0])
    return Generation(tokens, steps, prefill_seconds, stopped, method, run.k)


class _Run:
    """Texts being written, one per row."""

    def __init__(self, model, prompt, max_new_tokens, method, n_future, stop_ids, sampling, seed) -> None:
        if method not in METHODS:
            raise ValueError(f"method={method!r} must be one of {METHODS}")
        self.many, prompts = _rows(prompt)
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1")
        self.k = model.check_n_future(n_future)
        if method == "autoregressive":
            self.k = 1
        longest, most = max(map(len, prompts)), model.cfg.max_seq_len
        if longest + max_new_tokens > most:
            raise ValueError(
                f"the prompt has {longest} tokens and max_new_tokens={max_new_tokens}, together more than the "
                f"model's max_seq_len={most}: ask for at most {max(0, most - longest)}, or cut the prompt"
            )
        self.device = model.norm.weight.device
        # Padding is never seen: a row's own tokens are written over it before anything may look there.
        padded = torch.tensor([[*row, *row[:1] * (longest - len(row))] for row in prompts])  # (B, P)
        model.check_tokens(padded)
        self.prompt, self.lengths = padded.to(self.device), [len(row) for row in prompts]
        self.stop_ids = frozenset([stop_ids] if isinstance(stop_ids, int) else stop_ids)
        self.limit = max_new_tokens
        drawn = sampling if sampling.temperature > 0 else None
        self.generators = [np.random.default_rng(own) for own in _seeds(seed, len(prompts))] if drawn else None
        self.decoder = BlockDecoder(model, self.k, len(prompts), longest + max_new_tokens, drawn)
        self.tokens: list[list[int]] = [[] for _ in prompts]
        self.stopped = [False for _ in prompts]

    def uniform(self) -> Tensor | None:
        """Random numbers of one forward, (B, 2k - 1), each row from its own seed; None if greedy."""
        if self.generators is None:
            return None
        numbers = np.stack([generator.random(2 * self.k - 1) for generator in self.generators])
        return torch.from_numpy(numbers).to(self.device)

    def prefill(self) -> float:
        """Read the prompts, commit the first token of each; seconds it took."""
        start = time.perf_counter()
        result = self.decoder.prefill(self.prompt, torch.tensor(self.lengths, device=self.device), self.uniform())
        self.block, self.source = torch.cat([result.verdicts, result.drafts], dim=1), result.source  # (B, k)
        for row, first in enumerate(result.verdicts[:, 0].tolist()):
            self.commit(row, [first])
        synchronize(self.device)
        return time.perf_counter() - start

    def finished(self, row: int) -> bool:
        return self.stopped[row] or len(self.tokens[row]) >= self.limit

    def steps(self) -> Iterator[DecodeStep]:
        starts = [length + len(tokens) - 1 for length, tokens in zip(self.lengths, self.tokens, strict=True)]
        forward = 0
        while rows := [row for row in range(len(self.tokens)) if not self.finished(row)]:
            begin = time.perf_counter()
            where = torch.tensor(starts, device=self.device)
            result = self.decoder.step(self.block, where, self.source, self.uniform())
            following = result.verdicts.gather(1, result.accepted[:, None])  # (B, 1)
            blocks, drafts = self.block.tolist(), result.drafts.tolist()
            verdicts, accepted = result.verdicts.tolist(), result.accepted.tolist()
            self.block, self.source = torch.cat([following, result.drafts], dim=1), result.source
            kept = {row: self.commit(row, verdicts[row][: accepted[row] + 1]) for row in rows}
            seconds = time.perf_counter() - begin
            for row in rows:
                yield DecodeStep(
                    starts[row], tuple(blocks[row]), tuple(verdicts[row]), accepted[row], tuple(kept[row]),
                    tuple(drafts[row]), seconds, row, forward,
                )  # fmt: skip
                starts[row] += len(kept[row])  # a row that has ended stays where it is
            forward += 1

    def commit(self, row: int, tokens: list[int]) -> list[int]:
        """Add tokens to a row's text up to the first stop id or the limit; return those that were added."""
        kept = tokens[: self.limit - len(self.tokens[row])]
        for i, token in enumerate(kept):
            if token in self.stop_ids:
                kept, self.stopped[row] = kept[: i + 1], True
                break
        self.tokens[row] += kept
        return kept


def _rows(prompt: Prompt | Sequence[Prompt]) -> tuple[bool, list[list[int]]]:
    """Whether many prompts were given, and all of them as lists of ids."""
    if isinstance(prompt, str) or (not isinstance(prompt, Tensor) and any(isinstance(one, str) for one in prompt)):
        raise ValueError("the prompt is text: pass its ids, tokenizer.encode(prompt)")
    prompt = prompt.tolist() if isinstance(prompt, Tensor) else list(prompt)
    if not prompt:
        raise ValueError("the prompt is empty: give at least one token to continue")
    nested = [isinstance(one, Sequence | Tensor) for one in prompt]
    if not any(nested):
        return False, [prompt]
    if not all(nested):
        raise ValueError("the prompt mixes ids and lists of ids: give one list of ids, or a list of such lists")
    rows = [one.tolist() if isinstance(one, Tensor) else list(one) for one in prompt]
    if not all(rows):
        raise ValueError(f"prompt {rows.index([])} of the batch is empty: give each at least one token to continue")
    return True, rows


def _seeds(seed: int | Sequence[int] | None, rows: int) -> list[int | None]:
    if seed is None:
        return [None] * rows
    if isinstance(seed, int):
        return [seed + row for row in range(rows)]
    if len(seed) != rows:
        raise ValueError(f"{len(seed)} seeds for {rows} prompts: give one number, or one for each prompt")
    return list(seed)
