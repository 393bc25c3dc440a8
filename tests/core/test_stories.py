"""The stories: the same everywhere, of the right length, in clean English, unlike one another; and their data card."""

import hashlib
import random
import re
from pathlib import Path

import pytest

from mtp_edu import stories

CARD = Path(__file__).parents[2] / "data" / "stories" / "README.md"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """10,000 stories of seed 0: made once, the costly part of these tests."""
    return [text for _, text in stories.generate(10_000)]


@pytest.fixture(scope="module")
def texts_without_pronouns() -> list[str]:
    return [stories.story(0, i, pronouns=False) for i in range(500)]


def test_the_first_twenty_stories_are_pinned(texts):
    joined = stories.SEPARATOR.join(texts[:20])
    assert hashlib.sha256(joined.encode("utf-8")).hexdigest() == (
        "19d275ff2c421e1829d7fab49a911532a36c6f72e711cf8f9713058ece966804"
    )


def test_a_story_depends_on_seed_and_index_only(texts):
    few, many = stories.generate(5, seed=3), stories.generate(12, seed=3)
    assert few == many[:5]
    assert few[4] == ("stories/seed-3/00004", stories.story(3, 4))
    assert [text for _, text in few] != texts[:5]
    assert stories.generate(0) == []


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="-1"):
        stories.generate(-1)


def test_length(texts):
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) >= 100
    assert max(lengths) <= 300


def test_no_two_stories_are_equal_even_without_names(texts):
    assert len({stories.mask_names(text) for text in texts}) == len(texts)


def test_random_pairs_share_few_five_grams(texts):
    """Pairs of the same plot are rare among random pairs, so 300 of these are drawn besides."""
    draw = random.Random(7)
    shares = [stories.share_of_five_grams(*draw.sample(texts, 2)) for _ in range(5000)]
    assert max(shares) <= 0.30
    assert sum(shares) / len(shares) <= 0.01

    plots = [stories.begin(0, i)[1] for i in range(3000)]
    same = [[text for text, drawn in zip(texts, plots, strict=False) if drawn is plot] for plot in stories.PLOTS]
    shares = [stories.share_of_five_grams(*draw.sample(group, 2)) for group in same for _ in range(13)]
    assert sum(shares) / len(shares) <= 0.06


def test_there_is_enough_to_learn(texts):
    found = set(re.findall(r"[\w'-]+", stories.SEPARATOR.join(texts).lower()))
    assert len(found) >= 1500
    assert len(stories.PLOTS) >= 15
    assert len(stories.CHARACTER_NAMES) == len(set(stories.CHARACTER_NAMES)) >= 200


def test_names_are_no_words(texts):
    """Names can be masked or replaced only if they never stand for anything else."""
    words = set(re.findall(r"\b[a-z]+\b", stories.SEPARATOR.join(texts)))
    assert not words & {name.lower() for name in stories.CHARACTER_NAMES}


def test_the_main_characters_come_back(texts):
    """In every story the hero is named twice or more; where the friend matters as much, the friend is, too."""
    for i, text in enumerate(texts[:2000]):
        teller, plot = stories.begin(0, i)
        teller.draw_cast(plot)
        hero, friend = (len(re.findall(rf"\b{teller.facts[key]}\b", text)) for key in "AB")
        assert hero >= 2, text
        assert friend >= 2 or plot.name not in ("newcomer", "quarrel", "race", "share", "stuck", "treasure"), text


def test_names_stand_in_place_of_pronouns(texts, texts_without_pronouns):
    """What is left of them is said of strangers and animals, which have no name."""
    pronoun, name = r"(?i)\b(he|she|him)\b", rf"\b({'|'.join(stories.CHARACTER_NAMES)})\b"

    def found(pattern, some):
        return sum(len(re.findall(pattern, text)) for text in some[:500])

    assert found(pronoun, texts) > 3000 and found(pronoun, texts_without_pronouns) < 20
    assert found(name, texts_without_pronouns) > 1.6 * found(name, texts)
    assert not any(re.search(r"\bthe (girl|boy)\b", text) for text in texts_without_pronouns)


def test_a_lost_thing_is_where_the_clue_says():
    """Not just grammar: in this plot the place of the find belongs to the clue."""
    lost = next(plot for plot in stories.PLOTS if plot.name == "lost")
    checked = 0
    for _, text in stories.generate(600, seed=5):
        for case in lost.cases:
            if f"you {case['hint']}" in text or f"I {case['hint']}" in text:
                assert case["place"] in text.lower(), text
                assert not any(other["place"] in text.lower() for other in lost.cases if other is not case), text
                checked += 1
    assert checked >= 10


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("left over from a template", r"[{}\[\]<>|^*_/]"),
        ("two spaces", r"  "),
        ("space before a mark", r"\s[,.!?;:]"),
        ("two marks", r"[,;:][,.!?;:]|[!?][,.!?]|(?<!\.)\.\.(?!\.)"),
        ("a for an", r"\b[Aa] (?!one|uni|use|eu|ewe)[aeiouAEIOU]"),
        ("an for a", r"\b[Aa]n (?![aeiouAEIOU]|hour|honest)"),
        ("no capital at the start", r"(?m)^\"?[a-z]|[.?!] \"?[a-z]|\.\" \"?[a-z]"),
        ("a word twice", r"(?i)\b(the|a|an|to|and|he|she|was|in|of|it) \1\b"),
        ("no mark at the end", r"(?m)[^.!?\"\n]$"),
    ],
)
def test_clean_english(texts, texts_without_pronouns, fault, pattern):
    for text in texts[:2500] + texts_without_pronouns:
        match = re.search(pattern, text)
        assert match is None, f"{fault}: {text[max(0, match.start() - 40) : match.end() + 20]!r}"


def test_quotes_are_balanced_in_every_paragraph(texts):
    for text in texts:
        assert all(paragraph.count('"') % 2 == 0 for paragraph in text.split("\n\n")), text


def test_text_is_ascii(texts):
    assert all(text.isascii() for text in texts)


def test_the_data_card_is_current(texts):
    card = CARD.read_text(encoding="utf-8")
    for text in texts[:10]:
        assert text in card
    assert hashlib.sha256(stories.SEPARATOR.join(texts).encode("utf-8")).hexdigest() in card
    lengths = [len(text.split()) for text in texts]
    assert f"{min(lengths)} to {max(lengths)}, mean {sum(lengths) / len(lengths):.0f}" in card
