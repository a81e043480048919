"""For readers of faults: runs each job with a limit to its time, and tells what its user would see. Knows no SDK.

On stdin: {"url", "jobs": [[mode, path], ...]}; on stdout, for each job, {"hung", "text", "stop", "calls", "error",
"typed"}: `error` is the class with its module, `typed` whether it is one of the SDK's own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

TIMEOUT = 1.0
"""Seconds: what each SDK is given for its timeout."""

LIMIT = 12.0
"""Seconds after which a job that was given TIMEOUT is held to hang."""


def main(
    modes: dict[str, Callable[[str, dict[str, Any]], None]], own: type[Exception] | tuple[type[Exception], ...]
) -> None:
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda job: watched(modes[job[0]], f"{asked['url']}/{job[1]}", own), asked["jobs"]))
    json.dump(seen, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # what hangs is left behind


def watched(mode: Callable[[str, dict[str, Any]], None], url: str, own: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {"text": "", "stop": None, "calls": [], "error": None, "typed": False}

    def run() -> None:
        try:
            mode(url, seen)
        except Exception as error:
            module = type(error).__module__.partition(".")[0]
            seen["error"] = type(error).__name__ if module == "builtins" else f"{module}.{type(error).__name__}"
            seen["typed"] = isinstance(error, own)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    told = {**seen, "hung": thread.is_alive()}
    try:
        told["text"].encode()
    except UnicodeEncodeError:
        told["text"] = None  # nobody can write it to a file
    return told
