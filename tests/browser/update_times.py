"""How long a panel takes to answer a learner, on texts of about 1,000 tokens:  python tests/browser/update_times.py

From the key or click in the page to the frame that shows the new figure, kernel and connection included; no model runs.
Every time goes to data/results/panels_cpu.json.
TrainingMonitor redraws on its own, at most five times a second, and DecodingRace replays without the kernel.
"""

import statistics
import tempfile
from pathlib import Path

import harness
import six_panels
import torch
from playwright.sync_api import sync_playwright
from small_notebooks import add_notebook

from mtp_edu.bench.results import store

TIMES = 20
LONGEST = 10_000  # ms until an answer that does not come is an error
# Milliseconds until two frames after the output has changed: the first may still show the old one.
MOVE = """async (panel, [selector, key, longest]) => {
  const output = panel.querySelector('.mtp-output'), control = panel.querySelector(selector);
  const changed = new Promise((resolve, reject) => {
    const watch = new MutationObserver(() => { watch.disconnect(); resolve(); });
    watch.observe(output, {childList: true, subtree: true, characterData: true});
    setTimeout(() => reject(new Error(`${selector}: nothing changed`)), longest);
  });
  const frame = () => new Promise(requestAnimationFrame);
  const start = performance.now();
  if (key) control.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
  else control.click();
  await changed;
  await frame();
  await frame();
  return performance.now() - start;
}"""


def measure(browser, lab: harness.Lab) -> dict[str, list[float]]:
    """Panel -> milliseconds of TIMES updates, after one that is not counted; each panel in a notebook of its own."""
    times = {}
    for name, moves in six_panels.MOVES.items():
        add_notebook(lab, f"{name}.ipynb", six_panels.SETUP, six_panels.CELLS[name])
        with harness.open_notebook(browser, lab, f"{name}.ipynb") as notebook:
            notebook.run_all()
            panel = notebook.find(".mtp-panel")
            turns = [moves[turn % len(moves)] for turn in range(TIMES + 1)]
            times[name] = [panel.evaluate(MOVE, [*move, LONGEST]) for move in turns][1:]
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, harness.Lab(Path(folder)) as lab, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=harness.find_chromium(), headless=True, args=harness.FLAGS)
        times = measure(chromium, lab)
        chromium.close()
    print(f"{'milliseconds':<20}{'median':>8}{'longest':>9}")
    for name, every in times.items():
        print(f"{name:<20}{statistics.median(every):>8.0f}{max(every):>9.0f}")
    store("panels", "python tests/browser/update_times.py", torch.device("cpu"), {"milliseconds": times})


if __name__ == "__main__":
    main()
