"""Which idle connections are kept, and for how long."""

from __future__ import annotations

from lash_proto.http1 import Origin
from lash_proto.shelf import LIMIT, LONGEST, Shelf

HERE = Origin("https", "a.example", 443)
THERE = Origin("https", "b.example", 443)


def shelf_of(*kept: tuple[Origin, str, float]) -> Shelf[str]:
    shelf: Shelf[str] = Shelf()
    for origin, connection, now in kept:
        shelf.give(origin, connection, now)
    return shelf


def test_the_one_used_last_is_next() -> None:
    shelf = shelf_of((HERE, "first", 1.0), (HERE, "second", 2.0))
    assert [shelf.take(HERE) for _ in range(3)] == ["second", "first", None]


def test_an_origin_has_its_own() -> None:
    shelf = shelf_of((HERE, "here", 1.0))
    assert (shelf.take(THERE), shelf.sweep(THERE, 1e9), shelf.take(HERE)) == (None, [], "here")


def test_one_is_kept_for_four_minutes_and_no_longer() -> None:
    shelf = shelf_of((HERE, "old", 0.0), (HERE, "older than it looks", 0.5), (HERE, "new", 240.0))
    assert shelf.sweep(HERE, 240.0) == []
    assert shelf.sweep(HERE, 241.0) == ["old", "older than it looks"]
    assert [shelf.take(HERE), shelf.take(HERE)] == ["new", None]
    assert LONGEST < 350  # after which Amazon's translators drop a silent connection


def test_over_the_limit_the_longest_idle_go() -> None:
    shelf = shelf_of(*[(HERE, str(number), 0.0) for number in range(LIMIT + 2)])
    assert shelf.sweep(HERE, 0.0) == ["0", "1"]
    assert shelf.sweep(HERE, 0.0) == []


def test_all_of_them_go_at_the_end() -> None:
    shelf = shelf_of((HERE, "here", 1.0), (THERE, "there", 1.0))
    assert sorted(shelf.empty()) == ["here", "there"]
    assert (shelf.empty(), shelf.take(HERE)) == ([], None)
