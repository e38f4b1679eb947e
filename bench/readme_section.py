"""The part of bench/README.md that a benchmark writes itself, between <!-- NAME:begin --> and <!-- NAME:end -->."""

import os

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "README.md")


def replaced(text, name, section):
    """The text with another section of that name; ValueError if it has no place for it."""
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{begin.strip()} and {end.strip()} must stand in it, each on a line")
    return before + begin + section.rstrip("\n") + "\n" + end + after


def write(name, section, path=README):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    part = path + ".part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(replaced(text, name, section))
    os.rename(part, path)
