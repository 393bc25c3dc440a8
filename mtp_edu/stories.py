"""Children's stories from a grammar of our own: small, clean English text for teaching runs.

How a story is made (`story` below does just this):

    1. Draw a plot, and one of its cases: facts that belong together (a warning, and what comes of ignoring it).
    2. Draw the cast: a hero {A}, a friend {B}, a grown-up {E}. They are children, or they are animals.
    3. Draw one or two threads: what the opening says (a pet, a red scarf, pancakes on Fridays) returns in the close.
    4. Line up the paragraphs: opening, the plot's beats, close. Each beat is one of several ways to tell it.
    5. Fill the text in. "[one|two]" is a choice, made anew each time; "{color}" is a fact, the same all story long.

The words, threads and plots stand in `data/stories/grammar.txt` as plain text. Story i of a seed depends on (seed, i)
alone; chance is `random.Random(str).random()`, whose sequence Python promises to keep: everyone gets the same stories.
`python -m mtp_edu.stories -n 3` prints three stories, `python -m mtp_edu.stories --card` the data card.
"""

import argparse
import gzip
import hashlib
import random
import re

from mtp_edu.paths import data_dir

SEPARATOR = "\n\n\n"  # between stories that are joined into one text


def generate(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """n stories as (name, text), named like "stories/seed-0/00042"; 100 to 300 words, an empty line between paragraphs.

    The first stories of a seed are the same however many are asked for. Raises ValueError if n is negative.
    """
    if n < 0:
        raise ValueError(f"n is {n}: ask for 0 stories or more")
    return [(f"stories/seed-{seed}/{i:05d}", story(seed, i)) for i in range(n)]


def story(seed: int, i: int, pronouns: bool = True) -> str:
    """Story number i of a seed; it depends on nothing else.

    pronouns=False: wherever "he", "she", "him", "her" or "the girl" would stand for a character, the name does, as in
    books for the very young. ("His", "her" for whose something is, and "himself" stay.)
    """
    teller, plot = begin(seed, i)
    teller.pronouns = pronouns
    teller.draw_cast(plot)
    opening, close = teller.draw_threads(plot)
    beats = [teller.pick(ways) for optional, ways in plot.beats if not optional or teller.random() < 0.5]
    return "\n\n".join(teller.tell(paragraph) for paragraph in [opening, *beats, close])


def begin(seed: int, i: int) -> tuple["Teller", "Plot"]:
    """The teller of story i, and the plot it has drawn."""
    teller = Teller(f"mtp_edu stories {seed} {i}")
    return teller, teller.pick(PLOTS)


class Plot:
    """A plot of the grammar: flags, cases (facts that belong together), beats (the ways to tell each)."""

    def __init__(self, text: str):
        head, *beats = text.strip().split("\n\n")
        title, *rows = head.splitlines()
        self.name, *self.flags = re.findall(r"\w+", title)
        self.cases = table(rows)
        self.beats: list[tuple[bool, list[str]]] = []  # (may it be left out?, ways to tell it)
        for beat in beats:
            for mark in "*?":
                ways = [line[2:] for line in beat.splitlines() if line.startswith(mark)]
                if ways:
                    self.beats.append((mark == "?", ways))


class Thread:
    """A thread of the grammar: the ways to open it and to close it."""

    def __init__(self, text: str):
        title, opening, close = re.split(r"\n(?:open|close): ", re.sub(r"\n +", " ", text.strip()))
        self.flags = re.findall(r"\w+", title)[1:]
        self.opening, self.close = opening.split(" | "), close.split(" | ")


def swaps(text: str) -> dict[str, list[str]]:
    """Lines "one | two": each phrase with all that may stand in its place; with a capital, too."""
    groups = [line.split(" | ") for line in text.strip().splitlines()]
    groups += [[phrase[0].upper() + phrase[1:] for phrase in group] for group in groups]
    return {phrase: group for group in groups for phrase in group}


def table(lines: list[str]) -> list[dict[str, str]]:
    """Rows "a / b / c" under a row of column names: one dict a row."""
    names, *rows = [[cell.strip() for cell in line.split(" / ")] for line in lines] or [[]]
    return [dict(zip(names, row, strict=True)) for row in rows]


def lists(text: str) -> dict[str, list[str]]:
    """Lines "name: one | two | three"; an indented line goes on with the line before it."""
    lines = re.sub(r"\n +", " ", text.strip()).splitlines()
    return {name: entries.split(" | ") for name, entries in (line.split(": ", 1) for line in lines)}


def sections(text: str) -> dict[str, str]:
    """Sections by the names in their "@@ NAME" lines; lines that begin with "#:" are remarks."""
    _, *parts = re.split(r"^@@ (.+)\n", re.sub(r"^#:.*\n", "", text, flags=re.M), flags=re.M)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2])}


