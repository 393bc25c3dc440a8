"""Head-weight schedules: the weights of every step, what a head at 0 costs and keeps, and runs that are resumed."""

import math

import pytest
import torch
from core.test_train import TEXTS, run, small, weights

import mtp_edu as mtp
from mtp_edu import checkpoint
from mtp_edu.cli import main
from mtp_edu.config import HEAD_SCHEDULES

STEPS = 6  # of three heads: phases of two steps


def config(schedule, **changes):
    return mtp.TrainConfig(
        **{"steps": STEPS, "batch_size": 4, "learning_rate": 3e-3, "head_schedule": schedule} | changes
    )


def on(schedule):
    """How many heads are on at each step."""
    return {"forward": [1, 1, 2, 2, 3, 3], "reverse": [3, 3, 2, 2, 1, 1]}.get(schedule, [3] * STEPS)


# The weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_a_curriculum_has_n_equal_phases(n):
    """As 2505.22757 writes them: min(n, floor(s / (S / n)) + 1) heads are on, or max(1, n - floor(s / (S / n)))."""
    steps = 3 * n
    for step in range(steps):
        phase = math.floor(step / 3)
        for schedule, count in (("forward", min(n, phase + 1)), ("reverse", max(1, n - phase))):
            got = mtp.TrainConfig(steps=steps, head_schedule=schedule).weights_at(step, n)
            assert got == (1.0,) * count + (0.0,) * (n - count), (schedule, step)


def test_phases_that_do_not_divide_the_run_differ_by_a_step_at_most_and_no_boundary_is_rounded():
    for steps in range(7, 60):
        run = mtp.TrainConfig(steps=steps, head_schedule="forward")
        back = mtp.TrainConfig(steps=steps, head_schedule="reverse")
        counts = [sum(w > 0 for w in run.weights_at(step, 7)) for step in range(steps)]
        lengths = [counts.count(k) for k in range(1, 8)]
        assert max(lengths) - min(lengths) <= 1 and min(lengths) >= 1 and counts == sorted(counts)
        assert [sum(w > 0 for w in back.weights_at(step, 7)) for step in range(steps)] == [8 - k for k in counts]


def test_decay_takes_heads_after_the_first_down_in_a_line_and_base_weights_stay_under_every_schedule():
    base = (2.0, 1.0, 0.5)
    decay = mtp.TrainConfig(steps=10, head_schedule="decay", head_weights=base)
    got = [decay.weights_at(step, 3) for step in range(10)]
    assert got[0] == base and got[5] == (2.0, 0.5, 0.25) and got[9] == pytest.approx((2.0, 0.1, 0.05))
    drops = [one[1] - other[1] for one, other in zip(got, got[1:])]
    assert drops == pytest.approx([0.1] * 9)
    forward = mtp.TrainConfig(steps=10, head_schedule="forward", head_weights=base)
    assert forward.weights_at(0, 3) == (2.0, 0.0, 0.0) and forward.weights_at(9, 3) == base
    constant = mtp.TrainConfig(steps=10, head_weights=base)
    assert constant.weights_at(0, 3) == constant.weights_at(9, 3) == base
    assert mtp.TrainConfig(steps=10).weights_at(4, 2) == (1.0, 1.0)


def test_what_does_not_fit_the_run_is_refused_by_name():
    for step in (-1, 10):
        with pytest.raises(ValueError, match=f"step={step} must lie from 0 to 9"):
            mtp.TrainConfig(steps=10).weights_at(step, 2)
    with pytest.raises(ValueError, match="give 3 numbers"):
        mtp.TrainConfig(head_weights=(1, 0.5)).weights_at(0, 3)
    with pytest.raises(ValueError, match="steps=2: head_schedule='forward' has 3 phases"):
        run(config("forward", steps=2))
    assert len(run(config("decay", steps=2))[1]) == 2


