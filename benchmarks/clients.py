"""Who reads a stream over loopback: the floors, lash, and what Python users have today; each in a process of its own.

    python -m benchmarks.clients SETTINGS

SETTINGS is JSON: `client`, a name from `CLIENTS`; `url` and, for TLS, `ca`; `task`, what to do for each line on the
standard input, with its settings. A client is made once and keeps its connections. It gives a function that asks for
one stream and calls another with each text in it. Anthropic's and Google's speak their own dialects, all others Chat
Completions. Nothing is imported that a client does not need, as most virtual environments have only one of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from .peers import work
from .server import more_files

OnText: TypeAlias = Callable[[str], object]
Ask: TypeAlias = Callable[[OnText], Any]
"""Asks for one stream; of an asynchronous client, awaitable."""

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Tell me a story."}]
BODY = {"model": "x", "messages": ASKED, "stream": True}
PATH = "/v1/chat/completions"


class Lines:
    """What a hand-written client does with a body: lines, `json.loads`, and the text out of the dictionary."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """More of the body."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    if text := choice["delta"].get("content"):
                        self._on_text(text)


# --- floors ----------------------------------------------------------------------------------------------------------


class _H11:
    """One kept connection's HTTP: a request to send, and its response by what is received."""

    def __init__(self, url: str) -> None:
        import h11

        self._h11 = h11
        self._http = h11.Connection(h11.CLIENT)
        self._body = json.dumps(BODY).encode()
        self._headers = [
            ("host", urlsplit(url).netloc),
            ("content-type", "application/json"),
            ("content-length", str(len(self._body))),
        ]

    def request(self) -> bytes:
        request = self._h11.Request(method="POST", target=PATH, headers=self._headers)
        pieces = [
            self._http.send(request),
            self._http.send(self._h11.Data(data=self._body)),
            self._http.send(self._h11.EndOfMessage()),
        ]
        return b"".join([piece or b"" for piece in pieces])

    def receive(self, data: bytes, lines: Lines) -> bool:
        """Whether the response is over."""
        self._http.receive_data(data)
        while True:
            event = self._http.next_event()
            if isinstance(event, self._h11.Data):
                lines.feed(event.data)
            elif isinstance(event, self._h11.EndOfMessage):
                self._http.start_next_cycle()
                return True
            elif event is self._h11.NEED_DATA:
                return False


def asyncio_h11(url: str, tls: ssl.SSLContext | None) -> Ask:
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, _H11]] = []
    where = urlsplit(url)

    async def ask(on_text: OnText) -> None:
        if idle:
            reader, writer, http = idle.pop()
        else:
            reader, writer = await asyncio.open_connection(where.hostname, where.port, ssl=tls)
            http = _H11(url)
        lines = Lines(on_text)
        writer.write(http.request())
        while not http.receive(await reader.read(65536), lines):
            pass
        idle.append((reader, writer, http))

    return ask


def socket_h11(url: str, tls: ssl.SSLContext | None) -> Ask:
    import socket

    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "", where.port or 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    http = _H11(url)

    def ask(on_text: OnText) -> None:
        lines = Lines(on_text)
        connection.sendall(http.request())
        while not http.receive(connection.recv(65536), lines):
            pass

    return ask


def aiohttp(url: str, tls: ssl.SSLContext | None) -> Ask:
    aiohttp = import_module("aiohttp")
    sessions: list[Any] = []  # it wants to be made in the loop

    async def ask(on_text: OnText) -> None:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls or True)))
        lines = Lines(on_text)
        async with sessions[0].post(url + PATH, json=BODY) as response:
            async for data in response.content.iter_any():
                lines.feed(data)

    return ask


def httpcore(url: str, tls: ssl.SSLContext | None) -> Ask:
    import httpcore

    pool = httpcore.AsyncConnectionPool(ssl_context=tls, max_connections=None)
    body = json.dumps(BODY).encode()
    headers: dict[bytes | str, bytes | str] = {
        "host": urlsplit(url).netloc,
        "content-type": "application/json",
        "content-length": str(len(body)),
    }

    async def ask(on_text: OnText) -> None:
        lines = Lines(on_text)
        async with pool.stream("POST", url + PATH, headers=headers, content=body) as response:
            async for data in response.aiter_stream():
                lines.feed(data)

    return ask


def httpx(url: str, tls: ssl.SSLContext | None) -> Ask:
    httpx = import_module("httpx")
    client = httpx.AsyncClient(verify=tls or True, timeout=60, limits=httpx.Limits(max_connections=None))

    async def ask(on_text: OnText) -> None:
        lines = Lines(on_text)
        async with client.stream("POST", url + PATH, json=BODY) as response:
            async for data in response.aiter_raw():
                lines.feed(data)

    return ask


