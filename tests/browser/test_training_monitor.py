"""A training run under the learner's hand: watched, stopped by mouse, by keyboard and by Interrupt, and resumed."""

import re

import pytest
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser

SET_UP = """
import tempfile
import mtp_edu as mtp
from mtp_edu import views

cfg = mtp.ModelConfig(vocab_size=257, dim=32, n_layers=5, n_attention_heads=2, max_seq_len=64, n_future=4)
tok = mtp.ByteTokenizer()
data = mtp.corpus.windows(mtp.corpus.stories(50), tok, length=32, n_future=4)
config = mtp.TrainConfig(steps=100_000, batch_size=2, validate_every=20, validation_windows=4, checkpoint_every=0)
folder = tempfile.mkdtemp() + "/run"
"""
TRAIN = """
model = mtp.MultiTokenModel(cfg)
events = mtp.train(model, data, config, validation=data, folder=folder, tokenizer=tok, resume=True, quiet=True)


def sample():
    return "It was <b>" + tok.decode(mtp.generate(model, tok.encode("It was"), 8).tokens)


watch = views.TrainingMonitor(events, title="to be stopped", sample=sample, sample_every=20)
for event in watch:
    pass
"""
AFTER = """
print("kept", len(watch.history), "events, first step", watch.history[0].step, "interrupted", watch.interrupted)
"""
RUN_ONE = """i => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = i;
  window.jupyterapp.commands.execute('notebook:run-cell').catch(() => {});
}"""
INTERRUPT = "() => { window.jupyterapp.commands.execute('notebook:interrupt-kernel'); }"


@pytest.fixture
def training(lab):
    """A notebook whose run would take an hour."""
    add_notebook(lab, "training.ipynb", SET_UP, TRAIN, AFTER)
    return "training.ipynb"


def click(notebook) -> None:
    notebook.find("button.mtp-stop").click()


RING = """e => {
  const look = getComputedStyle(e);
  return document.activeElement === e && look.outlineStyle + parseFloat(look.outlineWidth);
}"""


def press(notebook) -> None:
    button = notebook.find("button.mtp-stop")
    button.focus()
    for key in ("Shift+Tab", "Tab"):  # there by keyboard, so that the page rings it
        notebook.page.keyboard.press(key)
    assert button.evaluate(RING) == "solid2"
    notebook.page.keyboard.press("Enter")


def interrupt(notebook) -> None:
    notebook.page.evaluate(INTERRUPT)


def test_a_run_is_watched_stopped_and_gone_on_with(open_notebook, training, expect):
    with open_notebook(training, reduced_motion="reduce") as notebook:
        step = 0
        for how in (click, press, interrupt):
            for cell in (0, 1) if how is click else (1,):
                notebook.page.evaluate(RUN_ONE, cell)
            live = notebook.find(".mtp-monitor")
            expect(live).to_contain_text("held-out text: head 1", timeout=60_000)
            assert live.locator("polyline").count() == 4 and live.locator("path").count() == 4
            expect(live.locator(".mtp-note").first).to_contain_text(
                re.compile(r"step \d+ of 100000, [\d,]+ tokens per second, \d+ min \d\d s left")
            )
            first = live.locator(".mtp-note").first.inner_text()
            expect(live.locator(".mtp-note").first).not_to_have_text(first)  # it lives
            expect(live.locator(".mtp-writes")).to_contain_text("It was <b>")
            if how is click:
                for dark in (True, False):
                    notebook.set_theme(dark)
                    assert notebook.can_be_seen(notebook.find("button.mtp-stop"))
                    assert notebook.faults() == []
                    notebook.screenshot("training-" + ("dark" if dark else "light"))
            how(notebook)
            expect(live).to_have_count(0)  # the lasting picture has taken its place
            picture = notebook.find(".jp-OutputArea-output img")
            expect(picture).to_have_count(1)
            assert picture.evaluate("image => image.naturalWidth") > 600 and notebook.can_be_seen(picture)
            expect(notebook.find("button.mtp-stop")).to_have_count(0)
            notebook.page.evaluate(RUN_ONE, 2)
            told = notebook.find(".jp-Cell").nth(2).locator(".jp-OutputArea-output")
            expect(told).to_contain_text(f"first step {step + 1} interrupted True")
            events = int(re.search(r"kept (\d+) events", told.inner_text())[1])
            assert events > 2
            step += events - 1  # the last step is told twice
            if how is click:
                notebook.screenshot("training-stopped")
        assert notebook.page_errors == []
