"""What is taken over from a notebook."""

import json

import pytest

from mtp_edu.grading.submission import Submission, Unreadable


def source(*cells, name="answer"):
    return Submission.of(list(cells)).source_of(name)


def run(*cells, name="answer"):
    namespace = {}
    exec(source(*cells, name=name), namespace)
    return namespace[name]


def test_the_function_and_what_it_needs_and_nothing_else():
    cells = [
        "import os\nimport math\nfrom os import *",
        "TWO = 2\nTHREE = 3\nprint('loud')",
        "def helper(x):\n    return math.sqrt(x) * TWO",
        "os._exit(1)\nfor i in range(3):\n    print(i)",
        "def answer(x):  # a comment\n    return helper(x)\nanswer(4)",
    ]
    text = source(*cells)
    assert run(*cells)(4) == 4.0
    assert "a comment" in text and "from os import *" in text
    assert not any(word in text for word in ("THREE", "print", "_exit", "import os\n"))


@pytest.mark.parametrize("cells", [
    ["answer = lambda x: x + 1"], ["class A:\n    def __call__(self, x):\n        return x + 1\nanswer = A()"],
    ["from functools import partial\nimport operator", "answer = partial(operator.add, 1)"],
    ["def answer(x):\n    return 0", "def answer(x):\n    return x + 1"],  # the last one counts, as in a notebook
    ["try:\n    import nothing_of_this_name\nexcept ImportError:\n    ONE = 1", "def answer(x):\n    return x + ONE"],
    ["ONE, *rest = 1, 2", "def answer(x):\n    return x + ONE"],
    ["if True:\n    def one():\n        return 1", "def answer(x):\n    return x + one()"],
    ["def double(f):\n    return lambda x: f(x) + 1", "@double\ndef answer(x):\n    return x"],
    ["%matplotlib inline\n!pip list\ndef answer(x):\n    return x + 1"], ["%%time\ndef answer(x):\n    return x + 1"],
    ["a = 1; answer = lambda x: x + a; b = 2"], ["this is no Python", "def answer(x): return x + 1"],
    ["%%bash\necho answer", "def answer(x): return x + 1"],
    ["torch.full?\n!pip list\ndef answer(x):\n    !ls\n    return x + 1"],
    ["def answer(x):\n    bad = (x\n        != x)\n    return x + (5\n        % 4) if not bad else 0"],
    ["TABLE = {}", "TABLE['one'] = 1\nprint(TABLE)", "def answer(x):\n    return x + TABLE['one']"],
    ["class Box:\n    pass", "Box.one, rest = 1, 2", "def answer(x):\n    return x + Box.one"],
    ["with open('/dev/null') as file:\n    ONE = 1\ndef answer(x):\n    return x + ONE"],
])  # fmt: skip
def test_other_shapes_of_code(cells):
    assert run(*cells)(4) == 5


def test_checks_that_were_overwritten_are_not_taken_over():
    overwrites = (
        "from mtp_edu import grading\ngrading.check = print\nimport mtp_edu.grading.questions as q\nq.same = bool"
    )
    cells = [overwrites, "def answer(x):\n    return 0", "grading.check('A1.1', answer)"]
    assert source(*cells) == "def answer(x):\n    return 0"


def test_a_cell_that_binds_a_parameters_name_is_not_taken_over():
    cells = [
        "from math import sqrt\nSCALE = 2",
        "model, rows = load_something_large()",
        "def half(model):\n    rows = [sqrt(x) for x in model]\n    return [x / SCALE for x in rows]",
    ]
    source = Submission.of(cells).source_of("half")
    assert "load_something_large" not in source and "sqrt" in source and "SCALE = 2" in source


def test_a_name_that_a_nested_function_or_a_class_takes_from_the_notebook_is_taken_over():
    cells = [
        "A, B, C = 1, 2, 3",
        "D = 4",
        "class K:\n    b = B\n\n    def f(self):\n        return lambda: A + D",
        "def g(x=C):\n    return K",
    ]
    source = Submission.of(cells).source_of("g")
    assert "A, B, C = 1, 2, 3" in source and "D = 4" in source and "class K" in source


def test_a_local_name_does_not_count_as_a_definition():
    assert source("def other():\n    answer = 1\n    return [answer for answer in range(3)]") is None
    assert source("x = [answer for answer in range(3)]") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', "\0"])
def test_what_is_no_notebook_is_said_to_be_none(text, tmp_path):
    path = tmp_path / "A1.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable, match="A1.ipynb is no notebook"):
        Submission.read(path)


def test_sources_may_be_lists_of_lines_and_metadata_does_not_matter(tmp_path):
    path = tmp_path / "A1.ipynb"
    cells = [
        {"cell_type": "code", "source": ["def answer(x):\n", "    return x"]},
        {"cell_type": "markdown", "source": "answer"},
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert Submission.read(path).source_of("answer") == "def answer(x):\n    return x"
