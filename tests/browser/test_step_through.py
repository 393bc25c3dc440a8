"""The phases of a decoding step under a learner's hand: by button, by keyboard, by the player; greedy and sampled."""

import re

import pytest
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser

CELL = """
import mtp_edu as mtp
from mtp_edu import views

model, tok = mtp.load_pretrained("stories-nano", device="cpu")
views.StepThrough(model, tok, "Once upon a time", max_new_tokens=16)
"""


def test_a_step_is_walked_through_phase_by_phase(open_notebook, lab, expect):
    add_notebook(lab, "step_through.ipynb", CELL)
    with open_notebook("step_through.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel")
        output = panel.locator(".mtp-output")
        says, phases = output.locator(".mtp-says"), panel.locator(".mtp-phase button")
        expect(output).to_contain_text("step 1 of")
        expect(says).to_contain_text("One forward reads")
        committed = output.locator("tr", has=notebook.page.locator("th", has_text="committed")).locator(".mtp-chip")
        expect(committed).to_have_count(0)
        panel.locator("button.mtp-phase-forth").click()
        expect(says).to_contain_text("what head 1 itself would write")
        phases.nth(2).focus()
        phases.nth(2).press("Enter")
        expect(says).to_contain_text("To the text go")
        expect(committed).not_to_have_count(0)
        assert notebook.can_be_seen(committed.first)
        panel.locator("button.mtp-phase-forth").focus()
        notebook.page.keyboard.press("Space")
        expect(says).to_contain_text("Keys and values")
        assert notebook.can_be_seen(output.locator(".mtp-entry.mtp-kept").first)
        panel.locator(".mtp-play button").first.click()
        expect(output).to_contain_text("step 2 of")
        panel.locator(".mtp-play button").first.click()  # pause
        handle = panel.locator(".mtp-slider-step .noUi-handle")
        handle.focus()
        handle.press("End")
        expect(output.locator(".mtp-title").last).to_have_text(re.compile(r"step (\d+) of \1\b"))
        panel.locator("button.mtp-forth").click()
        expect(output).to_contain_text("the text ends here")
        assert notebook.page_errors == []


def test_a_sampled_step_shows_the_numbers_that_decided(open_notebook, lab, expect):
    add_notebook(lab, "step_through.ipynb", CELL)
    with open_notebook("step_through.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel")
        output, again = panel.locator(".mtp-output"), panel.locator("button.mtp-again")
        expect(again).to_be_disabled()
        panel.locator(".mtp-way select").select_option("sampled, lossless")
        expect(again).to_be_enabled()
        expect(output).to_contain_text("q(x), drawn with")
        panel.locator(".mtp-phase button").nth(1).click()
        expect(output.locator(".mtp-says")).to_contain_text("u < p/q")
        row = output.locator("tr", has=notebook.page.locator("th", has_text="p/q"))
        expect(row).to_contain_text(re.compile(r"\d\.\d\d"))
        flow = output.locator(".mtp-flow")
        before = flow.inner_text()
        again.click()
        expect(flow).not_to_have_text(before)
        panel.locator(".mtp-way select").select_option("sampled, typical")
        expect(output).to_contain_text("asked of p(x)")
        panel.locator(".mtp-prompt textarea").fill("")
        panel.locator("button.mtp-run").click()
        expect(output.locator(".mtp-error")).to_contain_text("The prompt is empty")
        expect(panel.locator("button.mtp-run")).to_be_enabled()
        assert notebook.page_errors == []
