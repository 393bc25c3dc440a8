"""Training: it learns, it resumes bit for bit whatever killed it, it stops cleanly, and it refuses what cannot work."""

import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch

import mtp_edu as mtp
from mtp_edu import checkpoint, device
from mtp_edu.compiling import CompiledBlocks
from mtp_edu.train import learning_rate, window_order

TEXTS = [f"{i} green bottles, hanging on the wall; and if one should fall, there are {i - 1}.\n" * 4 for i in range(40)]
CONFIG = mtp.TrainConfig(steps=12, batch_size=4, learning_rate=3e-3)


def small():
    cfg = mtp.ModelConfig(vocab_size=257, dim=32, n_layers=5, n_attention_heads=4, n_future=3, max_seq_len=64)
    return mtp.MultiTokenModel(cfg), mtp.corpus.windows(TEXTS, mtp.ByteTokenizer(), length=32, n_future=3)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def run(config=CONFIG, **options):
    model, dataset = small()
    return model, list(mtp.train(model, dataset, config, quiet=True, **options))


@pytest.fixture(scope="module")
def uninterrupted():
    return weights(run()[0])


def test_losses_fall_for_every_head_and_events_say_what_happened():
    _, dataset = small()
    config = mtp.TrainConfig(steps=60, batch_size=8, learning_rate=5e-3, validate_every=20)
    _, events = run(config, validation=dataset)
    assert [event.step for event in events] == list(range(1, 61))
    assert all(last < first - 0.8 for first, last in zip(events[0].losses, events[-1].losses))
    assert [event.step for event in events if event.validation] == [20, 40, 60]
    assert events[-1].validation[0] < events[19].validation[0]
    assert events[-1].validation == pytest.approx(events[-1].losses, rel=0.5)
    assert events[-1].tokens == 60 * 8 * 32 and events[-1].seconds_left == 0
    assert all(event.tokens_per_second > 0 and 0 < event.flops_utilisation < 2 for event in events)
    assert all(event.seconds_left > 0 for event in events[:-1])


def test_schedule_warms_up_and_decays_to_its_share():
    config = mtp.TrainConfig(steps=100, warmup_steps=10, learning_rate=1.0, decay_ratio=0.1)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0) and rates[-1] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)


def test_every_epoch_sees_every_window_once_in_another_order():
    _, dataset = small()
    config = mtp.TrainConfig(batch_size=1, seed=5)
    epochs = [[window_order(dataset, config, e * len(dataset) + i)[0] for i in range(len(dataset))] for e in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(dataset))) and epochs[0] != epochs[1]


def test_micro_batches_and_both_modes_make_the_same_step():
    options = {"dtype": "float64", "steps": 5, "batch_size": 4, "learning_rate": 3e-3}
    expected = weights(run(mtp.TrainConfig(**options))[0])
    for change in ({"micro_batch_size": 1}, {"mode": "naive"}, {"token_chunk": 7}):
        assert torch.allclose(weights(run(mtp.TrainConfig(**options, **change))[0]), expected, rtol=0, atol=1e-10)


def test_gradients_from_before_are_no_part_of_a_run(uninterrupted):
    model, dataset = small()
    mtp.forward_backward(model, *dataset.batch([0, 1]))
    list(mtp.train(model, dataset, CONFIG, quiet=True))
    assert torch.equal(weights(model), uninterrupted)


def test_compiled_blocks_train_the_same_and_are_gone_afterwards():
    if mtp.device.compiler_problem(torch.device("cpu")):
        pytest.skip("no compiler here")
    model, dataset = small()
    _, expected = run(mtp.TrainConfig(steps=3, batch_size=4))
    events = list(mtp.train(model, dataset, mtp.TrainConfig(steps=3, batch_size=4, compile=True), quiet=True))
    for one, other in zip(events, expected, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-4)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-3)
    assert not any("forward" in vars(block) for block in model.modules())
    with CompiledBlocks(model):
        assert all("forward" in vars(block) for block in model.trunk)


