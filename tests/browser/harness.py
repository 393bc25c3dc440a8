"""JupyterLab in a real browser, for tests: start it on a copy of the notebooks, open one, run it, look at it.

What makes this reliable, learnt the hard way:
- Commands go through JupyterLab's own application object; menus and toolbars change between versions.
- A page that looks idle may have no kernel connection yet, and then drops "run all cells" without a word. So a notebook
  counts as open only when its kernel has answered a request for its name and version.
- Whether a run is over is read from the cells: all have a number and the kernel is idle. Saved numbers would look the
  same, so outputs are cleared first; and every wait has an end.
- Only the picture decides what can be seen: `is_visible` is true for an element that its parent clips away.
"""

import contextlib
import json
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "browser"  # screenshots: what was seen, and what was there when a test failed
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-sync", "--disable-background-networking",
         "--disable-component-update"]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# all cells stand in the page, nothing pops up over them, and the file on disk stays as it is
QUIET = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
KERNEL_ANSWERS = """async ms => {
  const answer = async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await Promise.all([panel.context.ready, panel.sessionContext.ready]);
    return (await panel.sessionContext.session.kernel.info).language_info.name;
  };
  return Promise.race([answer(), new Promise(resolve => setTimeout(resolve, ms, `nothing for ${ms} ms`))]);
}"""
CLEAR = "async () => { await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); }"
# not awaited: the promise may end before the last cell does
START = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells').catch(() => {}); }"
STATE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = panel.context.model.toJSON().cells.filter(c => c.cell_type === 'code' && c.source.length);
  return {
    busy: panel.sessionContext.session.kernel.status !== 'idle',
    waiting: cells.filter(c => c.execution_count === null).length,
    errors: cells.flatMap(c => c.outputs.filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue)),
  };
}"""
THEME = """async name => {
  await window.jupyterapp.commands.execute('apputils:change-theme', {theme: name});
}"""
DARK = "() => document.body.dataset.jpThemeLight === 'false'"
WHOLE = """() => {
  const notebook = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer');
  notebook.scrollTop = 0;
  return notebook.scrollHeight + window.innerHeight - notebook.clientHeight;
}"""
SHUT_DOWN = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
ON_TOP = """element => {
  const box = element.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.width > 0 && box.height > 0 && (element === top || element.contains(top));
}"""
# Text of HTML figures that stands out too little from what is behind it, as WCAG 2 computes it: one line per pair of
# colours.  What is hidden is left out, and what stands on a pattern, of which nothing can be said so.
LOW_CONTRAST = """least => {
  for (const animation of document.getAnimations()) {
    try { animation.finish(); } catch { /* it has no end */ }  // what is still fading in would look pale
  }
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    const found = colour.match(/^rgba?\\(([^)]+)\\)$/);
    if (found) { const n = found[1].split(/[ ,/]+/).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; }
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const n = canvas.getImageData(0, 0, 1, 1).data;
    return [n[0], n[1], n[2], n[3] / 255];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * under[i]).concat(1);
  const ground = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const look = getComputedStyle(e);
      if (look.backgroundImage !== 'none') return null;
      const colour = rgba(look.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = colour => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const c = colour[i] / 255;
    return sum + weight * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  }, 0);
  const seen = new Map();
  for (const figure of document.querySelectorAll('.mtp-fig')) {
    const walker = document.createTreeWalker(figure, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || ['STYLE', 'TITLE', 'DESC'].includes(element.tagName.toUpperCase())) continue;
      if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
      const look = getComputedStyle(element), behind = ground(element);
      if (!behind) continue;
      const ink = rgba(element.closest('svg') ? look.fill : look.color);
      let share = ink[3];
      for (let e = element; e && e !== figure.parentElement; e = e.parentElement) share *= getComputedStyle(e).opacity;
      const [a, b] = [over([...ink.slice(0, 3), share], behind), behind].map(light);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < least) {
        const pair = `${look.color} on ${behind.slice(0, 3).map(Math.round)}`;
        if (!seen.has(pair)) seen.set(pair, `${ratio.toFixed(2)}: ${pair}: ${node.data.trim().slice(0, 40)}`);
      }
    }
  }
  return [...seen.values()];
}"""
# pictures that did not load or show nothing, and figures that stick out of the page or have no size
BROKEN = """() => {
  const found = [], panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)') ?? document;
  const page = document.documentElement.clientWidth;
  panel.querySelectorAll('.jp-OutputArea-output img').forEach((image, i) => {
    if (!image.complete || !image.naturalWidth) found.push(`picture ${i} did not load`);
  });
  panel.querySelectorAll('.jp-OutputArea-output .mtp-fig').forEach((figure, i) => {
    const box = figure.getBoundingClientRect();
    if (!figure.checkVisibility()) return;  // in a tab or a folded answer
    if (box.width < 20 || box.height < 5) found.push(`figure ${i} has no size`);
    if (box.right > page + 1) found.push(`figure ${i} sticks out by ${Math.round(box.right - page)} px`);
    if (!figure.innerText.trim() && !figure.querySelector('svg, img')) found.push(`figure ${i} is empty`);
  });
  panel.querySelectorAll('.mtp-fig .mtp-tip').forEach((tip, i) => {
    if (tip.checkVisibility()) found.push(`tip ${i} is open although nothing points at it`);
  });
  return found;
}"""


def find_chromium() -> str | None:
    """The system's Chromium or Chrome; $MTP_EDU_CHROMIUM names another."""
    chosen = os.environ.get("MTP_EDU_CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


class Lab:
    """A JupyterLab server on a folder, with settings and kernels of its own."""

    def __init__(self, folder: Path, dark: bool = False, fast: bool = True):
        self.folder, self.token = folder, secrets.token_hex(16)
        self.home = Path(tempfile.mkdtemp(prefix="mtp-edu-lab-"))
        theme = {"@jupyterlab/apputils-extension/themes": {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}}
        for name, settings in {**QUIET, **theme}.items():
            file = self.home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = self.home / "lab.log"
        places = {"CONFIG_DIR": "config", "RUNTIME_DIR": "runtime", "DATA_DIR": "data"}
        self.environment = os.environ | {f"JUPYTER_{key}": str(self.home / name) for key, name in places.items()} | {
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "MTP_EDU_FAST": "1" if fast else "0",
        }

    def __enter__(self) -> "Lab":
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                   f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
                   f"--ServerApp.root_dir={self.folder}", "--LabApp.expose_app_in_browser=True",
                   "--LabApp.extension_manager=readonly"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment,
                                            start_new_session=True)
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_up(self, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(self.url("api/status"), timeout=2):
                    return
            except OSError as error:
                if time.monotonic() > end or self.process.poll() is not None:
                    tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise RuntimeError(f"JupyterLab did not start: {tail}") from error
                time.sleep(0.1)

    def __exit__(self, *_) -> None:
        for stop in (signal.SIGINT, signal.SIGTERM):  # the first is answered with a question, the second is not
            self.process.send_signal(stop)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"


class OpenNotebook:
    """A notebook open in a page; `page` is Playwright's."""

    def __init__(self, page):
        self.page = page
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def run_all(self, seconds: float = 240) -> None:
        """Clear the outputs and run every cell; AssertionError for a cell that fails or a run that does not end."""
        self.page.evaluate(CLEAR)
        self.page.evaluate(START)
        end = time.monotonic() + seconds
        while True:
            state = self.page.evaluate(STATE)
            assert not state["errors"], state["errors"]
            if not state["waiting"] and not state["busy"]:
                return
            assert time.monotonic() < end, f"after {seconds} s: {state}"
            time.sleep(0.1)

    def text(self) -> str:
        """All that the page shows below the cells."""
        return "\n".join(self.find(".jp-OutputArea-output").all_inner_texts())

    def set_theme(self, dark: bool) -> None:
        self.page.evaluate(THEME, "JupyterLab Dark" if dark else "JupyterLab Light")
        self.page.wait_for_function(f"({DARK})() === {str(dark).lower()}")

    def low_contrast(self, least: float = 4.5) -> list[str]:
        """Visible text of figures with less contrast than `least` to 1, in the theme as it is; no drawn pictures."""
        return self.page.evaluate(LOW_CONTRAST, least)

    def broken(self) -> list[str]:
        """Pictures that did not load, figures without size or off the page, tips that are open by themselves."""
        return self.page.evaluate(BROKEN)

    def faults(self, seconds: float = 20) -> list[str]:
        """What is broken or pale once the page has settled; empty as soon as nothing is."""
        end = time.monotonic() + seconds
        while (found := self.broken() + self.low_contrast()) and time.monotonic() < end:
            time.sleep(0.2)
        return found

    def shows(self, check: Callable[[str], None], seconds: float = 30) -> None:
        """Wait until `check` accepts what the page says; widgets may come a while after the kernel is idle."""
        end = time.monotonic() + seconds
        while True:
            try:
                return check(self.text())
            except AssertionError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.2)

    def screenshot(self, name: str) -> Path:
        """A picture of the whole notebook, or of its first 16,000 pixels, as build/browser/NAME.png."""
        before = self.page.viewport_size
        path = PICTURES / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": before["width"], "height": min(16_000, self.page.evaluate(WHOLE))})
        self.page.screenshot(path=path)
        self.page.set_viewport_size(before)
        return path

    def picture(self, locator, name: str) -> Path:
        """A picture of one element, or of its first 16,000 pixels, as build/browser/NAME.png."""
        before = self.page.viewport_size
        path = PICTURES / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        height = min(16_000, math.ceil(locator.bounding_box()["height"]) + before["height"])
        self.page.set_viewport_size({"width": before["width"], "height": height})
        locator.screenshot(path=path)
        self.page.set_viewport_size(before)
        return path

    def find(self, selector: str):
        return self.page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) {selector}")

    def can_be_seen(self, locator, seconds: float = 10) -> bool:
        """True as soon as nothing hides or clips the middle of an element: a new theme, or a figure that grows while
        it is looked at, may move it away for a moment."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            locator.scroll_into_view_if_needed()
            if locator.evaluate(ON_TOP):
                return True
            time.sleep(0.1)
        return False


@contextlib.contextmanager
def open_notebook(
    browser, lab: Lab, name: str, screenshots: Path | None = None, **options
) -> Iterator[OpenNotebook]:
    """A notebook in a fresh browser context, its kernel answering. On failure a screenshot is left in `screenshots`.

    options: of the context, such as reduced_motion="reduce".
    """
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, **options)
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        notebook = OpenNotebook(page)
        try:
            page.goto(lab.url(f"lab/workspaces/w{secrets.token_hex(4)}/tree/{name}") + "&reset")
            notebook.find(".jp-Notebook").wait_for()
            assert page.evaluate(KERNEL_ANSWERS, 90_000) == "python"
            yield notebook
        except BaseException:
            if screenshots is not None:
                page.screenshot(path=screenshots / f"failed-{Path(name).stem}-{secrets.token_hex(3)}.png")
            raise
        with contextlib.suppress(Exception):  # the server ends the kernel anyway
            page.evaluate(SHUT_DOWN)
    finally:
        context.close()
