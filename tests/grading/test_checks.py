"""How checks behave, whatever the question: messages, errors, the guard, cases, references, and their notebooks."""

import re
import sys
import warnings

import pytest
import torch

import mtp_edu as mtp
from mtp_edu import backward, corpus, grading
from mtp_edu.grading import course, guard, questions, reference
from mtp_edu.grading.questions import Cases, expect_same, expect_tensor, same

grading.load_all()
EVERY = pytest.mark.parametrize("question", sorted(grading.QUESTIONS))


class EqualToEverything(torch.Tensor):
    def __eq__(self, other):
        return True

    __hash__ = torch.Tensor.__hash__


def equal_tensor(*_args, **_kwargs):
    return torch.zeros(3).as_subclass(EqualToEverything)


def exits(*_args, **_kwargs):
    sys.exit(0)


WRONG = [lambda *a, **k: None, lambda *a, **k: 1, lambda *a, **k: torch.zeros(2), lambda: 0, lambda *a, **k: (),
         lambda *a, **k: a[0], lambda *a, **k: float("nan"), equal_tensor, exits, None, "text"]  # fmt: skip


@EVERY
def test_whatever_is_wrong_raises_assertion_error_and_writes_nothing_to_stderr(question, capfd):
    for fn in WRONG:
        with pytest.raises(AssertionError) as caught:
            grading.check(question, fn)
        assert str(caught.value).startswith(f"{question} {grading.find(question).function}, check ")
    assert capfd.readouterr().err == ""


def test_a_right_answer_prints_one_line_to_stdout_and_its_noise_goes_nowhere(capfd):
    def noisy(tokens, n):
        warnings.warn("loud", stacklevel=1)
        print("progress 50 %", file=sys.stderr)
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        return torch.tensor(reference.targets(tokens.tolist(), n))

    torch.manual_seed(3)
    state = torch.get_rng_state()
    grading.check("A1.1", noisy)
    out, err = capfd.readouterr()
    assert out == "A1.1 future_targets: all 4 checks passed.\n" and err == ""
    assert torch.get_default_dtype() == torch.float32 and torch.equal(torch.get_rng_state(), state)


def test_an_unknown_question_is_named():
    with pytest.raises(ValueError, match=r"no question 'A9.1'; there are A1.1, A1.2"):
        grading.check("A9.1", print)


def test_an_error_of_the_student_s_is_told_with_its_line():
    namespace = {}
    exec(compile("def future_targets(tokens, n):\n    return tokens / 'x'\n", "<cell>", "exec"), namespace)
    with pytest.raises(AssertionError, match=r"raised TypeError: .*line 2 of your cell"):
        grading.check("A1.1", namespace["future_targets"])
    with pytest.raises(AssertionError, match="the signature was changed"):
        grading.check("A1.1", lambda tokens: tokens)
    with pytest.raises(AssertionError, match="argument") as caught:  # in a line of theirs, whatever was the matter
        grading.check("A1.1", lambda tokens, n: tokens.cumsum())
    assert "signature" not in str(caught.value)

    def refuses(tokens, n):
        raise ValueError("no.")

    with pytest.raises(AssertionError, match=r"raised ValueError: no( \(line \d+ of your cell: .*\))?\.$"):
        grading.check("A1.1", refuses)


def test_what_is_not_written_yet_is_named_and_torch_s_own_not_implemented_is_an_error():
    def helper():
        raise NotImplementedError("your code")

    with pytest.raises(AssertionError, match="helper is not written yet"):
        grading.check("A1.1", lambda tokens, n: helper())
    with pytest.raises(AssertionError, match="raised NotImplementedError: .*not implemented for 'Long'"):
        grading.check("A1.1", lambda tokens, n: tokens.softmax(1))