# float16 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def unmeasured(monkeypatch):
    """Measuring a CPU's peak takes seconds where float16 is emulated, and no test here asks for it."""
    monkeypatch.setattr(mtp.device, "matmul_peak", lambda *_: 1.0)


def half(stop=None, folder=None, resume=False, **changes):
    """A float16 run of a tiny model on the CPU: the model, its weights at the start and after each step, the events."""
    settings = {"steps": 4, "batch_size": 4, "learning_rate": 5e-3, "dtype": "float16", "device": "cpu"}
    cfg = mtp.ModelConfig(vocab_size=257, dim=16, n_layers=3, n_attention_heads=2, n_future=2, max_seq_len=16)
    model, dataset = mtp.MultiTokenModel(cfg), mtp.corpus.windows(TEXTS, mtp.ByteTokenizer(), length=16, n_future=2)
    history, events = [weights(model)], []
    config = mtp.TrainConfig(**settings | changes)
    running = mtp.train(model, dataset, config, folder=folder, resume=resume, quiet=True)
    for event in running:
        events.append(event)
        history.append(weights(model))
        if event.step == stop:
            running.close()
            break
    return model, history, events


def scale_begins_at(scale, monkeypatch):
    def grad_scaler(where):
        return torch.amp.GradScaler("cpu", init_scale=scale) if where.needs_scaler else None

    monkeypatch.setattr(mtp.device.Device, "grad_scaler", grad_scaler)


@pytest.mark.usefixtures("unmeasured")
def test_float16_learns_as_float32_does():
    options = {"steps": 30, "learning_rate": 2e-2}
    _, _, events = half(**options)
    _, _, expected = half(**options, dtype="float32")
    assert all(last < first - 1.5 for first, last in zip(events[0].losses, events[-1].losses))
    assert events[-1].losses == pytest.approx(expected[-1].losses, rel=0.1)


@pytest.mark.usefixtures("unmeasured")
def test_a_step_whose_gradient_overflows_is_skipped_and_the_scale_halves(monkeypatch):
    scales = []
    update = torch.amp.GradScaler.update
    monkeypatch.setattr(torch.amp.GradScaler, "update", lambda self: (update(self), scales.append(self.get_scale())))
    scale_begins_at(2.0**24, monkeypatch)
    _, history, events = half(steps=14)
    skipped = [not math.isfinite(event.gradient_norm) for event in events]
    assert 2 <= sum(skipped) <= 10 and skipped == sorted(skipped, reverse=True)  # until the scale fits
    assert [torch.equal(one, other) for one, other in zip(history, history[1:])] == skipped
    assert scales == [2.0 ** (24 - min(step, sum(skipped))) for step in range(1, 15)]
    assert all(math.isfinite(loss) for event in events for loss in event.losses)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("mode", ["memory-efficient", "naive"])
def test_micro_batches_under_the_scaler_make_the_same_gradient(monkeypatch, mode):
    """Plain descent in place of AdamW, whose first steps would blow rounding up: the weights move by the gradient."""
    descent = lambda model, config: torch.optim.SGD(model.parameters(), lr=1.0)  # noqa: E731
    monkeypatch.setitem(mtp.train.__globals__, "make_optimizer", descent)
    scale_begins_at(2.0**10, monkeypatch)
    moves = []
    for size in (4, 1):
        _, history, events = half(steps=1, mode=mode, micro_batch_size=size)
        moves.append(history[1] - history[0])
        assert math.isfinite(events[0].gradient_norm)
    assert 0 < (moves[0] - moves[1]).norm() / moves[0].norm() < 2e-3  # float16 has 11 bits: 5e-4 each


