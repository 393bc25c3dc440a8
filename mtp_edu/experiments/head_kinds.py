"""`mtp-edu run head-kinds`: the architectures of the paper's Table S4, small, on stories, with seeds and intervals.

Every architecture sees the same windows in the same order (of a seed), for the same number of steps, at the same
learning rate. Nothing was tuned for any of them. Head 1's held-out loss is what compares with n = 1: it predicts the
same tokens. Finished runs are kept (runs.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mtp_edu import corpus, device
from mtp_edu.bench.results import store
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.experiments.runs import Run, check_seeds
from mtp_edu.experiments.statistics import mean_interval, welch_difference
from mtp_edu.tokenizer import SentencePieceTokenizer

BASELINE = "n = 1"
# name: what it changes in ModelConfig, and the paper's percentages (Table S4, 7B, 200B tokens of code, pass at 1, 10
# and 100 of MBPP, HumanEval and APPS)
ARCHITECTURES: dict[str, tuple[dict, tuple]] = {
    BASELINE: ({"n_future": 1}, ((30.0, 53.8, 73.7), (22.8, 36.4, 62.0), (2.8, 7.8, 17.4))),
    "parallel": ({}, ((33.8, 55.9, 76.9), (24.0, 40.1, 66.1), (1.6, 7.1, 19.9))),
    "causal": ({"head_order": "causal"}, ((31.9, 54.9, 74.9), (20.9, 38.1, 67.3), (4.0, 11.6, 22.8))),
    "anticausal": ({"head_order": "anticausal"}, ((30.8, 54.8, 75.3), (20.9, 38.4, 64.5), (2.0, 8.7, 21.6))),
    "linear": ({"head_type": "linear"}, ((33.6, 55.0, 76.2), (21.9, 38.5, 63.7), (3.1, 10.1, 23.0))),
    "parallel, layers added": (
        {"keep_trunk_depth": True},
        ((33.3, 55.7, 77.3), (22.4, 39.4, 66.7), (2.6, 9.5, 22.1)),
    ),
}


@dataclass(frozen=True)
class Shape:
    """What all architectures share: the text, the size, and how long they train."""

    stories: int = 8000
    vocab_size: int = 512
    dim: int = 64
    n_layers: int = 10
    n_attention_heads: int = 4
    n_future: int = 4
    length: int = 128  # tokens per window, T
    batch_size: int = 8  # windows per step
    steps: int = 1500
    learning_rate: float = 4e-3
    held_out_windows: int = 256

    def config(self, name: str) -> ModelConfig:
        """The model of one architecture, by its name in ARCHITECTURES."""
        same = ("vocab_size", "dim", "n_layers", "n_attention_heads", "n_future")
        shared = {field: getattr(self, field) for field in same} | {"max_seq_len": self.length}
        return ModelConfig(**(shared | ARCHITECTURES[name][0]))


FULL = Shape()
QUICK = Shape(
    stories=120, vocab_size=320, dim=16, n_layers=6, n_attention_heads=2, length=32, batch_size=4, steps=5,
    held_out_windows=4,
)  # fmt: skip


def run(
    out: Path | None = None, quick: bool = False, seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None
) -> dict:
    """Train what is not trained yet, print a table, store the result, and return it as stored.

    out: the file, by default data/results/head_kinds_cpu.json (or _cuda; with `quick`, `quick.json` in `folder`).
    folder: where finished runs lie, by default runs/head_kinds. A seed sets the initial weights and the order of the
    windows. Ctrl-C stops after the step in progress with KeyboardInterrupt; finished runs stay and are not repeated.
    Raises ValueError for fewer than two seeds, or for one given twice. About three minutes a run on one CPU core.
    """
    seeds = check_seeds(seeds)
    shape, folder = QUICK if quick else FULL, Path(folder or Path("runs") / "head_kinds")
    where = device.choose()
    data = _data(shape)
    results: dict[str, list[dict]] = {name: [] for name in ARCHITECTURES}
    try:
        for seed in seeds:  # the seeds outside: whatever is finished compares architectures
            for name, runs in results.items():
                runs.append(_run(shape, name, seed, data, where, folder).result(where))
    except KeyboardInterrupt:
        print(f"finished runs are kept in {folder}: the same command goes on from there", flush=True)
        raise
    content = {"shape": asdict(shape), "seeds": seeds, "dtype": str(where.dtype).removeprefix("torch.")}
    content["architectures"] = [_row(shape, name, results[name], results[BASELINE]) for name in ARCHITECTURES]
    command = f"mtp-edu run head-kinds{' --quick' if quick else ''} --seeds {' '.join(map(str, seeds))}"
    path = store("head_kinds", command, where.device, content, out or (folder / "quick.json" if quick else None))
    print(table(content))
    print(f"stored in {path}")
    return content


def _data(shape: Shape) -> tuple[corpus.Windows, corpus.Windows]:
    """Windows of training and of held-out text, cut for the largest n."""
    training, held_out = corpus.split(corpus.stories(shape.stories))
    tokenizer = SentencePieceTokenizer.train(training, shape.vocab_size)
    cut = (tokenizer, shape.length, shape.n_future)
    return corpus.windows(training, *cut), corpus.windows(held_out, *cut)


def _run(shape: Shape, name: str, seed: int, data, where: device.Device, folder: Path) -> Run:
    config = TrainConfig(
        steps=shape.steps, batch_size=shape.batch_size, learning_rate=shape.learning_rate, seed=seed,
        device=str(where.device), dtype=str(where.dtype).removeprefix("torch."),
    )  # fmt: skip
    label = f"{re.sub('[^a-z0-9]+', '-', name)}_seed{seed}"
    return Run(label, shape.config(name), config, data, shape.held_out_windows, folder)


def _row(shape: Shape, name: str, runs: list[dict], baseline: list[dict]) -> dict:
    """What is stored of one architecture: its size, every run, means with intervals, and head 1 less that of n = 1."""
    cfg = shape.config(name)
    changes, paper = ARCHITECTURES[name]
    head_1 = [one["losses"][0] for one in runs]
    row = {
        "name": name,
        "changes": changes,
        "parameters": cfg.parameters(),
        "trunk_layers": cfg.n_trunk_layers,
        "head_layers": cfg.n_head_layers,
        "flops_per_token": cfg.flops_per_token(shape.length),  # to train
        "heads_run_for_head_1": len(cfg.heads_run([0])),
        "losses": [mean_interval(of_head).to_dict() for of_head in zip(*(one["losses"] for one in runs), strict=True)],
        "head_1_minus_n1": None,
        "paper_table_s4": dict(zip(("MBPP", "HumanEval", "APPS"), map(list, paper), strict=True)),
    }
    for measure in ("tokens_per_forward", "tokens_per_forward_text"):
        row[measure] = mean_interval([one[measure] for one in runs]).to_dict()
    if name != BASELINE:
        row["head_1_minus_n1"] = welch_difference(head_1, [one["losses"][0] for one in baseline]).to_dict()
    return row | {"runs": runs}


def table(content: dict) -> str:
    """The rows for people: 95 % intervals in brackets."""
    seeds = len(content["seeds"])
    lines = [f"Held-out nats per token, mean of {seeds} seeds [95 % interval]; '- n=1': head 1's less that of n = 1."]
    lines.append(f"{'':24}{'parameters':>11}{'MFLOPs':>8}  {'head 1':24}{'- n=1':26}{'all heads':30}tokens/forward")
    for row in content["architectures"]:
        less = row["head_1_minus_n1"]
        cells = f"{row['name']:24}{row['parameters']:>11,}{row['flops_per_token'] / 1e6:>8.2f}  "
        cells += f"{_shown(row['losses'][0]):24}{_shown(less, '+') if less else '':26}"
        heads = " ".join(f"{loss['mean']:.3f}" for loss in row["losses"])
        lines.append(f"{cells}{heads:30}{row['tokens_per_forward']['mean']:.2f}")
    return "\n".join(lines)


def _shown(interval: dict, sign: str = "") -> str:
    return f"{interval['mean']:{sign}.3f} [{interval['low']:{sign}.3f}, {interval['high']:{sign}.3f}]"
