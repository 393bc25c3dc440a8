"""The references of A4 to A6 are right (against the package, which has its own proofs), and their cases hold what they
are for."""

import torch

import mtp_edu as mtp
from mtp_edu import attention_heads
from mtp_edu.decode import accept_lossless, draw
from mtp_edu.grading import a5_verify, a6_ablation, find, reference_probes
from mtp_edu.grading import reference_decoding as reference
from mtp_edu.grading.questions import Cases, _Student, same


def check_alone(question, name, fn):
    """One check of a question, on its visible case: the message it fails with, "" if it passes."""
    declared = find(question)
    try:
        declared.checks[name](_Student(fn, declared), Cases(f"visible/{question}/{name}"))
    except AssertionError as problem:
        return str(problem)
    return ""


def test_latents_with_the_right_eyes_are_the_model_s_own():
    model = reference.attentive(Cases("latents"), head_order="causal")
    tokens = Cases("latents").tokens(2, 6, vocab_size=3)
    context = model.context(tokens)
    want = model.heads(model.trunk(model.embedding(tokens), context), context, range(3))
    assert same(reference.Seen(model).heads_of(tokens), want, 1e-10)


def test_plain_texts_and_their_steps_are_those_of_the_package():
    model, (prompt,), (text,), (steps,) = reference.story(Cases("steps"))
    assert mtp.generate(model, prompt, 20, method="autoregressive").tokens == text
    out = mtp.generate(model, prompt, 20)
    assert out.tokens == text
    assert [(list(step.block), step.position) for step in out.steps] == [(step.block, step.start) for step in steps]
    assert [step.accepted for step in out.steps[:-1]] == [step.accepted for step in steps[:-1]]
    stop = text[3]
    first = text.index(stop)
    assert reference.plain(model, prompt, 20, (stop,)) == text[: first + 1]


def test_every_number_of_kept_drafts_and_a_stop_inside_a_run_occur():
    for seed in ("one", "two"):
        model, (prompt,), (text,), (steps,), token = reference.stopping_story(Cases(seed))
        assert {step.accepted for step in steps[:-1]} == {0, 1, 2}
        at = len(prompt) + text.index(token)
        assert any(step.start < at <= step.start + step.accepted for step in steps)
        assert not same(*(reference.said(model, own) for own in ([0, *prompt[1:]], [1, *prompt[1:]])))  # it attends


def test_plain_loops_of_the_rule_are_the_package_s():
    for k in (1, 2, 4):
        line = a5_verify._lines(Cases(f"rule {k}"), 60, k)
        kept, following = accept_lossless(*line)
        rows = list(zip(*(part.tolist() for part in line)))
        assert [a5_verify._verify(*row) for row in rows] == list(zip(kept.tolist(), following.tolist()))
        assert set(kept.tolist()) == set(range(k))


def test_the_enumeration_finds_what_changes_the_distribution_without_looking_at_values():
    name = "exactly the target's distribution"

    def from_p(target, source, drafts, uniform):
        kept, _ = accept_lossless(target, source, drafts, uniform)
        return kept, draw(target[torch.arange(len(kept)), kept], uniform[:, -1])

    def reused(target, source, drafts, uniform):
        return accept_lossless(target, source, drafts, torch.cat([uniform[:, :-1], uniform[:, :1]], dim=1))

    rule = accept_lossless.__code__
    right = type(accept_lossless)(rule, accept_lossless.__globals__)  # a copy, which the guard does not know
    assert check_alone("A5.5", name, right) == ""
    for wrong in (from_p, reused):
        copied = type(wrong)(wrong.__code__, {**globals(), "accept_lossless": right})
        assert "all 1944 drafts and random numbers" in check_alone("A5.5", name, copied)


def test_the_circuit_has_the_heads_that_it_says_and_either_induction_head_will_do():
    for seed in ("one", "two", "three"):
        model, known = a6_ablation.circuit(Cases(seed))
        tokens, targets = a6_ablation.repeated(Cases(seed))
        ref = reference_probes.Probed(model)
        logits = ref.head_1(tokens)
        assert same(logits, model(tokens, n_future=1)[:, :, 0], 1e-10)
        patterns = attention_heads.attention_patterns(model, tokens)
        assert same(ref.patterns, patterns, 1e-10)
        scores = torch.tensor([reference_probes.score(pattern, tokens, reference_probes.known) for pattern in patterns])
        assert sorted((scores > 0.9).nonzero().tolist()) == [list(head) for head in known["induction"]]
        assert scores[1].sort().values[1] < 0.2 and scores[0].max() < 0.2
        with attention_heads.ablated(model, [attention_heads.AttentionHead(*head) for head in known["induction"]]):
            assert same(model(tokens, n_future=1)[:, :, 0], ref.head_1(tokens, known["induction"]), 1e-10)
        accuracy = [a6_ablation._accuracy(ref.head_1(tokens, heads), targets)
                    for heads in ([], known["induction"][:1], known["induction"], known["previous"])]  # fmt: skip
        assert accuracy[0] == accuracy[1] == 1.0 and max(accuracy[2:]) < 0.5
