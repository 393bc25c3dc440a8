"""Small models, honestly: which runs there are, in which order, what is stored of them, and how it is drawn."""

import json
from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

from mtp_edu.cli import main
from mtp_edu.config import PRESETS, ModelConfig
from mtp_edu.experiments import runs, scaling
from mtp_edu.experiments.scaling_settings import PLAIN
from mtp_edu.experiments.statistics import mean_interval, mean_so_far, shown, welch_difference
from mtp_edu.views import scaling as pictures
from mtp_edu.views import style


def test_mean_so_far_has_no_interval_of_one_run():
    assert mean_so_far([]) is None and mean_so_far([1.0, 2.0], []) is None and mean_so_far([], [1.0]) is None
    assert mean_so_far([2.0]) == {"mean": 2.0, "low": None, "high": None}
    assert mean_so_far([2.0], [0.5, 1.5]) == {"mean": 1.0, "low": None, "high": None}
    assert mean_so_far([1.0, 2.0, 4.0]) == mean_interval([1.0, 2.0, 4.0]).to_dict()
    assert mean_so_far([1.0, 2.0], [4.0, 8.0]) == welch_difference([1.0, 2.0], [4.0, 8.0]).to_dict()


# ---- the plan


def of_part(sweep, part, text_windows=10**6):
    return [setting for setting, parts in scaling.settings(sweep, text_windows).items() if part in parts]


def test_sizes_take_the_heads_that_leave_two_layers():
    found = {}
    for setting in of_part(scaling.CUDA, "size"):
        found.setdefault(setting.size, []).append(setting.n_future)
        cfg = setting.config(scaling.CUDA)
        plain = ModelConfig.preset(setting.size, vocab_size=1024, n_future=1)
        assert cfg.n_trunk_layers >= 2 and cfg.parameters() == plain.parameters()
    assert found == {
        "nano": [1, 2, 4],
        "1M": [1, 2],
        "3M": [1, 2],
        "10M": [1, 2, 4],
        "30M": [1, 2, 4, 8],
        "100M": [1, 2, 4, 8],
    }


def test_layers_are_added_only_where_heads_do_not_fit():
    found = {}
    for setting in of_part(scaling.CUDA, "added"):
        found.setdefault(setting.size, []).append(setting.n_future)
        cfg, depth = setting.config(scaling.CUDA), PRESETS[setting.size][1]
        assert setting.added == (setting.n_future > 1) and cfg.n_trunk_layers == depth - 1
        assert cfg.n_head_layers == setting.n_future
    assert found == {"nano": [1, 8], "1M": [1, 4, 8], "3M": [1, 4, 8], "10M": [1, 8]}


@pytest.mark.parametrize("text_windows", [5000, 10**6])  # less text than the budget, and more
def test_epochs_see_as_many_tokens_of_less_text(text_windows):
    found = of_part(scaling.CPU, "epochs", text_windows)
    seen = {setting.windows for setting in found}
    assert seen == {min(8192, text_windows)}
    passes = sorted((one.n_future, round(one.windows / one.unique)) for one in found)
    assert passes == [(n, epochs) for n in (1, 4) for epochs in (1, 4, 16)]


