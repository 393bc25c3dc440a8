"""The decoding race under a hand: pause, speed and replay by keyboard, another rival, no motion, no kernel."""

import re

import pytest

pytestmark = pytest.mark.browser


def test_the_race_is_paused_replayed_and_run_against_another_rival(open_notebook, expect):
    with open_notebook("00_start_here.ipynb") as notebook:
        notebook.run_all()
        race = notebook.find(".mtp-panel .mtp-race")
        last, bar = race.locator(".mtp-step").last, race.locator(".mtp-bar").last
        pause = race.locator("input.mtp-pause")
        pause.focus()
        pause.press("Space")
        expect(last).to_have_css("animation-play-state", "paused")
        expect(bar).to_have_css("animation-play-state", "paused")
        expect(race.locator(".mtp-key").first).to_have_css("font-weight", "700")  # and it looks pressed
        pause.press("Space")
        expect(last).to_have_css("animation-play-state", "running")
        expect(last).to_have_css("animation-name", "mtp-run")
        same = race.locator("input.mtp-same")
        same.focus()
        same.press("ArrowRight")
        expect(race.locator("input.mtp-fast")).to_be_checked()
        expect(last).to_have_css("animation-name", "mtp-run-fast")
        again = race.locator("input.mtp-again")
        again.focus()
        again.press("Space")
        expect(last).to_have_css("animation-name", "mtp-run-fast-again")
        expect(last).to_have_css("opacity", "1")  # it comes to its end
        assert notebook.can_be_seen(race.locator(".mtp-key").first)

        notebook.find(".mtp-rival select").select_option("self-speculative, sampled")
        expect(notebook.find(".mtp-slider-temperature")).to_be_visible()
        notebook.find("button.mtp-run").click()
        expect(race.locator(".mtp-verdict")).to_contain_text("drawn from the same distribution")
        expect(race.locator(".mtp-verdict")).to_contain_text(re.compile(r"tokens per forward, [\d.]+ times as fast"))
        notebook.find(".mtp-rival select").select_option("tree")
        expect(notebook.find(".mtp-slider-temperature")).to_be_hidden()
        notebook.find("button.mtp-run").click()
        expect(race.locator(".mtp-verdict")).to_contain_text("Both wrote the same text.")
        assert notebook.page_errors == []


def test_a_saved_race_replays_without_a_kernel_and_stands_still_on_request(browser, expect):
    import mtp_edu as mtp
    from mtp_edu import views

    model, tok = mtp.load_pretrained("stories-nano")
    runs = [mtp.generate(model, tok.encode("Once"), 8, method=way) for way in ("autoregressive", "self-speculative")]
    page = browser.new_context(java_script_enabled=False).new_page()
    try:
        page.set_content(views.race(*runs, tok.token_text, speed=None).html)
        last, slow = page.locator(".mtp-step").last, page.locator("input.mtp-slow")
        expect(last).to_have_css("animation-name", "mtp-run")
        slow.focus()
        slow.press("Space")
        expect(last).to_have_css("animation-name", "mtp-run-slow")
        page.emulate_media(reduced_motion="reduce")
        expect(last).to_have_css("animation-name", "none")
        expect(last).to_have_css("opacity", "1")
        expect(page.locator(".mtp-keys")).to_be_hidden()  # there is nothing to steer
    finally:
        page.context.close()
