"""Are sampled texts distributed as they should be? All continuations of a prompt with their exact probabilities.

Letters: `V` vocabulary, `P` tokens of the prompt, `N` texts.

A tiny model has few continuations by a few tokens: V to the power of their number. So all can be listed with their
probabilities under plain sampling from head 1, and compared with many that `generate` has drawn, by Pearson's
chi-square test. Every deviation that is large enough for the number of draws is seen; `power` says what is.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.special import gammaincc

from mtp_edu.decode import Sampling, generate
from mtp_edu.model import MultiTokenModel

LEVEL = 1e-6  # how often the test may raise an alarm where all is right
MOST = 200_000  # texts that are listed
ROWS = 1000  # texts drawn at a time
EXPECTED = 5  # draws that each of the compared texts must lead one to expect; rarer texts count together

Text = tuple[int, ...]


@torch.no_grad()
def exact(model: MultiTokenModel, prompt: Sequence[int], count: int, temperature=1.0, **sampling) -> dict[Text, float]:
    """Probability of every continuation by `count` tokens, in float64, from plain forwards over whole texts.

    No cache, no drafts: head 1 alone. sampling: top_p and top_k. Raises ValueError if there are too many texts.
    """
    vocab_size, distribution = model.cfg.vocab_size, Sampling(temperature, **sampling).on(torch.device("cpu"))
    if count < 1 or vocab_size**count > MOST:
        raise ValueError(f"count={count} tokens of {vocab_size}: give 1 or more that make at most {MOST:,} texts")
    model = copy.deepcopy(model).to("cpu", torch.float64)
    texts, chances = torch.tensor([list(prompt)]), torch.ones(1, dtype=torch.float64)  # (1, P), (1,)
    for _ in range(count):
        p = torch.cat([distribution(model(part, n_future=1)[:, -1, 0]) for part in texts.split(4096)])  # (N, V)
        following = torch.arange(vocab_size).repeat(len(texts))  # (N * V,)
        texts = torch.cat([texts.repeat_interleave(vocab_size, dim=0), following[:, None]], dim=1)
        chances = (chances[:, None] * p).flatten()
    return dict(zip(map(tuple, texts[:, len(prompt) :].tolist()), chances.tolist(), strict=True))


def drawn(model: MultiTokenModel, prompt: Sequence[int], count: int, draws: int, seed=0, **options) -> Counter[Text]:
    """How often each continuation came in `draws` rows of `generate`, at temperature 1; options are generate's."""
    found: Counter[Text] = Counter()
    for start in range(0, draws, ROWS):
        rows, own = [prompt] * min(ROWS, draws - start), {"temperature": 1.0, "seed": seed + start} | options
        found.update(map(tuple, generate(model, rows, count, **own).tokens))
    return found


@dataclass(frozen=True)
class Comparison:
    """Draws against exact probabilities.

    texts: how many were compared, rare ones counted as one. p: how often chance alone deviates as much. sigmas: the
    same as a deviation of the normal distribution; a number also where p is too small for one. total_variation: half
    the sum of |share drawn - probability|. by_chance: what that is on average if all is right.
    """

    draws: int
    texts: int
    p: float
    sigmas: float
    total_variation: float
    by_chance: float

    @property
    def differs(self) -> bool:
        """Whether the draws come from another distribution, at level 1e-6."""
        return self.p < LEVEL

    def __repr__(self) -> str:
        apart = f"total variation {self.total_variation:.3f} ({self.by_chance:.3f} by chance)"
        return f"{self.draws:,} draws, {self.texts} texts: {self.sigmas:.1f} sigmas, p = {self.p:.2g}, {apart}"


def compare(found: Mapping[Text, int], chances: Mapping[Text, float]) -> Comparison:
    """Test draws against `exact`. A single text that cannot be settles it. Raises ValueError for too few draws."""
    draws, cells, rare = sum(found.values()), [], (0.0, 0)
    pairs = sorted((draws * chance, found.get(text, 0)) for text, chance in chances.items() if chance > 0)
    for expected, seen in pairs:  # the rarest first
        if expected < EXPECTED or 0 < rare[0] < EXPECTED:
            rare = rare[0] + expected, rare[1] + seen
        else:
            cells.append((expected, seen))
    cells += [rare] if rare[0] else []
    impossible, freedom = draws - sum(seen for _, seen in pairs), max(1, len(cells) - 1)
    if len(cells) < 2 and not impossible:
        raise ValueError(f"{draws} draws are too few for {len(pairs)} possible texts: there is nothing to compare")
    square = math.inf if impossible else sum((seen - expected) ** 2 / expected for expected, seen in cells)
    spread = 2 / (9 * freedom)
    sigmas = ((square / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5  # Wilson and Hilferty 1931
    apart = impossible + sum(abs(seen - expected) for expected, seen in pairs)
    by_chance = sum(_mean_deviation(draws, chance) for chance in chances.values() if chance > 0)
    return Comparison(draws, len(cells), _tail(square, freedom), sigmas, apart / 2 / draws, by_chance / 2 / draws)


def power(draws: int, texts: int, total_variation: float, level: float = LEVEL) -> float:
    """Chance of seeing a distribution this far from the exact one, at least.

    The statistic is then a noncentral chi-square. Its noncentrality, draws * sum (q - p)^2 / p, is at least
    draws * (2 * total_variation)^2 (Cauchy and Schwarz).
    """
    half = max(draws * (2 * total_variation) ** 2 / 2, 1e-9)
    critical = _root(lambda square: level - _tail(square, texts - 1), 10 * texts + 1000)
    j = torch.arange(int(half + 12 * math.sqrt(half) + 50), dtype=torch.float64)
    weights = (j * math.log(half) - half - torch.lgamma(j + 1)).exp()  # Poisson's: a mixture of plain chi-squares
    return float(weights @ gammaincc((texts - 1) / 2 + j, torch.full_like(j, critical / 2)))


def draws_needed(texts: int, total_variation: float, wanted: float = 0.99, level: float = LEVEL) -> int:
    """Draws that see a distribution this far from the exact one with the power that is wanted."""
    return math.ceil(
        _root(lambda draws: power(draws, texts, total_variation, level) - wanted, 1e3 / total_variation**2)
    )


def _mean_deviation(draws: int, chance: float) -> float:
    """Mean of |count - draws * chance| of a binomial count, exactly: 2 m C(draws, m) p^m (1 - p)^(draws - m + 1), m the
    first whole number above the expected one (de Moivre 1730; Diaconis and Zabell 1991). By logarithms: no overflow."""
    if chance >= 1:
        return 0.0
    m = math.floor(draws * chance) + 1
    ways = math.lgamma(draws + 1) - math.lgamma(m + 1) - math.lgamma(draws - m + 1)
    return 2 * m * math.exp(ways + m * math.log(chance) + (draws - m + 1) * math.log1p(-chance))


def _tail(square: float, freedom: int) -> float:
    """Probability that a chi-square with so many degrees of freedom is at least this large."""
    return float(gammaincc(torch.tensor(freedom / 2).double(), torch.tensor(square / 2).double()))


def _root(rising: Callable[[float], float], high: float) -> float:
    """Where a rising function passes 0, between 0 and `high`."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high
