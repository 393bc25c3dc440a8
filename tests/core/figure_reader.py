"""Reads an HTML figure as a test needs it: its elements, its text, and whether it is nested properly."""

from html.parser import HTMLParser

ALONE = ("br", "col", "input")  # elements without an end


class Reader(HTMLParser):
    """The elements of a figure as (tag, attributes), and the text outside of style sheets."""

    def __init__(self, figure):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(figure.html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def with_class(self, *names):
        return [(tag, attrs) for tag, attrs in self.elements if {*names} <= {*(attrs.get("class") or "").split()}]
