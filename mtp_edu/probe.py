"""Looking inside: what every head predicts for a text, and how often its predictions would have been accepted.

Letters: `T` time, `V` vocabulary, `n` future tokens; head k = 1 predicts the next token, at index k-1 = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtp_edu import corpus
from mtp_edu.corpus import IGNORE, Windows, future_targets
from mtp_edu.decode import BlockDecoder, Generation, generate
from mtp_edu.model import MultiTokenModel
from mtp_edu.tokenizer import Tokenizer
from mtp_edu.train import evaluate


@dataclass(frozen=True)
class HeadPredictions:
    """What head k, standing at token t, predicted for token t+k. Ranks count from 0, -1 where the text has ended."""

    tokens: list[int]
    n_future: int
    top_ids: Tensor  # (T, n, top_k)
    top_probabilities: Tensor  # (T, n, top_k)
    target_rank: Tensor  # (T, n) of the true token among the head's predictions
    entropy: Tensor  # (T, n) nats
    surprise: Tensor  # (T, n) nats, -log p(true token); nan where there is none


@torch.no_grad()
def head_predictions(model: MultiTokenModel, tokens: Sequence[int], top_k: int = 5) -> HeadPredictions:
    """Every head's predictions along one text. Raises ValueError for an empty text or one longer than the window."""
    if len(tokens) == 0:
        raise ValueError("the text is empty: give at least one token")
    n, top_k = model.cfg.n_future, min(top_k, model.cfg.vocab_size)
    row = torch.tensor([list(tokens)], device=model.norm.weight.device)  # (1, T)
    log_p = model(row)[0].float().log_softmax(-1)  # (T, n, V)
    targets = future_targets(row, n)[0]  # (T, n)
    there = targets != IGNORE
    true = log_p.gather(-1, targets.clamp(min=0)[..., None])  # (T, n, 1)
    rank = (log_p > true).sum(-1).masked_fill(~there, -1)
    top = log_p.topk(top_k, dim=-1)
    return HeadPredictions(
        tokens=list(tokens),
        n_future=n,
        top_ids=top.indices.cpu(),
        top_probabilities=top.values.exp().cpu(),
        target_rank=rank.cpu(),
        entropy=-(log_p.exp() * log_p).sum(-1).cpu(),
        surprise=(-true[..., 0]).masked_fill(~there, float("nan")).cpu(),
    )


def unfamiliar(tokenizer: Tokenizer, found: HeadPredictions) -> str | None:
    """Whether a text is of a kind that the model has not learnt: "script", "language", or None.

    Both are read from head 1's mean surprise S beside log2 V bits, the surprise of even guesses among all V tokens.
    "script": S is above log2 V and more than half of the tokens are single bytes of characters beyond ASCII, which
    is what a tokenizer falls back to where it has no pieces. "language": S is above 0.85 log2 V: another language, or
    a kind of text far from the training data. Of the shipped models, own and related text (Python, C, JSON, English)
    stays below 0.7 log2 V where it was trained on code, other languages start at 0.88, other scripts at 1.6. A text of
    fewer than 12 tokens is not judged, nor one about which head 1 is as uncertain as it is surprised (an entropy above
    0.85 log2 V): an untrained model expects nothing anywhere.
    """
    even = math.log2(tokenizer.vocab_size)
    own, expected = (float(part[:-1, 0].mean()) / math.log(2) for part in (found.surprise, found.entropy))
    if len(found.tokens) < 12 or expected > 0.85 * even:
        return None
    pieces = [tokenizer.token_bytes(token) for token in found.tokens]
    fallen_back = sum(len(piece) == 1 and piece[0] >= 128 for piece in pieces)
    if own > even and 2 * fallen_back > len(pieces):
        return "script"
    return "language" if own > 0.85 * even else None


@dataclass(frozen=True)
class Judged:
    """Drafts of heads 2..n against one truth, one number per head, each a share of the places that were judged.

    alone: this head right, whatever the earlier drafts. cumulative: this head and all before it right.
    conditional: this head right, given that those before it are.
    """

    alone: tuple[float, ...]
    cumulative: tuple[float, ...]
    conditional: tuple[float, ...]

    @property
    def tokens_per_forward(self) -> float:
        """One token from head 1, and every draft up to the first wrong one."""
        return 1 + sum(self.cumulative)


