"""What is installed here, which device and format would be used and why, and what is missing with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform

import torch

from mtp_edu import device
from mtp_edu.paths import cache_dir, data_dir

# what each package is for, and how to get it: the core first
NEEDED = {
    "numpy": "windows of tokens",
    "einops": "the model",
    "sentencepiece": "tokenizers",
    "safetensors": "checkpoints",
    "tqdm": "progress bars",
    "matplotlib": "pictures",
    "ipywidgets": "panels",
}
OPTIONAL = {
    "jupyterlab": ("the notebooks in a browser", "pip install 'mtp-edu[lab]', or make lab; not needed in Colab"),
    "transformers": ("mtp-edu bench train", "pip install 'mtp-edu[bench]'"),
    "pytest": ("the tests", "make test"),
}


def doctor() -> tuple[str, bool]:
    """The report, and whether all that the course needs is there."""
    lines = [
        f"mtp_edu      {_version('mtp-edu') or 'from a checkout'}, Python {platform.python_version()}",
        f"system       {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads for torch",
        f"torch        {torch.__version__}",
    ]
    healthy = True
    try:
        chosen = device.choose()
        lines.append(f"device       {chosen}")
        lines.append(f"peak         {device.matmul_peak(chosen.device, chosen.dtype) / 1e9:,.0f} GFLOP/s, measured")
        problem = device.compiler_problem(chosen.device)
        lines.append(f"compile      {problem or 'available (optional: --compile)'}")
    except Exception as error:  # whatever a driver may raise belongs in the report
        healthy = False
        lines.append(f"device       PROBLEM: {error}")
    try:
        shelf = sorted(path.name for path in (data_dir() / "pretrained").glob("*") if path.is_dir())
        lines.append(f"models       {', '.join(shelf) or 'none'}")
    except FileNotFoundError as error:
        healthy = False
        lines.append(f"data         PROBLEM: {error}")
    lines.append(f"cache        {cache_dir()}")
    for name, purpose in NEEDED.items():
        version = _version(name)
        if version is None:
            healthy = False
            lines.append(f"{name:<12} MISSING, needed for {purpose}: pip install {name}")
        else:
            lines.append(f"{name:<12} {version}")
    for name, (purpose, remedy) in OPTIONAL.items():
        version = _version(name)
        lines.append(f"{name:<12} {version or f'not installed, for {purpose}: {remedy}'}")
    lines.append("all that the course needs is here" if healthy else "mend what is marked above")
    return "\n".join(lines), healthy


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
