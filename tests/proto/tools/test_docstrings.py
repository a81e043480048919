"""Docstrings in the three styles, and in what people make of them."""

from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.tools.docstrings import Docstring, parse_docstring

GOOGLE = """Find lines in files.

    Reads text only.

    Args:
        pattern: A regular expression:
            as `re` takes it.
        paths (list[str], optional): Where to look.

            All of them by default.
        limit (Callable[[int], str]): At most so many.
        **more: Passed on.

    Returns:
        The lines.
    """

NUMPY = """Find lines in files.

    Reads text only.

    Parameters
    ----------
    pattern : str
        A regular expression:
        as `re` takes it.
    paths : list[str], optional
        Where to look.

        All of them by default.
    limit
        At most so many.
    **more
        Passed on.

    Returns
    -------
    list
        The lines.
    """

SPHINX = """Find lines in files.

    Reads text only.

    :param pattern: A regular expression:
        as `re` takes it.
    :type pattern: str
    :param list[str] paths: Where to look.

        All of them by default.
    :param limit: At most so many.
    :keyword more: Passed on.
    :returns: The lines.
    """

PARAMETERS = {
    "pattern": "A regular expression: as `re` takes it.",
    "paths": "Where to look. All of them by default.",
    "limit": "At most so many.",
    "more": "Passed on.",
}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (GOOGLE, "Returns:\n    The lines."),
        (NUMPY, "Returns\n-------\nlist\n    The lines."),
        (SPHINX, ":returns: The lines."),
    ],
)
def test_the_three_styles_say_the_same(text: str, rest: str) -> None:
    assert parse_docstring(text) == Docstring(f"Find lines in files.\n\nReads text only.\n\n{rest}", PARAMETERS)


@pytest.mark.parametrize(
    ("text", "docstring"),
    [
        (None, Docstring()),
        ("", Docstring()),
        ("One line.", Docstring("One line.")),
        ("\nArgs:\n    x: The x.", Docstring("", {"x": "The x."})),
        ("\nArgs:\n    x:\n        The x.", Docstring("", {"x": "The x."})),
        ("Do.\n\nKeyword Args:\n  x: The x.\nOther parameters:\n  y: Y.", Docstring("Do.", {"x": "The x.", "y": "Y."})),
        # A line that is no entry goes on with the one before it, and is lost before the first.
        ("\nArgs:\n    none of these\n    x: The x\n    and more", Docstring("", {"x": "The x and more"})),
        (
            "\nArgs:\n    url: See https://example.com: there.",
            Docstring("", {"url": "See https://example.com: there."}),
        ),
        ("\nArgs:\n    x: See\n    https://example.com", Docstring("", {"x": "See https://example.com"})),
        # Titles without a section.
        ("Args:\nnothing", Docstring("Args:\nnothing")),
        ("Args:", Docstring("Args:")),
        ("Parameters\nare good.", Docstring("Parameters\nare good.")),
        ("Parameters", Docstring("Parameters")),
        ("\nParameters:\n    x: The x.", Docstring("", {"x": "The x."})),
        # NumPy: two at once, an empty line before the first, no text, prose that ends the section.
        ("Parameters\n----------\nx, y : int\n    Both.", Docstring("", {"x": "Both.", "y": "Both."})),
        ("Parameters\n==========\n\n*x : int\ny : int", Docstring("", {"x": "", "y": ""})),
        ("Parameters\n---\nx : int\n    X.\n\nIt is done.", Docstring("It is done.", {"x": "X."})),
        ("Parameters\n---\n", Docstring("")),
        # Sphinx: a type and no name, a name and no text, prose after it.
        (":type x: int\n:param x:\n:arg y: Y.\n\nDone.", Docstring("Done.", {"x": "", "y": "Y."})),
        (":param int | None x: X.", Docstring("", {"x": "X."})),
        (":parameters: none", Docstring(":parameters: none")),
        ("Do.\n\n:param x: X.\n\nMore.\n\nArgs:\n    y: Y.\n", Docstring("Do.\n\nMore.", {"x": "X.", "y": "Y."})),
    ],
)
def test_what_people_write_is_read(text: str | None, docstring: Docstring) -> None:
    assert parse_docstring(text) == docstring


@given(st.text(st.sampled_from("ab :-=*(),\n\t"), max_size=80) | st.text())
def test_a_text_in_no_style_is_all_description(text: str) -> None:
    """Any text is read, and where no title or field stands in it nothing is lost but white space."""
    read = parse_docstring(text)
    if not re.search(r":(param|arg|key|type)|(args|arguments|params|parameters)", text, re.IGNORECASE):
        assert (read.description.split(), read.parameters) == (inspect.cleandoc(text).split(), {})


def test_a_long_docstring_costs_what_it_is_long() -> None:
    """Blank lines, brackets and stars by the thousand, at which a careless pattern would stop for minutes."""
    text = "\nArgs:\n    x(" + "(" * 20_000 + "\n" * 20_000 + "    y: Y.\n" + "*" * 20_000
    assert parse_docstring(text).parameters == {"y": "Y."}
    text = "\nParameters\n---\nx" + ", x" * 20_000 + "\n    X." + "\n" * 20_000 + "x" * 20_000 + "!"
    assert parse_docstring(text) == Docstring("x" * 20_000 + "!", {"x": "X."})
    text = (":param " + "x" * 20_000 + "\n") * 10 + ":param" * 20_000
    assert parse_docstring(text).parameters == {}
