"""Recorded memory under a learner's hand: bars that are pointed at, a cursor that moves, two runs on one scale."""

import re

import pytest
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser

CELL = """
import torch

import mtp_edu as mtp
from mtp_edu import meter, views

model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=700, dim=32, n_layers=5, n_future=3))
tokens = torch.randint(700, (2, 48))
targets = mtp.future_targets(tokens, 3)
views.MemoryTimeline({mode: meter.memory(lambda: mtp.forward_backward(model, tokens, targets, mode=mode), model)
                      for mode in ("naive", "memory-efficient")})
"""


def test_bars_are_pointed_at_and_the_cursor_moves(open_notebook, lab, expect):
    add_notebook(lab, "memory.ipynb", CELL)
    with open_notebook("memory.ipynb") as notebook:
        notebook.run_all()
        output = notebook.find(".mtp-panel .mtp-output")
        runs = output.locator(".mtp-run")
        expect(runs).to_have_count(2)
        left, right = (run.bounding_box() for run in runs.all())
        assert left["y"] == pytest.approx(right["y"], abs=1) and left["x"] + left["width"] <= right["x"], (left, right)
        bar = runs.first.locator("td.mtp-time").nth(8)
        peek = bar.locator(".mtp-peek")
        expect(peek).to_be_hidden()
        bar.hover()
        expect(peek).to_be_visible()
        assert notebook.can_be_seen(peek) and re.search(r"events [\d,]+ to [\d,]+: up to", peek.inner_text())
        notebook.page.mouse.move(0, 0)
        expect(peek).to_be_hidden()
        notes = output.locator(".mtp-note", has_text=re.compile(r"event [\d,]+ of"))
        naive, efficient = (note.inner_text() for note in notes.all())
        notebook.find("button.mtp-forth").click()
        expect(notes.last).not_to_have_text(efficient)
        expect(notes.first).to_have_text(naive)
        notebook.find("button.mtp-peak").click()
        expect(notes.last).to_have_text(efficient)
        handle = notebook.find(".mtp-slider-event .noUi-handle")
        handle.focus()
        handle.press("Home")
        expect(notes.last).to_contain_text("event 1 of")
        notebook.find(".mtp-which button").first.focus()
        notebook.page.keyboard.press("Enter")
        expect(output.locator(".mtp-title").first).to_contain_text("▸ naive")
        handle.press("Home")
        expect(notes.first).to_contain_text("event 1 of")
        notebook.find(".mtp-play button").first.click()
        expect(notes.first).not_to_contain_text("event 1 of")
        notebook.find(".mtp-play button").first.click()  # pause
        assert notebook.page_errors == []
