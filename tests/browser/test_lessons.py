"""What a learner does: open a lesson, run it, move a slider by keyboard, point at a token, press a button."""

import re

import pytest

pytestmark = pytest.mark.browser


def test_the_slider_changes_the_table(open_notebook, expect):
    with open_notebook("01_from_one_to_n_targets.ipynb") as notebook:
        notebook.run_all()
        heads = notebook.find(".mtp-panel").first.locator(".mtp-output thead th")
        expect(heads).to_have_count(4)  # t, token, head 1, head 2
        handle = notebook.find(".mtp-slider-n .noUi-handle").first
        handle.focus()
        handle.press("ArrowRight")
        expect(heads).to_have_count(5)
        assert "head 3" in heads.last.inner_text().replace("\xa0", " ")
        cell = notebook.find(".mtp-panel").first.locator(".mtp-output td.mtp-h3").first
        assert cell.inner_text() == "fox" and notebook.can_be_seen(cell)
        last = notebook.find(".jp-OutputArea-output img").last
        assert last.evaluate("image => image.naturalWidth") >= 700 and notebook.can_be_seen(last)
        assert notebook.page_errors == []


def test_pointing_at_a_token_shows_what_heads_expected(open_notebook, expect):
    with open_notebook("00_start_here.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel .mtp-heads").first
        token, tip = panel.locator(".mtp-token").nth(6), panel.locator(".mtp-tip").nth(6)
        expect(tip).to_be_hidden()
        token.scroll_into_view_if_needed()
        token.hover()
        expect(tip).to_be_visible()
        assert notebook.can_be_seen(tip) and "head 2" in tip.inner_text() and "%" in tip.inner_text()
        notebook.page.mouse.move(0, 0)
        expect(tip).to_be_hidden()
        token.focus()  # the same without a mouse
        expect(tip).to_be_visible()
        assert notebook.page_errors == []


def test_the_race_runs_again_and_says_what_is_wrong(open_notebook, expect):
    with open_notebook("00_start_here.ipynb") as notebook:
        notebook.run_all()
        lane = notebook.find(".mtp-panel .mtp-race .mtp-flow").last
        before = lane.inner_text()
        prompt = notebook.find(".mtp-prompt textarea")
        prompt.fill("A girl named Lily had a red ball")
        notebook.find("button.mtp-run").click()
        expect(lane).not_to_have_text(before)
        expect(lane).to_contain_text("red ball")
        shown = lane.locator(".mtp-step").last
        expect(shown).to_have_css("opacity", "1")  # the replay comes to its end
        assert notebook.can_be_seen(shown)
        prompt.fill("")
        notebook.find("button.mtp-run").click()
        expect(notebook.find(".mtp-panel .mtp-error")).to_contain_text("The prompt is empty")
        expect(notebook.find("button.mtp-run")).to_be_enabled()
        assert notebook.page_errors == []


def test_heads_take_layers_from_the_trunk(open_notebook, expect):
    with open_notebook("02_trunk_and_heads.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel").first
        heads = panel.locator(".mtp-box", has_text=re.compile(r"head\s\d"))
        layers = panel.locator(".mtp-box", has_text=re.compile(r"layer\s\d"))
        expect(heads).to_have_count(1)
        expect(layers).to_have_count(5)
        handle = panel.locator(".mtp-slider-n .noUi-handle")
        handle.focus()
        handle.press("ArrowRight")
        expect(heads).to_have_count(2)
        expect(layers).to_have_count(4)
        assert notebook.can_be_seen(heads.last)
        panel.locator(".mtp-kind select").select_option("linear")
        expect(layers).to_have_count(6)
        assert notebook.page_errors == []


def test_the_cursor_walks_through_the_recorded_memory(open_notebook, expect):
    with open_notebook("03_memory_efficient_backward.ipynb") as notebook:
        notebook.run_all()
        panel = notebook.find(".mtp-panel").filter(has=notebook.page.locator(".mtp-memory"))
        output = panel.locator(".mtp-output")
        words = output.locator(".mtp-note", has_text=re.compile(r"event [\d,]+ of")).last
        expect(words).to_contain_text("head 2 loss")  # where the peak lies
        panel.locator("button.mtp-forth").click()
        expect(words).to_contain_text("head 2 backward")
        handle = panel.locator(".mtp-slider-event .noUi-handle")
        before = words.inner_text()
        handle.focus()
        handle.press("ArrowLeft")
        expect(words).not_to_have_text(before)
        assert notebook.can_be_seen(output.locator(".mtp-now").last)
        logits = notebook.find(".mtp-panel").filter(has=notebook.page.locator(".mtp-vocab"))
        before = logits.locator(".mtp-output").inner_text()
        handle = logits.locator(".mtp-slider-n .noUi-handle")
        handle.focus()
        handle.press("ArrowRight")
        expect(logits.locator(".mtp-output")).not_to_have_text(before)
        assert notebook.page_errors == []


def test_a_saved_lesson_reads_well_before_it_is_trusted(open_notebook, expect):
    """Not run and not trusted: JupyterLab drops style sheets, and what was hidden by them must not spill."""
    with open_notebook("00_start_here.ipynb") as notebook:
        tips = notebook.find(".mtp-tip")
        assert tips.count() > 10
        for i in (0, 5, tips.count() - 1):
            expect(tips.nth(i)).to_be_hidden()
        right = notebook.find(".mtp-right").first
        assert right.evaluate("cell => getComputedStyle(cell).backgroundColor") != "rgba(0, 0, 0, 0)"
        assert notebook.can_be_seen(right)