# In a run -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", HEAD_SCHEDULES)
def test_every_step_trains_with_its_weights_and_says_which_heads_ran(schedule, monkeypatch):
    given, original = [], mtp.train.__globals__["forward_backward"]

    def spy(*arguments, **options):
        given.append(options["head_weights"])
        return original(*arguments, **options)

    monkeypatch.setitem(mtp.train.__globals__, "forward_backward", spy)
    monkeypatch.setattr(mtp.device, "matmul_peak", lambda *_: 1.0)
    settings = config(schedule, head_weights=(1, 0.5, 0.25))
    model, events = run(settings, validation=small()[1])
    assert given == [settings.weights_at(step, 3) for step in range(STEPS)]
    assert [[not math.isnan(loss) for loss in event.losses] for event in events] == [
        [True] * k + [False] * (3 - k) for k in on(schedule)
    ]
    assert all(loss > 0 for event in events for loss in event.losses if not math.isnan(loss))
    assert all(0 < loss < 10 for loss in events[-1].validation)  # measured for every head, on or off
    for i, event in enumerate(events):  # operations per token: the mean of the steps so far
        expected = sum(model.cfg.flops_per_token(32, k) for k in on(schedule)[: i + 1]) / (i + 1)
        assert event.flops_utilisation / event.tokens_per_second == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["forward", "reverse"])
def test_a_head_that_is_off_stays_as_it_is_bit_for_bit(schedule):
    cfg = mtp.ModelConfig(
        vocab_size=257, dim=16, n_layers=4, n_attention_heads=2, n_future=3, max_seq_len=32, replicated_unembedding=True
    )
    model = mtp.MultiTokenModel(cfg)
    dataset = mtp.corpus.windows(TEXTS, mtp.ByteTokenizer(), length=32, n_future=3)

    def heads():
        both = zip(model.heads, model.unembeddings)
        return [torch.cat([p.detach().flatten() for part in pair for p in part.parameters()]) for pair in both]

    before = heads()
    settings = config(schedule, weight_decay=0.5, warmup_steps=0)
    for event, count in zip(mtp.train(model, dataset, settings, quiet=True), on(schedule), strict=True):
        now = heads()
        moved = [not torch.equal(one, other) for one, other in zip(before, now)]
        assert moved == [k < count for k in range(3)], event.step
        before = now


def test_in_a_chain_a_head_that_another_reads_goes_on_running():
    """Causal: head 1 reads the trunk, so later heads rest. Anticausal: head 1 reads them all, so all are trained."""
    for order, resting in (("causal", [False, True, True]), ("anticausal", [False, False, False])):
        cfg = mtp.ModelConfig(
            vocab_size=257, dim=16, n_layers=4, n_attention_heads=2, n_future=3, max_seq_len=32, head_order=order
        )
        model = mtp.MultiTokenModel(cfg)
        dataset = mtp.corpus.windows(TEXTS, mtp.ByteTokenizer(), length=32, n_future=3)
        before = [weights(head) for head in model.heads]
        event = next(mtp.train(model, dataset, config("forward"), quiet=True))
        assert [torch.equal(one, weights(head)) for one, head in zip(before, model.heads)] == resting
        assert not math.isnan(event.losses[0]) and all(map(math.isnan, event.losses[1:]))


def test_divergence_is_still_caught_while_heads_are_off():
    model, dataset = small()
    with torch.no_grad():
        model.embedding.weight[:] = float("nan")
    with pytest.raises(FloatingPointError, match="step 1"):
        list(mtp.train(model, dataset, config("forward"), quiet=True))


def test_compiled_runs_agree_with_eager_ones_and_a_head_switched_on_compiles_nothing_anew():
    if mtp.device.compiler_problem(torch.device("cpu")):
        pytest.skip("no compiler here")
    _, dataset = small()
    counts = (dataset.batch(range(len(dataset)))[1] != mtp.corpus.IGNORE).sum((0, 1)).tolist()
    assert counts[0] > counts[1] > counts[2]  # documents end inside the windows: uneven targets
    for schedule in HEAD_SCHEDULES:
        _, expected = run(config(schedule))
        events = mtp.train(*small(), config(schedule, compile=True), quiet=True)
        first = next(events)
        with torch.compiler.set_stance("fail_on_recompile"):
            rest = list(events)
        for one, other in zip([first, *rest], expected, strict=True):
            assert one.losses == pytest.approx(other.losses, rel=1e-4, nan_ok=True)


