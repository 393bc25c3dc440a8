"""The head explorer under a learner's hand: point, Tab, switch the view, turn pages, type another script."""

import pytest
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser

SETUP = """import mtp_edu as mtp
from mtp_edu import views
model, tok = mtp.load_pretrained("python-4")
code = "def read(self, size): return self.file.read(size)  # and so on, and on, and on\\n" """
PANEL = (
    "views.HeadExplorer(model, tok, code * 16, compare=('python-1', *mtp.load_pretrained('python-1')), name='python-4')"
)
INJECTION = "<img src=x onerror=\"document.title = 'run'\">"  # would run wherever it became an element


@pytest.fixture
def explorer(lab):
    """A notebook with two models side by side, on a text of more than one page."""
    add_notebook(lab, "explorer.ipynb", SETUP, PANEL)
    return "explorer.ipynb"


def test_a_learner_explores_two_models(open_notebook, explorer, expect):
    with open_notebook(explorer) as notebook:
        notebook.run_all()
        output = notebook.find(".mtp-panel .mtp-output")
        tokens, tips = output.locator(".mtp-token"), output.locator(".mtp-tip")
        expect(tips.nth(9)).to_be_hidden()
        tokens.nth(9).scroll_into_view_if_needed()
        tokens.nth(9).hover()
        expect(tips.nth(9)).to_be_visible()
        assert notebook.can_be_seen(tips.nth(9))
        expect(tips.nth(9)).to_contain_text("python-1")
        expect(tips.nth(9)).to_contain_text("%")
        output.locator(".mtp-gutter").hover(force=True, position={"x": 2, "y": 2})
        expect(tips.nth(9)).to_be_hidden()
        tokens.nth(9).focus()  # the same without a mouse, and on with Tab
        expect(tips.nth(9)).to_be_visible()
        tokens.nth(9).press("Tab")
        expect(tips.nth(10)).to_be_visible()
        expect(tips.nth(9)).to_be_hidden()
        tokens.last.focus()
        expect(tips.last).to_be_visible()
        assert notebook.can_be_seen(tips.last)  # the end of the text leaves room for it

        surprise = notebook.find(".mtp-view button").nth(1)
        surprise.focus()
        surprise.press("Enter")
        expect(output.locator(".mtp-columns.mtp-surprise")).to_be_visible()
        expect(output.locator(".mtp-wrong")).to_have_count(0)

        expect(output).to_contain_text("Page 1 of")
        handle = notebook.find(".mtp-slider-page .noUi-handle")
        handle.focus()
        handle.press("ArrowRight")
        expect(output).to_contain_text("Page 2 of")
        expect(output.locator(".mtp-columns.mtp-surprise")).to_be_visible()  # the view stays

        notebook.find(".mtp-text textarea").fill("Όλοι οι άνθρωποι <b>του ειδέναι</b>")
        notebook.find("button.mtp-show").click()
        expect(output.locator(".mtp-notice").first).to_contain_text("This script is new to python-4")
        expect(notebook.find(".mtp-slider-page")).to_be_hidden()
        assert notebook.page_errors == []


def test_a_name_that_is_html_stays_text(open_notebook, lab, expect):
    """A model's name reaches the page whole, unlike a text, which is cut into tokens."""
    panel = PANEL.replace("name='python-4'", f"name={INJECTION!r}")
    add_notebook(lab, "named.ipynb", SETUP, panel)
    with open_notebook("named.ipynb") as notebook:
        notebook.run_all()
        output = notebook.find(".mtp-panel .mtp-output")
        expect(output.locator(".mtp-legend").first).to_contain_text(INJECTION)
        expect(output.locator("img")).to_have_count(0)
        assert notebook.page.title() != "run" and notebook.page_errors == []


def test_the_columns_wrap_where_the_page_is_narrow(open_notebook, explorer, expect):
    with open_notebook(explorer) as notebook:
        notebook.run_all()
        columns = notebook.find(".mtp-columns")
        wide = columns.bounding_box()
        notebook.page.set_viewport_size({"width": 760, "height": 900})
        expect(columns).not_to_have_css("width", f"{wide['width']:g}px")
        inside = columns.evaluate("""box => {
            const edge = box.getBoundingClientRect().right + 1;
            return [...box.querySelectorAll('.mtp-col')].every(col => col.getBoundingClientRect().right <= edge);
        }""")
        assert inside and columns.bounding_box()["height"] > wide["height"]
        # every line's marks stand beside its own heads: the gutter's blocks are as high as the lines
        heights = columns.evaluate("""box => [box.querySelector('.mtp-gutter > div').offsetHeight,
            box.querySelectorAll('.mtp-col')[0].offsetHeight +
            parseFloat(getComputedStyle(box.querySelectorAll('.mtp-col')[0]).marginBottom)]""")
        assert heights[0] == heights[1]
