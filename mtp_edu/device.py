"""Which device and number format to use, and why: every choice comes with its reason in words.

bfloat16 only where the hardware has it (compute capability 8.0 or more: PyTorch says yes on a T4, by slow emulation);
float16 with loss scaling on older GPUs; float32 on CPUs. On a Mac the CPU is the default, and MPS is used on request
after it has agreed with the CPU on a small computation.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
import time
from dataclasses import dataclass

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


@dataclass(frozen=True)
class Device:
    """A device, the format of its matrix products, and the reason for both."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    @property
    def needs_scaler(self) -> bool:
        """float16 gradients underflow without loss scaling."""
        return self.dtype == torch.float16

    def autocast(self) -> contextlib.AbstractContextManager:
        """Matrix products in `dtype`, parameters in float32; nothing to do for float32 and float64."""
        if self.dtype in (torch.float32, torch.float64):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def grad_scaler(self) -> torch.amp.GradScaler | None:
        return torch.amp.GradScaler(self.device.type) if self.needs_scaler else None

    def __str__(self) -> str:
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')} ({self.reason})"


def choose(device: str | None = None, dtype: str | None = None) -> Device:
    """The device and dtype asked for, or the best ones here.

    device: "cpu", "cuda", "cuda:1", "mps" or None; dtype: a name in DTYPES or None.
    Raises ValueError if the machine has no such device or the format is unknown, RuntimeError if MPS miscomputes.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(DTYPES)}")
    asked = device is not None
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is no device name: use 'cpu', 'cuda' or 'mps'") from error
    if where.type == "cuda":
        best, reason = _cuda(where)
    elif where.type == "mps":
        _mps_self_test()
        best, reason = torch.float32, "MPS asked for; it agreed with the CPU in the self-test"
    elif where.type == "cpu":
        best, reason = torch.float32, "asked for" if asked else _why_cpu()
    else:
        raise ValueError(f"device={device!r} is not supported: use 'cpu', 'cuda' or 'mps'")
    if dtype is None:
        return Device(where, best, reason)
    return Device(where, DTYPES[dtype], reason if DTYPES[dtype] == best else f"{reason}; {dtype} asked for")


def _cuda(where: torch.device) -> tuple[torch.dtype, str]:
    if not torch.cuda.is_available():
        raise ValueError("no CUDA device is visible here: use device='cpu', or install a CUDA build of torch")
    if where.index is not None and where.index >= torch.cuda.device_count():
        raise ValueError(f"device='{where}': there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    name, capability = torch.cuda.get_device_name(where), torch.cuda.get_device_capability(where)
    if capability >= (8, 0):
        return torch.bfloat16, f"{name} has bfloat16 in hardware"
    return torch.float16, f"{name} has no bfloat16 in hardware (compute capability {capability[0]}.{capability[1]})"


def _why_cpu() -> str:
    if torch.backends.mps.is_available():
        return "no CUDA; MPS is used only when asked for, after a self-test"
    return "no CUDA device found"


def _mps_self_test() -> None:
    """MPS has returned silently wrong results in several releases, so it must agree with the CPU first."""
    if not torch.backends.mps.is_available():
        raise ValueError("this machine or this build of torch has no MPS: use device='cpu'")
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 4, 33, 16, generator=generator) for _ in range(3))
    attend = torch.nn.functional.scaled_dot_product_attention
    here = attend(q, k, v, is_causal=True)
    there = attend(q.to("mps"), k.to("mps"), v.to("mps"), is_causal=True).cpu()
    if not torch.allclose(here, there, atol=1e-4):
        raise RuntimeError("MPS disagrees with the CPU on causal attention here: use device='cpu' or a newer torch")


def compiler_problem(device: torch.device) -> str | None:
    """Why torch.compile cannot be used here, or None if it can."""
    if sys.platform == "win32" and device.type == "cpu":
        return "on Windows compiling for the CPU needs Visual C++ set up; running eager"
    if device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")):
        return "no C++ compiler (g++ or clang++) was found; running eager"
    if device.type == "mps":
        return "compiling for MPS is not used here; running eager"
    return None


@functools.lru_cache(maxsize=8)
def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a large matrix product, measured here once (about 0.3 seconds).

    Model FLOPs utilisation is stated as a share of this, since no data sheet knows the machine at hand.
    """
    size = 8192 if device.type == "cuda" else 192 if dtype == torch.float16 else 768  # CPUs emulate float16, slowly
    a = torch.randn(size, size, device=device).to(dtype)
    rates = []
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(3):
            a @ a
        synchronize(device)
        rates.append(3 * 2 * size**3 / (time.perf_counter() - start))
    return max(rates)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done its work, so that a clock reads true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
