"""Attention heads under a learner's hand: choose one, move through training, silence it, type a text."""

import pytest
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser

CELL = """
import mtp_edu as mtp
from mtp_edu import views
from mtp_edu.tasks import RepeatTask

task = RepeatTask(vocab_size=11, length=24, shortest=4, longest=8)
shape = {"vocab_size": 11, "dim": 16, "n_layers": 2, "n_attention_heads": 2, "n_future": 1, "max_seq_len": 24}
models = {step: mtp.MultiTokenModel(mtp.ModelConfig(**shape), seed=step) for step in (0, 10, 20)}
views.InductionExplorer(models, views.Alphabet("ABCDEFGH<JK"), "CADBECADBECAD", task.accuracy, at=1)
"""


def test_heads_are_chosen_silenced_and_looked_at(open_notebook, lab, expect):
    add_notebook(lab, "explorer.ipynb", CELL)
    with open_notebook("explorer.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel")
        output, heads = panel.locator(".mtp-output"), panel.locator(".mtp-grid button")
        title = output.locator(".mtp-title").first
        expect(heads).to_have_count(4)
        expect(title).to_contain_text("after 10 of 20")
        for i, name in enumerate(("L0H0", "L0H1", "L1H0", "L1H1")):
            heads.nth(i).focus()
            notebook.page.keyboard.press("Enter")
            expect(title).to_contain_text(name)
            expect(heads.nth(i)).to_contain_text("▸")
        picture = output.locator(".mtp-board img")
        assert picture.evaluate("image => image.naturalWidth") >= 13 and notebook.can_be_seen(picture)
        before = picture.get_attribute("src")
        handle = panel.locator(".mtp-slider-point .noUi-handle")
        handle.focus()
        handle.press("ArrowRight")
        expect(title).to_contain_text("after 20 of 20")
        expect(picture).not_to_have_attribute("src", before)
        looks = output.locator(".mtp-flow .mtp-looks")
        handle = panel.locator(".mtp-slider-token .noUi-handle")
        handle.focus()
        handle.press("Home")
        expect(looks).to_have_text("C1.00")  # the first token has itself alone to look at
        panel.locator("button.mtp-silence").click()
        expect(title).to_contain_text("without L1H1")
        expect(heads.nth(3)).to_contain_text("✕")
        table = output.locator(".mtp-cut")
        expect(table).to_contain_text("without 1 other, at random")
        assert notebook.can_be_seen(table.locator(".mtp-track").first)
        panel.locator("button.mtp-all").click()
        expect(table).to_have_count(0)
        panel.locator(".mtp-text textarea").fill("K<JK<JK")
        panel.locator("button.mtp-read").click()
        words = output.locator(".mtp-flow .mtp-word")
        expect(words).to_have_count(7)
        expect(words.nth(1)).to_contain_text("<")
        panel.locator(".mtp-text textarea").fill("xyz")
        panel.locator("button.mtp-read").click()
        expect(output.locator(".mtp-error")).to_contain_text("is not in the alphabet")
        assert notebook.page_errors == []
