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
        self._console.print()
        self._console.rule(f"[bold]{text}", align="left")

    def line(self, text: str = "", style: str = "") -> None:
        """The text in its style."""
        self._console.print(text, style=style or None, markup=False)

    def piece(self, text: str, style: str = "") -> None:
        """The text in its style, without a line break."""
        self._console.print(text, style=style or None, markup=False, end="")

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """A table."""
        from rich.table import Table

        table = Table(title=title, title_justify="left", header_style="bold")
        for name in columns:
            table.add_column(
                name, justify="right" if name not in ("provider kind", "driver", "dialect", "") else "left"
            )
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


def usage_line(response: LlmResponse | None) -> str:
    """What a response cost, in one line."""
    if response is None or response.usage is None:
        return "usage: not told"
    usage = response.usage
    reasoning = "" if usage.reasoning_tokens is None else f" ({usage.reasoning_tokens} reasoning)"
    return (
        f"usage: {usage.total_input_tokens} in ({usage.input_tokens} new, {usage.cached_input_tokens} from cache, "
        f"{usage.cache_write_tokens} to cache), {usage.output_tokens} out{reasoning}; stop: {response.stop_reason}"
    )