def test_hidden_cases_follow_from_the_course_s_seed(monkeypatch):
    assert questions.hidden_seeds("one") == questions.hidden_seeds("one") != questions.hidden_seeds("two")
    seen = []

    def records(tokens, n):
        seen.append(tokens.tolist())
        return torch.tensor(reference.targets(tokens.tolist(), n))

    grading.check("A1.1", records)

    def memorised(tokens, n):
        targets = torch.tensor(reference.targets(tokens.tolist(), n))
        return targets if tokens.tolist() in seen else targets.flip(1)

    grading.check("A1.1", memorised)
    monkeypatch.setenv(questions.SEED, "this year")
    with pytest.raises(AssertionError, match="on a hidden case"):
        grading.check("A1.1", memorised, hidden=True)


def test_cases_are_the_same_everywhere():
    cases = Cases("seed")
    assert cases.tokens(2, 3, vocab_size=50).tolist() == [[8, 12, 28], [1, 20, 2]]
    assert [round(x, 6) for x in cases.normal(3).tolist()] == [2.50285, 0.697423, -0.20523]


# ---- comparing


def test_nan_is_never_right_and_tolerance_is_relative():
    assert not same([float("nan")], [1.0], 1.0) and same([float("nan")], [float("nan")])
    assert same([1e6 + 1, 0.0], [1e6, 0.5], 1e-6) and not same([1e6 + 2, 0.0], [1e6, 0.5], 1e-6)
    assert not same([1, 2], [1, 2, 3])


def test_the_mistake_that_gives_the_same_values_is_named_and_one_that_is_right_is_not():
    mistakes = [("this one is right", lambda: [1, 2], ""), ("the other", lambda: [2, 1], "the order")]
    expect_same([1, 2], [1, 2], "it", mistakes)
    with pytest.raises(AssertionError, match=r"At \[0\]: expected 1, got 2(.|\n)*Likely: the other(.|\n)*the order"):
        expect_same([2, 1], [1, 2], "it", mistakes)
    with pytest.raises(AssertionError) as caught:
        expect_same([3, 1], [1, 2], "it", mistakes)
    assert "Likely" not in str(caught.value)
    with pytest.raises(AssertionError, match=r"At \[1, 0\]: expected 3, got 4"):
        expect_same([torch.tensor([1.0, 2]), torch.tensor([4.0])], [torch.tensor([1.0, 2]), torch.tensor([3.0])], "it")


@pytest.mark.parametrize(("value", "says"), [
    (None, "there is no `return`"), (torch.zeros(3, 2), "in another order"), (torch.zeros(6), "stack makes a new one"),
    (torch.zeros(2, 3, dtype=torch.int32), "torch.int32"), ([[0] * 3] * 2, "of type list"),
    (torch.nn.Parameter(torch.zeros(2, 3)), "of type Parameter"), (equal_tensor(), "of type EqualToEverything"),
])  # fmt: skip
def test_a_tensor_has_to_be_one(value, says):
    with pytest.raises(AssertionError, match=re.escape(says)):
        expect_tensor(value, (2, 3), torch.float32, "it")
    expect_tensor(torch.zeros(2, 3), (2, 3), torch.float32, "it")
    expect_tensor(torch.zeros(2, 3).double(), (2, 3), None, "it")


def test_an_argument_that_was_changed_in_place_is_named():
    student = questions._Student(lambda x, mask=None: (mask if x is None else x).zero_(), grading.find("A1.1"))
    with pytest.raises(AssertionError, match="changes its argument number 1 in place"):
        student(torch.ones(2))
    with pytest.raises(AssertionError, match="changes its argument mask in place"):
        student(None, mask=torch.ones(2))


# ---- the guard


@EVERY
def test_every_answer_of_the_package_refuses_under_any_name_and_works_again_afterwards(question):
    answers = grading.find(question).answers
    assert answers
    functions = [guard.inspect.unwrap(one.fget if isinstance(one, property) else one) for one in answers]
    before = [one.__code__ for one in functions]
    with guard.guarded(answers):
        for function in functions:
            with pytest.raises(guard.PackageAnswerUsed):
                function(1, 2, three=3)
        assert guard.calls == [code.co_name for code in before]
    assert [one.__code__ for one in functions] == before