WORDS = sections((data_dir() / "stories" / "grammar.txt").read_text(encoding="utf-8"))
PLOTS = [Plot(text) for text in WORDS["PLOTS"].split("== ")[1:]]
THREADS = [Thread(text) for text in WORDS["THREADS"].split("== ")[1:]]
TABLES = {name[6:]: table(text.splitlines()) for name, text in WORDS.items() if name.startswith("TABLE ")}
PHRASES = lists(WORDS["PHRASES"])
SWAPS = swaps(WORDS["SWAPS"])
GIRLS, BOYS, PETS = (WORDS[name].split() for name in ("GIRLS", "BOYS", "PETS"))
LISTS = lists(WORDS["LISTS"]) | {"girl": GIRLS, "boy": BOYS, "pet_name": PETS}
CHARACTER_NAMES = sorted(GIRLS + BOYS + PETS)  # all first names; none is also a word of the stories
NAMES = frozenset(CHARACTER_NAMES)

CHOICE, SLOT = re.compile(r"\[([^\[\]]*)\]"), re.compile(r"\{([\w.]+)\}")
SWAP = re.compile(r"\b(" + "|".join(sorted(SWAPS, key=len, reverse=True)) + r")(?= [a-z])")
SAID = re.compile(r'([,!?]") (said|asked|cried|whispered|called) ((?:Aunt |Uncle |the )?\w+)(?=\.|, ")')


