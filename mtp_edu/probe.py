"""Looking inside: what every head predicts for a text, and how often its predictions would have been accepted.

Letters: `T` time, `V` vocabulary, `n` future tokens; head k = 1 predicts the next token, at index k-1 = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtp_edu.corpus import IGNORE, Windows, future_targets
from mtp_edu.model import MultiTokenModel


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

    main: judged by the main head's own choices on the true prefix, as decoding judges them. text: judged by the
    tokens that stand there. accuracy: top-1 accuracy of heads 1..n against the text. places: positions judged.
    """

    main: Judged
    text: Judged
    accuracy: tuple[float, ...]
    places: int


@torch.no_grad()
def acceptance(model: MultiTokenModel, windows: Windows, max_windows: int | None = 64) -> Acceptance:
    """Acceptance of heads 2..n along (at most max_windows, evenly spread) windows of text.

    Only positions whose n following tokens lie in the same document and window are judged. Raises ValueError if
    there is none.
    """
    n, device = windows.n_future, model.norm.weight.device
    right = {"main": [], "text": []}
    for i in windows.spread(max_windows):
        tokens, targets = windows.batch([i])
        choice = model(tokens.to(device), n_future=n)[0].argmax(-1).cpu()  # (T, n)
        judged = len(choice) - n + 1
        # Head 1's choice for t+k is made on the true prefix up to t+k-1: its prediction k-1 places further on.
        main = torch.stack([choice[k : k + judged, 0] for k in range(n)], dim=1)  # (judged, n)
        usable = (targets[0, :judged] != IGNORE).all(-1)
        for name, truth in (("main", main), ("text", targets[0, :judged])):
            right[name].append((choice[:judged] == truth)[usable])
    right = {name: torch.cat(parts).double() for name, parts in right.items()}  # (places, n)
    places = len(right["text"])
    if not places:
        raise ValueError("no position has all its targets inside one document: use longer documents or windows")
    accuracy = tuple(right["text"].mean(0).tolist())
    return Acceptance(_judge(right["main"][:, 1:]), _judge(right["text"][:, 1:]), accuracy, places)


def _judge(right: Tensor) -> Judged:
    """right: (places, n-1), 1 where a draft was right."""
    cumulative = right.cumprod(1).mean(0).tolist()
    conditional = [b / a if a else 0.0 for a, b in zip([1.0, *cumulative], cumulative, strict=False)]
    return Judged(tuple(right.mean(0).tolist()), tuple(cumulative), tuple(conditional))


def repeated_share(tokens: Sequence[int], size: int = 8) -> float:
    """Share of the text's runs of `size` tokens that occurred before: a broken model that loops nears 1."""
    runs = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