@dataclass(frozen=True)
class Acceptance:
    """How drafts fare along a text, every position being a place to draft from (teacher-forced).

    main: judged by the main head's own choices on the true prefix, as greedy decoding judges them. text: judged by the
    tokens that stand there. overlap: of heads 2..n, the sum over tokens of min(p, q), which is how often the lossless
    rule keeps a draft drawn from q at temperature 1 when the main head holds p. accuracy: top-1 accuracy of heads 1..n
    against the text. places: positions judged.
    """

    main: Judged
    text: Judged
    overlap: tuple[float, ...]
    accuracy: tuple[float, ...]
    places: int


@torch.no_grad()
def acceptance(model: MultiTokenModel, windows: Windows, max_windows: int | None = 64) -> Acceptance:
    """Acceptance of heads 2..n along (at most max_windows, evenly spread) windows of text.

    Only positions whose n following tokens lie in the same document and window are judged. Raises ValueError if
    there is none.
    """
    main, text, overlap = [], [], []
    for heads, targets in _places(model, windows, max_windows):
        for k, (own, ahead) in enumerate(heads):
            choice = own.argmax(-1)  # (places,)
            main.append(choice == ahead.argmax(-1))
            text.append(choice == targets[:, k])
            overlap.append(torch.minimum(own.softmax(-1), ahead.softmax(-1)).sum(-1))
    # (places, n) each; head 1 is judged by itself, which says nothing, so its column is left out
    main, text, overlap = (_columns(parts, windows.n_future) for parts in (main, text, overlap))
    shares = tuple(overlap[:, 1:].mean(0).tolist())
    return Acceptance(_judge(main[:, 1:]), _judge(text[:, 1:]), shares, tuple(text.mean(0).tolist()), len(text))


@torch.no_grad()
def draft_ranks(model: MultiTokenModel, windows: Windows, max_windows: int | None = 64) -> Tensor:
    """Where the main head's own choice stands among the candidates of heads 2..n, 0 for the first: (places, n-1).

    What a tree would have gained along this text follows from it: `DraftTree.sparse`, `DraftTree.tokens_per_forward`.
    Places and errors as in `acceptance`.
    """
    n, ranks = windows.n_future, []
    for heads, _ in _places(model, windows, max_windows):
        for own, ahead in heads:
            ranks.append((own > own.gather(-1, ahead.argmax(-1, keepdim=True))).sum(-1))
    return _columns(ranks, n)[:, 1:].long()


def _places(model: MultiTokenModel, windows: Windows, max_windows: int | None):
    """Window by window, at the places that can be judged: for every head its logits (places, V) beside the main head's
    for the same tokens on the true prefix; and the tokens themselves (places, n)."""
    n, device, found = windows.n_future, model.norm.weight.device, False
    if windows.length < n:
        raise ValueError(f"windows of {windows.length} tokens hold no {n} in a row: use a length of at least {n}")
    judged = windows.length - n + 1
    for i in windows.spread(max_windows):
        tokens, targets = windows.batch([i])
        usable = (targets[0, :judged] != IGNORE).all(-1)
        if not usable.any():
            continue
        found = True
        targets, usable = targets[0, :judged][usable].to(device), usable.to(device)
        logits = model(tokens.to(device), n_future=n)[0]  # (T, n, V)
        # Head 1's choice for t+k is made on the true prefix up to t+k-1: its prediction k-1 places further on.
        yield ((logits[:judged, k][usable], logits[k : k + judged, 0][usable]) for k in range(n)), targets
    if not found:
        raise ValueError("no position has all its targets inside one document: use longer documents or windows")


def _columns(parts: list[Tensor], n: int) -> Tensor:
    """Parts (places,) of heads 1..n, window after window, as (places, n) in float64."""
    return torch.cat([torch.stack(parts[i : i + n], dim=1) for i in range(0, len(parts), n)]).cpu().double()


