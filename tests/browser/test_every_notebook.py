"""Every notebook as a learner meets it: as it was saved, then run from top to bottom, in the light and in the dark."""

import math
import re

import harness
import pytest

pytestmark = pytest.mark.browser
NAMES = sorted(path.name for path in (harness.ROOT / "notebooks").glob("*.ipynb"))


def numbers(pattern: str, text: str) -> list[float]:
    """What the groups of a pattern matched, all occurrences one after the other."""
    found = re.findall(pattern, text)
    assert found, f"the page does not say {pattern!r}"
    groups = [each if isinstance(each, tuple) else (each,) for each in found]
    return [float(each.replace(",", "")) for group in groups for each in group]


def quicker(text: str) -> None:
    assert max(numbers(r"([\d.]+) tokens per forward", text)) > 1


def learnt_something(text: str) -> None:
    assert all(loss < math.log(257) for loss in numbers(r"head \d, held-out: ([\d.]+) nats", text))


def counts_what_replicas_cost(text: str) -> None:
    assert numbers(r"ours, bytes +([\d,]+) parameters more", text) == [3 * 257 * 64]


def goes_through_the_trunk_once(text: str) -> None:
    assert set(numbers(r"backwards through the trunk: (\d); the same gradient: True", text)) == {1, 4}


def loses_less(text: str) -> None:
    (start,) = numbers(r"first step's head 1: ([\d.]+)", text)
    (end,) = numbers(r"training text, per head: ([\d.]+)", text)
    assert end < start


def keeps_texts_and_catches_faults(text: str) -> None:
    same, texts = numbers(r"greedy, float64 : (\d+) of (\d+) texts", text)
    assert same == texts > 0 and numbers(r"caught: (\d) of 8", text) == [8]


def knows_every_copy(text: str) -> None:
    right, names = numbers(r"second tokens of names +look_up is right at (\d+) of (\d+)", text)
    assert right == names > 0


def answers_alike(text: str) -> None:
    assert min(numbers(r"m = \d: ([\d.]+)", text)) >= 1 and "plain decoding gives the same answers: True" in text


SHOWS = {
    "00": quicker,
    "01": learnt_something,
    "02": counts_what_replicas_cost,
    "03": goes_through_the_trunk_once,
    "04": loses_less,
    "05": quicker,
    "06": keeps_texts_and_catches_faults,
    "07": knows_every_copy,
    "08": answers_alike,
    "09": quicker,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_reads_well_saved_and_run(name, open_notebook):
    found = {}
    with open_notebook(name) as notebook:

        def look(state: str) -> None:
            found[state] = notebook.faults()
            notebook.screenshot(f"{name[:2]}-{state}")

        # as cloned, so not trusted: JupyterLab takes the style sheets away
        notebook.set_theme(dark=True)
        look("saved-dark")
        notebook.set_theme(dark=False)
        look("saved")
        notebook.run_all(seconds=400)
        assert "MTP_EDU_FAST is set" in notebook.text()
        notebook.shows(SHOWS[name[:2]])
        look("light")
        notebook.set_theme(dark=True)
        look("dark")
        assert notebook.page_errors == []
    assert not any(found.values()), found
