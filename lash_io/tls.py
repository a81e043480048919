"""The TLS settings of one transport: the caller's own context, or what is made of file names.

- The system's trust store is read when first needed: that takes 19 ms, and many clients never do. Files that the caller
  names are read at once, so that one that is missing is told before any call exists.
- There is no switch that turns checks off. Who must do without says so with an `ssl_context`, where it can be seen.
"""

from __future__ import annotations

import os
import ssl
import threading
from typing import TypeAlias

__all__ = ["ClientCert", "File", "LazyContext", "trusting"]

File: TypeAlias = "str | os.PathLike[str]"

ClientCert: TypeAlias = "File | tuple[File, File] | tuple[File, File, str]"
"""A PEM file with certificate and key, or a file each, or these and the key's password."""

_NO_PASSWORD = ""  # for None OpenSSL would stop and ask whoever sits at the terminal


class LazyContext:
    """One SSLContext for all connections: the caller's, or the system's trust store and hostname checks."""

    @classmethod
    def of(cls, given: ssl.SSLContext | LazyContext | None) -> LazyContext:
        """The same one, where transports share it."""
        return given if isinstance(given, LazyContext) else cls(given)

    def __init__(self, given: ssl.SSLContext | None, *, plain: ssl.SSLContext | None = None) -> None:
        self._lock = threading.Lock()
        self._context = given
        self._plain = plain

    def get(self) -> ssl.SSLContext:
        """The context, the same each time."""
        with self._lock:
            if self._context is None:
                self._context = _default(None)
            return self._context

    def showing_nothing(self) -> ssl.SSLContext:
        """One that trusts the same and holds no client's certificate, as far as it is ours to know."""
        return self._plain or self.get()


def trusting(
    ssl_context: ssl.SSLContext | None, ca_file: File | None = None, cert: ClientCert | None = None
) -> LazyContext:
    """The settings that a client's arguments make. `ca_file` is a PEM file of authorities that takes the
    place of the system's; `cert` is what the client shows.

    Raises OSError for a file that cannot be read, ssl.SSLError for one that holds no certificate or another's key, and
    TypeError where a context is given as well, which has its own of both.
    """
    if ca_file is None and cert is None:
        return LazyContext(ssl_context)
    if ssl_context is not None:
        raise TypeError("ssl_context has its own authorities and certificate: load ca_file and cert into it")
    context = _default(ca_file)
    if cert is not None:
        chain, key, password = _files(cert)
        context.load_cert_chain(chain, key, password)
    return LazyContext(context, plain=_default(ca_file))


def _files(cert: ClientCert) -> tuple[File, File | None, str]:
    if not isinstance(cert, tuple):
        return cert, None, _NO_PASSWORD
    return cert if len(cert) == 3 else (*cert, _NO_PASSWORD)


def _default(ca_file: File | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
