"""The command line, as its users see it: what is said where, and the exit status."""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, cast

import attrs
import pytest

from lash_io.cli import demo, main, screen
from lash_io.faux_server import FauxServer
from lash_proto import __version__
from lash_proto.faux import FauxError, FauxProvider, FauxReply
from lash_proto.messages import ReasoningPart, RefusalPart, TextPart
from lash_proto.replies import LlmResponse
from lash_proto.usage import LlmUsage

PATIENCE = 60.0
DRIVERS = ["blocking", "asyncio", "trio"]
KINDS = ["openai", "openai-compatible", "codex", "anthropic", "google_oauth"]

# A test run in the background ignores SIGINT, and its children would too.
_LASH = """
import signal, sys
from lash_io.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


def lash(*arguments: str, **popen: Any) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    process: Any = subprocess.Popen([sys.executable, "-c", _LASH, *arguments], stdin=subprocess.DEVNULL, **popen)
    return cast("subprocess.Popen[bytes]", process)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


# --- the command itself ----------------------------------------------------------------------------------------------


def usage_of(arguments: Sequence[str]) -> int:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert isinstance(exit.value.code, int)
    return exit.value.code


def test_help_names_the_commands_that_there_are_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_of(["--help"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"^    ([a-z-]+)", said, re.MULTILINE) == ["demo", "ask", "serve-faux"]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_of(["--version"]) == 0
    assert capsys.readouterr().out == f"lash {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["login"], "invalid choice: 'login'"),
        (["ask", "Hi."], "required: --model"),
        (["ask", "Hi.", "--model", "faux:m", "--reasoning", "hard"], "'hard' is neither a level nor a number"),
        (["ask", "Hi.", "--model", "faux:m", "--max-output-tokens", "few"], "invalid int value: 'few'"),
        (["serve-faux", "--port", "http"], "'http' is no port"),
        (["serve-faux", "--port", "65536"], "'65536' is no port"),
        (["serve-faux", "--tokens-per-second", "fast"], "'fast' is no speed: it is a number of tokens above 0"),
        (["serve-faux", "--tokens-per-second", "0"], "'0' is no speed"),
    ],
)
def test_bad_usage_is_status_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_of(arguments) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "open_screen", interrupted)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "\n"


def test_a_reader_that_has_seen_enough_ends_the_command_in_silence() -> None:
    reader, writer = os.pipe()
    with lash("demo", "--fast", stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        assert os.read(reader, 16) == b"One conversation"
        os.close(reader)
        assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == 1


def test_characters_that_a_terminal_lacks_do_not_stop_a_command() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with lash("ask", "Hi.", "--model", "faux:mé", stdout=subprocess.PIPE, env=environment) as process:
        said, _ = process.communicate(timeout=PATIENCE)
    assert said == b"This is m?, played by lash's faux provider over anthropic-messages.\n"
    assert process.returncode == 0


# --- demo ------------------------------------------------------------------------------------------------------------


def one_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_drivers", lambda: [("blocking", demo._blocking)])


def playing(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Have the provider answer otherwise than the demo takes it to."""
    monkeypatch.setattr(
        demo, "FauxProvider", lambda script: FauxProvider([attrs.evolve(reply, **changes) for reply in script])
    )


def test_the_demo_shows_every_kind_and_driver_and_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--fast"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert "\x1b" not in output.out
    apis = ["openai-responses", "openai-completions", "openai-responses", "anthropic-messages", "google-code-assist"]
    headings = [f"{kind} · {d} · {api}" for kind, api in zip(KINDS, apis, strict=True) for d in DRIVERS]
    assert re.findall(r"^(.*)\n-+$", output.out, re.MULTILINE) == headings
    told = output.out.split(headings[-1])[1].splitlines()
    assert told[2:10] == [
        "Two cities, two look-ups; both at once.",
        "Let me look at both.",
        "  -> weather(city='Lisbon')",
        "  -> weather(city='Oslo')",
        "  1088 tokens in (64 new, 1024 cached), 58 out (12 reasoning); stop: tool_use",
        "  <- Lisbon: 24",
        "  <- Oslo: -3",
        "Lisbon, by far: 24 °C there, and −3 °C in Oslo. 🌞",
    ]
    rows = [line.split() for line in output.out.splitlines() if line.endswith(" ok")]
    assert rows == [[kind, d, "2", "2281", "2176", "79", "12", "ok"] for kind in KINDS for d in DRIVERS]
    assert told[-1] == "All was read as it was scripted, each conversation over one connection."


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"content": [TextPart("No.")]}, "text: 'No.' instead of 'Let me look at both.'"),
        ({"stop_reason": "length"}, "stop: 'length' instead of 'tool_use'"),
        ({"usage": LlmUsage(1, 2, 0, 3)}, "usage: (1, 2, 0, 3) instead of (64, 1024, 0, 58)"),
        ({"usage": None}, "usage: None instead of (64, 1024, 0, 58)"),
        ({"error": FauxError("authentication", "Who are you?", status=401)}, "AuthenticationError: "),
    ],
)
def test_a_reply_read_otherwise_than_scripted_is_named_and_status_1(
    changes: dict[str, Any], fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one_driver(monkeypatch)
    playing(monkeypatch, **changes)
    assert main(["demo", "--fast"]) == 1
    said = capsys.readouterr().out
    for kind in KINDS:
        assert f"OFF  {kind}, blocking: {fault}" in said
    assert said.count("  off\n") == len(KINDS)
    assert said.endswith("\nNot all was read as it was scripted.\n")


def test_a_connection_that_is_not_kept_is_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one_driver(monkeypatch)
    answer = FauxServer._one_request
    monkeypatch.setattr(FauxServer, "_one_request", lambda *arguments: answer(*arguments) and False)
    assert main(["demo", "--fast"]) == 1
    assert "OFF  codex, blocking: connections: 2 instead of 1\n" in capsys.readouterr().out


def test_without_trio_the_demo_says_what_it_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: name != "trio" and find(name, *more) or None)
    assert main(["demo", "--fast"]) == 0
    said = capsys.readouterr().out
    assert " · asyncio · " in said
    assert " · trio · " not in said
    assert "trio is not installed, so its driver was left out: pip install 'lash-llm[trio]'" in said