def test_a_run_that_two_parts_need_is_made_once():
    plan = scaling.settings(scaling.CPU, 10**6)
    common = next(setting for setting in plan if setting.size == "nano" and setting.n_future == 1)
    assert plan[common] == list(scaling.PARTS)
    assert len(plan) == 10 + 4 + 4 + 6  # two of epochs and of curricula are in `size`, and every n = 1 of `added`
    assert all(setting.baseline in plan for setting in plan)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sizes": ("7B",)}, "7B"),
        ({"sizes": ()}, "sizes=none"),
        ({"parts": ("size", "depth")}, "depth"),
        ({"data": "poems"}, "poems"),
        ({"at": "3M"}, "at='3M'.*nano, 10M"),
        ({"tokens": 3 * 2048 + 2047}, "four steps take 8192"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        replace(scaling.CPU, **changes)


def test_the_paper_s_numbers_give_its_headline():
    """13B solves 12 % more HumanEval and 17 % more MBPP problems (abstract of the paper)."""
    at = {(row["size"], row["n_future"]): row for row in scaling.TABLE_S7}
    one, four = at["13B", 1], at["13B", 4]
    assert four["HumanEval"][0] / one["HumanEval"][0] == pytest.approx(1.12, abs=0.005)
    assert four["MBPP"][0] / one["MBPP"][0] == pytest.approx(1.17, abs=0.005)
    assert len(at) == 18 and at["0.3B", 4]["MBPP"][0] < at["0.3B", 1]["MBPP"][0]


# ---- a whole quick experiment


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaling")
    return folder, scaling.run(quick=True, seeds=(0, 1), folder=folder)


def row_of(content, n, weights=PLAIN, epochs=1, added=False):
    wanted = {"n_future": n, "weights": weights, "layers_added": added, "epochs": epochs}
    (row,) = [row for row in content["rows"] if all(row[key] == value for key, value in wanted.items())]
    return row


def test_what_is_stored(quick):
    folder, content = quick
    stored = json.loads((folder / "quick.json").read_text(encoding="utf-8"))
    assert {key: stored[key] for key in content} == content and content["complete"]
    wanted = "mtp-edu run scaling --quick --data stories --tokens 512 --sizes nano --parts size epochs curricula added"
    assert stored["command"] == f"{wanted} --at nano --seeds 0 1"
    assert len(content["rows"]) == 12 and content["text_tokens"] > 512
    for row in content["rows"]:
        assert [one["seed"] for one in row["runs"]] == [0, 1] and row["tokens"] == 512
        first = [one["losses"][0] for one in row["runs"]]
        assert row["losses"][0] == mean_interval(first).to_dict() and first[0] != first[1], "the seed changed nothing"
        base = row_of(content, 1, epochs=row["epochs"])
        if row is base:
            assert row["head_1_minus_n1"] is None and row["tokens_per_forward"]["mean"] == 1
        else:
            others = [one["losses"][0] for one in base["runs"]]
            assert row["head_1_minus_n1"] == welch_difference(first, others).to_dict()
        for one in row["runs"]:
            assert [point["tokens"] for point in one["points"]] == [256, 512] and one["tokens_per_second"] > 0
            assert one["points"][-1]["flops"] == one["flops"]
            assert one["points"][-1]["losses"] == pytest.approx(one["losses"], abs=1e-5)
    names = {path.name for path in folder.glob("*.png")}
    assert names == {"quick.png", "quick_cost.png", "quick_epochs.png", "quick_weights.png"}


def test_flops_count_the_heads_that_were_on(quick):
    flops = {name: row_of(quick[1], 4, name)["runs"][0]["flops"] for name in scaling.WEIGHTS}
    cfg = ModelConfig.preset("nano", vocab_size=320, n_future=4, max_seq_len=32)
    heads = {n: cfg.flops_per_token(32, n) for n in (1, 2, 3, 4)}
    assert flops[PLAIN] == 512 * heads[4] == flops["decay to 0 in time"]
    assert flops["forward curriculum"] == flops["reverse curriculum"] == 128 * sum(heads.values())


def test_settings_reach_the_training(quick):
    found = [json.loads(path.read_text(encoding="utf-8")) for path in quick[0].glob("*_seed*.json")]
    assert len(found) == 24
    schedules = {stored["settings"]["train"]["head_schedule"] for stored in found}
    assert schedules == {"constant", "decay", "forward", "reverse"}
    assert [1.0, 0.6, 0.36, 0.216] in [stored["settings"]["train"]["head_weights"] for stored in found]
    deep = [stored for stored in found if stored["settings"]["model"]["keep_trunk_depth"]]
    assert {stored["settings"]["model"]["n_future"] for stored in deep} == {8} and len(deep) == 2


def test_every_n_sees_the_same_windows(monkeypatch, tmp_path):
    seen = {}

    def trained(cfg, config, data, held_out_windows, where):
        seen[cfg.n_future] = data
        raise KeyboardInterrupt if len(seen) == 3 else Stop

    class Stop(Exception):
        pass

    data = scaling._data(scaling.QUICK)
    monkeypatch.setattr(runs, "trained", trained)
    where = scaling.device.choose("cpu")
    for setting in of_part(scaling.QUICK, "size"):
        with pytest.raises((Stop, KeyboardInterrupt)):
            scaling._run(scaling.QUICK, setting, 0, data, where, tmp_path).result(where)
    assert list(seen) == [1, 2, 4]
    for part in (0, 1):
        one, *others = (seen[n][part] for n in seen)
        assert {len(other) for other in others} == {len(one)} and len(one) >= (16 if part == 0 else 4)
        for other in others:
            (tokens, targets), (same, more) = one.batch([0, 3]), other.batch([0, 3])
            assert (tokens == same).all() and (targets == more[..., :1]).all()


def test_finished_runs_are_read_and_the_tables_show_everything(quick, monkeypatch, capsys):
    folder, content = quick
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("a finished run was trained again"))
    again = scaling.run(quick=True, seeds=(1, 0), folder=folder, out=folder / "other.json", parts=["size", "epochs"])
    assert row_of(again, 4)["runs"] == row_of(content, 4)["runs"][::-1]
    out = capsys.readouterr().out
    assert out.count("\n| nano |") == 3 + 6 and out.count("2 of 2") == 9
    assert f"| {shown(row_of(again, 4)['head_1_minus_n1'], sign='+')} |" in out
    assert "| 0.3B | 4 | -0.8 |" in out and "| 4 | 4 | 43.1 |" in out
    assert "By weights" not in out and not (folder / "other_weights.png").exists()


