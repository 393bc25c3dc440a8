"""Many trainings of one task, each measured on its way: for experiments whose result is a curve over training.

A run is killed at any moment and goes on: its checkpoint and its points are written together, and what lies behind
the checkpoint is made again, bit for bit on the CPU. A finished run is a file of its own, so that a sweep of several
occasions, or of several processes, adds up.
"""

from __future__ import annotations

import _thread
import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from mtp_edu import checkpoint, device
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.corpus import Windows
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_write
from mtp_edu.progress import progress
from mtp_edu.train import evaluate, train

_POINTS = "points.json"


class Trial(Protocol):
    """What a run learns and how it is measured: a frozen dataclass, so that it can go to another process."""

    def windows(self, split: str, n_future: int) -> Windows:
        """Of "train", or of "validation", whose losses are in every point."""

    def sample(self) -> str:
        """A little of the data, as text: a run is another run if this changes."""

    def point(self, model: MultiTokenModel) -> dict[str, Any]:
        """Measured at every point of the curve, beside tokens, FLOPs and losses."""

    def end(self, model: MultiTokenModel, points: list[dict[str, Any]]) -> dict[str, Any]:
        """Measured once, of the trained model and its curve."""


@dataclass(frozen=True)
class CurveRun:
    """One model that is trained and measured. `label`: how its file's name begins (letters, digits and - _ only).

    `train.checkpoint_every` says how many steps lie between two points. What is measured is computed in the weights'
    float32, whatever the training's products were in; only a point's losses are as in training. A folder is for one
    command at a time.
    """

    label: str
    model: ModelConfig
    train: TrainConfig
    trial: Trial
    folder: Path

    def settings(self) -> dict[str, Any]:
        """All that a result depends on, as it is stored beside it."""
        data = hashlib.sha256(self.trial.sample().encode("utf-8")).hexdigest()[:16]
        parts = {"model": self.model.to_dict(), "train": self.train.to_dict(), "trial": asdict(self.trial)}
        return json.loads(json.dumps(parts | {"data": data, "torch": torch.__version__}))

    @property
    def path(self) -> Path:
        """The result's file; without its suffix it is the folder of the checkpoints and, later, of the model."""
        digest = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode("utf-8")).hexdigest()[:12]
        return self.folder / f"{self.label}_{digest}.json"

    def finished(self) -> dict[str, Any] | None:
        """The result, if this run has finished before."""
        return json.loads(self.path.read_text(encoding="utf-8"))["result"] if self.path.exists() else None

    @property
    def flops(self) -> int:
        """Of the whole training, all heads on."""
        length = self.model.max_seq_len
        return self.train.steps * self.train.batch_size * length * self.model.flops_per_token(length)

    def result(self, **bar: Any) -> dict[str, Any]:
        """The result: read if there is one, else trained (or trained to the end) and written. `bar`: for `progress`.

        seconds: of the training alone, of all sittings. Raises KeyboardInterrupt after an interrupt, when the
        checkpoint is written.
        """
        if result := self.finished():
            return result
        work = self.path.with_suffix("")
        model = MultiTokenModel(self.model, seed=self.train.seed)
        points = self._train(model, work, **bar)
        where = device.choose(self.train.device, self.train.dtype)
        dtype = str(where.dtype).removeprefix("torch.")
        result = {"seed": self.train.seed, "device": str(where.device), "dtype": dtype, "torch": torch.__version__}
        result |= {key: checkpoint.info(work)[key] for key in ("tokens", "seconds")} | {"flops": points[-1]["flops"]}
        result |= {"points": points} | self.trial.end(model, points)
        text = json.dumps({"settings": self.settings(), "result": result}, indent=1) + "\n"
        atomic_write(self.path, text.encode("utf-8"))
        return json.loads(text)["result"]

    def _train(self, model: MultiTokenModel, work: Path, **bar: Any) -> list[dict[str, Any]]:
        config, where = self.train, device.choose(self.train.device, self.train.dtype)
        windows, validation = (self.trial.windows(split, self.model.n_future) for split in ("train", "validation"))
        if checkpoint.finished(work):
            events = iter(())  # killed after the last step
            model.load_state_dict(checkpoint.load(work)[0].state_dict())
            model.to(where.device)
        else:
            events = train(model, windows, config, folder=work, resume=True, quiet=True)
        step = checkpoint.step_of(work)  # before the first step: what is there to go on from
        points = json.loads((work / _POINTS).read_text(encoding="utf-8")) if (work / _POINTS).exists() else []
        points = [point for point in points if point["step"] <= step]

        def measure(step: int) -> None:
            due = step == config.steps or (step and step % config.checkpoint_every == 0)
            if not due or step in [point["step"] for point in points]:
                return
            tokens = step * config.batch_size * windows.length
            point = {"step": step, "tokens": tokens, "flops": tokens * self.model.flops_per_token(windows.length)}
            point["losses"] = list(evaluate(model, validation, config.validation_windows, where=where))
            points.append(point | self.trial.point(model))
            atomic_write(work / _POINTS, json.dumps(points).encode("utf-8"))

        measure(step)  # a kill between the checkpoint and the point leaves it out
        for event in progress(events, **bar):
            if event.interrupted:
                raise KeyboardInterrupt(f"{self.label} stopped at step {event.step} of {event.steps}")
            measure(event.step)
        return points


