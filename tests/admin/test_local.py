"""The local socket: who may open it, what it leaves behind, and who is there already."""

import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from edge.admin.client import Client, Unreachable
from edge.admin.local import Answer, Local, Wrong


def hello(said: Mapping[str, str]) -> Answer:
    return {"hello": "world"}


class Socket(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "state" / "admin.sock"

    def local(self) -> Local:
        local = Local(reactor, self.path, lambda: {("GET", "hello"): hello})
        self.addCleanup(local.stop)
        return local

    async def test_only_user_and_group_may_open_it(self) -> None:
        self.local()
        mode = self.path.stat().st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660

    async def test_who_comes_is_answered(self) -> None:
        self.local()
        assert await deferToThread(Client(self.path, 5.0).get, "hello") == {"hello": "world"}

    async def test_socket_of_one_that_was_killed_is_taken_over(self) -> None:
        self.path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(self.path))
        self.local()
        assert await deferToThread(Client(self.path, 5.0).get, "hello") == {"hello": "world"}

    async def test_socket_of_one_that_lives_is_not(self) -> None:
        first = self.local()
        with pytest.raises(CannotListenError, match="another gateway listens there"):
            Local(reactor, self.path, dict)
        assert await deferToThread(Client(self.path, 5.0).get, "hello") == {"hello": "world"}
        await first.stop()

    async def test_what_is_no_socket_is_left_alone(self) -> None:
        self.path.parent.mkdir()
        self.path.write_text("mine")
        with pytest.raises(CannotListenError):
            Local(reactor, self.path, dict)
        assert self.path.read_text() == "mine"

    async def test_stopping_leaves_nothing_behind(self) -> None:
        local = Local(reactor, self.path, lambda: {("GET", "hello"): hello})
        await deferToThread(Client(self.path, 5.0).get, "hello")
        with socket.socket(socket.AF_UNIX) as idle:
            idle.connect(str(self.path))
            await local.stop()
        assert not self.path.exists()
        with pytest.raises(Unreachable):
            Client(self.path).get("hello")

    async def test_stopping_one_to_whom_nobody_came(self) -> None:
        await Local(reactor, self.path, dict).stop()
        assert not self.path.exists()


def test_wrong_question_has_a_status() -> None:
    assert (Wrong("x").status, Wrong("x", 404).status, str(Wrong("x"))) == (400, 404, "x")
