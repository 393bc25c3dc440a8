"""Memory and time before a run: true to what a run then takes, and a refusal whose remedies really fit."""

import contextlib
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mtp_edu as mtp
from mtp_edu import corpus, meter
from mtp_edu.meter import planning

CPU = torch.device("cpu")
TINY = mtp.ModelConfig(vocab_size=64, dim=16, n_layers=5, n_attention_heads=2, n_future=4)
# The largest part of each is another one: logits, weights with their averages, activations of one micro-batch.
SHAPES = {
    "logits": ({"vocab_size": 4096, "dim": 32, "n_layers": 5}, 128, {"batch_size": 8}),
    "weights": ({"vocab_size": 257, "dim": 256, "n_layers": 6}, 32, {"batch_size": 2}),
    "activations": ({"vocab_size": 257, "dim": 64, "n_layers": 8}, 64, {"batch_size": 16, "micro_batch_size": 8}),
}


@pytest.fixture
def free(monkeypatch):
    """Sets what seems to be free."""
    return lambda count: monkeypatch.setattr(planning, "free_memory", lambda device: count)


@pytest.mark.parametrize("name", SHAPES)
def test_the_memory_is_that_of_a_real_run(name):
    """Within 5 % below and 15 % above: at the peak of activations and logits not every gradient is there yet."""
    shape, length, batch = SHAPES[name]
    cfg, config = mtp.ModelConfig(**shape, n_attention_heads=4, n_future=4), mtp.TrainConfig(steps=2, **batch)
    ids = np.random.default_rng(0).integers(cfg.vocab_size, size=config.batch_size * length + 4)
    data = corpus.Windows(ids, length, 4, cfg.vocab_size, eos_id=-1)
    recorded = meter.memory(lambda: list(mtp.train(mtp.MultiTokenModel(cfg), data, config, quiet=True)))
    known = meter.plan(cfg, config, length, trial_seconds=0)
    assert 0.95 <= known.memory.total / recorded.peak <= 1.15
    largest = {
        "logits": known.memory.logit_bytes,
        "weights": 4 * known.memory.parameter_bytes,
        "activations": known.memory.activation_bytes,
    }
    assert max(largest, key=largest.get) == name


Event = namedtuple("Event", "seconds interrupted")


def clock(monkeypatch, *ends, interrupted=False):
    """In place of training: steps that end at these times. Returns the configs that were asked for."""
    asked = []

    def train(model, data, config, quiet):
        asked.append(config)
        yield from (Event(end, interrupted) for end in ends)

    monkeypatch.setattr(planning, "train", train)
    return asked


def test_the_time_follows_from_the_steps_that_were_timed(monkeypatch):
    asked = clock(monkeypatch, 9.0, 9.5, 10.0, 10.7)  # the first one warms up, the last one was disturbed
    config = mtp.TrainConfig(steps=600, batch_size=4, compile=True, validate_every=1, learning_rate=9.0)
    known = meter.plan(TINY, config, 32, trial_seconds=20)
    assert known.steps_timed == 3 and known.seconds == pytest.approx(600 * 0.5)
    assert known.utilisation * known.peak == pytest.approx(4 * 32 * TINY.flops_per_token(32) / 0.5)
    assert "time: about 5.0 minutes" in str(known) and "measured in 3 real steps, not compiled" in str(known)
    (trial,) = asked
    assert not trial.compile and trial.validate_every == 0 and trial.learning_rate < 1e-5 and trial.batch_size == 4


def test_a_trial_ends_when_its_time_is_over(monkeypatch):
    clock(monkeypatch, *range(5, 100, 5))
    assert meter.plan(TINY, mtp.TrainConfig(steps=90), 32, trial_seconds=12).steps_timed == 2


def test_an_interrupted_trial_is_an_interrupt(monkeypatch):
    clock(monkeypatch, 1.0, interrupted=True)
    with pytest.raises(KeyboardInterrupt):
        meter.plan(TINY, mtp.TrainConfig(steps=90), 32)


def test_a_real_trial():
    known = meter.plan(TINY, mtp.TrainConfig(steps=1000, batch_size=4, micro_batch_size=2), 32)
    assert known.steps_timed == 11 and 0 < known.utilisation < 1.5 and 0 < known.seconds < 1000


