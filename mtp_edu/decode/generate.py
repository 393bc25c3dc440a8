"""Plain and self-speculative decoding of one prompt: the loop around the static step.

`stream` yields what every forward did; `generate` collects it. Greedy speculation gives the text that plain greedy
decoding gives, in fewer forwards (paper, section 3.2, Tables S2 and S3).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from mtp_edu.decode.step import BlockDecoder
from mtp_edu.device import synchronize
from mtp_edu.model import MultiTokenModel

METHODS = ("self-speculative", "autoregressive")


@dataclass(frozen=True)
class DecodeStep:
    """One forward of the model after the prompt's.

    position: place in prompt + text of the block's first token, the last one committed. block: the k tokens that went
    in, that token and k-1 drafts. verdicts: head 1's token after each of them. accepted: drafts kept, 0..k-1.
    tokens: what this step adds to the text, the accepted drafts and then head 1's own token, cut at a stop id or at
    the limit. drafts: the k-1 next drafts. seconds: time of this step.
    """

    position: int
    block: tuple[int, ...]
    verdicts: tuple[int, ...]
    accepted: int
    tokens: tuple[int, ...]
    drafts: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Generation:
    """A finished text: `tokens` are the new ones only. The first of them comes from the prompt's own forward."""

    tokens: list[int]
    steps: list[DecodeStep]
    prefill_seconds: float
    stopped: bool  # by a stop id, not by the limit
    method: str
    n_future: int

    @property
    def forwards(self) -> int:
        """Forwards after the prompt's."""
        return len(self.steps)

    @property
    def seconds(self) -> float:
        """Time of these forwards; the prompt's apart."""
        return sum(step.seconds for step in self.steps)

    @property
    def tokens_per_forward(self) -> float:
        """(new tokens kept - 1) / steps, since the first came with the prompt: plain decoding is exactly 1.00."""
        return (len(self.tokens) - 1) / len(self.steps) if self.steps else 1.0

    @property
    def tokens_per_second(self) -> float:
        return (len(self.tokens) - 1) / self.seconds if self.steps else 0.0

    def __repr__(self) -> str:
        speed = f"{self.tokens_per_forward:.2f} tokens per forward, {self.tokens_per_second:.0f} tokens/s"
        return f"Generation({len(self.tokens)} tokens, {self.method}, n_future={self.n_future}: {speed})"


def stream(
    model: MultiTokenModel,
    prompt: Sequence[int],
    max_new_tokens: int = 128,
    method: str = "self-speculative",
    n_future: int | None = None,
    stop_ids: int | Iterable[int] = (),
) -> Iterator[DecodeStep]:
    """The steps of `generate`, one by one as they happen.

    The first new token comes with the prompt's forward and is the first step's `block[0]`; a text that ends with it
    (max_new_tokens=1, or a stop id at once) has no step.
    """
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids)
    run.prefill()
    return run.steps()


def generate(
    model: MultiTokenModel,
    prompt: Sequence[int],
    max_new_tokens: int = 128,
    method: str = "self-speculative",
    n_future: int | None = None,
    stop_ids: int | Iterable[int] = (),
) -> Generation:
    """Continue one prompt (a list of ids) greedily.

    method: "self-speculative" with heads 1..n_future (all by default), or "autoregressive" with head 1 alone.
    stop_ids: the text ends with the first of these, also inside a run of accepted drafts; it is kept as the last token.
    Raises ValueError for an empty prompt, ids outside the vocabulary, n_future out of range, and a prompt that leaves
    no room for max_new_tokens within the model's max_seq_len.
    """
    run = _Run(model, prompt, max_new_tokens, method, n_future, stop_ids)
    prefill_seconds = run.prefill()
    steps = list(run.steps())
    return Generation(run.tokens, steps, prefill_seconds, run.stopped, method, run.k)


class _Run:
    """One text being written."""

    def __init__(self, model, prompt, max_new_tokens, method, n_future, stop_ids) -> None:
        if method not in METHODS:
            raise ValueError(f"method={method!r} must be one of {METHODS}")
        if isinstance(prompt, str):
            raise ValueError("the prompt is text: pass its ids, tokenizer.encode(prompt)")
        prompt = prompt.tolist() if isinstance(prompt, torch.Tensor) else list(prompt)
        if not prompt:
            raise ValueError("the prompt is empty: give at least one token to continue")
        if any(isinstance(token, list | tuple) for token in prompt):
            raise ValueError("the prompt must be one list of ids; call generate once for each of several prompts")
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1")
        longest = model.cfg.max_seq_len
        if len(prompt) + max_new_tokens > longest:
            raise ValueError(
                f"the prompt has {len(prompt)} tokens and max_new_tokens={max_new_tokens}, together more than the "
                f"model's max_seq_len={longest}: ask for at most {max(0, longest - len(prompt))}, or cut the prompt"
            )
        self.k = model.check_n_future(n_future)
        if method == "autoregressive":
            self.k = 1
        self.device = model.norm.weight.device
        self.prompt = torch.tensor([prompt])  # (1, P)
        model.check_tokens(self.prompt)
        self.prompt = self.prompt.to(self.device)
        self.stop_ids = frozenset([stop_ids] if isinstance(stop_ids, int) else stop_ids)
        self.limit = max_new_tokens
        self.decoder = BlockDecoder(model, self.k, rows=1, places=len(prompt) + max_new_tokens)
        self.tokens: list[int] = []
        self.stopped = False

    def prefill(self) -> float:
        """Read the prompt, commit the first token; seconds it took."""
        start = time.perf_counter()
        self.block = self.decoder.prefill(self.prompt)  # (1, k)
        self.commit([int(self.block[0, 0])])
        synchronize(self.device)
        return time.perf_counter() - start

    def steps(self) -> Iterator[DecodeStep]:
        while not self.stopped and len(self.tokens) < self.limit:
            begin = time.perf_counter()
            position = self.prompt.shape[1] + len(self.tokens) - 1
            result = self.decoder.step(self.block, torch.tensor([position], device=self.device))
            verdicts, drafts = result.verdicts[0].tolist(), result.drafts[0].tolist()
            accepted = int(result.accepted[0])
            block = self.block[0].tolist()
            self.block = torch.tensor([[verdicts[accepted], *drafts]], device=self.device)
            kept = self.commit(verdicts[: accepted + 1])  # an accepted draft is its verdict
            seconds = time.perf_counter() - begin
            yield DecodeStep(position, tuple(block), tuple(verdicts), accepted, tuple(kept), tuple(drafts), seconds)

    def commit(self, tokens: list[int]) -> list[int]:
        """Add tokens to the text up to the first stop id or the limit; return those that were added."""
        kept = tokens[: self.limit - len(self.tokens)]
        for i, token in enumerate(kept):
            if token in self.stop_ids:
                kept, self.stopped = kept[: i + 1], True
                break
        self.tokens += kept
        return kept
