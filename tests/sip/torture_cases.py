"""The torture messages of RFC 4475 as renderings of our own, and what a stream link must answer to each.

Sender and recipient are in the domains of the demonstration: ``sip.example`` sends, ``xmpp.example`` is behind the
gateway. The octets stand in ``torture/``. Used by the tests of the codec and by those that use a real link.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("torture")

@dataclass(frozen=True)
class Case:
    """``statuses``: what every final answer to it must be one of; empty means that nothing is answered.

    A 405 is what INVITE and REGISTER come to at an edge that serves neither, but only after they could be parsed.
    ``answers``: how many requests are in it. ``closes``: the stream cannot go on behind it. ``waits``: the message is
    incomplete, what is sent behind it disappears in its body. Otherwise the link goes on as if nothing had happened.
    """

    name: str
    section: str
    valid: bool
    statuses: frozenset[int]
    answers: int = 1
    closes: bool = False
    waits: bool = False

    @property
    def data(self) -> bytes:
        """The octets."""
        return (FOLDER / f"{self.name}.dat").read_bytes()

    def __str__(self) -> str:
        return self.name


def _valid(name: str, section: str, *statuses: int, answers: int = 1) -> Case:
    return Case(name, section, True, frozenset(statuses), answers if statuses else 0)


def _invalid(name: str, section: str, *statuses: int, closes: bool = False, waits: bool = False) -> Case:
    return Case(name, section, False, frozenset(statuses), 1 if statuses else 0, closes, waits)


CASES: tuple[Case, ...] = (
    _valid("wsinv", "3.1.1.1", 405, 481),
    _valid("intmeth", "3.1.1.2", 501),
    _valid("esc01", "3.1.1.3", 405, 488),
    _valid("escnull", "3.1.1.4", 405),
    _valid("esc02", "3.1.1.5", 501),
    _valid("lwsdisp", "3.1.1.6", 200),
    _valid("longreq", "3.1.1.7", 405, 488),
    _valid("dblreq", "3.1.1.8", 405, 488, answers=2),  # on a stream, the octets behind the body are the next request
    _valid("semiuri", "3.1.1.9", 200),
    _valid("transports", "3.1.1.10", 200),
    _valid("mpart01", "3.1.1.11", 200, 202, 415, 480),
    _valid("unreason", "3.1.1.12"),
    _valid("noreason", "3.1.1.13"),
    _invalid("badinv01", "3.1.2.1", 400),
    _invalid("clerr", "3.1.2.2", waits=True),
    _invalid("ncl", "3.1.2.3", 400, closes=True),
    _invalid("scalar02", "3.1.2.4", 400),
    _invalid("scalarlg", "3.1.2.5"),
    _invalid("quotbal", "3.1.2.6", 400),
    _invalid("ltgtruri", "3.1.2.7", 400),
    _invalid("lwsruri", "3.1.2.8", 400),
    _invalid("lwsstart", "3.1.2.9", 400, 405),
    _invalid("trws", "3.1.2.10", 400, 200),
    _invalid("escruri", "3.1.2.11", 400),
    _invalid("baddate", "3.1.2.12", 400, 405, 488),
    _invalid("regbadct", "3.1.2.13", 400, 405),
    _invalid("badaspec", "3.1.2.14", 400),
    _invalid("baddn", "3.1.2.15", 400),
    _invalid("badvers", "3.1.2.16", 505),
    _invalid("mismatch01", "3.1.2.17", 400),
    _invalid("mismatch02", "3.1.2.18", 501, 400),
    _invalid("bigcode", "3.1.2.19"),
    _valid("badbranch", "3.2.1", 200, 400),
    _invalid("insuf", "3.3.1", 400),
    _valid("unkscm", "3.3.2", 416),
    _valid("novelsc", "3.3.3", 416),
    _valid("unksm2", "3.3.4", 400, 405),
    _valid("bext01", "3.3.5", 420),
    _valid("invut", "3.3.6", 405, 415, 488),
    _valid("regaut01", "3.3.7", 405),
    _invalid("multi01", "3.3.8", 400),
    _invalid("mcl01", "3.3.9", 400, closes=True),
    _valid("bcast", "3.3.10"),
    _valid("zeromf", "3.3.11", 200, 483),
    _valid("cparam01", "3.3.12", 405),
    _valid("cparam02", "3.3.13", 405),
    _valid("regescrt", "3.3.14", 405),
    _valid("sdp01", "3.3.15", 405, 406, 488),
    _invalid("inv2543", "3.4.1", 400, closes=True),  # of RFC 2543, valid there; a stream needs a Content-Length
)
BY_NAME = {case.name: case for case in CASES}
