"""One JupyterLab and one browser for all browser tests of a worker.

They run on request only (`make test-browser`, or pytest tests/browser -m browser), and then what they need has to be
there: a browser test that is skipped proves nothing.
"""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import harness


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("playwright is missing: pip install 'mtp_edu[browser]'")
    path = harness.find_chromium()
    if path is None:
        pytest.fail("no Chromium: apt-get install chromium, or name one in MTP_EDU_CHROMIUM")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, headless=True, args=harness.FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def expect(browser):
    """Playwright's assertions, which wait, on a busy machine long; `browser` first, which says what is missing."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """JupyterLab on a copy of the notebooks; `browser` first, so that nothing starts where it is missing."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in (harness.ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    with harness.Lab(folder) as server:
        yield server


@pytest.fixture
def open_notebook(browser, lab):
    """open_notebook("00_start_here.ipynb") is a context manager; a failure leaves a screenshot in build/browser."""

    def open_one(name: str, **options):
        return harness.open_notebook(browser, lab, name, screenshots=harness.PICTURES, **options)

    return open_one