class Teller:
    """Draws the facts of one story and fills in its text."""

    def __init__(self, seed: str):
        self.random = random.Random(seed).random
        self.facts: dict[str, str] = {}
        self.said: set[str] = set()  # phrases used so far
        self.hero_named = 0  # times
        self.friend_is_known = False
        self.pronouns = True  # False: the characters' names stand in their place

    def pick(self, options: list):
        """One of the options, all equally likely. (random.choice is not promised to stay the same, random() is.)"""
        return options[int(self.random() * len(options))]

    # ---- What the story is about

    def draw_cast(self, plot: Plot) -> None:
        """Who is who. Of hero and friend one is "he" and one is "she", so that a pronoun is never unclear."""
        girl_first, woman = self.random() < 0.5, self.random() < 0.5
        self.add_character("A", self.fact("girl" if girl_first else "boy"), girl_first)
        self.add_character("B", self.fact("boy" if girl_first else "girl"), not girl_first)
        aunt, uncle = f"Aunt {self.fact('girl2')}", f"Uncle {self.fact('boy2')}"
        self.add_character("E", self.pick(["Mama", "Grandma", aunt] if woman else ["Papa", "Grandpa", uncle]), woman)
        self.facts |= {"P": self.fact("pet_name"), "U": self.fact("boy3")}

        if "people" in plot.flags or self.random() < 0.6:
            self.facts |= {"kind": "girl", "B.kind": "boy"} if girl_first else {"kind": "boy", "B.kind": "girl"}
            self.facts |= {"hand": "hand", "hands": "hands"}
        else:
            self.facts |= {"kind": self.fact("animal"), "B.kind": self.fact("animal2"), "hand": "paw", "hands": "paws"}
        if plot.cases:
            self.facts |= {name: self.choose(text) for name, text in self.pick(plot.cases).items()}
        self.friend_is_known = "stranger" in plot.flags

    def add_character(self, key: str, name: str, female: bool) -> None:
        he, him, his, himself = ("she", "her", "her", "herself") if female else ("he", "him", "his", "himself")
        if not self.pronouns:
            he = him = {"A": "<hero>", "B": "<friend>"}.get(key, name)
        self.facts |= {key: name, f"{key}.name": name, f"{key}_own": f"{name}'s"}
        self.facts |= {f"{key}.he": he, f"{key}.him": him, f"{key}.his": his, f"{key}.himself": himself}

    def draw_threads(self, plot: Plot) -> tuple[str, str]:
        """The opening and closing paragraphs, and with them day and home. Some threads do not fit some plots."""
        takes_one_day = not {"long", "night"} & set(plot.flags)
        unfit = {"weather"} & set(plot.flags) | (set() if takes_one_day else {"day"})
        unfit |= {"people"} if self.facts["hand"] == "paw" else set()
        fit = [thread for thread in THREADS if not unfit & set(thread.flags)]
        early = self.pick([thread for thread in fit if "late" not in thread.flags])  # supper comes before bedtime
        late = self.pick([thread for thread in fit if "late" in thread.flags])
        is_short = plot.cases and len(plot.beats) < 8
        threads = [early, late] if is_short else [self.pick([early, late])]

        flags = {flag for thread in threads for flag in thread.flags}
        start = "weekday_start" if "weekday" in flags else "weather_start" if "weather" in flags else "start"
        self.facts["one_day"] = self.fill(self.pick(PHRASES[start]))
        self.facts["home"] = self.fill(self.pick(WORDS["HOMES"].splitlines()))
        when = "" if takes_one_day else "later_"
        self.facts |= {"evening": f"{{{when}evenings}}", "night": f"{{{when}nights}}"}
        opening = [self.pick(WORDS["OPENINGS"].splitlines()), *(self.pick(thread.opening) for thread in threads)]
        return " ".join(opening), " ".join(self.pick(thread.close) for thread in threads)

    def fact(self, key: str) -> str:
        """The text of "{key}": the same all story long, except for phrases, which are drawn anew."""
        if key in ("he", "him", "his", "himself"):
            key = f"A.{key}"
        if key in self.facts:
            return self.facts[key]
        if key in PHRASES:
            phrase = self.pick([phrase for phrase in PHRASES[key] if phrase not in self.said] or PHRASES[key])
            self.said.add(phrase)
            return phrase
        name = key.partition(".")[0]  # "item2" of "item2.need"
        base = name.rstrip("23456789")
        taken = {self.facts.get(base + number) for number in ("", *"23456789")}
        if base in LISTS:
            self.facts[key] = self.fill(self.pick([word for word in LISTS[base] if word not in taken]))
        else:  # a row of a table gives several facts at once
            row = self.pick([row for row in TABLES[base] if row[base] not in taken])
            self.facts |= {name: row[base]} | {f"{name}.{column}": cell for column, cell in row.items()}
        return self.facts[key]

    # ---- From pattern to text

    def choose(self, text: str) -> str:
        """Make every "[choice|of|words]", from the inside out."""
        while "[" in text:
            text = CHOICE.sub(lambda match: self.pick(match[1].split("|")), text)
        return text

    def fill(self, text: str) -> str:
        """Make the choices and put in every "{fact}". "^" stands for: a capital follows."""
        return SLOT.sub(lambda match: self.fill_slot(match[1]), self.choose(text))

    def fill_slot(self, key: str) -> str:
        """The text of one slot; "{He}" is "{he}" with a capital. Hero and friend are named later, by `tell`."""
        if key in ("A", "B", "B_own", "friend", "Friend"):
            return {"A": "<hero>", "B_own": "<friend>'s", "Friend": "^<friend>"}.get(key, "<friend>")
        if key in self.facts:
            return self.fill(self.facts[key])
        owner, name = (key[:2], key[2:]) if key[1:2] == "." else ("", key)
        small = name[0].lower() + name[1:]
        return ("^" if small != name else "") + self.fill(self.fact(owner + small))

    def tell(self, paragraph: str) -> str:
        """The finished paragraph: slots filled, hero and friend named, words swapped, small things put right."""
        text = ""
        for part in re.split("(<hero>|<friend>(?:'s)?)", self.fill(paragraph)):
            in_speech = text.count('"') % 2 == 1
            if part == "<hero>":
                part = self.name_hero(text, in_speech)
            elif part.startswith("<friend>"):
                part = self.name_friend(in_speech, part.removeprefix("<friend>"))
            text += part
        text = SWAP.sub(lambda match: self.pick(SWAPS[match[1]]), tidy(text))
        return SAID.sub(lambda match: self.pick([match[0], f"{match[1]} {match[3]} {match[2]}"]), text)

    def name_hero(self, text: str, in_speech: bool) -> str:
        """The hero's name, or now and then "the girl", "the rabbit"."""
        other_word = self.pronouns and self.hero_named >= 2 and not in_speech and not text.endswith('" ')
        if other_word and self.random() < 0.22:
            return f"the {self.facts['kind']}"
        self.hero_named += 1
        return self.facts["A"]

    def name_friend(self, in_speech: bool, ending: str) -> str:
        """The friend's name, with "'s" if that is the ending; the first mention outside of speech says who that is."""
        if self.friend_is_known or in_speech:
            return self.facts["B"] + ending
        self.friend_is_known = True
        ways = PHRASES["introduction_of" if ending else "introduction"]
        return self.fill(self.pick(ways)) + ending


