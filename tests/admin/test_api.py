"""JSON over HTTP: questions, orders, and what is none; over the socket that carries them."""

import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from edge.admin.api import MAX_BODY
from edge.admin.client import Client, Refused
from edge.admin.local import BY, Answer, Local, Wrong


class Asking(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "admin.sock"
        self.said: list[Mapping[str, str]] = []
        self.late: Deferred[Answer] = Deferred()
        verbs: Any = {
            ("GET", "echo"): self.echo,
            ("POST", "echo"): self.echo,
            ("POST", "nested/echo"): self.echo,
            ("GET", "wrong"): self.wrong,
            ("GET", "late"): lambda said: self.late,
            ("GET", "late-wrong"): lambda said: fail(Wrong("too late", 409)),
            ("GET", "broken"): lambda said: fail(ZeroDivisionError()),
            ("GET", "soon"): lambda said: succeed({"done": True}),
        }
        local = Local(reactor, self.path, lambda: verbs)
        self.addCleanup(local.stop)

    def echo(self, said: Mapping[str, str]) -> Answer:
        self.said.append(said)
        return {"said": {name: value for name, value in said.items() if name != BY}}

    def wrong(self, said: Mapping[str, str]) -> Answer:
        raise Wrong("nobody is called that", 404)

    async def raw(self, request: bytes) -> tuple[int, str]:
        """Status and text of the answer to a request as it is."""

        def ask() -> bytes:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(str(self.path))
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while more := connection.recv(65536):
                    answer += more
                return answer

        head, _, body = (await deferToThread(ask)).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    async def post(self, body: bytes) -> tuple[int, str]:
        head = b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        return await self.raw(head + body)

    async def refused(self, name: str) -> str:
        with pytest.raises(Refused) as caught:
            await deferToThread(Client(self.path, 5.0).get, name)
        return str(caught.value)

    async def test_question_carries_texts(self) -> None:
        answer = await deferToThread(Client(self.path, 5.0).get, "echo", partner="bücher & co", user="a@b")
        assert answer == {"said": {"partner": "bücher & co", "user": "a@b"}}

    async def test_order_carries_an_object_of_texts_numbers_and_truth_values(self) -> None:
        answer = await deferToThread(Client(self.path, 5.0).post, "nested/echo", a="x", b=True, c=7)
        assert answer == {"said": {"a": "x", "b": "true", "c": "7"}}

    async def test_who_asks_is_told_by_the_kernel_and_by_nobody_else(self) -> None:
        await deferToThread(Client(self.path, 5.0).post, "echo", by="king (uid 1)")
        await deferToThread(Client(self.path, 5.0).get, "echo", by="king (uid 1)")
        mine = f"{getpass.getuser()} (uid {os.getuid()})"
        assert [said[BY] for said in self.said] == [mine, mine]

    async def test_verb_may_take_its_time(self) -> None:
        asked = deferToThread(Client(self.path, 5.0).get, "late")
        await deferLater(reactor, 0.02)
        self.late.callback({"done": 1})
        assert await asked == {"done": 1}
        assert await deferToThread(Client(self.path, 5.0).get, "soon") == {"done": True}

    async def test_verb_may_end_when_who_asked_has_gone(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            connection.sendall(b"GET /v1/late HTTP/1.1\r\nHost: x\r\n\r\n")
            await deferLater(reactor, 0.02)
        await deferLater(reactor, 0.02)
        self.late.callback({})

    async def test_refusal_is_a_sentence_at_once_or_later(self) -> None:
        assert await self.refused("wrong") == "nobody is called that"
        assert await self.refused("late-wrong") == "too late"

    async def test_bug_is_told_as_one_and_logged(self) -> None:
        assert await self.refused("broken") == "the gateway has failed, see its log"
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    async def test_there_is_no_other_name_and_no_other_method(self) -> None:
        assert await self.refused("nothing") == "there is no /v1/nothing"
        status, text = await self.raw(b"GET /v2/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status == 404 and "there is no /v2/echo" in text
        status, text = await self.raw(b"DELETE /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status == 405 and "echo takes GET or POST" in text
        assert self.said == []

    async def test_what_is_no_object_of_texts_is_refused(self) -> None:
        for body in (b"x", b"[]", b'{"a": []}', b'{"a": null}', b"[" * 50_000, b'"\xff"'):
            status, text = await self.post(body)
            assert status == 400 and "the question" in text, body[:20]
        assert (await self.post(b'{"a": "%s"}' % (b"x" * MAX_BODY)))[0] == 413
        assert self.said == []
