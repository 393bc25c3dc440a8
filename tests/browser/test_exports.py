"""The saved notebooks for readers without a kernel: exported to HTML, opened with no network at all."""

import harness
import nbconvert
import nbformat
import pytest

pytestmark = pytest.mark.browser
NAMES = sorted(path.name for path in (harness.ROOT / "notebooks").glob("*.ipynb"))
# a picture per output that holds one, so that none is lost on the way
PICTURES = "() => [...document.querySelectorAll('.jp-OutputArea-output img')].map(image => image.naturalWidth)"
FIGURES = "() => [...document.querySelectorAll('.mtp-fig')].filter(e => e.getBoundingClientRect().height > 5).length"


@pytest.mark.parametrize("name", NAMES)
def test_an_export_shows_every_picture_offline(name, browser, tmp_path):
    notebook = nbformat.read(harness.ROOT / "notebooks" / name, as_version=4)
    page_file = tmp_path / "page.html"
    page_file.write_text(nbconvert.HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, offline=True)
    try:
        page = context.new_page()
        page.goto(page_file.as_uri(), wait_until="load")
        widths = page.evaluate(PICTURES)
        assert len(widths) >= sum("image/png" in data for data in shown) > 0 and min(widths) > 100, widths
        figures = sum("mtp-fig" in data.get("text/html", "") and "image/png" not in data for data in shown)
        assert page.evaluate(FIGURES) >= figures
        assert page.evaluate(harness.BROKEN) == []
        assert page.evaluate(harness.LOW_CONTRAST, 4.5) == []
        page.screenshot(path=harness.PICTURES / f"{name[:2]}-export.png", full_page=True)
    finally:
        context.close()