# ---- stopping and going on


def counted(stop_at=None):
    """Stands in for a training: fast, and interrupted at the run numbered `stop_at`."""
    calls = []

    def trained(cfg, config, data, held_out_windows, where):
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        calls.append((cfg, config))
        losses = [3.0 + config.seed / 10 + cfg.n_future / 100] * cfg.n_future
        point = {"tokens": 512, "flops": 10**9, "losses": losses}
        return {"seed": config.seed, "losses": losses, "tokens_per_forward": 1.0, "tokens_per_forward_text": 1.0,
                "points": [point], "flops": 10**9, "seconds": 2.0}  # fmt: skip

    return trained, calls


def test_an_interrupted_sweep_is_stored_as_far_as_it_came_and_goes_on(tmp_path, monkeypatch, capsys):
    trained, calls = counted(stop_at=4)
    monkeypatch.setattr(runs, "trained", trained)
    monkeypatch.setattr(scaling, "_timed", lambda *_: 1e9)
    monkeypatch.setattr(scaling, "draw", lambda *_: [])
    sweep = {"quick": True, "seeds": (0, 1), "folder": tmp_path, "parts": ["size"], "sizes": ["1M", "nano"]}
    with pytest.raises(ValueError, match="no run of this sweep has finished"):
        scaling.run(**sweep, store_finished=True)
    with pytest.raises(KeyboardInterrupt):
        scaling.run(**sweep)
    assert "--store-finished" in capsys.readouterr().out
    # the smallest size first, in it seed by seed, and in a seed the cheapest first
    assert [(cfg.dim, config.seed, cfg.n_future) for cfg, config in calls] == [
        (64, 0, 1), (64, 0, 2), (64, 0, 4), (64, 1, 1)
    ]  # fmt: skip
    content = scaling.run(**sweep, store_finished=True)
    out = capsys.readouterr().out
    assert not content["complete"] and len(calls) == 4
    counts = {(row["size"], row["n_future"]): len(row["runs"]) for row in content["rows"]}
    assert counts == {("nano", 1): 2, ("nano", 2): 1, ("nano", 4): 1, ("1M", 1): 0, ("1M", 2): 0}
    assert "2 of 2 | 3.060 [" in out and "| 1 of 2 | 3.020 | -0.040 |" in out and "| 0 of 2 | - |" in out
    trained, calls = counted()
    monkeypatch.setattr(runs, "trained", trained)
    assert scaling.run(**sweep)["complete"] and len(calls) == 6


