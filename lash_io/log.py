"""What lash logs, one DEBUG line an attempt, and what it warns of. Never a body, never a secret."""

from __future__ import annotations

import logging
import warnings
from traceback import extract_tb

from lash_proto.replies import LlmResponse

__all__ = ["log_attempts", "log_raised", "warn_unclosed"]


def log_attempts(logger: logging.Logger, response: LlmResponse, model: str) -> None:
    """Tell of each attempt at a call: how long it took and how it ended."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    for attempt in response.attempts:
        logger.debug(
            "%s %s attempt %d: status %s, %s, %.3f s, request %s",
            response.provider,
            model,
            attempt.number,
            attempt.status,
            "ok" if attempt.failure is None else attempt.failure.kind,
            attempt.ended_at - attempt.started_at,
            attempt.request_id or response.request_id,
        )


def log_raised(logger: logging.Logger, what: str, error: Exception) -> None:
    """Tell where in the caller's own code something was raised; not with what words, which may hold anything."""
    place = extract_tb(error.__traceback__, -1)
    where = f"{place[0].filename}:{place[0].lineno}" if place else "an unknown place"
    logger.debug("%s raised %s at %s", what, type(error).__name__, where)


def warn_unclosed(client: object) -> None:
    """Say that nobody closed a client that held connections; they are dropped by now."""
    how = "async with, or await its close()" if hasattr(client, "__aexit__") else "with, or call its close()"
    warnings.warn(f"a lash client was left unclosed: use {how}", ResourceWarning, stacklevel=3, source=client)