@pytest.mark.usefixtures("unmeasured")
def test_a_resumed_float16_run_keeps_its_scale_and_is_bit_identical(tmp_path, monkeypatch):
    """The scale has come down from one that overflows; a run that began with it again would skip steps."""
    scale_begins_at(2.0**24, monkeypatch)
    options = {"steps": 14, "head_schedule": "forward", "checkpoint_every": 1}
    expected, _, uninterrupted = half(**options)
    half(**options, folder=tmp_path, stop=11)
    again, _, events = half(**options, folder=tmp_path, resume=True)
    assert [event.step for event in events] == [12, 13, 14]
    assert all(math.isfinite(event.gradient_norm) for event in events)
    assert [event.losses for event in events] == [event.losses for event in uninterrupted[-3:]]
    assert torch.equal(weights(again), weights(expected))


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_step_without_any_target_changes_nothing_and_has_no_loss(monkeypatch, dtype):
    original, calls = mtp.corpus.Windows.batch, []

    def masked(self, windows):
        tokens, targets = original(self, windows)
        calls.append(windows)
        return tokens, (torch.full_like(targets, mtp.corpus.IGNORE) if len(calls) in (1, 3) else targets)

    monkeypatch.setattr(mtp.corpus.Windows, "batch", masked)
    scale_begins_at(2.0**10, monkeypatch)
    _, history, events = half(dtype=dtype)
    assert [torch.equal(one, other) for one, other in zip(history, history[1:])] == [True, False, True, False]
    assert [all(map(math.isnan, event.losses)) for event in events] == [True, False, True, False]
    assert [event.gradient_norm == 0 for event in events] == [True, False, True, False]


# Interrupted, killed, resumed ---------------------------------------------------------------------------------------


def test_resumed_run_is_bit_identical(tmp_path, uninterrupted):
    model, dataset = small()
    config = mtp.TrainConfig(**CONFIG.to_dict() | {"checkpoint_every": 5})
    events = mtp.train(model, dataset, config, folder=tmp_path, quiet=True)
    for event in events:
        if event.step == 7:
            events.close()
            break
    again, events = run(config, folder=tmp_path, resume=True)
    assert events[0].step == 6  # from the checkpoint at 5
    assert torch.equal(weights(again), uninterrupted)
    assert not (tmp_path / checkpoint.TRAINING_FILE).exists()
    assert torch.equal(weights(mtp.load(tmp_path)[0]), uninterrupted)


KILLED = """
    import os, signal, sys
    sys.path[:0] = {path!r}
    import torch
    torch.set_num_threads({threads})
    from core.test_train import CONFIG, small, weights
    import mtp_edu as mtp
    from mtp_edu import checkpoint
    {plant}
    model, dataset = small()
    config = mtp.TrainConfig(**CONFIG.to_dict() | {{"checkpoint_every": 2}})
    for event in mtp.train(model, dataset, config, folder={folder!r}, resume=True, quiet=True):
        {body}
"""
KILL_AT_STEP = "if event.step == 7: os.kill(os.getpid(), signal.SIGKILL)"
KILL_IN_WRITE = """
    original, writes = checkpoint.save_file, []
    def killed_while_writing(tensors, path, metadata):
        original(tensors, path, metadata=metadata)
        writes.append(path)
        if len(writes) == {count}:
            whole = open(path, "rb").read()
            open(path, "wb").write(whole[: len(whole) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
    checkpoint.save_file = killed_while_writing
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize(
    ("plant", "body"),
    [
        ("", KILL_AT_STEP),
        (KILL_IN_WRITE.format(count=3).strip(), "pass"),  # in the training file of step 4
        (KILL_IN_WRITE.format(count=4).strip(), "pass"),  # in the model file of step 4
    ],
)
def test_killed_and_resumed_is_bit_identical(tmp_path, uninterrupted, plant, body):
    code = textwrap.dedent(
        KILLED.format(
            path=[p for p in sys.path if p],
            threads=torch.get_num_threads(),
            plant=plant,
            body=body,
            folder=str(tmp_path),
        )
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    mtp.load(tmp_path)  # whatever happened, what is there is whole
    model, events = run(
        mtp.TrainConfig(**CONFIG.to_dict() | {"checkpoint_every": 2}), folder=tmp_path, resume=True, overwrite=False
    )
    assert events[0].step > 1
    assert torch.equal(weights(model), uninterrupted)


# Every start of the run dies by one of these, drawn by the seed: within a step, or in the middle of a file.
ANY_MOMENT = """
    import random
    draw = random.Random({seed})
    original, moment = checkpoint.save_file, draw.choice(["step", "write"])
    left = [draw.randint(1, 4)]
    def die_at_last(what):
        left[0] -= what == moment
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def write_half(tensors, path, metadata):
        original(tensors, path, metadata=metadata)
        whole = open(path, "rb").read()
        open(path, "wb").write(whole[: draw.randrange(len(whole))])
        die_at_last("write")
        open(path, "wb").write(whole)
    checkpoint.save_file = write_half
    backward = mtp.train.__globals__["forward_backward"]
    def step(*arguments, **options):
        losses = backward(*arguments, **options)
        die_at_last("step")
        return losses
    mtp.train.__globals__["forward_backward"] = step
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_five_times_at_random_and_resumed_is_bit_identical(tmp_path, uninterrupted):
    moments = []
    for seed in range(5):
        blanks = {"path": [p for p in sys.path if p], "threads": torch.get_num_threads(), "folder": str(tmp_path)}
        code = textwrap.dedent(KILLED.format(plant=ANY_MOMENT.format(seed=seed).strip(), body="pass", **blanks))
        killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        moments.append(any(path.name.startswith(".") for path in tmp_path.iterdir()))
    assert len(set(moments)) == 2  # some in a write, which leaves its half behind, some in a step
    model, events = run(
        mtp.TrainConfig(**CONFIG.to_dict() | {"checkpoint_every": 2}), folder=tmp_path, resume=True, overwrite=False
    )
    assert 1 < events[0].step < 12
    assert torch.equal(weights(model), uninterrupted)