def test_a_file_adds_up_and_trains_nothing_again(tmp_path, monkeypatch):
    """Parts one after the other, each without the earlier one's folder, end in the file of both at once."""
    trained, calls = counted()
    monkeypatch.setattr(runs, "trained", trained)
    monkeypatch.setattr(scaling, "draw", lambda *_: [])
    out, several = tmp_path / "one.json", {"quick": True, "seeds": (0, 1)}
    scaling.run(**several, parts=["epochs"], out=out, folder=tmp_path / "a")
    scaling.run(**several, parts=["size"], out=out, folder=tmp_path / "b")
    made = len(calls)
    content = scaling.run(quick=True, seeds=(0, 1, 2), parts=["curricula"], out=out, folder=tmp_path / "c")
    assert [config.seed for _, config in calls[made:]].count(2) == 6  # all of its settings
    assert sum(config.seed < 2 for _, config in calls[made:]) == 8  # less n = 1 and the plain sum, which were there
    assert not content["complete"] and content["seeds"] == [0, 1, 2]  # seed 2 has no other parts
    assert content["sweep"]["parts"] == ["size", "epochs", "curricula"]
    assert row_of(content, 4)["parts"] == ["size", "epochs", "curricula"] and len(row_of(content, 4)["runs"]) == 3
    at_once = scaling.run(**several, parts=content["sweep"]["parts"], out=tmp_path / "all.json", folder=tmp_path / "d")
    for row in at_once["rows"]:
        own = row_of(content, row["n_future"], row["weights"], row["epochs"])
        assert [run["losses"] for run in own["runs"][:2]] == [run["losses"] for run in row["runs"]]
    scaling.run(**several, parts=["size"], sizes=["1M"], out=out, folder=tmp_path / "e")
    begin, end = "mtp-edu run scaling --quick --data stories --tokens 512 --sizes", "--at nano --seeds 0 1 2"
    commands = [f"{begin} nano 1M --parts size {end}", f"{begin} nano --parts epochs curricula {end}"]
    assert json.loads(out.read_text(encoding="utf-8"))["command"] == "; ".join(commands)


def test_a_file_of_another_recipe_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "trained", counted()[0])
    monkeypatch.setattr(scaling, "draw", lambda *_: [])
    several = {"quick": True, "seeds": (0, 1), "parts": ["size"], "folder": tmp_path, "out": tmp_path / "one.json"}
    scaling.run(**several)
    before = several["out"].read_bytes()
    with pytest.raises(ValueError, match=r"one.json holds runs with tokens=512 \(this sweep has 1024\).*--out"):
        scaling.run(**several, tokens=1024)
    with pytest.raises(ValueError, match=r"one.json holds runs with at=nano \(this sweep has 10M\).*--out"):
        scaling.run(**several, at="10M")  # a picture of epochs has one size
    assert several["out"].read_bytes() == before


