"""`mtp-edu run scaling`: small models, honestly. What n > 1 does to the next-token loss, from nano to 100M and more.

The paper's models of 0.3B and 0.6B lose on code with n = 4 (Table S7); ours are smaller still. The sweep has four
parts, and a run that two of them need is made once:

    size        n = 1, 2, 4, 8 wherever the trunk keeps two layers: n = 4 from 10M up, n = 8 from 30M up. (nano is
                narrow, but has layers enough for n = 4.)
    epochs      1, 4 and 16 passes over a text at the same number of tokens seen, n = 1 and 4, at one size
    curricula   n = 4 with weights that fall along the heads or in time, and heads switched on or off in turn
                (TrainConfig.weights_at), at the same size
    added       n = 4 and 8 where they do not fit: heads 2..n are added to the layers (keep_trunk_depth), so these
                models are larger than what they are compared with

Head 1's held-out loss is what compares with n = 1: it predicts the same tokens. All runs of a size and a seed see the
same windows in the same order at the same rate, 4e-3 at width 64 and falling as 1 / sqrt(width). Nothing was tuned for
any n. Within a run the rate falls with a cosine, so the loss half-way is not that of a run of half the length.

How long it takes. A CPU's default is 2.1M tokens of Python source a run, three seeds. One thread of a processor with
bfloat16 products trained n = 1 at 14,000 (nano), 12,300 (1M), 5,400 (3M) and 3,000 (10M) tokens per second, so part
`size` takes about 3.3 hours, of which 10M takes two. A run of `epochs` or `curricula` took 2 to 3 minutes, one of
`added` 4 to 8 (nano, 1M) or 10 to 15 (3M); of 10M with layers added none was made. On a GPU the default is 8.4M tokens
and the sizes to 100M: about 25 minutes of an H200, which is an estimate. What is printed before the first run is
measured on the machine at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mtp_edu import corpus, device
from mtp_edu.bench.results import machine, result_file, store
from mtp_edu.config import PRESETS, ModelConfig, TrainConfig
from mtp_edu.experiments.runs import Run, check_seeds, for_heads, steps
from mtp_edu.experiments.scaling_settings import CPU, CUDA, FUTURES, PARTS, QUICK, WEIGHTS, Setting, Sweep, settings
from mtp_edu.experiments.scaling_tables import TABLE_1, TABLE_S7, tables
from mtp_edu.experiments.statistics import mean_so_far
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_path
from mtp_edu.tokenizer import SentencePieceTokenizer


def run(
    out: Path | None = None,
    quick: bool = False,
    seeds: Sequence[int] = (0, 1, 2),
    folder: Path | None = None,
    store_finished: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """Train what is not trained yet, add it to the stored result, print the tables, draw; the result as stored.

    A file holds the runs of every occasion: other parts, sizes or seeds add to it, and what it holds is not trained
    again. out: the file, by default data/results/scaling_cpu.json (or _cuda; with `quick`, `quick.json` in `folder`).
    folder: where finished runs lie, by default runs/scaling. store_finished: train nothing, store what there is.
    changes: fields of Sweep (data, tokens, sizes, parts, at, ...); the others are the device's defaults.
    Small sizes come first, and within a size seed after seed, so that a stopped experiment already compares. Ctrl-C
    stops after the step in progress with KeyboardInterrupt; finished runs stay and are not repeated. Raises ValueError
    for fewer than two seeds, for a sweep that cannot be, for a file that holds runs of another recipe or text, and with
    `store_finished` if nothing has finished.
    """
    seeds, where = check_seeds(seeds), device.choose()
    folder = Path(folder or Path("runs") / "scaling")
    default = QUICK if quick else CUDA if where.device.type == "cuda" else CPU
    sweep = replace(default, **{name: value for name, value in changes.items() if value is not None})
    where = device.choose(str(where.device), sweep.dtype)
    path = Path(out or (folder / "quick.json" if quick else result_file("scaling", where.device)))
    data = _data(sweep)
    recipe = _recipe(sweep, where, len(data[0]))
    known = _stored(path, recipe)[1]  # refuses another recipe before any work
    parts = settings(sweep, len(data[0]))
    runs = {(setting, seed): _run(sweep, setting, seed, data, where, folder) for setting in parts for seed in seeds}
    own = {key: one.finished() for key, one in runs.items()}
    waiting = [key for key in sorted(runs, key=_turn(seeds, sweep)) if own[key] is None and key not in known]
    if waiting and not store_finished:
        try:
            _estimate(sweep, runs, own, waiting)
            for key in waiting:
                own[key] = runs[key].result(where)
        except KeyboardInterrupt:
            print(f"finished runs are kept in {folder}: the same command goes on; --store-finished stores them")
            raise
    if not any(own.values()) and not known.keys() & runs.keys():
        raise ValueError(f"no run of this sweep has finished in {folder}: leave --store-finished out to train them")
    known_parts, known = _stored(path, recipe)  # now, since another command may have added to it
    for setting, names in known_parts.items():
        parts[setting] = [name for name in PARTS if name in {*names, *parts.get(setting, ())}]
    here = {"machine": _maker(machine(where.device))}
    results = known | {key: result | here for key, result in own.items() if result}
    names = {name for of_setting in parts.values() for name in of_setting}
    whole = replace(sweep, sizes=tuple({setting.size for setting in parts}), parts=tuple(names))
    seeds += sorted({seed for _, seed in known} - {*seeds})
    content = _content(whole, recipe, seeds, parts, results)
    path = store("scaling", _commands(whole, seeds, quick, parts), where.device, content, path)
    print(tables(content))
    print(f"stored in {path}, drawn in {', '.join(drawn.name for drawn in draw(content, path))}")
    return content


def _recipe(sweep: Sweep, where: device.Device, text_windows: int) -> dict[str, Any]:
    """What all runs of a file share. Parts and sizes may differ."""
    own = asdict(sweep) | {"steps": sweep.steps, "dtype": str(where.dtype).removeprefix("torch.")}
    own["text_tokens"] = text_windows * sweep.length
    return {name: value for name, value in own.items() if name not in ("sizes", "parts")}


def _stored(path: Path, recipe: dict[str, Any]) -> tuple[dict[Setting, list[str]], dict[tuple[Setting, int], dict]]:
    """What a file holds: settings with their parts, and runs by setting and seed, each with the machine it was made on.

    Raises ValueError for runs of another recipe, which storing would lose. Another Python has another text, too.
    """
    if not path.exists():
        return {}, {}
    content = json.loads(path.read_text(encoding="utf-8"))
    was = content["sweep"] | {name: content[name] for name in ("dtype", "text_tokens")}
    other = [name for name, value in recipe.items() if was.get(name) != value]
    if other:
        told = ", ".join(f"{name}={was.get(name)} (this sweep has {recipe[name]})" for name in other)
        raise ValueError(f"{path} holds runs with {told}: store this sweep elsewhere with --out, or move the file away")
    parts, runs = {}, {}
    for row in content["rows"]:
        windows = row["tokens"] // recipe["length"]
        unique = round(windows / row["epochs"])
        setting = Setting(row["size"], row["n_future"], windows, unique, row["weights"], row["layers_added"])
        if row["runs"]:
            parts[setting] = row["parts"]
        runs |= {(setting, one["seed"]): {"machine": _maker(content["machine"])} | one for one in row["runs"]}
    return parts, runs


def _maker(on: dict[str, Any]) -> str:
    """A machine (bench.results.machine) in words: a file may hold runs of several."""
    return f"{on['device']}, torch {on['versions']['torch']}"


def _commands(sweep: Sweep, seeds: list[int], quick: bool, parts: dict[Setting, list[str]]) -> str:
    """What makes this sweep, whatever the defaults are: a command for all parts that have the same sizes."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for part in sweep.parts:
        there = {setting.size for setting, names in parts.items() if part in names}
        groups.setdefault(tuple(size for size in sweep.sizes if size in there), []).append(part)
    begin = ["mtp-edu run scaling", *(["--quick"] if quick else []), "--data", sweep.data, "--tokens", sweep.tokens]
    end = ["--at", sweep.at, "--seeds", *seeds]
    every = [[*begin, "--sizes", *sizes, "--parts", *names, *end] for sizes, names in groups.items()]
    return "; ".join(" ".join(map(str, words)) for words in every)


