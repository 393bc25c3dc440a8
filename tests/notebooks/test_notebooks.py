"""The lessons: every notebook is what its source says, and runs from top to bottom without a screen."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="needs the test extra")
pytest.importorskip("jupytext", reason="needs the test extra")
pytest.importorskip("ipykernel", reason="needs the lab extra")

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
spec = importlib.util.spec_from_file_location("notebook_builder", NOTEBOOKS / "source" / "build.py")
builder = importlib.util.module_from_spec(spec)
spec.loader.exec_module(builder)
SOURCES = builder.lessons()
SECONDS = 300  # for one notebook in fast mode


def text_of(notebook) -> str:
    """All that the cells printed or show as plain text."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def tokens_per_forward(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"([\d.]+) tokens per forward", text)]


def falls(text: str) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in re.findall(r"loss ([\d.]+) -> ([\d.]+) in", text)]


def shows_the_race(text: str) -> None:
    numbers = tokens_per_forward(text)
    assert 1.0 in numbers and max(numbers) > 1.2, numbers
    assert "Both wrote the same text." in text


def shows_the_loss_falling(text: str) -> None:
    assert falls(text) and all(end < start for start, end in falls(text)), falls(text)
    assert "2*\tbrown\tfox\tjumps" in text


def shows_who_reads_whom(text: str) -> None:
    assert "the model says the same: True" in text
    assert "head 1 reads head 2" in text


def shows_the_limit_and_equal_gradients(text: str) -> None:
    assert "naive: stopped." in text and "memory-efficient: done" in text
    assert "the same to rounding: True" in text
    for backwards in (1, 4):  # detached once, or with retain_graph
        assert f"backwards through the trunk: {backwards}; the same gradient: True" in text


def shows_a_run_that_can_be_written_stopped_and_planned(text: str) -> None:
    assert falls(text) and all(end < start for start, end in falls(text)), falls(text)
    assert "every weight has moved: True" in text
    assert "the same weights as mtp.train, bit for bit: True" in text
    done, planned = map(int, re.search(r"interrupted: True, after step (\d+) of (\d+)", text).groups())
    assert 0 < done < planned and f"resumed to step {planned};" in text
    assert "stopped and resumed, the same weights bit for bit: True" in text
    recorded, computed = map(int, re.search(r"in two steps: (\d+) MB; planned: (\d+) MB", text).groups())
    assert 0.9 < computed / recorded < 1.3
    assert re.search(r"this run needs .* What would fit: micro_batch_size=|this run needs .* preset", text)


def shows_the_same_text_for_every_k(text: str) -> None:
    assert text.count("the same text as generate and as plain: True") == 4
    assert "Both wrote the same text." in text
    assert re.search(r"tokens per forward: \(a\) [1-4]\.\d+, \(b\) [1-4]\.\d+", text)
    assert "drafts kept" in text and "tree of 16 nodes" in text


def shows_where_a_byte_model_pays(text: str) -> None:
    assert "Both wrote the same text." in text and max(tokens_per_forward(text)) > 1.2
    begins, paid = map(int, re.search(r"(\d+)% of the bytes are the first of a piece, and (\d+)% of", text).groups())
    assert begins + 10 < paid
    ours = [float(forwards) for forwards in re.findall(r"^ +[1248] +([\d.]+) +[\d.]+ +[\d.]+ +[\d.]+$", text, re.M)]
    assert ours[0] == 1 and ours == sorted(ours) and ours[-1] > 1.5
    assert "neither has seen" in text


def shows_what_is_exact_and_what_is_not(text: str) -> None:
    assert re.search(r"greedy, float64 : (\d+) of \1 texts are the same", text)
    assert re.search(r"one draft too many 0 of \d+ texts are the same", text)
    assert "accept lossless: no difference seen" in text and "my_rule: no difference seen" in text
    assert "caught: 8 of 8" in text
    right, faulty = map(float, re.findall(r"(?:right|with the fault) +([\d.]+) tokens per forward", text))
    assert right > faulty > 1
    assert re.search(r"^(\d+) of \1 texts are the same$", text, re.M)  # whatever the drafts


def shows_what_an_induction_head_is(text):
    assert re.search(r"second tokens of names +look_up is right at (\S+) of \1, 100%", text)
    assert text.count("0 outside") == 1, "of the paper's seven sizes, one"


def shows_arithmetic_and_how_little_two_seeds_show(text):
    assert "and 1 put into 0: 00000" in text and "as X^4 * X: 10000" in text
    assert "(60415@00250)  =  60002" in text and "0 of 8 right" in text
    assert falls(text) and all(end < start for start, end in falls(text)), falls(text)
    assert "plain decoding gives the same answers: True" in text


