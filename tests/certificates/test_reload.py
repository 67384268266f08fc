"""Our certificates when their files change, at any moment and in any order."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.task import Clock

from edge.certificates.contexts import Contexts, Handshake
from edge.certificates.examination import examine
from edge.certificates.identity import MAX_PEM, Files, Identities, parse
from edge.certificates.reload import LOOK_SECONDS, Kept, Reloading, Renewed, Retiring, Watch, contents, stamp_of
from edge.codes import Code
from edge.domains import Domain
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, Made, authority, dns, make
from tests.certificates.shaking import carry, server_of, shake, somebody

ROOT = authority("Root", number=1)
NAME = Domain("edge.example")


def leaf(number: int = 5, name: str = NAME, **more: object) -> Made:
    return make(dns(name), issuer=ROOT, eku=(SERVER, CLIENT), number=number, **more)  # type: ignore[arg-type]


OLD = leaf()


class Disk:
    """The two files, and a watch on them."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "edge.pem", folder / "edge.key")
        self.now = NOW
        self.write(OLD)
        shown = Identities(parse(OLD.pem, OLD.key_pem))
        self.watch = Watch([self.files], shown, lambda ours: examine(ours, NAME, (), self.now))
        assert self.looks(3) == []  # what is there is what is shown

    def write(self, made: Made) -> None:
        self.put(made.pem, made.key_pem)

    def put(self, certificate: bytes | None = None, key: bytes | None = None) -> None:
        """Exchange files as a tool for renewals does: each is replaced by a new one."""
        for path, content in zip(self.files, (certificate, key), strict=True):
            if content is not None:
                fresh = path.with_suffix(".new")
                fresh.write_bytes(content)
                fresh.rename(path)

    def looks(self, number: int) -> list[Renewed | Kept]:
        return [event for _ in range(number) for event in self.watch.look()]

    @property
    def shown(self) -> Made | None:
        return next((made for made in (OLD, NEW) if made.certificate == self.watch.shown.default.leaf), None)


NEW = leaf(number=6)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_renewal_is_shown_after_two_looks_and_told_once(disk: Disk) -> None:
    disk.write(NEW)
    assert disk.looks(1) == [] and disk.shown is OLD
    (event,) = disk.looks(1)
    assert isinstance(event, Renewed) and event.new.leaf == NEW.certificate and event.old.leaf == OLD.certificate
    assert [finding.code for finding in event.findings] == [Code.K07]  # it has another key
    assert disk.shown is NEW
    assert disk.looks(5) == []


def test_file_that_is_touched_is_no_renewal(disk: Disk) -> None:
    os.utime(disk.files.key, (1, 1))
    disk.put(OLD.pem)
    assert disk.looks(4) == []


def test_file_that_changes_at_each_look_is_never_read(disk: Disk) -> None:
    for number in range(5):
        disk.put(NEW.pem + b"\n" * number, NEW.key_pem)
        assert disk.looks(1) == []
    assert disk.shown is OLD
    assert disk.looks(1) != [] and disk.shown is NEW


def test_half_written_file_leaves_the_old_pair(disk: Disk) -> None:
    disk.put(NEW.pem[:300], NEW.key_pem)
    (event,) = disk.looks(6)
    assert event == Kept(0, Code.K04, "a certificate in the file is damaged")
    disk.put(NEW.pem)
    assert [type(each) for each in disk.looks(3)] == [Renewed]
    assert disk.shown is NEW


@pytest.mark.parametrize("first", ["certificate", "key"])
def test_one_file_before_the_other_leaves_the_old_pair_until_both_are_there(disk: Disk, first: str) -> None:
    disk.put(*((NEW.pem, None) if first == "certificate" else (None, NEW.key_pem)))
    (event,) = disk.looks(6)
    assert isinstance(event, Kept) and event.code is Code.K06
    assert disk.shown is OLD
    disk.write(NEW)
    assert [type(each) for each in disk.looks(6)] == [Renewed]
    assert disk.shown is NEW


def test_pair_that_changes_while_it_is_read_waits(disk: Disk, tmp_path: Path) -> None:
    def read_slowly(path: Path) -> bytes:
        content = contents(path)
        if path == disk.files.certificate and content == NEW.pem:
            disk.put(OLD.pem, OLD.key_pem)
        return content

    watch = Watch([disk.files], disk.watch.shown, lambda ours: (), read=read_slowly)
    disk.write(NEW)
    assert [watch.look() for _ in range(5)] == [(), (), (), (), ()]
    assert watch.shown.default.leaf == OLD.certificate


def test_missing_file_is_told_once(disk: Disk) -> None:
    disk.files.key.unlink()
    (event,) = disk.looks(6)
    assert isinstance(event, Kept) and event.code is Code.K04 and str(disk.files.key) in event.text


BAD = [
    ("ended", leaf(6, begins=NOW - 9 * DAY, ends=NOW - DAY), Code.C02),
    ("of another name", leaf(6, name="other.example"), Code.C03),
    ("for clients only", make(dns(NAME), issuer=ROOT, eku=(CLIENT,), number=6), Code.C05),
]


