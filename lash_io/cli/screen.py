"""What the commands show: with rich where it is installed and someone is looking, plain text otherwise."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from lash_proto.replies import LlmResponse


class Screen(Protocol):
    """Somewhere to print. A style is a word of rich's; a plain screen does not heed it."""

    def heading(self, text: str) -> None:
        """A line that begins something new."""
        ...

    def line(self, text: str = "", style: str = "") -> None:
        """A line of its own."""
        ...

    def piece(self, text: str, style: str = "") -> None:
        """More of the line that is being written, seen at once."""
        ...

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Rows under columns."""
        ...


class PlainScreen:
    """Text and nothing else: for pipes, files and terminals without rich."""

    def heading(self, text: str) -> None:
        """The text, underlined."""
        print(f"\n{text}\n{'-' * len(text)}", flush=True)

    def line(self, text: str = "", style: str = "") -> None:
        """The text."""
        print(text, flush=True)

    def piece(self, text: str, style: str = "") -> None:
        """The text, without a line break."""
        print(text, end="", flush=True)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Columns padded to their widest cell."""
        widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
        print(f"\n{title}")
        for row in [columns, *rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class RichScreen:
    """The same in colour."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Any = Console(highlight=False, soft_wrap=True)

    def heading(self, text: str) -> None:
        """A rule with the text in it."""
        from rich.text import Text

        self._console.print()
        self._console.rule(Text(text, "bold"), align="left", style="dim")

    def line(self, text: str = "", style: str = "") -> None:
        """The text in its style."""
        self._console.print(text, style=style or None, markup=False)

    def piece(self, text: str, style: str = "") -> None:
        """The text in its style, without a line break."""
        self._console.print(text, style=style or None, markup=False, end="")

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """A table without a frame; what looks like a number stands to the right."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD)
        table.show_edge = table.pad_edge = False
        table.padding = (0, 1, 0, 0)
        for name, *cells in zip(columns, *rows, strict=True):
            table.add_column(name, justify="right" if all(cell.isdecimal() for cell in cells) else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)


def open_screen() -> Screen:
    """The screen for the place where output goes."""
    if sys.stdout.isatty():
        try:
            return RichScreen()
        except ImportError:
            pass
    return PlainScreen()


def usage_line(response: LlmResponse) -> str:
    """What a response cost and why it ended, in one line."""
    usage = response.usage
    if usage is None:
        return f"usage not told; stop: {response.stop_reason}"
    written = f", {usage.cache_write_tokens} to cache" if usage.cache_write_tokens else ""
    reasoning = f" ({usage.reasoning_tokens} reasoning)" if usage.reasoning_tokens else ""
    told = (
        f"{usage.total_input_tokens} tokens in ({usage.input_tokens} new, {usage.cached_input_tokens} cached{written})"
    )
    return f"{told}, {usage.output_tokens} out{reasoning}; stop: {response.stop_reason}"
