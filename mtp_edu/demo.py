"""`mtp-edu demo`: train a small n = 4 model in a minute, then write the same text plainly and self-speculatively."""

from __future__ import annotations

import statistics
import time

import torch

from mtp_edu import corpus, probe
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.decode import generate
from mtp_edu.model import MultiTokenModel
from mtp_edu.progress import per_head, progress
from mtp_edu.tokenizer import SentencePieceTokenizer
from mtp_edu.train import train


def run(seconds: float = 50, max_new_tokens: int = 120) -> int:
    """Train for so long, write and print both ways. Returns the exit status: 0, or 130 after Ctrl-C in the training.

    Raises ValueError for less than 8 or more than 200 new tokens.
    """
    if not 8 <= max_new_tokens <= 200:
        raise ValueError(f"--max-new-tokens {max_new_tokens}: from 8 to 200 in the demo")
    begin = time.perf_counter()
    torch.set_num_threads(1)  # so small a model has nothing to share: more threads wait for each other
    print("Writing 4,000 stories from the grammar that comes with mtp_edu, and learning 512 word pieces ...")
    training, held_out = corpus.split(corpus.stories(4000))
    tokenizer = SentencePieceTokenizer.train(training, vocab_size=512)
    windows = corpus.windows(training, tokenizer, length=128, n_future=4)
    cfg = ModelConfig(
        vocab_size=tokenizer.vocab_size, dim=64, n_layers=12, n_attention_heads=4, n_future=4, max_seq_len=256
    )
    model = MultiTokenModel(cfg)
    steps = _affordable_steps(model, windows, seconds)
    config = TrainConfig(steps=steps, batch_size=4, learning_rate=6e-3)
    first = last = None
    for last in progress(train(model, windows, config)):
        first = first or last
    print(f"Loss per head, nats per token: {per_head(first.losses)} -> {per_head(last.losses)}")
    prompt = held_out[0].text[:80].rsplit(" ", 1)[0]
    ids = tokenizer.encode(prompt)
    plain = generate(model, ids, max_new_tokens, method="autoregressive")
    quick = generate(model, ids, max_new_tokens)
    print(f"\n{prompt} ... (a story it has never seen, continued)\n{tokenizer.decode(quick.tokens)}\n")
    same = "the same text" if plain.tokens == quick.tokens else "NOT the same text (a tie broken by rounding)"
    print(f"plain decoding   {plain.forwards:4d} forwards  {plain.seconds:6.2f} s")
    print(f"self-speculative {quick.forwards:4d} forwards  {quick.seconds:6.2f} s, {same}")
    repeated = probe.repeated_share(quick.tokens)
    print(f"tokens per forward {quick.tokens_per_forward:.2f} of at most 4; {repeated:.0%} of its 8-grams are repeats")
    # A plain step runs the trunk and head 1; a speculative one also runs heads 2..n.
    share = (cfg.n_trunk_layers + 1) / (cfg.n_trunk_layers + cfg.n_future)
    print(
        f"wall clock {plain.seconds / quick.seconds:.2f} times as fast; the best that this depth allows: "
        f"{quick.tokens_per_forward:.2f} x {share:.2f} = {quick.tokens_per_forward * share:.2f}"
    )
    print(f"({time.perf_counter() - begin:.0f} seconds in all)")
    return 130 if last.interrupted else 0


def _affordable_steps(model: MultiTokenModel, windows: corpus.Windows, seconds: float) -> int:
    """How many steps fit into the time, measured on a throw-away copy of the model."""
    trial = MultiTokenModel(model.cfg)
    start = time.perf_counter()
    events = list(train(trial, windows, TrainConfig(steps=20, batch_size=4), quiet=True))
    if events[-1].interrupted:
        raise KeyboardInterrupt
    times = [event.seconds for event in events]
    each = statistics.median(b - a for a, b in zip(times[5:], times[6:]))  # the first steps warm up
    return max(20, int((seconds - (time.perf_counter() - start)) / each))