LONG = [{"trial_seconds": 0}, {"cfg": mtp.ModelConfig.preset("1B", vocab_size=32_000)}]


@pytest.mark.parametrize("impossible", [*LONG, {"config": mtp.TrainConfig(steps=24)}], ids=str)
def test_without_a_trial_the_utilisation_is_assumed_and_said_to_be(monkeypatch, impossible):
    asked = clock(monkeypatch, 1.0, 2.0, 3.0)
    known = meter.plan(**({"cfg": TINY, "config": mtp.TrainConfig(steps=100), "length": 64} | impossible))
    assert asked == [] and known.utilisation == meter.REACHED and known.steps_timed == 0
    assert known.seconds == pytest.approx(known.flops / (known.peak * meter.REACHED))
    assert "assumed, no step was run" in str(known)


def test_heads_that_are_off_take_no_time():
    def flops(**changes):
        return meter.plan(TINY, mtp.TrainConfig(steps=8, batch_size=2, **changes), 32, trial_seconds=0).flops

    phases = sum(2 * 2 * 32 * TINY.flops_per_token(32, heads) for heads in (1, 2, 3, 4))
    assert flops(head_schedule="forward") == flops(head_schedule="reverse") == phases
    assert flops(head_weights=(1, 0, 1, 0)) == 8 * 2 * 32 * TINY.flops_per_token(32, [0, 2])
    assert flops() == 8 * 2 * 32 * TINY.flops_per_token(32)


# ---- the refusal

LARGE = mtp.ModelConfig.preset("10M", vocab_size=4096, n_future=2)
CONFIG = mtp.TrainConfig(steps=100, batch_size=24, micro_batch_size=12)


def need(cfg=LARGE, config=CONFIG, length=256, **changes) -> int:
    return meter.plan(cfg, replace(config, **changes), length, trial_seconds=0).memory.total


def test_a_run_that_fits_is_not_refused(free):
    free(int(need() / meter.USABLE) + 1)
    meter.plan(LARGE, CONFIG, 256, trial_seconds=0).check()
    free(None)
    unknown = meter.plan(LARGE, CONFIG, 256, trial_seconds=0)
    unknown.check()
    assert "what is free is unknown" in str(unknown)


def test_a_smaller_micro_batch_comes_first_and_is_the_largest_that_fits(monkeypatch, free):
    steps = clock(monkeypatch, 1.0, 2.0, 3.0)
    free(int((need(micro_batch_size=4) + 1000) / meter.USABLE))
    known = meter.plan(LARGE, CONFIG, 256)
    assert steps == [] and "IT DOES NOT FIT" in str(known)  # not even a trial may begin
    same, shorter, smaller = known.remedies()
    assert same == "micro_batch_size=4 (the same result, in 6 passes per step)"
    assert need(micro_batch_size=6) > meter.USABLE * known.free  # the next divisor of 24
    assert shorter == "windows of 64 tokens" and need(length=128) > meter.USABLE * known.free > need(length=64)
    assert smaller.startswith("the preset 3M of ")
    words = f"needs {planning._size(known.memory.total)} .* on cpu, where {planning._size(known.free)} are free"
    with pytest.raises(meter.DoesNotFit, match=f"{words}.*{same[:18]}.*{shorter}; {smaller}"):
        known.check()


def test_chunks_come_before_anything_that_changes_the_result(free):
    wide = mtp.ModelConfig(vocab_size=50_000, dim=32, n_layers=5, n_attention_heads=2)
    naive = mtp.TrainConfig(steps=100, batch_size=4, mode="naive")
    chunked = need(wide, naive, mode="memory-efficient", token_chunk=512)
    assert chunked < need(wide, naive, micro_batch_size=1)
    free(int(chunked / meter.USABLE) + 1)
    known = meter.plan(wide, naive, 256, trial_seconds=0)
    assert known.remedies()[0].startswith(
        "micro_batch_size=4, mode='memory-efficient', token_chunk=512 (the same result"
    )


def test_where_no_micro_batch_helps_the_windows_get_shorter_and_then_the_model_smaller(free):
    once = {"micro_batch_size": 1, "token_chunk": 512}
    deep = mtp.ModelConfig(vocab_size=257, dim=64, n_layers=60, n_attention_heads=4, max_seq_len=2048)
    room = need(deep, length=1024, micro_batch_size=1)
    assert room < need(deep, length=2048, **once)
    free(int(room / meter.USABLE) + 1)
    shorter, smaller = meter.plan(deep, CONFIG, 2048, trial_seconds=0).remedies()
    assert shorter == "windows of 1024 tokens with micro_batch_size=1"
    assert smaller.startswith("the preset 1M of ") and smaller.endswith(" with micro_batch_size=1")


