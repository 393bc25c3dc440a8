"""The commands as a user types them, at small scale; bad input ends with one line that says what to do."""

import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import mtp_edu as mtp
from mtp_edu import checkpoint, recipes
from mtp_edu.cli import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint trained by the command itself on a user's own text."""
    folder = tmp_path_factory.mktemp("cli")
    text = folder / "mine.txt"
    text.write_text("The cat sat on the mat. The dog sat on the log. " * 200, encoding="utf-8")
    options = ["--vocab-size", "257", "--n-future", "3", "--steps", "30", "--length", "32", "--batch-size", "8"]
    options += ["--learning-rate", "5e-3"]
    assert main(["train", "--data", str(text), *options, "--out", str(folder / "model")]) == 0
    return folder


def test_doctor_reports_versions_device_and_reason(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in ("torch", "device", "sentencepiece", "ipywidgets", "GFLOP/s", "stories-nano"):
        assert word in out
    assert re.search(r"device +\w+.*\(.+\)", out)  # the reason
    assert "MISSING" not in out and "PROBLEM" not in out


def test_doctor_names_what_is_missing_and_the_remedy(capsys, monkeypatch):
    import mtp_edu.doctor as doctor

    monkeypatch.setitem(doctor.NEEDED, "no-such-package", "this test")
    assert main(["doctor"]) == 1
    assert re.search(r"no-such-package +MISSING.*pip install no-such-package", capsys.readouterr().out)


def test_train_then_generate_and_eval(trained, capsys):
    model, tok = mtp.load(trained / "model")
    assert model.cfg.n_future == 3 and tok.vocab_size == 257
    assert main(["generate", str(trained / "model"), "The cat", "--max-new-tokens", "40"]) == 0
    both = capsys.readouterr()
    assert both.out.startswith("The cat") and "tokens per forward" in both.err
    arguments = ["generate", str(trained / "model"), "The cat", "--max-new-tokens", "40", "--method", "autoregressive"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == both.out
    sampled = [*arguments[:5], "--temperature", "9", "--top-k", "40", "--seed"]
    drawn = [(main([*sampled, seed]), capsys.readouterr().out)[1] for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert main(["eval", str(trained / "model"), "--data", str(trained / "mine.txt"), "--length", "64"]) == 0
    said = capsys.readouterr()
    assert "cumulative" in said.out and "repeated 8-grams" in said.out
    assert "has learnt from all of this text" in said.err
    losses = [float(line.split("|")[2]) for line in said.out.splitlines() if re.match(r"\| [123] \|", line)]
    assert len(losses) == 3 and all(0 < loss < 5 for loss in losses)


def test_a_model_is_judged_by_what_it_has_not_learnt(trained, capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("The cat sat on another mat. " * 20, encoding="utf-8")  # a later version
    (tmp_path / "other.txt").write_text("The dog sat on another log. " * 20, encoding="utf-8")
    assert main(["eval", str(trained / "model"), "--data", str(tmp_path), "--length", "32"]) == 0
    judged = capsys.readouterr()
    assert "left out: 1 of 2 documents" in judged.err
    (tmp_path / "mine.txt").unlink()
    assert main(["eval", str(trained / "model"), "--data", str(tmp_path), "--length", "32"]) == 0
    alone = capsys.readouterr()
    assert alone.out == judged.out and "left out" not in alone.err


def test_training_resumes_from_the_command_line(tmp_path, capsys, monkeypatch):
    text = tmp_path / "t.txt"
    text.write_text("abc and some more letters. " * 400, encoding="utf-8")
    command = ["train", "--data", str(text), "--vocab-size", "257", "--steps", "6", "--length", "16", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("mtp_edu.cli.progress", _interrupted_at_3)
        assert main([*command, str(tmp_path / "m")]) == 130
    assert "--resume" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "m")]) == 2
    assert "resume" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "m"), "--resume"]) == 0
    whole, resumed = (mtp.load(tmp_path / name)[0].state_dict() for name in ("whole", "m"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert main([*command, str(tmp_path / "m")]) == 2
    assert main([*command, str(tmp_path / "m"), "--overwrite"]) == 0


def _interrupted_at_3(events):
    for event in events:
        yield event
        if event.step == 3 and not event.interrupted:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def small_recipe(tmp_path, monkeypatch):
    """stories-nano in four steps, its runs below an empty folder."""
    small = replace(recipes.RECIPES["stories-nano"], stories=80, vocab_size=400, length=64)
    small = replace(small, train=mtp.TrainConfig(steps=4, batch_size=2))
    monkeypatch.setitem(recipes.RECIPES, "stories-nano", small)
    monkeypatch.chdir(tmp_path)


def test_a_trial_of_a_recipe_does_not_stand_in_its_way(tmp_path, capsys, small_recipe):
    command = ["train", "--recipe", "stories-nano", "--out"]
    assert main([*command, "trial", "--steps", "2"]) == 0
    assert main([*command, "whole"]) == 0
    assert [checkpoint.info(tmp_path / name)["step"] for name in ("trial", "whole")] == [2, 4]
    run = tmp_path / "runs" / "stories-nano"
    with pytest.raises(ValueError, match="of 4 steps, this one has 2: .*overwrite without resume"):
        recipes.make("stories-nano", run, tmp_path / "other", resume=True, overwrite=True, steps=2)
    assert recipes.make("stories-nano", run, tmp_path / "other", overwrite=True, steps=2)
    assert checkpoint.info(run)["step"] == 2


def test_an_interrupted_recipe_says_so_and_ships_nothing(tmp_path, capsys, monkeypatch, small_recipe):
    command = ["train", "--recipe", "stories-nano", "--out", str(tmp_path / "shipped")]
    with monkeypatch.context() as patch:
        patch.setattr("mtp_edu.recipes.progress", _interrupted_at_3)
        assert main(command) == 130
    assert not (tmp_path / "shipped").exists()
    assert main(command) == 2  # it would lose the unfinished run
    assert main([*command, "--resume"]) == 0
    card = " ".join((tmp_path / "shipped" / "README.md").read_text(encoding="utf-8").split())
    assert "512 tokens" in card and "4 steps of 2 windows" in card
    assert main([*command, "--resume"]) == 0  # finished: written out again
    assert main(["train", "--recipe", "stories-nano", "--steps", "2"]) == 2
    capsys.readouterr()
    assert main(["train", "--recipe", "stories-nano", "--seed", "7", "--n-future", "2", "--estimate"]) == 2
    assert "a recipe fixes --n-future, --seed: leave it out" in capsys.readouterr().err


def test_what_a_run_takes_is_said_before_it_begins(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for which in (["--recipe", "stories-nano"], ["--data", "no such file", "--steps", "20"]):  # no text is read
        assert main(["train", *which, "--estimate"]) == 0
        said = capsys.readouterr().out
        assert re.search(r"memory: [\d.,]+ [MG]B .*\ntime: about [\d.,]+ (s|minutes|hours)", said)
    monkeypatch.setattr("mtp_edu.meter.planning.free_memory", lambda _: 20_000_000)
    for which in (["--recipe", "stories-nano"], ["--size", "100M", "--batch-size", "4", "--out", "big"]):
        assert main(["train", *which]) == 2
        assert "What would fit" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_demo_trains_and_decodes_both_ways(capsys):
    assert main(["demo", "--seconds", "4", "--max-new-tokens", "30"]) == 0
    out = capsys.readouterr().out
    per_forward = float(re.search(r"tokens per forward (\d\.\d\d) of at most 4", out)[1])
    assert 1 <= per_forward <= 4
    assert "the same text" in out and "of its 8-grams are repeats" in out
    times, best = re.search(r"wall clock (\d+\.\d\d) times .* = (\d+\.\d\d)", out).groups()
    assert float(times) > 0 and float(best) == pytest.approx(per_forward * 9 / 12, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["generate", "no-such-model", "hi"], "no pretrained model 'no-such-model'"),
        (["train", "--data", "no/such/file"], "no such file"),
        (["train", "--n-future", "9", "--stories", "30"], "n_future=9"),
        (["train", "--stories", "30", "--vocab-size", "60"], "vocab_size=60"),
        (["eval", "stories-nano", "--data", "no/such/file"], "no such file"),
        (["generate", "stories-nano", ""], "prompt is empty"),
        (["generate", "stories-nano", "hi", "--max-new-tokens", "9999"], "max_seq_len=384"),
        (["generate", "stories-nano", "hi", "--device", "abacus"], "abacus"),
        (["bench", "memory", "--quick", "--eager", "--data", "python"], "bench memory has no --eager, --data"),
        (["bench", "train", "--quick", "--checkpoint", "stories-nano"], "bench train has no --checkpoint"),
    ],
)
def test_bad_input_ends_with_a_line_that_names_it(arguments, named, capsys, tmp_path):
    if arguments[0] == "train":
        arguments = [*arguments, "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert named in capsys.readouterr().err


def test_the_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "mtp_edu", "--help"], capture_output=True, text=True, check=True)
    for command in ("doctor", "demo", "train", "eval", "generate", "bench"):
        assert command in done.stdout
