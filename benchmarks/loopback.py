"""What burst, first_event and paced share: a server process, a process for each client, and their rounds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from .clients import CLIENTS
from .peers import Worker, missing, python_of
from .rounds import Figures, interleave, median, ratio
from .tables import Row


class Measured(NamedTuple):
    """What each client measured, and why some are missing."""

    figures: dict[str, list[Figures]]
    notes: list[str]

    @property
    def base(self) -> str:
        """What the others are compared with: the first that is there."""
        return next(iter(self.figures))

    def rows(self, key: str, columns: Mapping[str, float], goals: Mapping[str, float], *, of: str) -> Iterator[Row]:
        """A row for each client: `key` against the base; in the cells, other keys by their factors.

        The goals are those against the client `of`, and hold for no other.
        """
        for name, figures in self.figures.items():
            cells = [f"{median(figures, column) * factor:.2f}" for column, factor in columns.items()]
            goal = goals.get(name) if self.base == of else None
            yield Row.of(name, cells, ratio(figures, self.figures[self.base], key), goal)


def measure(
    clients: Sequence[str],
    task: str,
    rounds: int,
    *,
    events: int,
    pace: float | None = None,
    tls: bool = False,
    of: Mapping[str, Any],
) -> Measured:
    """Interleaved rounds of a task of `clients.Tasks` against one server."""
    notes = missing(*[CLIENTS[name].peer for name in clients])
    there = [name for name in clients if not missing(CLIENTS[name].peer)]
    with ExitStack() as stack:
        cert, ca = stack.enter_context(_certificate()) if tls else (None, None)
        server = stack.enter_context(Worker(python_of(None), "server", events=events, pace=pace, cert=cert))
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.ask()['port']}"
        workers = {
            name: stack.enter_context(
                Worker(python_of(CLIENTS[name].peer), "clients", client=name, url=url, ca=ca, task=task, of=of)
            )
            for name in there
        }
        return Measured(interleave({name: worker.ask for name, worker in workers.items()}, rounds), notes)


@contextmanager
def _certificate() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        cert, ca = Path(folder, "server.pem"), Path(folder, "ca.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))
        authority.cert_pem.write_to_path(str(ca))
        yield str(cert), str(ca)
