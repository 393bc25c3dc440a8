"""What the README tells people to type works; long runs are made short, nothing else is changed."""

import re
import shlex
from pathlib import Path

import pytest

from mtp_edu.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.S) for line in block.splitlines()]
SHORT = {"demo": ["--seconds", "3", "--max-new-tokens", "20"], "train": ["--steps", "3"], "eval": ["--length", "64"]}


def test_every_command_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours = [shlex.split(line) for line in COMMANDS if line.startswith("mtp-edu")]
    assert {arguments[1] for arguments in ours} == {"doctor", "demo", "generate", "eval", "train"}
    for _, command, *rest in ours:
        assert main([command, *rest, *SHORT.get(command, [])]) == 0, (command, rest)


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in COMMANDS if line.startswith("make")}
    assert targets == {"lab", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)


def test_the_python_of_the_readme_runs(capsys):
    """One block after the other, in one session."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.S))
    short = code.replace("stories(2000)", "stories(200)").replace("steps=300", "steps=4")
    assert short != code
    session = {}
    exec(compile(short, "README.md", "exec"), session)
    assert session["out"].tokens_per_forward >= 1
    *_, estimate = [line for line in capsys.readouterr().out.splitlines() if line.isdigit()]
    assert 10**6 < int(estimate) < 200 << 20  # as much as the limit beneath it allows


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(target):
    assert (ROOT / target).exists()