# Resumed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["forward", "reverse"])
def test_a_resumed_run_is_bit_identical(tmp_path, schedule):
    """Interrupted inside the first phase, and at the end of a phase: some heads have no optimizer state yet."""
    expected, uninterrupted = run(config(schedule))
    for stop in (1, 2, 4):
        events = mtp.train(*small(), config(schedule, checkpoint_every=1), folder=tmp_path / str(stop), quiet=True)
        for event in events:
            if event.step == stop:
                break
        events.close()
        again, rest = run(config(schedule), folder=tmp_path / str(stop), resume=True)
        assert rest[0].step == stop + 1
        assert torch.equal(weights(again), weights(expected))
        assert [str(event.losses) for event in rest] == [str(event.losses) for event in uninterrupted[stop:]]


def test_another_schedule_is_another_run_and_a_checkpoint_from_before_schedules_is_a_constant_one(tmp_path):
    expected, _ = run(config("constant"))
    for _ in zip(range(2), mtp.train(*small(), config("constant", checkpoint_every=1), folder=tmp_path, quiet=True)):
        pass
    path = tmp_path / checkpoint.TRAINING_FILE
    tensors, header = checkpoint._read(path, checkpoint._TRAINING_FORMAT)
    assert header["state"]["identity"]["train_config"].pop("head_schedule") == "constant"
    checkpoint._write(path, tensors, checkpoint._TRAINING_FORMAT, header)
    with pytest.raises(ValueError, match="head_schedule changed"):
        run(config("decay"), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="head_weights changed"):
        run(config("constant", head_weights=(1, 1, 0.5)), folder=tmp_path, resume=True)
    again, events = run(config("constant"), folder=tmp_path, resume=True)
    assert events[0].step > 1 and torch.equal(weights(again), weights(expected))
    assert mtp.TrainConfig.from_dict({"steps": 5}).head_schedule == "constant"


# From the command line ----------------------------------------------------------------------------------------------


def test_the_command_line_takes_weights_and_schedule_and_refuses_bad_ones(tmp_path, capsys):
    text = tmp_path / "mine.txt"
    text.write_text("The cat sat on the mat. The dog sat on the log. " * 60, encoding="utf-8")
    command = ["train", "--data", str(text), "--vocab-size", "257", "--n-future", "3", "--length", "32"]
    command += ["--batch-size", "2", "--steps", "3", "--out", str(tmp_path / "model")]
    for bad, named in (
        (["--head-weights", "1", "-0.5", "1"], "head_weights=(1.0, -0.5, 1.0)"),
        (["--head-weights", "1", "0.5"], "head_weights=(1.0, 0.5): give 3 numbers"),
        (["--head-weights", "0", "1", "1", "--head-schedule", "forward"], "head_weights=(0.0, 1.0, 1.0)"),
        (["--head-schedule", "reverse", "--steps", "2"], "steps=2"),
    ):
        assert main([*command, *bad]) == 2
        assert named in capsys.readouterr().err
    for bad in (["--head-schedule", "sideways"], ["--head-weights", "1", "half"]):
        with pytest.raises(SystemExit):
            main([*command, *bad])
        assert repr(bad[-1]) in capsys.readouterr().err
    assert main([*command, "--head-schedule", "forward", "--head-weights", "1", "0.6", "0.36"]) == 0
    stored = checkpoint.info(tmp_path / "model")["train_config"]
    assert stored["head_schedule"] == "forward" and stored["head_weights"] == [1.0, 0.6, 0.36]