def test_interrupt_ends_cleanly_and_the_run_goes_on(tmp_path, uninterrupted):
    before = signal.getsignal(signal.SIGINT)
    model, dataset = small()
    events = []
    for event in mtp.train(model, dataset, CONFIG, folder=tmp_path, quiet=True):
        events.append(event)
        if event.step == 4 and not event.interrupted:
            os.kill(os.getpid(), signal.SIGINT)
    assert events[-1].interrupted and events[-1].step == 4 and events[-1].checkpoint == str(tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    again, _ = run(folder=tmp_path, resume=True)
    assert torch.equal(weights(again), uninterrupted)


@pytest.fixture
def ctrl_c():
    """Python's own handler, also where a shell starts its background jobs with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_trainings_that_overlap_share_ctrl_c_and_give_it_back(ctrl_c):
    config = mtp.TrainConfig(steps=4)
    for _ in zip(*(mtp.train(*small(), config, quiet=True) for _ in range(2)), strict=True):
        pass
    assert signal.getsignal(signal.SIGINT) is ctrl_c, "the first to end is not the last that began"
    pairs = []
    for pair in zip(*(mtp.train(*small(), config, quiet=True) for _ in range(2)), strict=True):
        pairs.append(pair)
        if len(pairs) == 2:
            os.kill(os.getpid(), signal.SIGINT)
    assert [(one.step, other.step) for one, other in pairs] == [(1, 1), (2, 2), (2, 2)]
    assert all(event.interrupted for event in pairs[-1])
    left = mtp.train(*small(), config, quiet=True)  # a loop that is left early, its generator still there
    next(left)
    with pytest.raises(KeyboardInterrupt):  # the first is taken for it, the second stops
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert [event.step for event in mtp.train(*small(), config, quiet=True)] == [1, 2, 3, 4]
    left.close()
    assert signal.getsignal(signal.SIGINT) is ctrl_c


def test_folders_are_not_overwritten_by_accident(tmp_path):
    model, dataset = small()
    events = mtp.train(model, dataset, mtp.TrainConfig(steps=4, checkpoint_every=1), folder=tmp_path, quiet=True)
    next(events), next(events)
    events.close()
    with pytest.raises(ValueError, match="unfinished run: pass resume=True"):
        mtp.train(model, dataset, mtp.TrainConfig(steps=4), folder=tmp_path)
    fresh, _ = small()
    before = weights(fresh).clone()
    with pytest.raises(ValueError, match="steps changed"):
        mtp.train(fresh, dataset, mtp.TrainConfig(steps=5), folder=tmp_path, resume=True)
    assert torch.equal(weights(fresh), before), "a refusal leaves the model alone"
    run(mtp.TrainConfig(steps=4), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="holds a model"):
        mtp.train(model, dataset, mtp.TrainConfig(steps=4), folder=tmp_path)
    with pytest.raises(ValueError, match="finished"):
        mtp.train(model, dataset, mtp.TrainConfig(steps=4), folder=tmp_path, resume=True)
    run(mtp.TrainConfig(steps=2), folder=tmp_path, overwrite=True)
    assert checkpoint.info(tmp_path)["step"] == 2 and checkpoint.info(tmp_path)["torch"] == torch.__version__
    model, dataset = small()
    learnt = mtp.corpus.Document("a", "text")
    checkpoint.record_documents(tmp_path, [learnt])
    next(mtp.train(model, dataset, CONFIG, folder=tmp_path, overwrite=True, quiet=True))  # killed before it saved
    assert not (tmp_path / checkpoint.MODEL_FILE).exists(), "the old model would pass for this run's"
    assert checkpoint.seen(tmp_path, [learnt]) == []


def test_a_run_does_not_change_its_number_format_with_the_device(tmp_path, monkeypatch):
    """dtype=None is the device's own: bfloat16 on a GPU, where a run may have begun."""
    model, dataset = small()
    kept = device.choose
    monkeypatch.setattr(device, "choose", lambda name, dtype=None: kept(name, "bfloat16"))
    events = mtp.train(model, dataset, mtp.TrainConfig(steps=4, checkpoint_every=1), folder=tmp_path, quiet=True)
    next(events), next(events)
    events.close()
    monkeypatch.setattr(device, "choose", kept)
    with pytest.raises(ValueError, match="dtype changed since the run began"):
        mtp.train(model, dataset, mtp.TrainConfig(steps=4), folder=tmp_path, resume=True)
    run(mtp.TrainConfig(steps=4, dtype="bfloat16"), folder=tmp_path, resume=True)
    assert checkpoint.info(tmp_path)["step"] == 4


def test_a_full_disk_in_the_middle_warns_and_at_the_start_refuses(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_training", full)
        with pytest.warns(UserWarning, match="no checkpoint was written: the disk is full"):
            _, events = run(mtp.TrainConfig(steps=4, checkpoint_every=2), folder=tmp_path)
    assert [event.checkpoint for event in events] == [None, None, None, str(tmp_path)]
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 10})())
    with pytest.raises(OSError, match="MiB free"):
        run(CONFIG, folder=tmp_path / "new")


