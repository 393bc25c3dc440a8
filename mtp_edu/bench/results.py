"""How a result is stored: what ran, on what, which versions and commit, which seeds, and every repetition."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from mtp_edu.paths import PACKAGE, atomic_write, data_dir


def machine(device: torch.device) -> dict[str, Any]:
    """The hardware and the versions that a number depends on."""
    packages = ("torch", "numpy", "transformers", "sentencepiece")
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """The checkout's commit, with a + if files have changed since; None outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def result_file(name: str, device: torch.device) -> Path:
    """Where a result is stored by default: data/results/NAME_cpu.json or NAME_cuda.json."""
    return data_dir() / "results" / f"{name}_{device.type}.json"


def store(name: str, command: str, device: torch.device, content: dict[str, Any], out: Path | None = None) -> Path:
    """Write one result as JSON to `out`, by default `result_file`."""
    path = out or result_file(name, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    header = {"command": command, "date": when, "commit": commit(), "machine": machine(device)}
    atomic_write(path, (json.dumps(header | content, indent=1) + "\n").encode("utf-8"))
    return path
