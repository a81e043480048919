"""Which transport a call takes where the caller names none: one pure function, shared by the twins.

StreamTransport, unless a proxy applies, HTTP/2 is asked for or a pool is given: that is httpcore's. Loopback addresses
go past proxies that the environment names, since no proxy could reach them (as Go has it).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from lash_proto.http1 import Origin

_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})")  # an IPv6 address alone is all colons

__all__ = ["Choice", "choose", "refuse_settings"]


@frozen
class Choice:
    """`httpcore`: by HttpcoreTransport, through `proxy` where that is a URL."""

    httpcore: bool = False
    proxy: str | None = field(default=None, repr=False)  # it may hold a password


def choose(origin: Origin, *, proxy: str | None, http2: bool, pool: bool, environment: Mapping[str, str]) -> Choice:
    """How to reach an origin. `proxy` is the caller's word: a URL, "" for none, None for what the environment says."""
    if pool:
        return Choice(httpcore=True)
    found = proxy if proxy is not None else _from_environment(origin, environment)
    return Choice(httpcore=bool(found) or http2, proxy=found or None)


def _from_environment(origin: Origin, environment: Mapping[str, str]) -> str | None:
    if origin.is_loopback or _excepted(origin, _look_up("no_proxy", environment) or ""):
        return None
    # A CGI script's HTTP_PROXY is the `Proxy` header of whoever asked (CVE-2016-5385).
    names = [f"{origin.scheme}_proxy", "all_proxy"]
    if "REQUEST_METHOD" in environment and origin.scheme == "http":
        names = ["all_proxy"]
    found = next((found for name in names if (found := _look_up(name, environment))), None)
    return found if found is None or "://" in found else f"http://{found}"


def _look_up(name: str, environment: Mapping[str, str]) -> str | None:
    return environment.get(name) or environment.get(name.upper())


def _excepted(origin: Origin, no_proxy: str) -> bool:
    """Whether NO_PROXY holds the host: itself, a domain or network above it, any with a port, or `*` for all."""
    address = _address(origin.host)
    for entry in no_proxy.lower().split(","):
        name = entry.strip()
        if name == "*":
            return True
        if (found := _WITH_PORT.fullmatch(name)) is not None:
            if int(found[2]) != origin.port:
                continue
            name = found[1]
        name = name.strip("[]").lstrip("*").lstrip(".")
        if name and (origin.host == name or origin.host.endswith(f".{name}")):
            return True
        if address is not None and "/" in name and _holds(name, address):
            return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _holds(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:  # what is none excepts nothing
        return False


def refuse_settings(owner: str, settings: Mapping[str, Any]) -> None:
    """TypeError for settings that would be passed over, because `owner` was given and has its own."""
    given = [name for name, value in settings.items() if value is not None and value is not False]
    if given:
        raise TypeError(f"{' and '.join(given)} would do nothing: the {owner} that was given has its own")
