"""The experiment beside Table S4: its statistics, its resuming, and what it stores."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mtp_edu.experiments import head_kinds, runs
from mtp_edu.experiments.statistics import Interval, mean_interval, t_quantile, welch_difference
from mtp_edu.model import MultiTokenModel
from mtp_edu.train import TrainEvent

# The printed tables of Student's distribution, two-sided 95 %
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 20: 2.086, 30: 2.042, 60: 2.000, 120: 1.980}


@pytest.mark.parametrize("freedom", TABLE)
def test_t_quantile_is_the_printed_tables(freedom):
    assert t_quantile(0.975, freedom) == pytest.approx(TABLE[freedom], abs=6e-4)


def test_t_quantile_other_known_values():
    assert t_quantile(0.975, 1) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-9)  # Cauchy, in closed form
    assert t_quantile(0.95, 2) == pytest.approx(0.9 / math.sqrt(2 * 0.95 * 0.05), rel=1e-9)  # in closed form too
    assert t_quantile(0.995, 9) == pytest.approx(3.250, abs=6e-4)
    assert t_quantile(0.975, 1e6) == pytest.approx(1.959966, abs=2e-6)  # nearly normal: 1.959964
    assert t_quantile(0.5, 3) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("freedom", [1.3, 2.5, 4.0755, 17.2])
def test_t_quantile_between_the_rows(freedom):
    """The density itself, added up by the trapezoid rule from 0 to the quantile."""
    t, step = np.linspace(0, t_quantile(0.975, freedom), 400_001, retstep=True)
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(math.pi * freedom)
    density = scale * (1 + t**2 / freedom) ** (-(freedom + 1) / 2)
    assert 0.5 + step * (density.sum() - (density[0] + density[-1]) / 2) == pytest.approx(0.975, abs=1e-7)


def test_mean_interval_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])  # s = 1, so 4.303 / sqrt(3)
    assert interval.mean == 2 and interval.high - 2 == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    assert 2 - interval.low == pytest.approx(interval.high - 2)
    assert mean_interval([5.0, 5.0]) == Interval(5.0, 5.0, 5.0)


def test_welch_difference_by_hand():
    equal = welch_difference([4.0, 5.0, 6.0], [1.0, 2.0, 3.0])  # 4 degrees of freedom, error sqrt(2 / 3)
    assert equal.mean == 3 and equal.high - 3 == pytest.approx(2.7764 * math.sqrt(2 / 3), abs=1e-4)
    unequal = welch_difference([1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])  # 216 / 53 degrees of freedom, error sqrt(2)
    assert unequal.mean == -3
    assert unequal.high + 3 == pytest.approx(t_quantile(0.975, 216 / 53) * math.sqrt(2), rel=1e-9)
    assert welch_difference([1.0, 1.0], [0.5, 0.5]) == Interval(0.5, 0.5, 0.5)


@pytest.mark.parametrize("values, word", [([1.0], "at least two"), ([1.0, float("nan")], "finite")])
def test_statistics_refuse(values, word):
    with pytest.raises(ValueError, match=word):
        mean_interval(values)
    with pytest.raises(ValueError, match=word):
        welch_difference([1.0, 2.0], values)
    with pytest.raises(ValueError, match="at least 1"):
        t_quantile(0.975, 0.5)


# ---- the experiment


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One quick run of the whole experiment: its folder, and what it returned."""
    folder = tmp_path_factory.mktemp("head_kinds")
    return folder, head_kinds.run(quick=True, seeds=(0, 1), folder=folder)


def runs_of(content):
    return {row["name"]: row["runs"] for row in content["architectures"]}


def test_what_is_stored(quick):
    folder, content = quick
    stored = json.loads((folder / "quick.json").read_text(encoding="utf-8"))
    assert {key: stored[key] for key in content} == content
    assert stored["command"] == "mtp-edu run head-kinds --quick --seeds 0 1" and stored["machine"]["versions"]["torch"]
    assert stored["seeds"] == [0, 1] and stored["shape"]["steps"] == head_kinds.QUICK.steps
    assert [row["name"] for row in stored["architectures"]] == list(head_kinds.ARCHITECTURES)
    for row in stored["architectures"]:
        cfg = head_kinds.QUICK.config(row["name"])
        assert row["parameters"] == sum(p.numel() for p in MultiTokenModel(cfg).parameters())
        assert row["flops_per_token"] == cfg.flops_per_token(head_kinds.QUICK.length)
        assert [run["seed"] for run in row["runs"]] == [0, 1] and len(row["losses"]) == cfg.n_future
        for k, loss in enumerate(row["losses"]):
            values = [run["losses"][k] for run in row["runs"]]
            assert loss == mean_interval(values).to_dict() and values[0] != values[1], "the seed changed nothing"
        assert set(row["paper_table_s4"]) == {"MBPP", "HumanEval", "APPS"}
    layers = {row["name"]: row["trunk_layers"] + row["head_layers"] for row in stored["architectures"]}
    assert list(layers.values()) == [6, 6, 6, 6, 6, 9]
    assert [row["heads_run_for_head_1"] for row in stored["architectures"]] == [1, 1, 1, 4, 1, 1]


def test_differences_are_to_n_1(quick):
    runs = runs_of(quick[1])
    for row in quick[1]["architectures"]:
        if row["name"] == "n = 1":
            assert row["head_1_minus_n1"] is None and row["tokens_per_forward"]["mean"] == 1
            continue
        own, base = ([run["losses"][0] for run in runs[name]] for name in (row["name"], "n = 1"))
        assert row["head_1_minus_n1"] == welch_difference(own, base).to_dict()
        assert row["head_1_minus_n1"]["mean"] == pytest.approx(sum(own) / 2 - sum(base) / 2)


