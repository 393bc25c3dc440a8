"""What the notebooks share: the one `size` switch, the fast mode of tests, and the line that says where we run."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from mtp_edu.device import Device, choose
from mtp_edu.doctor import doctor

SIZES = ("laptop", "gpu")
_FAST = os.environ.get("MTP_EDU_FAST", "") not in ("", "0")  # read once: a run is fast or it is not
_T = TypeVar("_T")


def fast() -> bool:
    """True if MTP_EDU_FAST=1 was set when the package was loaded: notebooks then shrink to what a test can wait for."""
    return _FAST


def in_colab() -> bool:
    """True inside Google Colab."""
    return "google.colab" in sys.modules


@dataclass(frozen=True)
class Settings:
    """How big a notebook runs, and on what."""

    size: str
    fast: bool
    device: Device

    def pick(self, laptop: _T, gpu: _T | None = None, fast: _T | None = None) -> _T:
        """The value for this size; `fast` stands in for it in tests. What is not given is as on a laptop."""
        if self.fast and fast is not None:
            return fast
        return gpu if self.size == "gpu" and gpu is not None else laptop


def setup(size: str = "laptop", seed: int = 0, threads: int | None = 1) -> Settings:
    """Choose the size ("laptop" or "gpu") and the device, set torch's seed and threads, and print where we run.

    threads: one for models as small as ours. More have too little to share and wait for each other: beside another
    busy program, two were twenty times slower than one. None leaves torch its own number, for larger models.
    Raises ValueError for an unknown size, or for "gpu" where there is none.
    """
    if size not in SIZES:
        raise ValueError(f"size = {size!r}: use one of {', '.join(SIZES)}")
    device = choose("cuda" if size == "gpu" else None)
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
    place = "Colab" if in_colab() else platform.system()
    count = torch.get_num_threads()
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {place}, {count} thread{'s' * (count > 1)}")
    print(f"device: {device}")
    if fast():
        print("MTP_EDU_FAST is set: everything is shrunk for a test, and the numbers below mean nothing.")
    return Settings(size, fast(), device)


def check() -> None:
    """Print what `mtp-edu doctor` says; the home folder is shortened, so that outputs can be shared."""
    print(doctor()[0].replace(str(Path.home()), "~"))