def tidy(text: str) -> str:
    """Spaces, commas, "an" and capitals put right."""
    text = re.sub(r" +", " ", text).strip()
    text = re.sub(r",(?=[,.?!])| (?=[,.?!])", "", text)
    text = re.sub(r"\b([Aa]) (?=[aeiou]|hour|honest)(?!one|uni|use|eu|ewe)", r"\1n ", text)
    text = re.sub(r'\^+("?\w)', lambda match: match[1].upper(), text)
    start = r'(^"?|[.?!] "?|\." "?)([a-z])'  # not after !" and ?", which may go on: "Look!" he said
    return re.sub(start, lambda match: match[1] + match[2].upper(), text)


def share_of_five_grams(a: str, b: str) -> float:
    """Word 5-grams common to two stories, as a share of the smaller set, 0..1; all names count as one word."""
    return overlap(five_grams(a), five_grams(b))


def overlap(a: set, b: set) -> float:
    return len(a & b) / min(len(a), len(b))


def five_grams(text: str) -> set[tuple[str, ...]]:
    found = re.findall(r"[\w'-]+", mask_names(text).lower())
    return set(zip(*(found[start:] for start in range(5)), strict=False))


def mask_names(text: str) -> str:
    """The text with every character's name replaced by "NAME"."""
    return re.sub(r"\b[A-Z]\w+", lambda match: "NAME" if match[0] in NAMES else match[0], text)


def card() -> str:
    """The data card: what the stories are and their numbers, measured now (half a minute)."""
    stories = [text for _, text in generate(10_000)]
    joined = SEPARATOR.join(stories)
    raw = joined.encode("utf-8")
    found = re.findall(r"[\w'-]+", joined.lower())
    grams = [five_grams(text) for text in stories]
    plots = [begin(0, i)[1] for i in range(len(stories))]
    pick = Teller("pairs of the card").pick
    pairs = [(pick(grams), pick(grams)) for _ in range(300_000)]
    shares = [overlap(a, b) for a, b in pairs if a is not b]
    told = [[gram for gram, drawn in zip(grams, plots, strict=True) if drawn is plot] for plot in PLOTS]  # by plot
    pairs = [(pick(group), pick(group)) for group in told for _ in range(1000)]
    alike = [overlap(a, b) for a, b in pairs if a is not b]
    lengths = [len(text.split()) for text in stories]
    numbers = {
        "stories": f"{len(stories):,}",
        "plots": f"{len(PLOTS)}",
        "words": f"{len(found):,}",
        "words in a story": f"{min(lengths)} to {max(lengths)}, mean {sum(lengths) / len(lengths):.0f}",
        "word types": f"{len(set(found)):,} (of these {len(CHARACTER_NAMES)} first names)",
        "types / words": f"{len(set(found)) / len(found):.5f}",
        "bytes": f"{len(raw):,}",
        "gzip ratio (level 9, compressed / raw)": f"{len(gzip.compress(raw, 9, mtime=0)) / len(raw):.3f}",
        "equal stories, names masked": f"{len(stories) - len({mask_names(text) for text in stories})}",
        "shared 5-grams of a random pair, names masked, mean": f"{sum(shares) / len(shares):.4f}",
        f"the same, largest of {len(shares):,} pairs": f"{max(shares):.3f}",
        "the same, pairs over 0.30": f"{sum(share > 0.30 for share in shares)}",
        "pairs of the same plot, mean": f"{sum(alike) / len(alike):.3f}",
        f"the same, largest of {len(alike):,} pairs": f"{max(alike):.3f}",
        "pairs of the same plot over 0.30": f"{sum(share > 0.30 for share in alike)}",
        "sha256 of all, joined by three newlines": hashlib.sha256(raw).hexdigest(),
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in numbers.items())
    examples = "\n\n".join(f"### stories/seed-0/{i:05d}\n\n{text}" for i, text in enumerate(stories[:10]))
    return WORDS["CARD"].replace("NUMBERS", rows).replace("EXAMPLES", examples) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Children's stories from a grammar of our own.")
    parser.add_argument("--card", action="store_true", help="print the data card, numbers measured now")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=1, help="how many stories to print")
    options = parser.parse_args()
    print(card() if options.card else SEPARATOR.join(text for _, text in generate(options.n, options.seed)), end="")
