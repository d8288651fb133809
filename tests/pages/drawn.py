"""Reads pages and charts back, as strictly as XML is read."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

Element = Xml.Element


def read(markup: str) -> Element:
    """The markup's one element."""
    return Xml.fromstring(markup)


def cells(figure: Element) -> list[list[str]]:
    """The rows of the table beneath a chart, its headings first."""
    return [["".join(cell.itertext()) for cell in row] for row in figure.iter("tr")]


def marks(figure: Element, tag: str, kind: str) -> list[Element]:
    """The marks of a drawing of one class, without the legend's."""
    return [e for e in figure.iter(tag) if kind in e.get("class", "").split()]


def number(mark: Element, attribute: str) -> float:
    """A coordinate or a size."""
    return float(mark.attrib[attribute])