def test_finished_runs_are_not_repeated(quick, monkeypatch, capsys):
    folder, content = quick
    monkeypatch.setattr(runs, "trained", lambda *_: pytest.fail("a finished run was trained again"))
    again = head_kinds.run(quick=True, seeds=(1, 0), folder=folder, out=folder / "other.json")
    assert runs_of(again)["causal"] == runs_of(content)["causal"][::-1]
    lines = capsys.readouterr().out.splitlines()
    assert f"stored in {folder / 'other.json'}" == lines[-1] and lines[2].startswith("n = 1")


def counted(stop_at=None):
    """Stands in for a training: fast, and interrupted at the run numbered `stop_at`."""
    calls = []

    def trained(cfg, config, data, held_out_windows, where):
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        calls.append((cfg, config))
        losses = [float(len(calls))] * cfg.n_future
        return {"seed": config.seed, "losses": losses, "tokens_per_forward": 1.0, "tokens_per_forward_text": 1.0,
                "seconds": 0.0}  # fmt: skip

    return trained, calls


def test_an_interrupted_experiment_goes_on(tmp_path, monkeypatch, capsys):
    trained, calls = counted(stop_at=5)
    monkeypatch.setattr(runs, "trained", trained)
    with pytest.raises(KeyboardInterrupt):
        head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
    assert len(calls) == len(list(tmp_path.iterdir())) == 5
    assert f"finished runs are kept in {tmp_path}" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    trained, calls = counted()
    monkeypatch.setattr(runs, "trained", trained)
    head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
    assert len(calls) == 7 and all((tmp_path / name).read_bytes() == text for name, text in before.items())


def test_a_changed_setting_is_not_mixed_in(tmp_path, monkeypatch):
    trained, calls = counted()
    monkeypatch.setattr(runs, "trained", trained)
    head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
    monkeypatch.setattr(head_kinds, "QUICK", replace(head_kinds.QUICK, learning_rate=1e-3))
    content = head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
    assert len(calls) == 24 and {config.learning_rate for _, config in calls[12:]} == {1e-3}
    assert runs_of(content)["n = 1"][0]["losses"] == [13.0]


def test_a_field_added_to_a_config_later_counts_as_its_default(tmp_path, monkeypatch):
    trained, calls = counted()
    monkeypatch.setattr(runs, "trained", trained)

    def runs_again(change):
        """How many runs are repeated after every stored file was changed."""
        head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
        before = len(calls)
        for path in tmp_path.glob("*_seed*.json"):
            stored = json.loads(path.read_text(encoding="utf-8"))
            change(stored["settings"])
            path.write_text(json.dumps(stored), encoding="utf-8")
        head_kinds.run(quick=True, seeds=(0, 1), folder=tmp_path)
        return len(calls) - before

    assert runs_again(lambda settings: settings["train"].pop("compile")) == 0
    assert runs_again(lambda settings: settings["train"].pop("learning_rate")) == 12  # not at its default
    assert runs_again(lambda settings: settings["train"].update(unheard_of=1)) == 12
    assert runs_again(lambda settings: settings["model"].update(dim=32)) == 12
    assert runs_again(lambda settings: settings.update(torch="another")) == 12
    assert runs_again(lambda settings: settings["data"].reverse()) == 12


def test_ctrl_c_within_a_run_leaves_no_file_of_it(tmp_path, monkeypatch):
    def train(*_, **__):
        yield TrainEvent(1, 5, (1.0,), None, 0.1, 1.0, 10, 1.0, 0.1, 1.0, 1.0, interrupted=True)

    monkeypatch.setattr(runs, "train", train)
    with pytest.raises(KeyboardInterrupt, match="step 1 of 5"):
        head_kinds.run(quick=True, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_seed_sets_the_weights_and_the_order(tmp_path, monkeypatch):
    begun = {}

    def train(model, windows, config, **_):
        begun.setdefault(config.seed, []).append(model.embedding.weight.detach().clone())
        yield TrainEvent(5, 5, (1.0,), None, 0.1, 1.0, 10, 1.0, 0.1, 1.0, 0.0)

    monkeypatch.setattr(runs, "train", train)
    head_kinds.run(quick=True, seeds=(3, 4), folder=tmp_path)
    assert {seed: len(weights) for seed, weights in begun.items()} == {3: 6, 4: 6}
    assert not torch.equal(begun[3][0], begun[4][0])
    assert torch.equal(begun[3][0], MultiTokenModel(head_kinds.QUICK.config("n = 1"), seed=3).embedding.weight)


@pytest.mark.parametrize("seeds", [(0,), (), (1, 1)])
def test_seeds_must_be_several_and_different(seeds, tmp_path):
    with pytest.raises(ValueError, match="at least two, all different"):
        head_kinds.run(quick=True, seeds=seeds, folder=tmp_path)


def test_every_architecture_sees_the_same_windows():
    four = head_kinds._data(head_kinds.QUICK)[0]
    for cut in range(4):  # lengths at which windows of n = 1 would otherwise be one more
        windows = head_kinds.corpus.Windows(four.ids[: 32 * 20 + 4 - cut], four.length, 4, four.vocab_size, four.eos_id)
        one = runs.for_heads(windows, 1)
        assert one.n_future == 1 and len(one) == len(windows) > 10
        (tokens, targets), (tokens_one, targets_one) = windows.batch([0, 3, 7]), one.batch([0, 3, 7])
        assert torch.equal(tokens, tokens_one) and torch.equal(targets[..., :1], targets_one)
