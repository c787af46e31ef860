"""A server on loopback that answers by a script, for what a real one does only when it fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What is sent back.

    `drop` closes the connection without a word, `cut` after so many bytes of the body; `drip` is
    the silence, in seconds, before each byte.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int | None = None
    drip: float = 0.0


@dataclass
class Asked:
    """One request."""

    number: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def completion(text: str = "A lark.", **fields: Any) -> Reply:
    """A chat completion of seven tokens in and three out."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        **fields,
    }
    found = {
        "id": "1",
        "object": "chat.completion",
        "model": "wren-1@main",
        "system_fingerprint": "fp_7",
        "choices": [choice],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
    return Reply(body=json.dumps(found).encode())


def failure(status: int, message: str = "busy", **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": {"message": message}}).encode(), sent)


Script = Callable[[Asked], Reply]


@dataclass
class Scripted:
    """The running server."""

    url: str
    script: Script
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        with self.lock:
            asked = Asked(len(self.asked), path, headers, body)
            self.asked.append(asked)
        return self.script(asked)

    @property
    def draws(self) -> list[tuple[str, int]]:
        """Prompt and seed of every request for a completion."""
        return [(asked.body["messages"][-1]["content"], asked.body["seed"]) for asked in self.asked]


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve a script until the block ends."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(served.answer(self.path, dict(self.headers), body))

        def do_GET(self) -> None:
            models = json.dumps({"data": [{"id": "wren-1"}]}).encode()
            self.send(Reply(body=models))

        def send(self, reply: Reply) -> None:
            if reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.cut is not None:
                self.wfile.write(reply.body[: reply.cut])
                self.close_connection = True
                return
            for byte in reply.body if reply.drip else ():
                closing.wait(reply.drip)
                self.wfile.write(bytes([byte]))
            self.wfile.write(b"" if reply.drip else reply.body)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that left early is what some tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        served = Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1", script)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            closing.set()
            server.shutdown()
            thread.join()
