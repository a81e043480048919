"""The provider's side of every dialect: scripted replies as the real wire bytes, for tests, demos and users."""

from __future__ import annotations

from .script import Answer, FauxCall, FauxError, FauxProvider, FauxReply

__all__ = ["Answer", "FauxCall", "FauxError", "FauxProvider", "FauxReply"]