def test_the_demo_paces_its_streams_unless_it_is_to_be_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    paces: list[float | None] = []

    def serve(*, tokens_per_second: float | None) -> FauxServer:
        paces.append(tokens_per_second)
        return FauxServer()

    one_driver(monkeypatch)
    monkeypatch.setattr(demo, "FauxServer", serve)
    assert (main(["demo"]), main(["demo", "--fast"])) == (0, 0)
    assert paces == [40, None]


def in_a_terminal(columns: int, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a command that writes to a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    with lash(*arguments, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        while more := _read_terminal(ours):
            said += more
        os.close(ours)
    return process.returncode, said.decode().replace("\r\n", "\n")


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # Linux's word for a terminal that nobody writes to any more
            raise
        return b""


@pytest.mark.parametrize("columns", [80, 100])
def test_the_demo_is_coloured_and_fits_in_a_terminal(columns: int) -> None:
    pytest.importorskip("rich")
    status, said = in_a_terminal(columns, "demo", "--fast")
    assert status == 0
    assert said.count("\x1b[2;3m") > 100  # reasoning, piece by piece
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said).split("\n")
    assert max(map(len, lines)) == columns  # the rules
    assert f"anthropic · trio · anthropic-messages {'─' * (columns - 38)}" in lines
    assert "Lisbon, by far: 24 °C there, and −3 °C in Oslo. 🌞" in lines
    assert "google_oauth       trio          2   2281    2176      79         12  ok" in lines


def test_a_terminal_without_rich_has_plain_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    plain = screen.open_screen()
    plain.heading("Here")
    plain.piece("one ", "dim")
    plain.piece("two")
    plain.line()
    plain.table("Numbers", ["name", "n"], [["three", "3"]])
    assert capsys.readouterr().out == "\nHere\n----\none two\n\nNumbers\nname   n\nthree  3\n"


@pytest.mark.parametrize(
    ("usage", "line"),
    [
        (None, "usage not told; stop: stop"),
        (LlmUsage(5, output_tokens=7), "5 tokens in (5 new, 0 cached), 7 out; stop: stop"),
        (
            LlmUsage(1, 2, 3, 40, reasoning_tokens=30),
            "6 tokens in (1 new, 2 cached, 3 to cache), 40 out (30 reasoning); stop: stop",
        ),
    ],
)
def test_what_a_reply_cost_is_one_line(usage: LlmUsage | None, line: str) -> None:
    assert screen.usage_line(LlmResponse((), usage=usage, stop_reason="stop")) == line


# --- ask -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FauxServer]:
    with FauxServer(FauxProvider(otherwise=FauxReply("Hello."))) as server:
        yield server


def asked(server: FauxServer, *arguments: str) -> int:
    return main(["ask", "Hi.", "--model", "openai-compatible:m", "--base-url", f"{server.url}/v1", *arguments])


def test_the_answer_goes_to_stdout_and_its_cost_to_stderr(
    server: FauxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(server) == 0
    output = capsys.readouterr()
    assert output.out == "Hello.\n"
    assert output.err == "12 tokens in (12 new, 0 cached), 34 out; stop: stop\n"


def test_the_key_comes_from_the_environment(server: FauxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sesame")
    assert main(["ask", "Hi.", "--model", "anthropic:m", "--base-url", server.url]) == 0
    assert server.provider.calls[0].api == "anthropic-messages"


def test_the_knobs_reach_the_provider(server: FauxServer) -> None:
    assert asked(server, "--system", "Be brief.", "--reasoning", "low", "--max-output-tokens", "9") == 0
    body: Any = server.provider.calls[0].body
    assert body["model"] == "m"
    assert [message["content"] for message in body["messages"]] == ["Be brief.", "Hi."]
    assert body["reasoning_effort"] == "low"
    assert 9 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_a_reasoning_budget_is_a_number(server: FauxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sesame")
    arguments = ["ask", "Hi.", "--model", "anthropic:m", "--base-url", server.url, "--max-output-tokens", "9000"]
    assert main([*arguments, "--reasoning", "2000"]) == 0
    body: Any = server.provider.calls[0].body
    assert body["thinking"]["budget_tokens"] == 2000


def test_reasoning_goes_to_stderr(
    server: FauxServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sesame")
    server.provider = FauxProvider([FauxReply([ReasoningPart("Let me think."), TextPart("So."), TextPart(" Yes.")])])
    assert main(["ask", "Hi.", "--model", "anthropic:m", "--base-url", server.url]) == 0
    output = capsys.readouterr()
    assert output.out == "So. Yes.\n"
    assert output.err.startswith("Let me think.\n12 tokens in")


def test_a_refusal_is_an_answer(server: FauxServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.provider = FauxProvider([FauxReply([RefusalPart("I will not.")], stop_reason="refusal")])
    assert asked(server) == 0
    output = capsys.readouterr()
    assert output.out == "I will not.\n"
    assert output.err.endswith("; stop: refusal\n")


def test_an_error_is_status_1_and_said(server: FauxServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.provider = FauxProvider([FauxReply(error=FauxError("authentication", "Who are you?", status=401))])
    assert asked(server) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"lash: .*Who are you\?.*\n", output.err)


def test_an_answer_that_breaks_off_is_shown_as_far_as_it_came_and_status_1(
    server: FauxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.provider = FauxProvider([FauxReply("Half an answer.", piece=5, cut_after=3)])
    assert asked(server) == 1
    output = capsys.readouterr()
    assert output.out.startswith("Half ")
    assert output.out.endswith("\n")
    assert "Half an answer." not in output.out
    assert re.fullmatch(r"lash: .+\n", output.err)


@pytest.mark.parametrize(
    ("model", "base_url", "status", "said"),
    [
        ("anthropic:m", None, 1, "set ANTHROPIC_OAUTH_TOKEN or ANTHROPIC_API_KEY"),
        ("openai:m", None, 1, "set OPENAI_API_KEY"),
        ("google:m", None, 1, "set GEMINI_API_KEY"),
        ("codex:m", None, 1, "no key for codex: give one to codex(...), or name the variable that holds it: --key-"),
        ("nobody:m", None, 2, "no provider kind 'nobody' is registered (there are: openai, "),
        ("m", None, 2, 'write it as "kind:model"'),
        ("openai-compatible:m", None, 2, "needs a base_url"),
        ("openai-compatible:m", "ftp://x", 2, "'ftp://x' is no http(s) URL"),
        ("openai:m", "http://x", 2, "openai takes no --base-url"),
    ],
)
def test_what_is_wrong_before_a_call_is_said_plainly(
    model: str, base_url: str | None, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = [] if base_url is None else ["--base-url", base_url]
    assert main(["ask", "Hi.", "--model", model, *url]) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"lash: .+\n", output.err)
    assert said in output.err


def test_a_key_can_come_from_a_variable_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with FauxServer(FauxProvider([FauxReply("Hello.")])) as server:
        asked = [
            "ask",
            "Hi.",
            "--model",
            "openai-compatible:m",
            "--base-url",
            f"{server.url}/v1",
            "--key-from",
            "MY_KEY",
        ]
        assert main(asked) == 2
        assert capsys.readouterr().err == "lash: the environment variable MY_KEY is not set, or empty\n"
        monkeypatch.setenv("MY_KEY", "made-up")
        assert main(asked) == 0
        assert ("authorization", "***") in server.provider.calls[0].headers
    assert capsys.readouterr().out == "Hello.\n"


# --- serve-faux ------------------------------------------------------------------------------------------------------


def test_the_faux_server_serves_until_it_is_interrupted() -> None:
    arguments = ("--port", "0", "--text", "Yes.", "--tokens-per-second", "1000")
    with lash("serve-faux", *arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first, *paths = [process.stdout.readline().decode() for _ in range(6)]
        found = re.fullmatch(r"lash's faux provider listens at (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", first)
        assert found is not None
        urls = dict(re.findall(r"^  (\S+) +POST (\S+)\n$", path)[0] for path in paths)
        assert urls.pop("google-generative-ai") == f"{found[1]}/v1beta/models/MODEL:streamGenerateContent?alt=sse"
        assert urls.pop("google-code-assist") == f"{found[1]}/v1internal:streamGenerateContent?alt=sse"
        for url in urls.values():
            body = json.dumps({"model": "m", "messages": [], "input": []}).encode()
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE) as answer:
                assert b'"Yes."' in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_a_port_that_cannot_be_had_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve-faux", "--port", str(port)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    why = os.strerror(errno.EADDRINUSE)
    assert output.err == f"lash: cannot serve on port {port}: {why}; choose another with --port\n"