@pytest.mark.parametrize(("made", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_certificate_nobody_would_take_is_not_shown(disk: Disk, made: Made, code: Code) -> None:
    disk.write(made)
    (event,) = disk.looks(6)
    assert isinstance(event, Kept) and event.code is code and disk.shown is OLD


def test_certificate_before_its_time_is_shown_when_its_time_has_come(disk: Disk) -> None:
    made = leaf(6, begins=NOW + DAY)
    disk.write(made)
    assert [event.code for event in disk.looks(6) if isinstance(event, Kept)] == [Code.C09]
    disk.now = NOW + 2 * DAY
    (event,) = disk.looks(2)
    assert isinstance(event, Renewed) and disk.watch.shown.default.leaf == made.certificate


def test_look_now_does_not_wait_and_says_again_what_is_wrong(disk: Disk) -> None:
    disk.put(NEW.pem)
    assert [type(event) for event in disk.watch.look_now()] == [Kept]
    assert [type(event) for event in disk.watch.look_now()] == [Kept]
    disk.put(key=NEW.key_pem)
    assert [type(event) for event in disk.watch.look_now()] == [Renewed]
    assert disk.watch.look_now() == ()


def test_bad_pair_does_not_hold_up_another(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, other = Disk(tmp_path), Disk(tmp_path / "b")
    shown = parse(OLD.pem, OLD.key_pem)
    watch = Watch([one.files, other.files], Identities(shown, [shown]), lambda ours: ())
    one.put(b"nothing")
    other.write(NEW)
    events = watch.look_now()
    assert [(type(event), event.index) for event in events] == [(Kept, 0), (Renewed, 1)]
    assert [each.leaf for each in watch.shown] == [OLD.certificate, NEW.certificate]


def test_other_files_can_be_watched(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = Disk(tmp_path / "b")
    other.write(NEW)
    disk.watch.become([other.files], Identities(parse(NEW.pem, NEW.key_pem)))
    disk.put(b"nothing any more")
    assert disk.looks(4) == [] and disk.shown is NEW
    other.write(OLD)
    assert [type(event) for event in disk.looks(4)] == [Renewed]


def test_stamp_and_contents_of_what_is_no_file(tmp_path: Path) -> None:
    assert stamp_of(tmp_path / "none") is None
    (tmp_path / "large").write_bytes(b"x" * (MAX_PEM + 1))
    with pytest.raises(OSError, match="has more than"):
        contents(tmp_path / "large")


# with contexts


class Gate:
    """Contexts that show what is on the disk, looked at every few seconds."""

    def __init__(self, disk: Disk, swap: Callable[[Identities], None] | None = None) -> None:
        self.clock = Clock()
        bundle = disk.files.certificate.parent / "ca.pem"
        bundle.write_bytes(ROOT.pem)
        self.contexts = Contexts(disk.watch.shown, bundle, [])
        self.told: list[Renewed | Kept] = []
        self.reloading = Reloading(self.clock, disk.watch, swap or self.contexts.renew, self.told.append)
        self.reloading.start()

    def wait(self, looks: int = 2) -> None:
        self.clock.pump([LOOK_SECONDS] * looks)

    def shows(self, server: SSL.Connection | None = None) -> Made | None:
        client = SSL.Connection(somebody(), None)
        shake(client, server or server_of(self.contexts))
        leaf = client.get_peer_certificate(as_cryptography=True)
        return next((made for made in (OLD, NEW) if made.certificate == leaf), None)


def test_new_handshakes_show_the_new_certificate_and_old_links_know_that_they_are_old(disk: Disk) -> None:
    gate = Gate(disk)
    server = server_of(gate.contexts)
    shake(SSL.Connection(somebody(), None), server)
    disk.write(NEW)
    assert gate.shows() is OLD
    gate.wait()
    assert gate.shows() is NEW
    assert [type(event) for event in gate.told] == [Renewed]
    shown = Handshake.of(server).ours
    assert shown is not None and not gate.contexts.identities.has(shown)


def test_handshake_under_way_ends_as_it_began(disk: Disk) -> None:
    gate = Gate(disk)
    server, client = server_of(gate.contexts), SSL.Connection(somebody(), None)
    client.set_connect_state()
    server.set_accept_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    carry(client, server)
    disk.write(NEW)
    gate.wait()
    for _ in range(4):
        for one, other in ((server, client), (client, server)):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            carry(one, other)
    assert client.get_peer_certificate(as_cryptography=True) == OLD.certificate
    assert client.get_finished() and server.get_peer_finished() == client.get_finished()
    assert gate.shows() is NEW


def test_no_handshake_fails_while_pairs_go_to_and_fro(disk: Disk) -> None:
    gate = Gate(disk)
    steps = [
        (NEW.pem, None), (None, NEW.key_pem), (b"", None), (OLD.pem, None), (None, OLD.key_pem), (NEW.pem[:99], b""),
    ]
    for step in steps * 3:
        begun = server_of(gate.contexts)
        disk.put(*step)
        gate.wait(3)
        assert gate.shows(begun) is not None
        assert gate.shows() is not None


def test_contexts_that_cannot_be_made_leave_the_old_ones(disk: Disk) -> None:
    def fail(ours: Identities) -> None:
        raise OSError("the trust bundle is gone")

    gate = Gate(disk, fail)
    disk.write(NEW)
    gate.wait()
    assert [(type(event), event.code) for event in gate.told if isinstance(event, Kept)] == [(Kept, Code.K04)]
    assert disk.shown is OLD and gate.shows() is OLD


def test_reloading_can_be_asked_and_stopped(disk: Disk) -> None:
    gate = Gate(disk)
    disk.write(NEW)
    assert [type(event) for event in gate.reloading.look_now()] == [Renewed]
    assert gate.shows() is NEW
    gate.reloading.stop()
    assert gate.clock.getDelayedCalls() == []


def test_old_links_are_closed_one_by_one() -> None:
    clock, closed = Clock(), []
    retiring = Retiring(clock, 60.0)
    retiring.retire([lambda number=number: closed.append(number) for number in range(4)])  # type: ignore[misc]
    clock.advance(15)
    assert closed == [0]
    clock.advance(30)
    assert closed == [0, 1, 2]
    retiring.stop()
    clock.advance(30)
    assert closed == [0, 1, 2] and clock.getDelayedCalls() == []