def test_the_estimate_comes_from_finished_runs_or_from_timed_steps(tmp_path, monkeypatch, capsys):
    trained = counted(stop_at=1)[0]
    monkeypatch.setattr(runs, "trained", trained)
    monkeypatch.setattr(scaling, "draw", lambda *_: [])
    asked = []
    monkeypatch.setattr(scaling, "_timed", lambda one: asked.append(one.model.dim) or 1e6)
    sweep = {"quick": True, "seeds": (0, 1), "folder": tmp_path, "parts": ["size"], "sizes": ["nano", "1M"]}
    with pytest.raises(KeyboardInterrupt):
        scaling.run(**sweep)
    assert asked == [64, 128] and "0 runs have finished, 10 are to be trained" in capsys.readouterr().out
    kept, found = scaling._estimate, []
    monkeypatch.setattr(scaling, "_estimate", lambda *arguments: found.append(kept(*arguments)))
    monkeypatch.setattr(runs, "trained", counted()[0])
    scaling.run(**sweep)
    assert asked == [64, 128, 128]  # nano has a finished run: a billion operations in two seconds
    flops = {(size, n): 512 * ModelConfig.preset(size, vocab_size=320, n_future=n).flops_per_token(32)
             for size in ("nano", "1M") for n in (1, 2, 4) if runs.fits(size, n)}  # fmt: skip
    nano = 2 * sum(flops["nano", n] for n in (1, 2, 4)) - flops["nano", 1]
    assert found == [pytest.approx(nano / 5e8 + 2 * (flops["1M", 1] + flops["1M", 2]) / 1e6)]


def test_runs_of_another_machine_say_so_and_do_not_time_this_one(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "trained", counted()[0])
    monkeypatch.setattr(scaling, "draw", lambda *_: [])
    timed = []
    monkeypatch.setattr(scaling, "_timed", lambda one: timed.append(one) or 1e6)
    sweep = {"quick": True, "parts": ["size"], "out": tmp_path / "one.json"}
    scaling.run(**sweep, seeds=(0, 1), folder=tmp_path / "a")
    stored = json.loads(sweep["out"].read_text(encoding="utf-8"))
    here = stored["rows"][0]["runs"][0]["machine"]
    assert here == f"{stored['machine']['device']}, torch {torch.__version__}"
    stored["machine"] |= {"device": "abacus", "versions": {"torch": "0.1"}}
    for row in stored["rows"]:  # as a file from before runs had it
        for one in row["runs"]:
            del one["machine"]
    sweep["out"].write_text(json.dumps(stored), encoding="utf-8")
    content = scaling.run(**sweep, seeds=(0, 1, 2), folder=tmp_path / "b")
    assert len(timed) == 2, "nano is timed here, once in each of both sweeps"
    for row in content["rows"]:
        assert [one["machine"] for one in row["runs"]] == ["abacus, torch 0.1"] * 2 + [here]


def test_timed_steps_measure_a_rate(tmp_path):
    where = scaling.device.choose("cpu")
    setting = of_part(scaling.QUICK, "size")[0]
    one = scaling._run(scaling.QUICK, setting, 0, scaling._data(scaling.QUICK), where, tmp_path)
    assert 1e6 < scaling._timed(one) < 1e13 and not list(tmp_path.iterdir())


# ---- the command and the pictures


def test_bad_input_ends_with_a_line_that_names_it(capsys):
    assert main(["run", "scaling", "--sizes", "7B"]) == 2
    assert "7B" in capsys.readouterr().err
    assert main(["run", "scaling", "--seeds", "1"]) == 2
    assert "at least two" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "head-kinds", "--sizes", "nano"])


def test_the_command_passes_everything_on(quick, tmp_path, capsys):
    arguments = ["run", "scaling", "--quick", "--seeds", "0", "1", "--folder", str(quick[0]), "--store-finished"]
    assert main([*arguments, "--parts", "epochs", "--at", "nano", "--out", str(tmp_path / "mine.json")]) == 0
    stored = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert stored["sweep"]["parts"] == ["epochs"] and len(stored["rows"]) == 6
    assert {path.name for path in tmp_path.iterdir()} == {"mine.json", "mine_epochs.png"}


def drawn(axes, n):
    """The means of one n: (xs, ys) of the hollow line in its colour."""
    lines = [line for line in axes.lines if line.get_marker() == style.HEAD_MARKERS[n - 1]]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in lines if line.get_color() == style.colour(n)]


