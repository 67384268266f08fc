"""Protocol errors: whose fault it is decides the class, and a peer's fault carries its answer."""

from edge.codes import Code
from edge.errors import LocalProtocolError, ProtocolError, RemoteProtocolError


def test_remote_error_answers_as_its_code_says_when_not_told_otherwise() -> None:
    error = RemoteProtocolError("no such dialog", Code.S05)
    assert (str(error), error.code) == ("no such dialog", Code.S05)
    assert (error.status, error.condition) == (481, "item-not-found")


def test_remote_error_takes_a_status_and_a_condition_of_its_own() -> None:
    error = RemoteProtocolError("unknown scheme", status=416, condition="jid-malformed")
    assert (error.code, error.status, error.condition) == (Code.S01, 416, "jid-malformed")


def test_local_and_remote_errors_are_not_each_other() -> None:
    assert issubclass(LocalProtocolError, ProtocolError) and issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)
