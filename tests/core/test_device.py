"""Device and dtype come with a reason; what a machine cannot do is refused by name."""

import pytest
import torch

from mtp_edu import device


def test_the_choice_names_its_reason():
    chosen = device.choose()
    assert chosen.reason and str(chosen.device) in str(chosen) and chosen.reason in str(chosen)
    if not torch.cuda.is_available():
        assert chosen.device.type == "cpu" and chosen.dtype == torch.float32


@pytest.mark.parametrize(
    ("capability", "dtype", "scaler"), [((7, 5), torch.float16, True), ((8, 0), torch.bfloat16, False)]
)
def test_a_t4_gets_float16_and_an_a100_bfloat16(monkeypatch, capability, dtype, scaler):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)  # as torch says on a T4, by emulation
    chosen = device.choose()
    assert (chosen.device.type, chosen.dtype, chosen.needs_scaler) == ("cuda", dtype, scaler)


def test_a_mac_computes_on_the_cpu_unless_asked_and_tested(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    chosen = device.choose()
    assert chosen.device.type == "cpu" and "MPS" in chosen.reason


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"device": "abacus"}, "abacus"),
        ({"device": "xla"}, "xla"),
        ({"dtype": "int8"}, "int8"),
        ({"device": "mps"}, "MPS"),
    ],
)
def test_what_is_not_here_is_named(options, named):
    with pytest.raises(ValueError, match=named):
        device.choose(**options)


def test_cuda_asked_for_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="no CUDA device"):
        device.choose("cuda")


def test_compiling_is_refused_without_a_compiler(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "C++ compiler" in device.compiler_problem(torch.device("cpu"))


def test_peak_is_measured_once():
    where = torch.device("cpu")
    assert device.matmul_peak(where, torch.float32) == device.matmul_peak(where, torch.float32) > 1e8
