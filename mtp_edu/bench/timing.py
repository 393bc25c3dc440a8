"""Timing of things beside each other: they take turns, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from mtp_edu import device


def take_turns(
    contenders: dict[str, Callable[[], object]], turns: int, steps: int, where: torch.device, warm_up: int = 2
) -> dict[str, list[float]]:
    """Seconds per call of every contender in every turn (`steps` calls), the order reversed every other turn."""
    for step in contenders.values():
        for _ in range(warm_up):  # lazily created state, and compilation
            step()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns):
        for name in contenders if turn % 2 == 0 else reversed(contenders):
            device.synchronize(where)
            start = time.perf_counter()
            for _ in range(steps):
                contenders[name]()
            device.synchronize(where)
            seconds[name].append((time.perf_counter() - start) / steps)
    return seconds
