"""Curves over training and sweeps of them: a kill anywhere changes nothing, processes agree, occasions add up."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from mtp_edu import checkpoint, corpus, device
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.experiments import arithmetic, curves, induction, sweeps
from mtp_edu.experiments.statistics import mean_interval, welch_difference
from mtp_edu.tokenizer import ByteTokenizer


@dataclass(frozen=True)
class Tiny:
    """A trial of a few stories, measured by one number."""

    def windows(self, split, n_future):
        documents = corpus.stories(4, seed=int(split == "train"))
        return corpus.windows(documents, ByteTokenizer(), 16, n_future)

    def sample(self):
        return "the same"

    def point(self, model):
        with torch.no_grad():
            return {"value": float(model(torch.tensor([[1, 2, 3]])).sum())}

    def end(self, model, points):
        return {"best": max(point["value"] for point in points), "weights": model.norm.weight.sum().item()}


def tiny_run(folder, seed=0, **changes):
    cfg = ModelConfig(vocab_size=257, dim=8, n_layers=4, n_attention_heads=2, n_future=2, max_seq_len=16)
    config = TrainConfig(steps=7, batch_size=2, seed=seed, checkpoint_every=2, validation_windows=2, device="cpu")
    return curves.CurveRun(f"tiny_seed{seed}", cfg, replace(config, **changes), Tiny(), Path(folder))


def without_time(result):
    return {key: value for key, value in result.items() if key != "seconds"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("whole")).result(disable=True)


def test_a_curve_has_its_points(whole):
    assert [point["step"] for point in whole["points"]] == [2, 4, 6, 7]
    assert [point["tokens"] for point in whole["points"]] == [64, 128, 192, 224]
    assert whole["tokens"] == 224 and whole["flops"] == whole["points"][-1]["flops"]
    assert len({point["value"] for point in whole["points"]}) == 4  # it learns
    assert all(len(point["losses"]) == 2 for point in whole["points"])


def test_a_finished_run_is_read_not_made(tmp_path, monkeypatch):
    run = tiny_run(tmp_path)
    assert run.finished() is None
    result = run.result(disable=True)
    monkeypatch.setattr(curves, "train", lambda *_, **__: pytest.fail("trained again"))
    assert run.result() == result == run.finished()
    assert tiny_run(tmp_path, seed=1).finished() is None and tiny_run(tmp_path, learning_rate=1.0).finished() is None
    monkeypatch.setattr(Tiny, "sample", lambda self: "other text")
    assert run.finished() is None  # the same settings, but what they make is different


def test_a_kill_at_a_point_changes_nothing(tmp_path, monkeypatch, whole):
    """Between the checkpoint and its point: the point is made when the run goes on."""
    real, calls = Tiny.point, []

    def point(self, model):
        calls.append(1)
        if len(calls) in (2, 3):
            raise RuntimeError("killed")
        return real(self, model)

    monkeypatch.setattr(Tiny, "point", point)
    run = tiny_run(tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="killed"):
            run.result(disable=True)
    assert without_time(run.result(disable=True)) == without_time(whole)
    assert len(calls) == 4 + 2  # no point twice, but those that failed


def test_a_kill_between_points_changes_nothing(tmp_path, monkeypatch, whole):
    """After the checkpoint of step 2 and its point, in the middle of step 4."""
    real, calls = curves.progress, []

    def dying(events, **bar):
        for event in real(events, **bar):
            yield event
            if event.step == 3 and not calls:
                calls.append(1)
                raise RuntimeError("killed")

    monkeypatch.setattr(curves, "progress", dying)
    run = tiny_run(tmp_path)
    with pytest.raises(RuntimeError, match="killed"):
        run.result(disable=True)
    assert without_time(run.result(disable=True)) == without_time(whole)


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_kill_between_the_two_files_of_a_checkpoint_changes_nothing(tmp_path, monkeypatch, whole, write):
    """What can be resumed is written, the model that goes with it is not yet."""
    real, calls = checkpoint.save, []

    def dying(*args, **options):
        calls.append(1)
        if len(calls) == write:
            raise RuntimeError("killed")
        real(*args, **options)

    monkeypatch.setattr(checkpoint, "save", dying)
    run = tiny_run(tmp_path)
    with pytest.raises(RuntimeError, match="killed"):
        run.result(disable=True)
    assert without_time(run.result(disable=True)) == without_time(whole)


def test_a_kill_before_the_last_file_is_removed_changes_nothing(tmp_path, monkeypatch, whole):
    """The model of the last step is written, and what the step before it could be resumed from still there."""
    real = Path.unlink

    def dying(self, *args, **options):
        if self.name == checkpoint.TRAINING_FILE:
            raise RuntimeError("killed")
        real(self, *args, **options)

    run = tiny_run(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(Path, "unlink", dying)
        run.result(disable=True)
    assert checkpoint.step_of(run.path.with_suffix("")) == 6
    assert without_time(run.result(disable=True)) == without_time(whole)


def test_a_lost_result_is_made_from_the_kept_points(tmp_path, whole):
    run = tiny_run(tmp_path)
    run.result(disable=True)
    run.path.unlink()
    assert run.result(disable=True)["points"] == whole["points"]


def test_a_kill_after_the_last_step_changes_nothing(tmp_path, monkeypatch, whole):
    run, real = tiny_run(tmp_path), Tiny.end
    monkeypatch.setattr(Tiny, "end", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        run.result(disable=True)
    monkeypatch.setattr(Tiny, "end", real)
    monkeypatch.setattr(curves, "train", lambda *_, **__: pytest.fail("trained again"))
    assert without_time(run.result(disable=True)) == without_time(whole)


def test_an_interrupt_keeps_what_is_done(tmp_path, monkeypatch, whole):
    real = curves.progress
    monkeypatch.setattr(
        curves, "progress",
        lambda events, **bar: (replace(event, interrupted=event.step == 5) for event in real(events, **bar)),
    )  # fmt: skip
    run = tiny_run(tmp_path)
    with pytest.raises(KeyboardInterrupt, match="step 5 of 7"):
        run.result(disable=True)
    monkeypatch.setattr(curves, "progress", real)
    assert without_time(run.result(disable=True)) == without_time(whole)


def test_processes_give_what_one_gives(tmp_path, whole, capsys):
    runs = [tiny_run(tmp_path, seed) for seed in (0, 1)]
    found = curves.results(runs, processes=2, told=lambda result: f"best {result['best']:.3f}")
    assert without_time(found[0]) == without_time(whole)
    assert found[1]["seed"] == 1 and without_time(found[1]) == without_time(tiny_run(tmp_path, 1).finished())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "1 to go, about" in lines[0] and "to go" not in lines[1]


def test_a_failing_process_says_so(tmp_path):
    with pytest.raises(ValueError, match="float63"):
        curves.results([tiny_run(tmp_path), tiny_run(tmp_path, dtype="float63")], processes=2)


@pytest.mark.parametrize("seconds, words", [(40, "40 s"), (720, "12 minutes"), (12240, "3.4 hours")])
def test_in_words(seconds, words):
    assert curves.in_words(seconds) == words


# ---- induction


@pytest.fixture(scope="module")
def quick_induction(tmp_path_factory):
    folder = tmp_path_factory.mktemp("induction")
    return folder, sweeps.run(induction.DEFAULTS, quick=True, seeds=(0, 1), folder=folder, processes=1)


def test_induction_stores_every_run(quick_induction):
    folder, content = quick_induction
    assert content == {
        key: value for key, value in json.loads((folder / "quick.json").read_text()).items() if key in content
    }
    assert content["complete"] and content["seeds"] == [0, 1] and content["sweep"]["shares"] == [1.0]
    assert [row["n_future"] for row in content["rows"]] == [1, 2]
    for row in content["rows"]:
        assert row["share"] == 1 and [one["seed"] for one in row["runs"]] == [0, 1]
        assert row["accuracy"] == mean_interval([one["accuracy"] for one in row["runs"]]).to_dict()
        for one in row["runs"]:
            assert one["accuracy"] == one["points"][one["chosen"]]["test"] <= one["oracle"]
            assert len(one["points"]) == 2 and len(one["ablation"]["random"]) == 10
            layers = one["points"][0]["prefix_matching"]
            assert len(layers) == 8 - row["n_future"] + 1 and all(len(layer) == 4 for layer in layers)
    plain, ahead = ([one["accuracy"] for one in row["runs"]] for row in content["rows"])
    assert content["rows"][0]["minus_n1"] is None
    assert content["rows"][1]["minus_n1"] == welch_difference(ahead, plain).to_dict()
    assert (folder / "quick.png").stat().st_size > 10_000


def test_the_point_is_chosen_by_validation():
    points = [
        {"tokens": 100 * (i + 1), "validation": v, "test": t} for i, (v, t) in enumerate([(0.1, 0.5), (0.4, 0.2)])
    ]
    trial = induction.CPU.trial(0.2, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(induction.InductionTrial, "ablation", lambda *_: {})
        for name in ("copying", "previous_token"):
            patch.setattr(induction.attention_heads, name, lambda *_: torch.zeros(1, 1))
        cfg = ModelConfig(vocab_size=768, dim=8, n_layers=2, n_attention_heads=2, n_future=1)
        end = trial.end(induction.MultiTokenModel(cfg), points)
    assert end["chosen"] == 1 and end["accuracy"] == 0.2 and end["oracle"] == 0.5
    assert end["formed"] == 150  # half-way from 0.1 to 0.4


@pytest.mark.parametrize(
    "curve, tokens",
    [([(100, 0.1), (200, 0.2)], None), ([(100, 0.5)], 50), ([(100, 0.2), (200, 0.3), (300, 0.1)], 150)],
)
def test_formed(curve, tokens):
    assert induction.formed(curve, 0.25) == (None if tokens is None else pytest.approx(tokens))


def test_occasions_add_up_and_other_recipes_are_refused(quick_induction, tmp_path, capsys):
    folder, first = quick_induction
    out = tmp_path / "both.json"
    out.write_text((folder / "quick.json").read_text())
    again = sweeps.run(induction.DEFAULTS, out, quick=True, seeds=(2, 3), folder=tmp_path, processes=1)
    assert again["seeds"] == [0, 1, 2, 3] and again["complete"]
    for old, new in zip(first["rows"], again["rows"], strict=True):
        assert new["runs"][:2] == old["runs"] and [one["seed"] for one in new["runs"][2:]] == [2, 3]
        assert new["accuracy"] == mean_interval([one["accuracy"] for one in new["runs"]]).to_dict()
    half = {"seeds": (0, 1), "folder": tmp_path / "none", "shares": (0.5,), "store_finished": True}
    sweeps.run(induction.DEFAULTS, out, quick=True, **half)
    command = json.loads(out.read_text(encoding="utf-8"))["command"]
    assert "--seeds 0 1 2 3 " in command and "--shares 0.5 1.0" in command  # of all that the file holds
    with pytest.raises(ValueError, match="items=3.*--out"):
        sweeps.run({"quick": replace(induction.QUICK, items=4)}, out, quick=True, folder=tmp_path)
    before = (tmp_path / "both.png").stat().st_mtime_ns
    sweeps.run(induction.DEFAULTS, out, quick=True, folder=tmp_path, draw_only=True)
    assert (tmp_path / "both.png").stat().st_mtime_ns > before
    assert f"drawn: {tmp_path / 'both.png'}" in capsys.readouterr().out


def test_an_unfinished_sweep_is_stored(quick_induction, tmp_path):
    folder, first = quick_induction
    partly = tmp_path / "runs"
    partly.mkdir()
    for path in folder.glob("*_seed0_*.json"):
        (partly / path.name).write_text(path.read_text())
    content = sweeps.run(
        induction.DEFAULTS, tmp_path / "some.json", quick=True, seeds=(0, 1), folder=partly, store_finished=True
    )
    assert not content["complete"] and [len(row["runs"]) for row in content["rows"]] == [1, 1]
    one = first["rows"][1]["runs"][0]["accuracy"]
    assert content["rows"][1]["accuracy"] == {"mean": one, "low": None, "high": None}
    with pytest.raises(ValueError, match="no run of this sweep"):
        sweeps.run(induction.DEFAULTS, quick=True, folder=tmp_path / "none", store_finished=True)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"sizes": ("2M",)}, "2M: choose from nano"),
        ({"n_futures": (4,), "sizes": ("1M",)}, "no trunk of two layers"),
        ({"tokens": 100}, "2 points need a step each"),
        ({"shares": (1.5,)}, "share=1.5"),
    ],
    ids=str,
)
def test_a_sweep_that_cannot_be_is_refused(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        sweeps.run(induction.DEFAULTS, quick=True, folder=tmp_path, **changes)
    assert not list(tmp_path.iterdir())


# ---- arithmetic


@pytest.fixture(scope="module")
def quick_arithmetic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arithmetic")
    return sweeps.run(arithmetic.DEFAULTS, quick=True, seeds=(0, 1), folder=folder, processes=1, pauses=(0, 3))


def test_arithmetic_stores_every_run(quick_arithmetic):
    content = quick_arithmetic
    assert [(row["pauses"], row["n_future"]) for row in content["rows"]] == [(0, 1), (0, 2), (3, 1), (3, 2)]
    for row in content["rows"]:
        for one in row["runs"]:
            assert len(one["accuracy"]) == 10 and all(len(point["validation"]) == 5 for point in one["points"])
            assert one["in_domain"] == pytest.approx(sum(one["accuracy"][:5]) / 5)
            assert one["out_of_domain"] == pytest.approx(sum(one["accuracy"][5:]) / 5)
            assert [(own["temperature"], own["k"]) for own in one["pass_at"]] == [
                (0.2, 1),
                (0.2, 10),
                (0.8, 1),
                (0.8, 10),
            ]
        assert (row["in_domain_minus_n1"] is None) == (row["n_future"] == 1)
    assert content["sweep"]["pauses"] == [0, 3] and content["complete"]


def test_a_problem_that_the_window_cannot_hold_is_refused_before_training(tmp_path):
    for changes in ({"limit": 9}, {"pauses": (0, 90)}):
        with pytest.raises(ValueError, match="may take 14. tokens, the window has 128"):
            sweeps.run(arithmetic.DEFAULTS, quick=True, folder=tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_a_value_given_twice_is_one_row():
    assert len(replace(arithmetic.QUICK, pauses=(3, 0, 3)).settings()) == 4


def test_devices_differ_where_the_issue_says_so():
    assert (arithmetic.CUDA.p, arithmetic.CUDA.limit) == (7, 5)
    for sweep in (arithmetic.CUDA, induction.CUDA):
        rows = {(setting.size, setting.n_future) for setting in sweep.settings()}
        assert rows == {(size, n) for size in ("1M", "3M", "10M", "30M") for n in (1, 2)} | {("10M", 4), ("30M", 4)}


def test_runs_of_a_seed_see_the_same_windows():
    one, two = (arithmetic.QUICK.trial(0, 7).windows("train", n) for n in (1, 2))
    assert (one.ids[: len(one) * one.length] == two.ids[: len(one) * one.length]).all() and len(one) == len(two)
    where = device.choose("cpu")
    runs = [arithmetic.QUICK.curve_run(setting, 7, where, Path()) for setting in arithmetic.QUICK.settings()]
    assert len({json.dumps(run.train.to_dict()) for run in runs}) == 1
