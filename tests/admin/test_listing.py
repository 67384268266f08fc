"""`edge allow` and `edge block`: a change of the files that is either in force or not there."""

from os import write
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from edge.admin import listing
from edge.admin.links import system_named
from edge.admin.local import Wrong
from edge.codes import Code
from edge.gateway.effects import Report
from tests.admin.office import PARTNERS, Office
from tests.config.written import EDGE, changed


class Changing(TestCase):
    """The files are read in a thread, so the reactor is real; nothing listens and nothing is dialled."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder, reactor)
        self.file = self.folder / "partners.toml"

    def in_folder(self) -> Path:
        """The partner list is a folder with one file."""
        place = self.folder / "partners.d"
        place.mkdir()
        (place / "some.toml").write_text(PARTNERS)
        self.office = Office(self.folder, reactor, changed(EDGE, "partners.toml", "partners.d"))
        return place

    async def refused(self, verb: str, **said: str) -> str:
        with pytest.raises(Wrong) as caught:
            answer = self.office.post(verb, **said)
            if isinstance(answer, Deferred):
                await answer
        return str(caught.value)

    def names(self) -> set[str]:
        return {system.name for system in self.office.running.config.systems}

    async def test_partner_is_added_at_the_end_of_the_file_and_is_in_force(self) -> None:
        self.office = Office(self.folder, reactor, changed(EDGE, "[[inside]]", "[xmpp]\nlisten = []\n\n[[inside]]"))
        answer: Any = await self.office.post("allow", domain="Wingtip.example", via="xmpp")
        assert (answer["changes"], answer["warnings"], answer["file"]) == (["+ partner wingtip"], [], str(self.file))
        assert self.file.read_text() == PARTNERS + (
            '\n[[partner]]\nname = "wingtip"\ndomains = ["wingtip.example"]\nvia = "xmpp"\n'
        )
        assert "wingtip" in self.names()
        system = self.office.service._node.directory.named("wingtip")
        assert system is not None and system.protocol == "xmpp"
        assert system_named(self.office.running, "wingtip") is system

    async def test_stranger_is_listed_as_he_came(self) -> None:
        self.office = Office(self.folder, reactor, changed(EDGE, "[[inside]]", "[xmpp]\nlisten = []\n\n[[inside]]"))
        for name in ("one.example", "two.example"):
            fields = {"stream": "s2s in", "remote": name}
            self.office.running.seen.watch(Report("link.refused", Code.A01, fields))
        await self.office.post("allow", domain="one.example")
        await self.office.post("allow", domain="two.example", via="sip")
        await self.office.post("allow", domain="three.example")
        directory = self.office.running.directory
        found = [directory.named(name) for name in ("one", "two", "three")]
        assert [system.protocol for system in found if system is not None] == ["xmpp", "sip", "sip"]

    async def test_file_without_a_last_line_end_gets_one(self) -> None:
        self.file.write_text(PARTNERS.rstrip("\n"))
        await self.office.post("allow", domain="wingtip.example")
        assert self.file.read_text().startswith(PARTNERS + "\n[[partner]]")

    async def test_partner_is_a_file_of_its_own_in_a_folder(self) -> None:
        place = self.in_folder()
        answer: Any = await self.office.post("allow", domain="*.wingtip.example", name="trial")
        assert answer["changes"] == ["+ partner trial"]
        assert len(answer["warnings"]) == 1 and "EDGE-K05" in answer["warnings"][0]
        assert (place / "trial.toml").read_text() == (
            'version = 1\n\n[[partner]]\nname = "trial"\ndomains = ["*.wingtip.example"]\nvia = "sip"\n'
        )
        assert sorted(each.name for each in place.iterdir()) == ["some.toml", "trial.toml"]

    async def test_block_takes_effect_with_its_reason(self) -> None:
        reason = 'said "hello", in [brackets] = \\o/ bücher'
        answer: Any = await self.office.post("block", domain="bücher.example", reason=reason)
        assert answer["changes"] == ["+ blocked bücher.example"]
        (_, block) = self.office.service._node.directory.blocks
        assert (block.domains, block.reason) == (("xn--bcher-kva.example",), reason)

    async def test_domain_of_a_partner_can_be_blocked(self) -> None:
        answer: Any = await self.office.post("block", domain="fabrikam.com")
        assert answer["changes"] == ["+ blocked fabrikam.com"] and "EDGE-K03" in answer["warnings"][0]

    async def test_block_is_a_file_of_its_own_in_a_folder(self) -> None:
        place = self.in_folder()
        await self.office.post("block", domain="evil.example")
        assert (place / "blocked-evil.example.toml").read_text().endswith('[[blocked]]\ndomains = ["evil.example"]\n')

    async def test_what_cannot_be_is_said_and_nothing_is_written(self) -> None:
        for verb, said, sentence in (
            ("allow", {"domain": ""}, '"": this is no domain name'),
            ("allow", {"domain": 'x"]\n[evil]'}, "this is no domain name"),
            ("allow", {"domain": "192.0.2.1"}, "an IP address is no domain"),
            ("allow", {"domain": "x.example", "name": "../../etc/x"}, "is no name"),
            ("allow", {"domain": "x.example", "name": "x\n"}, "is no name"),
            ("allow", {"domain": "x.example", "via": "smtp"}, 'via must be "sip" or "xmpp"'),
            ("allow", {"domain": "x.example", "name": "contoso"}, "the name contoso is taken"),
            ("allow", {"domain": "contoso.com"}, "is listed already: partner contoso (partners.toml line 3)"),
            ("allow", {"domain": "*.fabrikam.com"}, "is listed already: partner fabrikam"),
            ("allow", {"domain": "spam.example"}, "is blocked (partners.toml line 16): take that away first"),
            ("block", {"domain": "spam.example"}, "is blocked already"),
            ("block", {"domain": "xmpp.example"}, "is a domain of ours"),
            ("block", {"domain": "x.example", "reason": "a\nb"}, "a reason is one line"),
            ("block", {"domain": "x.example", "reason": "x" * 501}, "a reason is one line"),
        ):
            assert sentence in await self.refused(verb, **said), said
        assert self.file.read_text() == PARTNERS
        assert self.office.running.reloading.generation == 1

    async def test_sub_domain_of_a_partners_wildcard_may_be_a_partner_of_its_own(self) -> None:
        answer: Any = await self.office.post("allow", domain="east.fabrikam.com")
        assert answer["changes"] == ["+ partner east"]

    async def test_files_with_errors_are_mended_first(self) -> None:
        self.file.write_text(PARTNERS + "x = 1\n")
        assert "the files have errors, so nothing can be added" in await self.refused("allow", domain="x.example")
        assert self.file.read_text() == PARTNERS + "x = 1\n"

    async def test_what_somebody_else_has_changed_is_not_put_into_force_with_it(self) -> None:
        other = changed(PARTNERS, "ticket 4711", "ticket 4712")
        self.file.write_text(other)
        assert "have changes that are not in force (- blocked spam.example;" in (
            await self.refused("allow", domain="x.example")
        )
        assert self.file.read_text() == other

    async def test_what_only_a_restart_can_bring_is_refused(self) -> None:
        """The first XMPP partner wants a listener."""
        assert "EDGE-K14 [xmpp] listen" in await self.refused("allow", domain="x.example", via="xmpp")
        assert self.file.read_text() == PARTNERS

    async def test_change_is_taken_back_if_the_reload_refuses(self) -> None:
        def fail(config: object) -> None:
            raise OSError("the bundle is gone")

        self.office.running.reloading._apply = fail  # type: ignore[assignment]
        assert "it was refused" in await self.refused("allow", domain="x.example")
        assert self.file.read_text() == PARTNERS
        place = self.in_folder()
        self.office.running.reloading._apply = fail  # type: ignore[assignment]
        assert "it was refused" in await self.refused("allow", domain="x.example")
        assert [each.name for each in place.iterdir()] == ["some.toml"]

    async def test_nothing_stays_of_what_did_not_fit_on_the_disk(self) -> None:
        self.patch(listing.os, "write", lambda descriptor, content: write(descriptor, content[:20]))
        said = f"{self.file} cannot be written: No space left on device"
        assert await self.refused("allow", domain="wingtip.example") == said
        assert self.file.read_text() == PARTNERS
        place = self.in_folder()
        assert "cannot be written" in await self.refused("allow", domain="wingtip.example")
        assert [each.name for each in place.iterdir()] == ["some.toml"]

    async def test_file_that_is_there_is_not_overwritten(self) -> None:
        place = self.in_folder()
        (place / "wingtip.toml").write_text("version = 1\n")
        assert "there is a file" in await self.refused("allow", domain="wingtip.example")
        assert (place / "wingtip.toml").read_text() == "version = 1\n"

    async def test_two_at_once_come_one_after_the_other(self) -> None:
        await gatherResults([self.office.post("allow", domain=f"{name}.example") for name in ("one", "two")])
        assert {"one", "two"} < self.names()

    async def test_reload_by_a_signal_is_noted_too(self) -> None:
        await self.office.service._reload_for("SIGHUP")
        self.file.write_text(PARTNERS + "x = 1\n")
        await self.office.service._reload_for("SIGHUP")
        good, bad = self.office.get("audit")["entries"]
        assert (good["by"], good["verb"], "refused" in good) == ("SIGHUP", "reload", False)
        assert "EDGE-K01" in bad["refused"]

    async def test_change_and_refusal_are_noted(self) -> None:
        verbs = self.office.verbs["POST", "allow"]
        await verbs({"by": "root (uid 0)", "domain": "x.example"})  # type: ignore[misc]
        with pytest.raises(Wrong):
            verbs({"by": "root (uid 0)", "domain": "contoso.com"})
        with pytest.raises(Wrong):
            await verbs({"by": "root (uid 0)", "domain": "y.example", "name": "x"})  # type: ignore[misc]
        done, *refused = self.office.get("audit")["entries"]
        assert (done["by"], done["domain"], done["changes"]) == ("root (uid 0)", "x.example", ["+ partner x"])
        assert [entry["refused"][:11] for entry in refused] == ["contoso.com", "the name x "]