# --- lash ------------------------------------------------------------------------------------------------------------


def lash(url: str, tls: ssl.SSLContext | None, *, fast: bool = False, httpcore: bool = False) -> Ask:
    _choose_engine(fast)
    from lash_io.aio import Client
    from lash_proto.providers import openai_compatible
    from lash_proto.replies import TextDelta

    transport: Any = None
    if httpcore:
        from lash_io.aio.transports.pool import HttpcoreTransport

        transport = HttpcoreTransport(ssl_context=tls)
    handle = openai_compatible("none", base_url=f"{url}/v1")
    client = Client(handle, model="x", transport=transport, ssl_context=None if httpcore else tls)

    async def ask(on_text: OnText) -> None:
        async with client.stream(ASKED[0]["content"]) as stream:
            async for event in stream:
                if type(event) is TextDelta:
                    on_text(event.text)

    return ask


def lash_blocking(url: str, tls: ssl.SSLContext | None, *, fast: bool = False) -> Ask:
    _choose_engine(fast)
    from lash_io.blocking import Client
    from lash_proto.providers import openai_compatible
    from lash_proto.replies import TextDelta

    client = Client(openai_compatible("none", base_url=f"{url}/v1"), model="x", ssl_context=tls)

    def ask(on_text: OnText) -> None:
        with client.stream(ASKED[0]["content"]) as stream:
            for event in stream:
                if type(event) is TextDelta:
                    on_text(event.text)

    return ask


def _choose_engine(fast: bool) -> None:
    if not fast:
        sys.modules["msgspec"] = None  # type: ignore[assignment]  # which makes it one that is not installed


# --- what users have -------------------------------------------------------------------------------------------------


def openai(url: str, tls: ssl.SSLContext | None) -> Ask:
    client = import_module("openai").AsyncOpenAI(
        api_key="none", base_url=f"{url}/v1", max_retries=0, timeout=600
    )  # 1,000 at once take long

    async def ask(on_text: OnText) -> None:
        stream: Any = await client.chat.completions.create(**BODY)
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    on_text(choice.delta.content)

    return ask


def openai_blocking(url: str, tls: ssl.SSLContext | None) -> Ask:
    client = import_module("openai").OpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0)

    def ask(on_text: OnText) -> None:
        stream: Any = client.chat.completions.create(**BODY)
        for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    on_text(choice.delta.content)

    return ask


def anthropic(url: str, tls: ssl.SSLContext | None) -> Ask:
    client = import_module("anthropic").AsyncAnthropic(api_key="none", base_url=url, max_retries=0)

    async def ask(on_text: OnText) -> None:
        stream: Any = await client.messages.create(**BODY, max_tokens=9)
        async for event in stream:
            if event.type == "content_block_delta":
                on_text(event.delta.text)

    return ask


def google(url: str, tls: ssl.SSLContext | None) -> Ask:
    client = import_module("google.genai").Client(api_key="none", http_options={"base_url": url})

    async def ask(on_text: OnText) -> None:
        async for chunk in await client.aio.models.generate_content_stream(model="x", contents=ASKED[0]["content"]):
            if chunk.text:
                on_text(chunk.text)

    return ask


def litellm(url: str, tls: ssl.SSLContext | None) -> Ask:
    litellm = import_module("litellm")

    async def ask(on_text: OnText) -> None:
        stream: Any = await litellm.acompletion(
            model="openai/x", messages=ASKED, stream=True, api_base=f"{url}/v1", api_key="none", max_retries=0
        )
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    on_text(choice.delta.content)

    return ask


def pydantic_ai(url: str, tls: ssl.SSLContext | None) -> Ask:
    provider = import_module("pydantic_ai.providers.openai").OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    model = import_module("pydantic_ai.models.openai").OpenAIChatModel("x", provider=provider)
    asked = [import_module("pydantic_ai.messages").ModelRequest.user_text_prompt(ASKED[0]["content"])]
    model_request_stream = import_module("pydantic_ai.direct").model_request_stream

    async def ask(on_text: OnText) -> None:
        async with model_request_stream(model, asked) as stream:
            async for event in stream:
                part = getattr(event, "delta", None) or getattr(event, "part", None)
                text = getattr(part, "content_delta", None) or getattr(part, "content", None)
                if event.event_kind in ("part_start", "part_delta") and text:
                    on_text(text)

    return ask


class Client(NamedTuple):
    """How one is made, and the virtual environment that has it; None: ours."""

    make: Callable[[str, ssl.SSLContext | None], Ask]
    peer: str | None = None
    blocking: bool = False


