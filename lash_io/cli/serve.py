"""`lash serve-faux`: the faux server in the foreground, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from lash_proto.faux import FauxProvider, FauxReply

from ..faux_server import FauxServer

_PATHS = (
    ("anthropic-messages", "/v1/messages"),
    ("openai-responses", "/v1/responses"),
    ("openai-completions", "/v1/chat/completions"),
    ("google-generative-ai", "/v1beta/models/MODEL:streamGenerateContent?alt=sse"),
    ("google-code-assist", "/v1internal:streamGenerateContent?alt=sse"),
)


def serve(port: int, text: str | None, tokens_per_second: float | None) -> int:
    """Serve until interrupted, which is how it is meant to end."""
    provider = FauxProvider() if text is None else FauxProvider(otherwise=FauxReply(text))
    try:
        server = FauxServer(provider, port=port, tokens_per_second=tokens_per_second)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        print(f"lash: cannot serve on port {port}: {why}; choose another with --port", file=sys.stderr)
        return 1
    with server, contextlib.suppress(KeyboardInterrupt):
        print(f"lash's faux provider listens at {server.url} (Ctrl-C ends it)")
        for api, path in _PATHS:
            print(f"  {api:<22} POST {server.url}{path}", flush=True)
        threading.Event().wait()
    return 0