def _judge(right: Tensor) -> Judged:
    """right: (places, n-1), 1 where a draft was right."""
    cumulative = right.cumprod(1).mean(0).tolist()
    conditional = [b / a if a else 0.0 for a, b in zip([1.0, *cumulative], cumulative, strict=False)]
    return Judged(tuple(right.mean(0).tolist()), tuple(cumulative), tuple(conditional))


def repeated_share(tokens: Sequence[int], size: int = 8) -> float:
    """Share of the text's runs of `size` tokens that occurred before: a broken model that loops nears 1."""
    runs = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


@dataclass(frozen=True)
class FreeRunning:
    """What a model writes by itself, prompted with the beginnings of documents, up to the end of text."""

    temperature: float
    tokens_per_forward: float
    repetition: float  # share of repeated 8-grams in what it wrote


@dataclass(frozen=True)
class Report:
    """A model on a text: loss per head, acceptance by its names, and free running beside the text's own repetition."""

    losses: tuple[float, ...]  # nats per token, heads 1..n
    bytes_per_token: float
    tokens_per_document: float
    vocab_size: int
    acceptance: Acceptance
    free: tuple[FreeRunning, ...]
    text_repetition: float  # share of repeated 8-grams in the text itself, over pieces of the same length
    prompts: int

    @property
    def bits_per_byte(self) -> float:
        """Loss of head 1 in bits per byte of text: comparable between tokenizers."""
        return self.losses[0] / math.log(2) / self.bytes_per_token

    def markdown(self) -> str:
        """Tables for a card or a terminal."""
        main, text = self.acceptance.main, self.acceptance.text
        lines = ["| head | loss (nats/token) | top-1 accuracy | accepted: alone | cumulative | conditional | drawn |"]
        lines.append("| --- | --- | --- | --- | --- | --- | --- |")
        for k, (loss, accuracy) in enumerate(zip(self.losses, self.acceptance.accuracy, strict=True)):
            rates = (main.alone, main.cumulative, main.conditional, self.acceptance.overlap)
            cells = ["(verifies)", "", "", ""] if k == 0 else [f"{rate[k - 1]:.3f}" for rate in rates]
            lines.append(f"| {k + 1} | {loss:.3f} | {accuracy:.3f} | {' | '.join(cells)} |")
        one = f"vocabulary {self.vocab_size:,}, {self.bytes_per_token:.2f} bytes per token"
        lines += [
            "",
            f"Head 1: {self.bits_per_byte:.3f} bits per byte. {one[0].upper()}{one[1:]}. Accepted: judged by head 1 on",
            f"the true prefix ({self.acceptance.places:,} places). Drawn: kept by the lossless rule at temperature 1.",
            "",
            "| tokens per forward | value | bytes per forward | repeated 8-grams |",
            "| --- | --- | --- | --- |",
        ]
        rows = [("(a) along the text, drafts judged by head 1", main.tokens_per_forward, self.text_repetition)]
        for run in self.free:
            name = f"(b) free running, temperature {run.temperature:g}, {self.prompts} prompts"
            rows.append((name, run.tokens_per_forward, run.repetition))
        rows.append(("(c) along the text, drafts judged by the text", text.tokens_per_forward, self.text_repetition))
        for name, value, repeated in rows:
            lines.append(f"| {name} | {value:.2f} | {value * self.bytes_per_token:.1f} | {repeated:.1%} |")
        return "\n".join(lines)


