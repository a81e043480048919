"""What lash logs, one DEBUG line an attempt, and what it warns of. Never a body, never a secret."""

from __future__ import annotations

import logging
import warnings

from lash_proto.replies import LlmResponse

__all__ = ["log_attempts", "warn_unclosed"]


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


def warn_unclosed(client: object) -> None:
    """Say that nobody closed a client that held connections; they are dropped by now."""
    how = "async with, or await its close()" if hasattr(client, "__aexit__") else "with, or call its close()"
    warnings.warn(f"a lash client was left unclosed: use {how}", ResourceWarning, stacklevel=3, source=client)
