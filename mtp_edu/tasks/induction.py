"""Induction (paper, section 4.1, Fig 7 and Fig S14): does a model repeat the second half of a name that it has read?

The stories of stories.py, with the characters renamed. A new name is two tokens, "Zul" and "dun" of "Zuldun", and the
tokenizer never cuts it otherwise. After "Zul" only the story itself says which second token follows: from the second
mention on, a model that gets it right has looked it up. The names of the training, validation and test stories are
different pairs of the same tokens, so nothing can be known by heart. A story that is not renamed keeps its first
names, and each of those is a single token: names of two tokens occur as often as `share` says, and no oftener.

Ours differs from the paper, whose test names also hold tokens that never occur in training (accuracy cannot reach 1
there): with `share` above 0, and no list shorter than `parts`, every name token is trained.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from mtp_edu import corpus, stories
from mtp_edu.corpus import Document, Windows
from mtp_edu.model import MultiTokenModel
from mtp_edu.tokenizer import SentencePieceTokenizer

SPLITS = ("train", "validation", "test")
Pair = tuple[str, str]  # the two parts of a name, one token each

_FIRST_NAME = re.compile(rf"\b(?:{'|'.join(stories.CHARACTER_NAMES)})\b")
_FEWEST = 16  # names in a list: no story has more than 8 characters, and no two share a first token


@dataclass(frozen=True, kw_only=True)
class InductionTask:
    """Stories to train on, and items to be scored by `accuracy`; all of it follows from these fields.

    share: of the training stories, how many have names of two tokens (as we read the paper, few in Fig 7 and many in
    Fig S14).
    fixed_pairs: None, every such story draws its names anew from all training pairs; or a number, and they come from
    a list of that many pairs, which can be learnt by heart. parts: how many first tokens there are, and how many
    second ones; of the parts^2 pairs an eighth is for validation and an eighth for testing. Every token occurs in all
    three splits, in equally many pairs. pronouns: False, and characters are called by their names alone, as in books
    for the very young (stories.story): names come back twice as often. seed: which pairs are held out, which stories
    are told, who gets which name.
    Raises ValueError for a share outside 0..1 and for sizes that cannot be.
    """

    share: float = 0.2
    fixed_pairs: int | None = None
    parts: int = 64
    vocab_size: int = 1024
    pronouns: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share} must lie from 0 to 1")
        if self.parts < _FEWEST:
            raise ValueError(f"parts={self.parts} must be at least {_FEWEST}")
        most = len(self.pairs["train"])
        if self.fixed_pairs is not None and not _FEWEST <= self.fixed_pairs <= most:
            raise ValueError(f"fixed_pairs={self.fixed_pairs} must lie from {_FEWEST} to {most}, or be None")

    @property
    def tokenizer(self) -> SentencePieceTokenizer:
        """The same for every seed: `name_tokenizer(parts, vocab_size)`."""
        return name_tokenizer(self.parts, self.vocab_size)

    @functools.cached_property
    def pairs(self) -> dict[str, list[Pair]]:
        """All pairs by split. A list begins with pairs that share no token, so that a part of it is balanced, too."""
        draw = random.Random(f"mtp_edu induction pairs {self.seed}").random
        firsts, seconds = (sorted(half, key=lambda _: draw()) for half in name_parts(self.parts))
        # In one of these rounds every token occurs exactly once.
        rounds = [list(zip(firsts, seconds[i:] + seconds[:i])) for i in range(self.parts)]
        held_out = self.parts // 8
        cuts = {"test": (0, held_out), "validation": (held_out, 2 * held_out), "train": (2 * held_out, self.parts)}
        return {split: [pair for one in rounds[low:high] for pair in one] for split, (low, high) in cuts.items()}

    def stories(self, n: int, split: str = "train") -> list[Document]:
        """n stories of one split; the first ones are the same however many are asked for.

        In validation and test stories all names are two tokens. In a training story all are, or none.
        Raises ValueError for an unknown split or n below 1.
        """
        if n < 1:
            raise ValueError(f"n={n}: ask for at least one story")
        telling = self._tell(split)
        return [next(telling) for _ in range(n)]

    def windows(self, n: int, length: int = 256, n_future: int = 2, split: str = "train") -> Windows:
        """n stories as windows for `train` (corpus.windows; paper: every token counts in the loss, as in any text)."""
        return corpus.windows(self.stories(n, split), self.tokenizer, length, n_future)

    def items(self, count: int = 100, split: str = "test", length: int | None = None) -> list[Item]:
        """`count` stories to be scored (paper: 100), cut after `length` tokens if that is given.

        Choose the step or the epoch by those of "validation"; the paper chose it by the test itself. Stories in which
        no name comes back before the cut are left out. Raises ValueError if hardly any is left.
        """
        if count < 1:
            raise ValueError(f"count={count}: ask for at least one item")
        items: list[Item] = []
        for told, story in enumerate(self._tell(split)):
            tokens = tuple(self.tokenizer.encode(story.text))[:length]
            if positions := self.later_mentions(tokens):
                items.append(Item(tokens, positions))
            if len(items) == count:
                return items
            if told > 100 * (1 + len(items)):
                raise ValueError(f"length={length} is too short: in hardly any story a name comes back so soon")

    def later_mentions(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Where the second token of a name stands that was mentioned before: positions in `tokens`, ascending."""
        first_id = self.tokenizer.vocab_size - 2 * self.parts  # the parts are the last ids: firsts, then seconds
        seen, positions = set(), []
        for t in range(1, len(tokens)):
            if first_id <= tokens[t - 1] < first_id + self.parts:
                name = (tokens[t - 1], tokens[t])
                if name in seen:
                    positions.append(t)
                seen.add(name)
        return tuple(positions)

    def _tell(self, split: str) -> Iterator[Document]:
        """The stories of a split, one by one; story i depends on the task's fields and i alone."""
        if split not in SPLITS:
            raise ValueError(f"split={split!r} must be one of {SPLITS}")
        pairs, share = self.pairs[split], 1.0
        if split == "train":
            pairs, share = pairs[: self.fixed_pairs], self.share
        i = 0
        while True:
            seed = 3 * self.seed + SPLITS.index(split)  # no story is told in two splits
            text = stories.story(seed, i, self.pronouns)
            draw = random.Random(f"mtp_edu induction {self.seed} {split} {i}").random
            if draw() < share:
                text = _rename(text, pairs, draw)
            yield Document(f"stories/induction/seed-{self.seed}/{split}/{i:05d}", text)
            i += 1


