"""What a GPU machine is asked for, .ci/gpu, at tiny scale: also without a GPU. Runs with `make test-gpu`."""

import json
import os
import subprocess
import sys

import pytest

import mtp_edu as mtp


@pytest.mark.gpu_script
@pytest.mark.skipif(os.name == "nt", reason="a bash script")
def test_the_script_for_gpu_machines_runs_at_tiny_scale(tmp_path):
    env = os.environ | {"PYTHON": sys.executable, "OUT": str(tmp_path)}
    done = subprocess.run([".ci/gpu", "--quick"], cwd=mtp.paths.PACKAGE.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout or "skipped" in done.stdout
    rows = json.loads((tmp_path / "bench_train_quick.json").read_text(encoding="utf-8"))["rows"]
    assert [row["name"] for row in rows if "absent" not in row][:1] == ["mtp_edu n=1 eager"]
    assert (tmp_path / "bench_memory_quick.json").is_file()
    decoded = json.loads((tmp_path / "bench_decode_quick.json").read_text(encoding="utf-8"))
    assert decoded["complete"] and any(row["name"] == "n_future=4, eager" for row in decoded["rows"])
    swept = json.loads((tmp_path / "scaling_quick.json").read_text(encoding="utf-8"))
    assert swept["complete"] and {row["n_future"] for row in swept["rows"]} == {1, 2, 4}
    for task in ("induction", "arithmetic"):
        stored = json.loads((tmp_path / f"{task}_quick.json").read_text(encoding="utf-8"))
        assert stored["complete"] and [one["seed"] for one in stored["rows"][0]["runs"]] == [0, 1]
