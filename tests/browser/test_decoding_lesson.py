"""Stepping through decoding as a learner does: by button, by keyboard, by the player, and with fewer heads."""

import pytest

pytestmark = pytest.mark.browser


def test_a_learner_steps_through_a_generation(open_notebook, expect):
    with open_notebook("05_self_speculative_decoding.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel").filter(has=notebook.page.locator(".mtp-block"))
        output = panel.locator(".mtp-output")
        expect(output).to_contain_text("step 5 of")
        expect(output.locator(".mtp-says")).to_contain_text("One forward reads")
        panel.locator("button.mtp-phase-forth").click()
        expect(output.locator("th.mtp-now").last).to_contain_text("so it is")
        panel.locator("button.mtp-forth").click()
        expect(output).to_contain_text("step 6 of")
        assert notebook.can_be_seen(output.locator(".mtp-band .mtp-chip").first)
        assert notebook.can_be_seen(output.locator(".mtp-entry.mtp-empty").last)  # the table's last column
        handle = panel.locator(".mtp-slider-step .noUi-handle")
        handle.focus()
        handle.press("Home")
        expect(output).to_contain_text("step 1 of")
        panel.locator(".mtp-play button").first.click()
        expect(output).to_contain_text("step 2 of")  # four phases
        panel.locator(".mtp-play button").first.click()  # pause
        heads = output.locator(".mtp-block .mtp-ink4")
        expect(heads).to_have_count(1)
        handle = panel.locator(".mtp-slider-heads .noUi-handle")
        handle.focus()
        handle.press("ArrowLeft")
        expect(heads).to_have_count(0)
        expect(output).to_contain_text("step 1 of")
        tree = notebook.find(".mtp-panel").filter(has=notebook.page.locator(".mtp-branches"))
        before = tree.locator(".mtp-output").inner_text()
        tree.locator("button.mtp-back").click()
        expect(tree.locator(".mtp-output")).not_to_have_text(before)
        assert tree.locator(".mtp-node").count() == 16 and notebook.can_be_seen(tree.locator(".mtp-way").first)
        assert notebook.page_errors == []