def test_a_diverging_run_stops_with_its_weights():
    model, dataset = small()
    with torch.no_grad():
        model.embedding.weight[:] = float("nan")
    with pytest.raises(FloatingPointError, match="step 1: .* smaller learning_rate than 0.003"):
        list(mtp.train(model, dataset, CONFIG, quiet=True))


def test_what_cannot_work_is_refused_before_the_first_step():
    model, dataset = small()
    tok = mtp.ByteTokenizer()
    tiny = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=100, n_future=3))
    with pytest.raises(ValueError, match="ids up to 256, the model a vocabulary of 100"):
        mtp.train(tiny, dataset)
    with pytest.raises(ValueError, match="windows of 65 tokens pass max_seq_len=64"):
        mtp.train(model, mtp.corpus.windows(TEXTS, tok, 65, 3))
    with pytest.raises(ValueError, match="validation has 4 targets, the model n_future=3"):
        mtp.train(model, dataset, validation=mtp.corpus.windows(TEXTS, tok, 32, 4))
    with pytest.raises(ValueError, match="give 3 numbers"):
        mtp.train(model, dataset, mtp.TrainConfig(head_weights=(1.0,)))
    with pytest.raises(ValueError, match="'tpu'"):
        mtp.train(model, dataset, mtp.TrainConfig(device="tpu"))
    with pytest.raises(ValueError, match="'int8'"):
        mtp.train(model, dataset, mtp.TrainConfig(dtype="int8"))