def _rename(text: str, pairs: list[Pair], draw) -> str:
    """The text with a pair for every name. No two characters share a first token: it must say who is meant."""
    new: dict[str, Pair] = {}

    def name(match: re.Match) -> str:
        while match[0] not in new:
            pair = pairs[int(draw() * len(pairs))]
            if pair[0] not in {first for first, _ in new.values()}:
                new[match[0]] = pair
        return "".join(new[match[0]])

    return _FIRST_NAME.sub(name, text)


@functools.cache
def _nameless() -> list[str]:
    """500 stories, cut where the names stood."""
    return [part for _, text in stories.generate(500) for part in _FIRST_NAME.split(text)]


@functools.cache
def name_parts(parts: int) -> tuple[list[str], list[str]]:
    """(first, second) halves of names: syllables like "Zul" and "dun" that no word or first name of the stories has."""
    # The grammar holds the rare words, the stories those that stories.py adds ("girl").
    text = "\n".join([*stories.WORDS.values(), *_nameless()]).lower()
    made = (a + b + c for a in "bdfgjlmnprstvwz" for b in "aeiou" for c in "blmnrv")
    draw = random.Random("mtp_edu name parts").random
    free = sorted((syllable for syllable in made if syllable not in text), key=lambda _: draw())
    if len(free) < 2 * parts:
        raise ValueError(f"parts={parts}: there are {len(free)} free syllables, enough for {len(free) // 2} parts")
    return [syllable.capitalize() for syllable in free[:parts]], free[parts : 2 * parts]


@functools.cache
def name_tokenizer(parts: int = 64, vocab_size: int = 1024) -> SentencePieceTokenizer:
    """SentencePiece, trained on stories without their names; then names are added as tokens that are never cut.

    The last ids are the stories' own first names, `parts` first and `parts` second halves of names. What stands
    around a name does not matter, since a space before it is a token by itself.
    Raises ValueError if vocab_size is too small for the names and the stories' characters.
    """
    firsts, seconds = name_parts(parts)
    added = [*stories.CHARACTER_NAMES, *firsts, *seconds]
    try:
        base = SentencePieceTokenizer.train(_nameless(), vocab_size - len(added))
    except ValueError as error:
        raise ValueError(f"vocab_size={vocab_size} with {len(added)} tokens for names: {error}") from None
    # A SentencePiece model is a protobuf message that begins with its list of pieces, and a message appended to
    # another is merged with it: pieces are added by appending their bytes.
    return SentencePieceTokenizer(base._model + b"".join(map(_user_defined_piece, added)))


def _user_defined_piece(text: str) -> bytes:
    """A field 1 of ModelProto: a message with the piece's text as its field 1, and type 4, USER_DEFINED, as field 3."""
    message = bytes([0x0A, len(text)]) + text.encode("ascii") + bytes([0x18, 4])
    return bytes([0x0A, len(message)]) + message


@dataclass(frozen=True)
class Item:
    """A story to be scored. positions: where the second tokens of later mentions stand in `tokens`."""

    tokens: tuple[int, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True)
class InductionScore:
    """Per item: at how many places (second tokens of later mentions) head 1 was right, and how many there were."""

    right: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of all places, those of long stories counting as much as those of short ones (paper, Fig 7)."""
        return sum(self.right) / sum(self.places)


@torch.no_grad()
def accuracy(model: MultiTokenModel, items: Sequence[Item], batch_size: int = 16) -> InductionScore:
    """How often head 1's first choice is the second token of a name mentioned before, on the true text up to there.

    Raises ValueError without items, or for one that is longer than the model's window.
    """
    if not items:
        raise ValueError("no items to score: make some with InductionTask.items")
    longest, most = max(len(item.tokens) for item in items), model.cfg.max_seq_len
    if longest > most:
        raise ValueError(f"an item has {longest} tokens, the model takes {most}: make them with items(length={most})")
    device, right = model.norm.weight.device, []
    for start in range(0, len(items), batch_size):
        batch = items[start : start + batch_size]
        width = max(len(item.tokens) for item in batch)
        # Attention looks back only, so what fills a row up is never seen.
        rows = torch.tensor([[*item.tokens, *item.tokens[:1] * (width - len(item.tokens))] for item in batch])
        choices = model(rows.to(device), n_future=1)[:, :, 0].argmax(-1).tolist()  # (B, T): choices[t] is for t+1
        right += [sum(own[t - 1] == item.tokens[t] for t in item.positions) for own, item in zip(choices, batch)]
    return InductionScore(tuple(right), tuple(len(item.positions) for item in items))