def test_the_package_works_beside_a_check_and_a_swallowed_refusal_is_seen():
    alias = corpus.future_targets
    tokens = torch.arange(6)[None]
    with pytest.raises(AssertionError, match="that is the answer; write your own"):
        grading.check("A1.1", alias)
    assert alias(tokens, 2).shape == (1, 6, 2)

    def sly(tokens, n):
        try:
            return mtp.future_targets(tokens, n)
        except BaseException:
            return torch.tensor(reference.targets(tokens.tolist(), n))

    with pytest.raises(AssertionError, match="that is the answer; write your own"):
        grading.check("A1.1", sly)


# ---- the references are right: against the package, which has its own proofs


@pytest.mark.parametrize("shape", [
    {}, {"head_order": "causal", "replicated_unembedding": True}, {"head_order": "anticausal", "layers_per_head": 2},
    {"head_type": "linear", "tie_embeddings": True},
    {"keep_trunk_depth": True, "n_attention_heads": 4, "n_kv_heads": 2},
])  # fmt: skip
def test_the_reference_model_agrees_with_the_package(shape):
    cases = Cases("reference")
    model = cases.model(**({"n_layers": 8, "n_future": 3, "dim": 16} | shape))
    tokens = cases.tokens(2, 5, vocab_size=11)
    targets = mtp.future_targets(tokens, 3)
    ref = reference.Model(model)
    assert same(ref.logits(tokens), model(tokens), 1e-10)
    losses = ref.losses(tokens, targets)
    assert same(backward.forward_backward(model, tokens, targets), torch.stack(losses), 1e-10)
    for name, gradient in ref.gradients(sum(losses)).items():
        assert same(model.get_parameter(name).grad, gradient, 1e-8), name


# ---- questions and their notebooks


@pytest.mark.parametrize("assignment", grading.ASSIGNMENTS)
def test_a_source_says_what_its_questions_declare(assignment):
    cells = course.builder().read(course.SOURCES / f"{course.name_of(assignment)}.py").cells
    wanted = course.questions_of(assignment)
    settings = {
        cell.metadata.nbgrader.grade_id: (cell.metadata.nbgrader, cell.source)
        for cell in cells
        if "nbgrader" in cell.metadata
    }
    ids = [question.replace(".", "-") for question in wanted]
    by_hand = [name for name, (own, _) in settings.items() if own.grade and own.solution]  # open questions
    assert list(settings) == [*(name for one in ids for name in (one, f"{one}-check")), *by_hand]
    for question, name in zip(wanted, ids):
        declared = grading.find(question)
        solution, source = settings[name]
        assert solution.solution and not solution.grade and f"def {declared.function}(" in source
        assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION") == 1
        check, source = settings[f"{name}-check"]
        assert check.grade and check.locked and not check.solution and check.points == declared.points
        call = f'grading.check("{question}", {declared.function}'
        assert source == f"{call})\n### BEGIN HIDDEN TESTS\n{call}, hidden=True)\n### END HIDDEN TESTS"
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        (text,) = [text for text in texts if text.startswith(f"## {question} ")]
        assert declared.heading in text.splitlines()
        assert text.count("<details>") == 2 and "Hint 1" in text and "Hint 2" in text
        notes = [cell.source for cell in cells if cell.metadata.get("tags") == ["staff"]]
        assert any(
            note.startswith(f"**Worked solution of {question}.**") and "Usual mistakes" in note for note in notes
        )
    minutes = sum(grading.find(question).minutes for question in wanted)
    points = [grading.find(question).points for question in wanted] + [settings[name][0].points for name in by_hand]
    assert 60 <= minutes <= 180 and sum(points) == 20


@EVERY
def test_the_lines_that_a_question_promises_are_about_those_of_the_solution(question):
    declared = grading.find(question)
    source = (course.SOURCES / f"{course.name_of(question[:2])}.py").read_text(encoding="utf-8")
    after = source[source.index(f"def {declared.function}(") :]
    solution = after[after.index("### BEGIN SOLUTION") : after.index("### END SOLUTION")]
    lines = [line for line in solution.splitlines()[1:] if line.strip()]
    assert 0.6 * declared.lines <= len(lines) <= 1.4 * declared.lines, f"{len(lines)} lines"