def report(
    model: MultiTokenModel, tokenizer: Tokenizer, documents: Sequence, length: int = 256, prompts: int = 20
) -> Report:
    """Measure a model on documents (or strings); they are cut into windows of `length` tokens, evenly sampled."""
    length = min(length, model.cfg.max_seq_len)
    texts = [getattr(document, "text", document) for document in documents]
    windows = corpus.windows(texts, tokenizer, length, model.cfg.n_future)
    begun = [text for text in texts if text][:: max(1, len(texts) // prompts)][:prompts]
    encoded = [tokenizer.encode(text)[:length] for text in begun]
    prefix = max(1, length // 8)
    own = [repeated_share(tokens[prefix:]) for tokens in encoded]
    return Report(
        losses=evaluate(model, windows, 64),
        bytes_per_token=sum(len(text.encode("utf-8")) for text in texts) / len(windows.ids),
        tokens_per_document=len(windows.ids) / len(texts),
        vocab_size=tokenizer.vocab_size,
        acceptance=acceptance(model, windows, 64),
        free=tuple(_free_running(model, tokenizer, encoded, prefix, length - prefix, t) for t in (0.0, 0.8)),
        text_repetition=sum(own) / len(own),
        prompts=len(begun),
    )


def _free_running(model, tokenizer, texts: list[list[int]], prefix: int, count: int, temperature: float) -> FreeRunning:
    """Continue the beginnings of texts up to the end of text: nothing is ever learnt about what follows that."""
    out = generate(
        model,
        [tokens[:prefix] for tokens in texts],
        max(1, count),
        temperature=temperature,
        seed=0,
        stop_ids=tokenizer.eos_id,
    )
    repeated = [repeated_share(tokens) for tokens in out.tokens]
    return FreeRunning(temperature, out.tokens_per_forward, sum(repeated) / len(repeated))


@dataclass(frozen=True)
class Exactness:
    """How far a greedy text is from what head 1 would choose token by token, in units in the last place (ulps).

    In float64 no token differs. In lower precision a block of k tokens and a block of one round differently, so a
    near tie can fall the other way: then the chosen token's logit is short of the largest by a few ulps, never more
    than twice what the two block shapes differ by.
    """

    tokens: int
    not_the_largest: int  # tokens that the plain forward would not have chosen
    largest_gap: float  # ulps by which a chosen logit falls short of the largest
    spread: float  # ulps between the logits of the same text in one block and in the blocks of its decoding


@torch.no_grad()
def exactness(model: MultiTokenModel, prompt: Sequence[int], generation: Generation) -> Exactness:
    """Teacher-force a generated text (of one prompt) through the plain forward and compare its logits with the largest.

    The spread is measured by running the generation's own blocks again, one row, eagerly (of a tree, its accepted
    path). Without its steps, or with those of other rows too, blocks of n_future tokens from the prompt on. Logits are
    compared on the CPU, since MPS has no float64. Raises ValueError for the generation of a batch.
    """
    if any(isinstance(row, list) for row in generation.tokens):
        raise ValueError(
            f"the generation has {len(generation.tokens)} rows: give one row's prompt, and the generation with that "
            "row's tokens alone, dataclasses.replace(generation, tokens=generation.tokens[row])"
        )
    device = model.norm.weight.device
    text = torch.tensor([[*prompt, *generation.tokens]], device=device)[:, :-1]  # (1, T)
    plain = model(text, n_future=1)[0, :, 0].cpu()  # (T, V)
    decoder = BlockDecoder(model, generation.n_future, rows=1, places=text.shape[1])

    def again(tokens: Sequence[int], start: int) -> Tensor:
        positions = torch.arange(start, start + len(tokens), device=device)[None]
        latents = decoder.latents(torch.tensor([list(tokens)], device=device), positions)
        return model.unembed(latents[0], 0)[0].cpu()  # (tokens, V)

    blocks = [again(prompt, 0)]
    if [token for step in generation.steps for token in step.tokens] == generation.tokens[1:]:
        for step in generation.steps:
            block = [step.block[node] for node in step.path] or step.block
            blocks.append(again(block, step.position)[: len(step.tokens)])
    else:
        for start in range(len(prompt), text.shape[1], generation.n_future):
            blocks.append(again(text[0, start : start + generation.n_future].tolist(), start))
    largest = plain.max(-1).values  # (T,)
    ulp = torch.nextafter(largest.abs(), torch.full_like(largest, float("inf"))) - largest.abs()
    chosen = torch.tensor(generation.tokens)
    there = slice(len(prompt) - 1, None)
    gaps = ((largest[there] - plain[there].gather(1, chosen[:, None])[:, 0]) / ulp[there]).double()
    spread = ((torch.cat(blocks) - plain).abs().max(-1).values / ulp).double().max()
    return Exactness(len(chosen), int((gaps > 0).sum()), float(gaps.max()), float(spread))