CLIENTS = {
    "asyncio streams + h11 + json": Client(asyncio_h11),
    "raw aiohttp + json": Client(aiohttp, "aiohttp"),
    "raw httpcore + json": Client(httpcore),
    "raw httpx + json": Client(httpx, "httpx"),
    "lash": Client(lash),
    "lash, fast": Client(lambda url, tls: lash(url, tls, fast=True)),
    "lash, HttpcoreTransport": Client(lambda url, tls: lash(url, tls, httpcore=True)),
    "openai": Client(openai, "openai"),
    "anthropic": Client(anthropic, "anthropic"),
    "google-genai": Client(google, "google"),
    "LiteLLM": Client(litellm, "litellm"),
    "pydantic-ai": Client(pydantic_ai, "pydantic-ai"),
    "socket + h11 + json": Client(socket_h11, blocking=True),
    "lash, blocking": Client(lash_blocking, blocking=True),
    "lash, blocking, fast": Client(lambda url, tls: lash_blocking(url, tls, fast=True), blocking=True),
    "openai, blocking": Client(openai_blocking, "openai", blocking=True),
}


# --- tasks -----------------------------------------------------------------------------------------------------------


class Tasks:
    """What is done with a client, and what is measured then. CPU in seconds, times in milliseconds."""

    def __init__(self, client: Client, url: str, ca: str | None) -> None:
        tls = None if ca is None else ssl.create_default_context(cafile=ca)
        self._blocking = client.blocking
        self._ask = client.make(url, tls)
        self._loop = None if client.blocking else asyncio.new_event_loop()

    def _run(self, on_text: OnText, begin: Callable[[], object] = bool, times: int = 1) -> None:
        if self._loop is None:
            for _ in range(times):
                begin()
                self._ask(on_text)
            return

        async def many() -> None:
            for _ in range(times):
                begin()
                await self._ask(on_text)

        self._loop.run_until_complete(many())

    def burst(self, events: int) -> dict[str, float]:
        """One stream: the CPU of the whole call."""
        texts: list[str] = []
        begun = time.process_time()
        self._run(texts.append)
        spent = time.process_time() - begun
        if len(texts) != events:
            raise RuntimeError(f"{len(texts)} texts in a stream of {events}")
        return {"cpu": spent}

    def first_event(self, requests: int) -> dict[str, float]:
        """One short stream after the other on a kept connection: the time to the first text, the CPU of each."""
        firsts: list[float] = []
        asked = 0.0  # 0: nobody waits for a first text

        def begin() -> None:
            nonlocal asked
            asked = time.perf_counter()

        def on_text(_: str) -> None:
            nonlocal asked
            if asked:
                firsts.append(time.perf_counter() - asked)
                asked = 0.0

        cpu = time.process_time()
        self._run(on_text, begin, requests)
        cpu = time.process_time() - cpu
        return {"first": statistics.median(firsts) * 1e3, "cpu": cpu / requests}

    def paced(self, streams: int, events: int, ramp: float) -> dict[str, float]:
        """Many streams at once, begun one after the other in `ramp` seconds: how late each text is, the CPU of one, and
        the memory of an open stream."""
        late: list[float] = []
        clock = time.monotonic

        def on_text(text: str) -> None:
            late.append(clock() - float(text))

        async def one(number: int) -> None:
            await asyncio.sleep(ramp * number / streams)
            await self._ask(on_text)

        async def look() -> int:
            await asyncio.sleep(ramp)
            return _resident()

        async def many() -> int:
            looked = asyncio.create_task(look())
            await asyncio.gather(*[one(number) for number in range(streams)])
            return await looked

        before = _resident()
        cpu, begun = time.process_time(), clock()
        assert self._loop is not None
        resident = self._loop.run_until_complete(many())
        cpu, wall = time.process_time() - cpu, clock() - begun
        if len(late) != streams * events:
            raise RuntimeError(f"{len(late)} texts in {streams} streams of {events}")
        late.sort()
        return {
            "cpu": cpu / len(late),
            "p50": late[len(late) // 2] * 1e3,
            "p99": late[len(late) * 99 // 100] * 1e3,
            "wall": wall,
            "rss": (resident - before) / streams,
        }


def _resident() -> int:
    """Bytes of memory that the process has now. Its peak would hold that of the process it was forked from."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def begin() -> Callable[[], dict[str, float]]:
    """What is to be done for each line."""
    settings = json.loads(sys.argv[1])
    more_files()
    tasks = Tasks(CLIENTS[settings["client"]], settings["url"], settings["ca"])
    task = getattr(tasks, settings["task"])

    def measure() -> dict[str, float]:
        gc.collect()
        figures: dict[str, float] = task(**settings["of"])
        return figures

    return measure


if __name__ == "__main__":
    work(begin)