def _data(sweep: Sweep) -> tuple[corpus.Windows, corpus.Windows]:
    """Windows of training and of held-out text, cut for the largest n.

    The training documents are shuffled, always alike, so that the beginning of the text is a sample of all of it.
    """
    if sweep.data == "stories":
        documents = corpus.stories(max(120, sweep.tokens // 200))
    else:
        documents = corpus.python_source()
    training, held_out = corpus.split(documents)
    tokenizer = SentencePieceTokenizer.train(training, sweep.vocab_size)
    shuffled = [training[i] for i in np.random.default_rng(0).permutation(len(training))]
    cut = (tokenizer, sweep.length, FUTURES[-1])
    return corpus.windows(shuffled, *cut), corpus.windows(held_out, *cut)


def _run(sweep: Sweep, setting: Setting, seed: int, data, where: device.Device, folder: Path) -> Run:
    cfg = setting.config(sweep)
    total = setting.windows // sweep.batch_size
    config = TrainConfig(
        steps=total, batch_size=sweep.batch_size, learning_rate=_rate(sweep, cfg),
        seed=seed, device=str(where.device), dtype=str(where.dtype).removeprefix("torch."), compile=sweep.compile,
        validate_every=max(1, total // sweep.points), validation_windows=sweep.held_out_windows,
        **WEIGHTS[setting.weights],
    )  # fmt: skip
    windows, held_out = data
    data = (for_heads(windows, windows.n_future, setting.unique), held_out)
    return Run(f"{setting.label}_seed{seed}", cfg, config, data, sweep.held_out_windows, folder)


def _rate(sweep: Sweep, cfg: ModelConfig) -> float:
    return sweep.learning_rate * math.sqrt(64 / cfg.dim)


def _turn(seeds: list[int], sweep: Sweep):
    """Sorts (setting, seed): sizes from the smallest, within a size seed by seed, within a seed from the cheapest."""
    sizes = list(PRESETS)

    def key(one: tuple[Setting, int]) -> tuple:
        setting, seed = one
        flops = setting.windows * setting.config(sweep).flops_per_token(sweep.length)
        return sizes.index(setting.size), seeds.index(seed), flops

    return key


def _estimate(sweep: Sweep, runs: dict, results: dict, waiting: list) -> float:
    """Print how long the waiting runs will take, and return it in seconds.

    FLOPs by FLOPs per second, which are those of the size's finished runs, or of a few steps of its first one.
    """
    seconds, rates = 0.0, {}
    for setting, seed in waiting:
        size = setting.size
        if size not in rates:
            done = [result for (other, _), result in results.items() if result and other.size == size]
            spent = sum(one["seconds"] for one in done)
            rates[size] = sum(one["flops"] for one in done) / spent if spent else _timed(runs[setting, seed])
        tokens = setting.windows * sweep.length
        seconds += tokens * setting.config(sweep).flops_per_token(sweep.length) / rates[size]
    speeds = ", ".join(f"{size} {rate / 1e9:,.0f}" for size, rate in rates.items())
    took = f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.1f} minutes"
    print(f"{len(runs) - len(waiting)} runs have finished, {len(waiting)} are to be trained: about {took}")
    print(f"(billions of operations per second: {speeds})", flush=True)
    return seconds


def _timed(one: Run) -> float:
    """FLOPs per second of a run's training, from a few of its steps; the first two prepare."""
    changes = {"steps": 8, "warmup_steps": None, "validate_every": 0}
    config = TrainConfig.from_dict(one.train.to_dict() | changes)
    windows = for_heads(one.data[0], one.model.n_future)
    last = [event.seconds for event in steps(MultiTokenModel(one.model), windows, config)]
    tokens = (len(last) - 2) * config.batch_size * windows.length
    return tokens * one.model.flops_per_token(windows.length) / (last[-1] - last[1])


def _content(sweep: Sweep, recipe: dict[str, Any], seeds: list[int], parts: dict, results: dict) -> dict:
    """What is stored, with plain lists."""
    runs = {setting: [results[setting, seed] for seed in seeds if (setting, seed) in results] for setting in parts}
    content = {
        "sweep": asdict(sweep) | {"steps": sweep.steps},
        "seeds": seeds,
        "dtype": recipe["dtype"],
        "text_tokens": recipe["text_tokens"],
        "complete": all(len(of_setting) == len(seeds) for of_setting in runs.values()),
        "rows": [_row(sweep, setting, parts[setting], runs) for setting in parts],
        "paper_table_s7": TABLE_S7,
        "paper_table_1": TABLE_1,
    }
    return json.loads(json.dumps(content))


def _row(sweep: Sweep, setting: Setting, parts: list[str], all_runs: dict[Setting, list[dict]]) -> dict:
    """A setting: its size, every finished run, means with intervals where there are two, and head 1 less n = 1's."""
    cfg, runs = setting.config(sweep), all_runs[setting]
    table = cfg.parameter_table()
    row = {
        "parts": parts,
        "size": setting.size,
        "n_future": setting.n_future,
        "weights": setting.weights,
        "layers_added": setting.added,
        "tokens": setting.windows * sweep.length,
        "epochs": setting.windows / setting.unique,
        "learning_rate": _rate(sweep, cfg),
        "parameters": cfg.parameters(),
        "parameters_without_embeddings": cfg.parameters() - table["embedding"] - table["unembedding"],
        "trunk_layers": cfg.n_trunk_layers,
        "head_layers": cfg.n_head_layers,
        "flops_per_token": cfg.flops_per_token(sweep.length),  # to train, all heads on
        "losses": [mean_so_far(of_head) for of_head in zip(*(one["losses"] for one in runs), strict=True)],
        "head_1_minus_n1": None,
    }
    for measure in ("tokens_per_forward", "tokens_per_forward_text"):
        row[measure] = mean_so_far([one[measure] for one in runs])
    if setting != setting.baseline:
        own, base = ([one["losses"][0] for one in all_runs[which]] for which in (setting, setting.baseline))
        row["head_1_minus_n1"] = mean_so_far(own, base)
    return row | {"runs": runs}


def draw(content: dict, path: Path) -> list[Path]:
    """The pictures of a stored result, beside it: by size (.png), by tokens and FLOPs, by epochs, by weights."""
    from mtp_edu.views import scaling  # here, because training needs no pictures

    pictures = {"": scaling.by_size, "_cost": scaling.by_cost, "_epochs": scaling.by_epochs,
                "_weights": scaling.by_weights}  # fmt: skip
    parts = {"": "size", "_cost": "size", "_epochs": "epochs", "_weights": "curricula"}
    drawn = []
    for name, picture in pictures.items():
        if any(row["runs"] and parts[name] in row["parts"] for row in content["rows"]):
            drawn.append(path.with_name(f"{path.stem}{name}.png"))
            with atomic_path(drawn[-1]) as file:
                picture(content).savefig(file, format="png", dpi=160)
    return drawn
