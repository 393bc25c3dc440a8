"""Sweeps of curves (curves.py) over sizes, n, seeds and one switch of the task; what they store adds up.

`mtp-edu run induction` and `mtp-edu run arithmetic` are two of them. A result file holds every run of every occasion:
a sweep of other sizes, n, values of the switch or seeds adds its runs to the file, one with another recipe is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from mtp_edu import device, meter
from mtp_edu.bench.results import result_file, store
from mtp_edu.config import PRESETS, ModelConfig, TrainConfig
from mtp_edu.experiments.curves import CurveRun, Trial, in_words, results
from mtp_edu.experiments.runs import check_seeds, fits
from mtp_edu.experiments.statistics import mean_so_far
from mtp_edu.paths import atomic_path


@dataclass(frozen=True, order=True)
class Setting:
    """One row of the tables; a seed makes a run of it. `value`: of the sweep's switch."""

    place: int  # of the size among the presets
    value: float
    n_future: int

    @property
    def size(self) -> str:
        return list(PRESETS)[self.place]


@dataclass(frozen=True)
class Sweep:
    """What all runs share, and which there are. A subclass adds its task, and says how runs become rows."""

    sizes: tuple[str, ...] = ("1M",)
    n_futures: tuple[int, ...] = (1, 2)
    tokens: int = 2**22  # seen by every run
    length: int = 256  # tokens per window, T
    batch_size: int = 8  # windows per step
    learning_rate: float = 4e-3  # peak, at width 64
    points: int = 16  # measurements on the way
    dtype: str | None = None  # None: the device's own
    compile: bool = True

    name: ClassVar[str]  # of the command and the files
    switch: ClassVar[str]  # what a row calls `Setting.value`
    values: ClassVar[str]  # the field with its values
    options: ClassVar[tuple[str, ...]]  # other fields that the command line can set
    vocab_size: ClassVar[int]  # or a field

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(getattr(self, field.name), list):  # as the command line gives them
                object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        if unknown := set(self.sizes) - set(PRESETS):
            raise ValueError(f"sizes={', '.join(sorted(unknown))}: choose from {', '.join(PRESETS)}")
        if self.steps < self.points or self.points < 1:
            least = self.points * self.batch_size * self.length
            raise ValueError(f"tokens={self.tokens}: {self.points} points need a step each, that is {least} tokens")
        if not self.settings():
            raise ValueError(f"n={self.n_futures} leaves no trunk of two layers in {', '.join(self.sizes)}")

    @property
    def steps(self) -> int:
        return self.tokens // (self.batch_size * self.length)

    def trial(self, value: float, seed: int) -> Trial:
        raise NotImplementedError

    def summary(self, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A row's own columns: of the results of its runs, which may be none."""
        raise NotImplementedError

    def differences(self, results: Sequence[dict], baseline: Sequence[dict]) -> dict[str, Any]:
        """A row's columns that compare it with n = 1; `baseline` is empty for n = 1 itself."""
        raise NotImplementedError

    def told(self, result: dict[str, Any]) -> str:
        """A run's result in a few words."""
        raise NotImplementedError

    def table(self, content: dict[str, Any]) -> str:
        raise NotImplementedError

    def pictures(self) -> dict[str, Any]:
        """Suffix of the file's name -> function that draws a stored result, or raises ValueError if it cannot."""
        raise NotImplementedError

    def settings(self) -> list[Setting]:
        """All that fit: n heads leave a trunk of two layers. In the paper's sizes that is n = 4 from 10M up."""
        places = [place for place, size in enumerate(PRESETS) if size in self.sizes]
        sizes = list(PRESETS)
        numbers = sorted(set(self.n_futures))
        return [
            Setting(place, value, n)
            for place in places
            for value in sorted(set(getattr(self, self.values)))
            for n in numbers
            if fits(sizes[place], n)
        ]

    def model(self, setting: Setting) -> ModelConfig:
        return ModelConfig.preset(
            setting.size, vocab_size=self.vocab_size, n_future=setting.n_future, max_seq_len=self.length
        )

    def curve_run(self, setting: Setting, seed: int, where: device.Device, folder: Path) -> CurveRun:
        cfg = self.model(setting)
        config = TrainConfig(
            steps=self.steps, batch_size=self.batch_size, seed=seed,
            learning_rate=self.learning_rate * math.sqrt(64 / cfg.dim), checkpoint_every=self.steps // self.points,
            device=str(where.device), dtype=str(where.dtype).removeprefix("torch."), compile=self.compile,
        )  # fmt: skip
        label = f"{setting.size}-n{setting.n_future}-{self.switch}{setting.value:g}".replace(".", "_")
        return CurveRun(f"{label}_seed{seed}", cfg, config, self.trial(setting.value, seed), folder)


def run(
    defaults: Mapping[str, Sweep],
    out: Path | None = None,
    quick: bool = False,
    seeds: Sequence[int] = (0, 1, 2),
    folder: Path | None = None,
    processes: int | None = None,
    store_finished: bool = False,
    draw_only: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """Train what is not trained yet, add it to the stored result, print the table, draw the figures; the result.

    defaults: the sweep "quick", and that of each type of device. changes: fields of it. out: the file, by default
    data/results/NAME_DEVICE.json (with `quick`, `quick.json` in `folder`). folder: where runs lie, by default
    runs/NAME. processes: runs at a time (None: as `default_processes` has it). store_finished: train nothing, store
    what has finished. draw_only: draw what is stored.
    Small sizes come first, and within them seed after seed, so that an unfinished sweep already compares. Ctrl-C stops
    after the steps in progress with KeyboardInterrupt; the same command goes on from there.
    Raises ValueError before any training for fewer than two seeds, for a sweep that cannot be or does not fit the
    memory, and for an `out` that holds runs of another recipe.
    """
    seeds, kind = check_seeds(seeds), device.choose().device.type
    sweep = replace(defaults["quick" if quick else kind if kind in defaults else "cpu"], **changes)
    where = device.choose(dtype=sweep.dtype)
    folder = Path(folder or Path("runs") / sweep.name)
    default = folder / "quick.json" if quick else result_file(sweep.name, where.device)
    path = Path(out or default)
    if draw_only:
        print(f"drawn: {', '.join(map(str, draw(sweep, path)))}")
        return json.loads(path.read_text(encoding="utf-8"))
    _known(path, sweep)  # refuses another recipe before any work
    order = sorted(((setting, seed) for setting in sweep.settings() for seed in seeds), key=_turn(seeds))
    runs = [sweep.curve_run(setting, seed, where, folder) for setting, seed in order]
    if store_finished:
        found = [run.finished() for run in runs]
    else:
        waiting = [run for run in runs if run.finished() is None]
        processes = default_processes(where, len(waiting)) if processes is None else processes
        announce(waiting, len(runs), processes)
        try:
            found = results(runs, processes, sweep.told)
        except KeyboardInterrupt:
            print(f"all that is done is kept in {folder}: the same command goes on; --store-finished stores it")
            raise
    known = _known(path, sweep)  # now, since another command may have added to it
    for (setting, _), result in zip(order, found, strict=True):
        if result:
            known.setdefault(setting, {})[result["seed"]] = result
    if not known:
        raise ValueError(f"no run of this sweep has finished in {folder}: leave --store-finished out to train them")
    content = _content(sweep, known, seeds)
    whole = replace(sweep, **{name: content["sweep"][name] for name in ("sizes", "n_futures", sweep.values)})
    path = store(sweep.name, _command(whole, content["seeds"], quick), where.device, content, path)
    print(sweep.table(content))
    print(f"stored in {path}, drawn in {', '.join(one.name for one in draw(sweep, path))}")
    return content


def draw(sweep: Sweep, path: Path) -> list[Path]:
    """Draw a stored result again, beside it; the files. Raises FileNotFoundError if there is none."""
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: make it with `mtp-edu run {sweep.name}`")
    content, drawn = json.loads(path.read_text(encoding="utf-8")), []
    for suffix, picture in sweep.pictures().items():
        file_name = path.with_name(f"{path.stem}{suffix}.png")
        try:
            figure = picture(content)
        except ValueError as error:  # it shows what this result does not have, such as a second value of the switch
            print(f"not drawn: {error}")
            file_name.unlink(missing_ok=True)  # of an earlier result
            continue
        drawn.append(file_name)
        with atomic_path(file_name) as file:
            figure.savefig(file, format="png", dpi=160)
    return drawn


def default_processes(where: device.Device, runs: int) -> int:
    """Half of the cores, two threads each; on a GPU, which small models do not fill, at most four."""
    return max(1, min(runs, torch.get_num_threads() // 2, 4 if where.device.type == "cuda" else runs))


def announce(waiting: Sequence[CurveRun], all_runs: int, processes: int) -> None:
    """Say how long the waiting runs will take, by a few real steps of each size, before they begin.

    Raises meter.DoesNotFit if `processes` of the largest need more memory than there is.
    """
    plans: dict[tuple, meter.Plan] = {}
    for run in waiting:
        shape = _shape(run)
        if shape not in plans:
            plans[shape] = meter.plan(run.model, run.train, run.model.max_seq_len)
            plans[shape].check()
    seconds = 0.0
    for run in waiting:
        plan = plans[_shape(run)]
        seconds += run.flops / (plan.utilisation * plan.peak)
    most = max((plan.memory.total for plan in plans.values()), default=0)
    free = min((plan.free for plan in plans.values() if plan.free), default=None)
    room = None if free is None else int(meter.USABLE * free)
    if room and min(processes, len(waiting)) * most > room:
        raise meter.DoesNotFit(
            f"{processes} processes need {processes * most >> 20} MiB, {room >> 20} may be used: "
            f"--processes {max(1, room // most)}"
        )
    print(f"{all_runs - len(waiting)} runs have finished, {len(waiting)} are to be trained, {processes} at a time: "
          f"about {in_words(seconds)} of training, if one at a time", flush=True)  # fmt: skip


def _shape(run: CurveRun) -> tuple[int, int, int]:
    return run.model.dim, run.model.n_layers, run.model.n_future


def _turn(seeds: Sequence[int]):
    """Sorts (setting, seed): small sizes first, within a size seed by seed."""
    return lambda one: (one[0].place, list(seeds).index(one[1]), one[0])


def _known(path: Path, sweep: Sweep) -> dict[Setting, dict[int, dict]]:
    """The runs that `path` holds, by setting and seed. Raises ValueError if they are of another recipe."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    own = json.loads(json.dumps(asdict(sweep)))
    varied = {"sizes", "n_futures", sweep.values}
    other = [key for key in own if key not in varied and content["sweep"].get(key) != own[key]]
    if other:
        was = ", ".join(f"{key}={content['sweep'].get(key)}" for key in other)
        raise ValueError(f"{path} holds runs with {was}: store this sweep elsewhere with --out, or move that file away")
    places = {size: place for place, size in enumerate(PRESETS)}
    return {
        Setting(places[row["size"]], row[sweep.switch], row["n_future"]): {one["seed"]: one for one in row["runs"]}
        for row in content["rows"]
        if row["runs"]
    }


def _content(sweep: Sweep, known: dict[Setting, dict[int, dict]], wanted: Sequence[int]) -> dict[str, Any]:
    settings = sorted({*known, *sweep.settings()})
    seeds = sorted({*wanted, *(seed for runs in known.values() for seed in runs)})
    runs = {setting: [known[setting][seed] for seed in seeds if seed in known.get(setting, ())] for setting in settings}
    rows = []
    for setting in settings:
        cfg = sweep.model(setting)
        table = cfg.parameter_table()
        row = {"size": setting.size, "n_future": setting.n_future, sweep.switch: setting.value}
        row |= {"parameters": cfg.parameters(), "tokens": sweep.steps * sweep.batch_size * sweep.length}
        row["parameters_without_embeddings"] = cfg.parameters() - table["embedding"] - table["unembedding"]
        row |= sweep.summary(runs[setting])
        plain = replace(setting, n_future=1)
        row |= sweep.differences(runs[setting], runs.get(plain, []) if setting != plain else [])
        rows.append(row | {"runs": runs[setting]})
    own = asdict(sweep) | {
        "sizes": list(dict.fromkeys(setting.size for setting in settings)),
        "n_futures": sorted({setting.n_future for setting in settings}),
        sweep.values: sorted({setting.value for setting in settings}),
    }
    complete = all(len(of_setting) == len(seeds) for of_setting in runs.values())
    return json.loads(json.dumps({"sweep": own, "seeds": seeds, "complete": complete, "rows": rows}))


def _command(sweep: Sweep, seeds: Iterable[int], quick: bool) -> str:
    """The command that makes all of this sweep, whatever the defaults are."""
    words = [f"mtp-edu run {sweep.name}{' --quick' * quick} --seeds", *seeds]
    for name in ("sizes", "n_futures", "tokens", sweep.values, *sweep.options):
        value = getattr(sweep, name)
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{name.replace('_', '-')}")
        elif value is not None:
            words.append("--n" if name == "n_futures" else f"--{name.replace('_', '-')}")
            words += value if isinstance(value, tuple) else [value]
    return " ".join(map(str, words))


def interval_of(results: Sequence[dict], measure: str) -> dict | None:
    """Mean and 95 % interval of one number of every run; runs in which it is None are left out."""
    return mean_so_far([one[measure] for one in results if one[measure] is not None])


def difference_of(results: Sequence[dict], baseline: Sequence[dict], measure: str) -> dict | None:
    """Welch's interval of a number less that of n = 1; None where one side has no run."""
    if not results or not baseline:
        return None
    return mean_so_far([one[measure] for one in results], [one[measure] for one in baseline])