EXPECT = {
    "00_start_here": shows_the_race,
    "01_from_one_to_n_targets": shows_the_loss_falling,
    "02_trunk_and_heads": shows_who_reads_whom,
    "03_memory_efficient_backward": shows_the_limit_and_equal_gradients,
    "04_training": shows_a_run_that_can_be_written_stopped_and_planned,
    "05_self_speculative_decoding": shows_the_same_text_for_every_k,
    "06_exact_or_not": shows_what_is_exact_and_what_is_not,
    "07_induction_heads": shows_what_an_induction_head_is,
    "08_algorithmic_reasoning": shows_arithmetic_and_how_little_two_seeds_show,
    "09_bytes": shows_where_a_byte_model_pays,
}


def test_every_source_has_a_notebook_and_every_notebook_a_source():
    assert SOURCES and {path.stem for path in SOURCES} == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_committed_notebook_is_current(source):
    assert builder.differences(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_committed_outputs_show_the_result(source):
    notebook = nbformat.read(builder.target(source), as_version=4)
    EXPECT.get(source.stem, lambda text: None)(text_of(notebook))
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "image/png" in kinds, "no picture for readers on GitHub"


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_runs(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MTP_EDU_FAST", "1")
    notebook = builder.read(source)
    peak = builder.run(notebook, tmp_path, timeout=SECONDS)
    assert peak is None or peak < builder.MEMORY
    assert [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert "MTP_EDU_FAST is set" in text_of(notebook)
    EXPECT.get(source.stem, lambda text: None)(text_of(notebook))


# ---- the builder

TITLE = "# %% [markdown]\n# # A title\n\n# %%\n"
SMALL = """# %% [markdown]
# # A title

# %%
print("hello")

# %%
print("hello")

# %% tags=["raises-exception"]
1 / 0
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A source of three code cells in a folder of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    monkeypatch.setattr(builder, "SOURCES", folder)
    monkeypatch.setattr(builder, "NOTEBOOKS", tmp_path)
    source = folder / "99_small.py"
    source.write_text(SMALL, encoding="utf-8")
    return source


def test_ids_follow_from_content(small):
    ids = [cell.id for cell in builder.read(small).cells]
    assert ids == [cell.id for cell in builder.read(small).cells]
    assert ids[3] == f"{ids[2]}-2" and len(set(ids)) == 5


def test_build_runs_and_check_agrees(small):
    assert builder.differences(small) == ["it was never built"]
    assert builder.build(small, execute=True) == []
    first = builder.target(small).read_bytes()
    assert builder.differences(small) == []
    assert builder.build(small, execute=True) == [] and builder.target(small).read_bytes() == first
    notebook = nbformat.read(builder.target(small), as_version=4)
    assert notebook.cells[2].outputs[0].text == "hello\n" and "execution" not in notebook.cells[2].metadata


def test_check_finds_what_is_stale_or_wrong(small):
    builder.build(small, execute=True)
    path = builder.target(small)
    good = path.read_text(encoding="utf-8")
    small.write_text(SMALL.replace("A title", "Another"), encoding="utf-8")
    assert "differ from the source from cell 1" in builder.differences(small)[0]
    small.write_text(SMALL, encoding="utf-8")
    notebook = nbformat.reads(good, as_version=4)
    notebook.metadata["widgets"] = {}
    notebook.cells[4].metadata["tags"] = []
    notebook.cells[2].execution_count = None
    nbformat.write(notebook, path)
    found = "; ".join(builder.differences(small))
    assert "widget state" in found and "code cell 4 ends in ZeroDivisionError" in found
    assert "code cell 2 was not run" in found and "from cell 5 on" in found


def test_an_error_stops_the_build(small):
    from nbclient.exceptions import CellExecutionError

    small.write_text(SMALL.replace(' tags=["raises-exception"]', ""), encoding="utf-8")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        builder.build(small, execute=True)
    assert not builder.target(small).exists()


def test_a_notebook_too_large_is_refused(small):
    small.write_text(f"{TITLE}print(('x' * 70 + '\\n') * 16_000)\n", encoding="utf-8")
    assert "more than 1,000,000" in builder.build(small, execute=True)[0]
    assert not builder.target(small).exists()


def test_unchanged_cells_keep_their_outputs_without_running(small):
    builder.build(small, execute=True)
    small.write_text(SMALL.replace("1 / 0", "2 / 0"), encoding="utf-8")
    assert builder.build(small, execute=False) == []
    cells = nbformat.read(builder.target(small), as_version=4).cells
    assert cells[2].outputs and not cells[4].outputs
    assert builder.differences(small) == ["code cell 4 was not run"]


def test_printed_text_is_joined_but_stays_in_order(small):
    show = "from IPython.display import display"
    small.write_text(f"{TITLE}{show}\nprint(1, flush=True)\nprint(2)\ndisplay(3)\nprint(4)\n", encoding="utf-8")
    builder.build(small, execute=True)
    outputs = nbformat.read(builder.target(small), as_version=4).cells[2].outputs
    assert [output.get("text") or output.data["text/plain"] for output in outputs] == ["1\n2\n", "3", "4\n"]


def test_widget_views_give_way_to_their_twins(small):
    bundle = {builder.WIDGET_VIEW: {"model_id": "x"}, "text/html": "<b>x</b>", "text/plain": "x"}
    code = f"from IPython.display import display\ndisplay({bundle}, raw=True)\n"
    small.write_text(f"{TITLE}{code}", encoding="utf-8")
    assert builder.build(small, execute=True) == []
    output = nbformat.read(builder.target(small), as_version=4).cells[2].outputs[0]
    assert set(output.data) == {"text/html", "text/plain"}


def test_a_notebook_that_takes_too_much_memory_is_refused(small, monkeypatch, capsys):
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say how much memory a process had")
    small.write_text(f"{TITLE}x = b'1' * 300_000_000\nx = None\nprint(1)", encoding="utf-8")
    assert builder.build(small, execute=True) == []
    peak = float(re.search(r"at most ([\d.]+) GB", capsys.readouterr().out)[1])
    assert 0.3 < peak < 0.6, "the bytes are gone at the end, but the peak is kept"
    monkeypatch.setattr(builder, "MEMORY", 3e8)
    assert builder.build(small, execute=True) == [f"its kernel took {peak:.2f} GB, more than 0"]


# ---- the course's address


@pytest.fixture
def own_cell(small, tmp_path, monkeypatch):
    """colab.py as a copy, so that its address can change."""
    monkeypatch.setattr(builder, "COLAB", Path(shutil.copy(builder.COLAB, tmp_path)))
    builder.set_address("", "main")


def by_command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["build.py", *arguments])
    return builder.main()


def test_an_address_reaches_every_notebook_without_running_it(small, own_cell, monkeypatch):
    assignment = small.parent / "assignments" / "A1_small.py"
    for folder in (assignment.parent, builder.NOTEBOOKS / "assignments"):
        folder.mkdir()
    assignment.write_text(SMALL, encoding="utf-8")
    for source in (small, assignment):
        builder.build(source, execute=True)
    before = builder.target(small).read_bytes()
    assert b"colab-badge" not in before and b'ADDRESS, BRANCH = \\"\\", \\"main\\"' in before
    monkeypatch.setattr(builder, "run", None)
    assert by_command(monkeypatch, "--address", "https://github.com/a-course/mtp_edu.git/", "--branch", "2027") == 0
    for source, path in ((small, "99_small"), (assignment, "assignments/A1_small")):
        cells = nbformat.read(builder.target(source), as_version=4).cells
        there = f"https://colab.research.google.com/github/a-course/mtp_edu/blob/2027/notebooks/{path}.ipynb"
        assert cells[0].source.startswith("# A title\n\n[![Open in Colab](")
        assert cells[0].source.endswith(f"]({there})")
        assert 'ADDRESS, BRANCH = "https://github.com/a-course/mtp_edu.git", "2027"' in cells[1].source
        assert builder.differences(source) == [] and cells[2].outputs
    assert by_command(monkeypatch, "--address", "https://git.example.org/course") == 0  # Colab opens GitHub's only
    assert builder.badge("x") == "" and builder.address() == ("https://git.example.org/course", "main")
    assert by_command(monkeypatch, "--address", "") == 0 and builder.target(small).read_bytes() == before


REFUSED = [["git@github.com:a/b"], ['https://x/"; boom'], ["", "--branch", "a b"], ["", "99"]]


@pytest.mark.parametrize("arguments", REFUSED)
def test_addresses_that_are_refused(arguments, small, own_cell, monkeypatch):
    before = builder.COLAB.read_bytes()
    with pytest.raises(SystemExit):
        by_command(monkeypatch, "--address", *arguments)
    assert builder.COLAB.read_bytes() == before


def test_the_first_code_cell_is_the_same_everywhere():
    (cell,) = {nbformat.read(builder.target(source), as_version=4).cells[1].source for source in SOURCES}
    assert cell == builder.COLAB.read_text(encoding="utf-8").rstrip()
    assert not [source for source in SOURCES if "google.colab" in source.read_text(encoding="utf-8")]
