"""A progress bar over training events, in a terminal and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from tqdm.auto import tqdm

from mtp_edu.train import TrainEvent


def per_head(losses: Sequence[float]) -> str:
    """Losses of heads 1..n, "off" (NaN) where a head is not trained."""
    return " ".join("off" if math.isnan(loss) else f"{loss:.2f}" for loss in losses)


def progress(events: Iterable[TrainEvent], **options) -> Iterator[TrainEvent]:
    """Pass events on and show how far they are: losses per head, tokens per second, time left.

    `options` go to tqdm (`disable=True`, `file=...`).
    """
    bar = None
    try:
        for event in events:
            if bar is None:
                # initial: a resumed run begins where it stopped.
                options = {"unit": "step", "dynamic_ncols": True, "mininterval": 0.2} | options
                bar = tqdm(total=event.steps, initial=event.step - 1, **options)
            bar.update(event.step - bar.n)
            speed = f"{event.tokens_per_second:,.0f} tokens/s, {event.flops_utilisation:.0%} of peak"
            bar.set_postfix_str(f"loss {per_head(event.losses)} | {speed}", refresh=False)
            yield event
    finally:
        if bar is not None:
            bar.close()
