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
from .targets import CHAT, MESSAGES, RESPONSES

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
    """Problems that are none: the dialects of the checker and the words it says, with the reason.

    `advice`: only where the checker itself says so in strict alone.
    """

    api: str
    dialects: tuple[str | None, ...]
    problem: re.Pattern[str]
    reason: str
    advice: bool = False


EXCUSES: Final = (
    Excuse(
        CHAT,
        ("moonshot",),
        re.compile(r'tools\[\d+\]\.function\.name: "\$web_search" does not match'),
        "Kimi's own tools have names that begin with $ (WIRE 2h, platform.moonshot.ai, web search)",
    ),
    Excuse(
        CHAT,
        ("openrouter",),
        re.compile(r"messages\[\d+\]\.annotations: unknown key"),
        "OpenRouter takes back what it read out of a PDF, so that it need not read it again (its docs, PDF inputs)",
    ),
    Excuse(
        RESPONSES,
        (None, "codex", "azure"),
        re.compile(r"input\[\d+\]\.results\[\d+\]\.vector_store_id: unknown key"),
        "an item of the server's own goes back as it came, as the vendor's SDK sends it: `input += response.output`",
    ),
    Excuse(
        MESSAGES,
        (None,),
        re.compile(r"messages\[\d+\]\.content\[\d+\]\.content\.abort_reason: unknown key"),
        "the result of a server's tool goes back as it came (WIRE 4b: verbatim)",
    ),
    Excuse(
        MESSAGES,
        (None,),
        re.compile(r"messages\[\d+\]\.content\[\d+\]\.text: blank text block"),
        "the model's own white space between two cited texts goes back: the server takes it (WIRE 13, recorded)",
        advice=True,
    ),
)
"""All that the checker takes too far. What is not in here is a finding."""

_NUMBER: Final = re.compile(r"\d+")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")


def kind_of(problem: str) -> str:
    """A problem less its numbers and names: what it has in common with others."""
    where, _, what = problem.partition(": ")
    if where != "(raised)":
        where, what = _NUMBER.sub("", where), _NUMBER.sub("#", _QUOTED.sub("…", what))
    return f"{where}: {what[:120]}"


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
    problems = _of_form(call, checker, strict=strict)
    if problems is None:
        problems = _of_json(case, call, checker, strict=strict)
    told = [(problem, _excuse(case, problem)) for problem in problems]
    if any(excuse is not None and excuse.advice for _, excuse in told):
        plain = _of_json(case, call, checker, strict=False)
        told = [
            (problem, None if excuse and excuse.advice and problem in plain else excuse) for problem, excuse in told
        ]
    return Outcome(
        call.body,
        problems=tuple(problem for problem, excuse in told if excuse is None),
        excused=tuple(excuse.reason for _, excuse in told if excuse is not None),
    )


def _excuse(case: Case, problem: str) -> Excuse | None:
    for excuse in EXCUSES:
        if case.target.api == excuse.api and case.target.dialect in excuse.dialects and excuse.problem.match(problem):
            return excuse
    return None


def _of_json(case: Case, call: CallHttp, checker: Any, *, strict: bool) -> list[str]:
    body, problems = checker.load(call.body)
    if body is None:
        return list(problems)
    more: dict[str, Any] = {}
    if case.target.api == MESSAGES:
        betas = header(_plain(call), "anthropic-beta") or ""
        more["anthropic_version"] = header(_plain(call), "anthropic-version")
        more["betas"] = tuple(betas.split(",")) if betas else ()
    return [*problems, *checker.problems(case.target.api, body, case.target.dialect, strict, **more)]


_COUNTS: Final = ("n", "output_compression")


def _of_form(call: CallHttp, checker: Any, *, strict: bool) -> list[str] | None:
    """What is wrong with a form for an edit of pictures, read as the JSON that it stands for; None where it is none."""
    form = read_form(header(_plain(call), "content-type") or "", call.body)
    if form is None:
        return None
    from openai.types import image_edit_params as vendor  # type: ignore[import-not-found]

    files = [*form.pop("image[]", ()), *[form.pop(name) for name in ("image", "mask") if name in form]]
    problems = [f"(form): {file!r} is no file" for file in files if not isinstance(file, dict)]
    body = {name: int(value) if name in _COUNTS else value for name, value in form.items()}
    if "stream" in body:
        body["stream"] = body["stream"] == "true"
    type = vendor.ImageEditParamsStreaming if body.get("stream") else vendor.ImageEditParamsNonStreaming
    fields = {name: hint for name, hint in checker.fields(type).items() if name not in ("image", "mask")}
    found = [*checker.check_fields(type, fields, body, "", checker.Ctx()), *checker.rules_images(body, strict, None)]
    return [*problems, *map(checker.say, found)]


def _plain(call: CallHttp) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in call.headers if isinstance(value, str))