@pytest.mark.parametrize(("mode", "ways"), [("naive", 2), ("memory-efficient", 1)])
def test_chunks_are_tried_with_shorter_windows_and_smaller_models_too(free, mode, ways):
    cfg = mtp.ModelConfig(vocab_size=32_000, dim=256, n_layers=8, n_future=4, max_seq_len=1024)
    thrift = {"micro_batch_size": 1, "mode": "memory-efficient", "token_chunk": 512}
    nano = planning._smaller(cfg)
    room = {2: need(cfg, length=256, **thrift), 1: need(next(nano)[1], length=1024, **thrift)}[ways]
    free(int((room + 1000) / meter.USABLE))
    known = meter.plan(cfg, replace(CONFIG, mode=mode), 1024, trial_seconds=0)
    found = known.remedies()
    assert len(found) == ways and ("windows of 256 tokens" in found[0]) == (ways == 2)
    for way in found:
        assert way.endswith(" with micro_batch_size=1, mode='memory-efficient', token_chunk=512")


def test_a_window_that_the_model_does_not_take_is_refused():
    with pytest.raises(ValueError, match=f"windows of {TINY.max_seq_len + 1} tokens: .*max_seq_len"):
        meter.plan(TINY, mtp.TrainConfig(steps=8), TINY.max_seq_len + 1)


def test_where_nothing_fits_it_says_so(free):
    free(1_000_000)
    with pytest.raises(meter.DoesNotFit, match="no preset; use a device with more memory"):
        meter.plan(LARGE, CONFIG, 256, trial_seconds=0).check()


# ---- what is free

GIB = 1 << 30


def system(root: Path, groups: str, available: int = 8, **files: dict[str, str]) -> Path:
    """A /proc and /sys of so many GiB; files: memory files of the control group in that folder."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {available * GIB >> 10} kB\n")
    (root / "proc/self/cgroup").write_text(groups)
    for folder, contents in files.items():
        place = root / "sys/fs/cgroup" / folder.replace("__", "/")
        place.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (place / name).write_text(content)
    return root


def two(limit: str, used: int, cached: int = 0) -> dict[str, str]:
    stat = f"anon 5\ninactive_file {cached * GIB}\n"
    return {"memory.max": f"{limit}\n", "memory.current": f"{used * GIB}\n", "memory.stat": stat}


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"": two(str(6 * GIB), 4, 1)}, 3),  # what is cached can be dropped
        ("0::/\n", {"": two("max", 4)}, 8),
        ("0::/a/b\n", {"a": two(str(5 * GIB), 3), "a__b": two("max", 1)}, 2),  # a limit above counts too
        ("0::/not/here\n", {"": two(str(5 * GIB), 1)}, 4),  # the host's path, seen from inside a container
        ("0::/\n", {"": two(str(2 * GIB), 3)}, 0),
        (
            "7:cpu:/x\n4:cpu,memory:/x\n",
            {
                "memory__x": {
                    "memory.limit_in_bytes": str(7 * GIB),
                    "memory.usage_in_bytes": str(6 * GIB),
                    "memory.stat": f"total_inactive_file {2 * GIB}\n",
                }
            },
            3,
        ),
    ],
)
def test_a_container_gets_no_more_than_its_groups_leave(tmp_path, groups, files, expected):
    assert meter.free_memory(CPU, system(tmp_path, groups, **files)) == expected * GIB


def test_without_proc_all_memory_or_nothing_is_known(tmp_path, monkeypatch):
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(planning.os, "sysconf", sizes.__getitem__, raising=False)
    assert meter.free_memory(CPU, tmp_path) == 4_096_000
    monkeypatch.delattr(planning.os, "sysconf")
    assert meter.free_memory(CPU, tmp_path) is None


def test_here_the_answer_is_plausible():
    free = meter.free_memory(CPU)
    with contextlib.suppress(FileNotFoundError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        assert 0 < free <= 1024 * int(lines[0].split()[1])  # MemTotal