def results(
    runs: Sequence[CurveRun], processes: int = 1, told: Callable[[dict[str, Any]], str] = lambda result: ""
) -> list[dict[str, Any]]:
    """The result of every run in turn, `processes` of them at a time; one line for each that is trained.

    told: a few words on a result. An interrupt stops every process after its step, with a checkpoint. Raises what a
    run raises, when the others have stopped.
    """
    found = [run.finished() for run in runs]
    waiting = [i for i, result in enumerate(found) if result is None]
    begin, left = time.perf_counter(), sum(runs[i].flops for i in waiting)
    total = left

    def keep(i: int, result: dict[str, Any]) -> None:
        nonlocal left
        found[i], left = result, left - runs[i].flops
        missing = sum(one is None for one in found)
        seconds = (time.perf_counter() - begin) * left / max(1, total - left)
        then = f"; {missing} to go, about {in_words(seconds)}" if missing else ""
        print(f"{runs[i].label}: {told(result)}{then}", flush=True)

    if processes <= 1 or len(waiting) < 2:
        for i in waiting:
            keep(i, runs[i].result(desc=runs[i].label, leave=False, disable=None))
        return found
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    stop, slots = context.Event(), context.Value("i", 0)
    threads = max(1, torch.get_num_threads() // processes)
    with ProcessPoolExecutor(min(processes, len(waiting)), context, _begin_worker, (stop, slots, threads)) as pool:
        futures = {pool.submit(_in_worker, runs[i]): i for i in waiting}
        try:
            for future in as_completed(futures):
                keep(futures[future], future.result())
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return found


def in_words(seconds: float) -> str:
    """A length of time: "40 s", "12 minutes" or "3.4 hours"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


_slot = 0  # which of the workers this process is: the line of its progress bar
_running, _stopped = threading.Event(), threading.Event()


def _begin_worker(stop: Any, slots: Any, threads: int) -> None:
    """Prepare a worker: its threads, its line, and that it stops, with a checkpoint, when asked or left alone."""
    global _slot
    torch.set_num_threads(threads)
    with slots.get_lock():
        _slot, slots.value = slots.value, slots.value + 1
    if hasattr(os, "setsid"):
        os.setsid()  # a terminal's Ctrl-C goes to the parent, which says it once

    def watch() -> None:
        parent = multiprocessing.parent_process()
        while parent.is_alive() and not stop.wait(1):
            pass
        _stopped.set()
        if _running.is_set():
            _thread.interrupt_main()  # as Ctrl-C: the run ends after its step, with a checkpoint
        parent.join()
        while _running.is_set():  # nobody is left to give this process work, or to end it
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _in_worker(run: CurveRun) -> dict[str, Any]:
    _running.set()
    try:
        if _stopped.is_set():  # the pool hands one run more to its workers than it can take back
            raise KeyboardInterrupt
        return run.result(desc=run.label, position=_slot, leave=False, disable=None)
    finally:
        _running.clear()