def test_by_size_shows_differences_seeds_and_intervals(quick):
    content = quick[1]
    figure = pictures.by_size(content)
    assert isinstance(figure, Figure)
    ours, forwards, paper = figure.axes
    (places, means), = drawn(ours, 4)  # fmt: skip
    interval = row_of(content, 4)["head_1_minus_n1"]
    assert means == [interval["mean"]] and 0 < places[0] < 0.5
    bars = [list(line.get_ydata()) for line in ours.lines if list(line.get_xdata()) == places * 2]
    base = sum(one["losses"][0] for one in row_of(content, 1)["runs"]) / 2
    dots = [one["losses"][0] - base for one in row_of(content, 4)["runs"]]
    assert [interval["low"], interval["high"]] in bars and pytest.approx(dots) in bars
    assert drawn(forwards, 4)[0][1] == [row_of(content, 4)["tokens_per_forward"]["mean"]]
    assert drawn(paper, 4)[0][1] == pytest.approx([-0.8, -1.7, 0.6, 1.6, 2.1, 4.5])
    assert f"nano, n = 4: {interval['mean']:+.3f}" in figure.get_label()


def test_by_cost_and_epochs_draw_the_means(quick):
    content = quick[1]
    tokens, flops = pictures.by_cost(content).axes
    runs_of_2 = row_of(content, 2)["runs"]
    for axes, cost in ((tokens, "tokens"), (flops, "flops")):
        (places, means), = drawn(axes, 2)  # fmt: skip
        assert places == [point[cost] for point in runs_of_2[0]["points"]]
        assert means[-1] == pytest.approx(sum(one["losses"][0] for one in runs_of_2) / 2, abs=1e-5)
    losses, less, way = pictures.by_epochs(content).axes
    assert drawn(losses, 1)[0][1] == [row_of(content, 1, epochs=e)["losses"][0]["mean"] for e in (1, 4, 16)]
    assert drawn(less, 4)[0][1] == [row_of(content, 4, epochs=e)["head_1_minus_n1"]["mean"] for e in (1, 4, 16)]
    on_the_way = row_of(content, 4, epochs=16)["runs"]
    assert [ys for _, ys in drawn(way, 4)] == [[point["losses"][0] for point in one["points"]] for one in on_the_way]
    assert all(xs[-1] == 16 for n in (1, 4) for xs, _ in drawn(way, n))


def test_by_weights_has_a_row_each(quick):
    ours, forwards = pictures.by_weights(quick[1]).axes
    names = [label.get_text() for label in ours.get_yticklabels()]
    assert names[0] == "n = 1" and names[1:] == [f"n = 4, {name}" for name in scaling.WEIGHTS]
    expected = [row_of(quick[1], 4, name)["tokens_per_forward"]["mean"] for name in scaling.WEIGHTS]
    assert [xs[0] for xs, _ in drawn(forwards, 4)] == expected


def test_pictures_of_an_unfinished_result(quick):
    """One seed of n = 4 has no interval, n = 1 unfinished leaves its differences out, nothing at all is refused."""
    content = json.loads(json.dumps(quick[1]))
    row = row_of(content, 4)
    row["runs"] = row["runs"][:1]
    row["head_1_minus_n1"] |= {"low": None, "high": None}
    row["tokens_per_forward"] |= {"low": None, "high": None}
    ours = pictures.by_size(content).axes[0]
    bars = [line for line in ours.lines if line.get_color() == style.colour(4) and line.get_marker() == "None"]
    assert not bars and "1 to 2 of 2 seeds" in ours.get_title(loc="left")
    row_of(content, 1)["runs"] = []
    for other in content["rows"]:
        other["head_1_minus_n1"] = None
    for picture in (pictures.by_size, pictures.by_cost, pictures.by_epochs, pictures.by_weights):
        assert isinstance(picture(content), Figure)
    for other in content["rows"]:
        other["runs"] = []
    for picture in (pictures.by_size, pictures.by_cost, pictures.by_epochs, pictures.by_weights):
        with pytest.raises(ValueError, match="no finished run"):
            picture(content)
