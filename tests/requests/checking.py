"""One request sent as far as its bytes, and what the checker says of them.

The checker is a script of its own that holds a body to the vendors' parameter types and the servers' known rules. It is
no part of this repository: it is found by `$LASH_REQUEST_CHECKER`, else beside the clone, as recordings are.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any, Final, NamedTuple

from attrs import frozen

from lash_proto.effects import CallHttp
from lash_proto.errors import UnsupportedRequest
from lash_proto.faux.form import read_form
from lash_proto.values import header

from .strategy import Case

NO_CHECKER: Final = "no checker: $LASH_REQUEST_CHECKER names no file, and ../shared/tools/check_request.py is not there"


def find_checker(said: str | None = None) -> Path | None:
    """The checker's file, None where there is none."""
    said = said or os.environ.get("LASH_REQUEST_CHECKER")
    path = Path(said) if said else Path(__file__).resolve().parents[3] / "shared" / "tools" / "check_request.py"
    return path if path.is_file() else None


def load_checker(path: Path) -> Any:
    """The checker as a module. Raises ImportError where the vendors' SDKs are not installed."""
    spec = importlib.util.spec_from_file_location("lash_request_checker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for vendor in ("openai", "anthropic", "google.genai"):
        importlib.import_module(vendor)
    return module


# --- what the checker takes too far ----------------------------------------------------------------------------------


class Excuse(NamedTuple):
    """Problems that are none: the dialects of the checker and the words it says, with the reason."""

    api: str
    dialects: tuple[str | None, ...]
    problem: re.Pattern[str]
    reason: str


EXCUSES: Final[tuple[Excuse, ...]] = ()


@frozen
class Outcome:
    """What became of a case: the bytes, or why it was refused, or what is wrong with it."""

    body: bytes = b""
    refused: str | None = None
    problems: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()


def send(case: Case) -> CallHttp:
    """The call as the machine orders it. Raises UnsupportedRequest."""
    exchange = case.target.handle.exchange(case.request, case.spec, stream=case.stream)
    (call,) = exchange.start(0.0)
    assert isinstance(call, CallHttp)
    return call


def check(case: Case, checker: Any, *, strict: bool) -> Outcome:
    """Send and check. Whatever is raised but a refusal is a problem too."""
    try:
        call = send(case)
    except UnsupportedRequest as error:
        return Outcome(refused=str(error))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(problems=(f"(raised): {type(error).__name__}: {error} ({where.name})",))
    body, problems = _read(call, checker)
    if body is not None:
        target = case.target
        more: dict[str, Any] = {}
        if target.api == "anthropic-messages":
            betas = header(call.headers, "anthropic-beta") or ""  # type: ignore[arg-type]
            version = header(call.headers, "anthropic-version")  # type: ignore[arg-type]
            more = {"anthropic_version": version, "betas": tuple(betas.split(",")) if betas else ()}
        problems += checker.problems(target.api, body, target.dialect, strict, **more)
    found = [(problem, _excuse(case, problem)) for problem in problems]
    return Outcome(
        call.body,
        problems=tuple(problem for problem, excuse in found if excuse is None),
        excused=tuple(excuse.reason for _, excuse in found if excuse is not None),
    )


def _excuse(case: Case, problem: str) -> Excuse | None:
    for excuse in EXCUSES:
        if case.target.api == excuse.api and case.target.dialect in excuse.dialects and excuse.problem.match(problem):
            return excuse
    return None


_COUNTS: Final = ("n", "output_compression")


def _read(call: CallHttp, checker: Any) -> tuple[Any, list[str]]:
    """The body as JSON, and what is wrong with its bytes. A form is read as the JSON that it stands for."""
    form = read_form(header(call.headers, "content-type") or "", call.body)  # type: ignore[arg-type]
    if form is None:
        body, notes = checker.load(call.body)
        return body, list(notes)
    missing = [name for name in ("prompt", "model") if name not in form]
    pictures = form.pop("image[]", None) or [form.pop("image", None)]
    mask = form.pop("mask", None)
    notes = [f"{name}: 'filename' is missing" for name in missing]
    notes += ["image: no file" for file in pictures if not isinstance(file, dict)]
    notes += ["mask: no file" for file in (mask,) if file is not None and not isinstance(file, dict)]
    if "moderation" in form:
        notes.append("moderation: the vendor's SDK knows it for generations alone")
    body = {name: int(value) if name in _COUNTS else value for name, value in form.items()}
    if "stream" in body:
        body["stream"] = body["stream"] == "true"
    return body, notes
