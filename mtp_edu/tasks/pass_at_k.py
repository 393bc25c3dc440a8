"""pass@k: the chance that at least one of k sampled answers is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pass_at_k(right: Sequence[int], samples: int, k: int) -> np.ndarray:
    """The unbiased estimate 1 - C(n-c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374), for every problem.

    right: of each problem, how many of its n = `samples` answers were right (c). Returns float64 of the same length,
    whose mean is the pass@k of the whole set. It is the share of all choices of k answers that hold a right one;
    1 - (1 - c/n)^k would be too small. Raises ValueError for k outside 1..samples or counts outside 0..samples.
    """
    counts = np.asarray(right)
    if not 1 <= k <= samples:
        raise ValueError(f"k={k} must lie from 1 to samples={samples}: draw more answers, or ask for a smaller k")
    if counts.size and (counts.dtype.kind not in "iu" or counts.min() < 0 or counts.max() > samples):
        raise ValueError(f"right={right!r} must be whole numbers from 0 to samples={samples}")
    # C(n-c, k) / C(n, k) is the product of 1 - k/i over i = n-c+1..n. As a sum of logarithms it neither overflows nor
    # loses small chances. With more than n-k right answers no choice misses them all.
    missed = np.concatenate([[0.0], np.cumsum(np.log1p(-k / np.arange(samples, k, -1)))])  # for c = 0..n-k
    table = np.concatenate([0.0 - np.expm1(missed), np.ones(k)])  # for c = 0..n
    return table[counts.astype(int)]
