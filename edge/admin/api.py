"""The administrator's interface: JSON over HTTP on a local socket, for the command `edge` and for scripts.

Whoever may open the socket (mode 0660) is an administrator; there is no other way in. `edge.admin.verbs` says what can
be asked and done, this says how: ``GET /v1/links?partner=contoso``, ``POST /v1/reload`` with a JSON object. The answer
is a JSON object; a wrong question gets 400 or 404 with {"error": sentence}. No answer holds a private key,
and none but those of a trace that was begun with bodies what people say.
"""

import json
import pwd
import socket as sockets
import struct
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from edge.admin.http import IDLE_SECONDS, Connections, QuietSite
from edge.admin.local import BY, Answer, Verb, Wrong
from edge.net.tcp import Reactor

MAX_BODY = 64 << 10  # bytes of a question; the longest is a list of domains

def connections(verbs: Mapping[tuple[str, str], Verb], reactor: Reactor) -> Connections:
    """What `edge.admin.local` makes of a connection."""
    site = QuietSite(  # type: ignore[no-untyped-call]  # Twisted's own
        Api(verbs), parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor
    )
    return Connections(site)


class Api(Resource):
    """All questions there are, by method and name."""

    isLeaf = True

    def __init__(self, verbs: Mapping[tuple[str, str], Verb]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's own
        self._verbs = verbs

    def render(self, request: Any) -> bytes | int:  # Twisted's own types say nothing of what is called here
        try:
            verb, said = self._asked(request)
            answer = verb(said)
        except Wrong as error:
            return _answer(request, error.status, {"error": str(error)})
        if not isinstance(answer, Deferred):
            return _answer(request, 200, answer)
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def done(result: Answer) -> None:
            if not gone:
                request.write(_answer(request, 200, result))
                request.finish()

        def failed(failure: Failure) -> Failure | None:
            problem = isinstance(failure.value, Wrong)
            if not gone:
                error = cast(Wrong, failure.value) if problem else Wrong("the gateway has failed, see its log", 500)
                request.write(_answer(request, error.status, {"error": str(error)}))
                request.finish()
            return None if problem else failure

        answer.addCallbacks(done, failed)
        return NOT_DONE_YET

    def _asked(self, request: Request) -> tuple[Verb, Mapping[str, str]]:
        path, _, query = request.uri.partition(b"?")
        method = request.method.decode("ascii", "replace")
        version, _, name = path.decode("ascii", "replace").removeprefix("/").partition("/")
        verb = self._verbs.get((method, name)) if version == "v1" else None
        if verb is None:
            others = sorted(each for each, known in self._verbs if known == name and version == "v1")
            if others:
                raise Wrong(f"{name} takes {' or '.join(others)}", 405)
            raise Wrong(f"there is no {path.decode('ascii', 'replace')[:100]}", 404)
        said = {key: values[-1] for key, values in parse_qs(query.decode("utf-8", "replace")).items()}
        assert request.content is not None
        body = request.content.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise Wrong("the question is too long", 413)
        if body:
            said |= _object(body)
        said[BY] = _asker(request)
        return verb, said


# -- private ---------------------------------------------------------------------------------------------------------


def _asker(request: Request) -> str:
    """The user whose process has opened the socket: the kernel knows."""
    try:
        handle = request.channel.transport.getHandle()  # type: ignore[union-attr]  # a channel whose wrapper hands through
        packed = handle.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, _CREDENTIALS.size)
    except (AttributeError, OSError):
        return ""
    _, user, _ = _CREDENTIALS.unpack(packed)
    try:
        return f"{pwd.getpwuid(user).pw_name} (uid {user})"
    except KeyError:
        return f"uid {user}"


_CREDENTIALS = struct.Struct("3i")  # process, user, group: `struct ucred` of Linux


def _object(body: bytes) -> dict[str, str]:
    """The members of a JSON object, as texts."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Wrong("the question is no JSON") from None
    if not isinstance(found, dict) or not all(isinstance(value, str | int | float) for value in found.values()):
        raise Wrong("the question must be a JSON object of texts, numbers and truth values")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in found.items()}


def _answer(request: Request, status: int, answer: Answer) -> bytes:
    body = json.dumps(answer, indent=2, ensure_ascii=False).encode() + b"\n"
    request.setResponseCode(status)
    for name, value in (
        ("server", "edge"), ("cache-control", "no-store"), ("content-type", "application/json"),
        ("content-length", str(len(body))),
    ):
        request.responseHeaders.setRawHeaders(name, [value])
    return body if request.method != b"HEAD" else b""
