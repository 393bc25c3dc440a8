"""The six panels on texts of about 1,000 tokens, in the light and in the dark: nothing broken, everything legible."""

import pytest
import six_panels
from small_notebooks import add_notebook

pytestmark = pytest.mark.browser


def test_the_six_panels_hold_long_texts_in_both_themes(open_notebook, lab, expect):
    add_notebook(lab, "six_panels.ipynb", six_panels.SETUP, *six_panels.CELLS.values())
    found = {}
    with open_notebook("six_panels.ipynb") as notebook:
        notebook.run_all()
        expect(notebook.find(".mtp-panel .mtp-fig")).to_have_count(len(six_panels.CELLS) - 1)  # one leaves a picture
        expect(notebook.find(".mtp-error")).to_have_count(0)
        for theme in ("light", "dark"):
            notebook.set_theme(theme == "dark")
            for i, panel in enumerate(six_panels.CELLS, start=1):
                # the cell as a learner sees it, controls and all
                cell = notebook.find(".jp-CodeCell").nth(i).locator(".jp-Cell-outputWrapper")
                notebook.picture(cell, f"panel-{panel}-{theme}")
            found[theme] = notebook.faults()
        assert notebook.page_errors == []
    assert not any(found.values()), found
