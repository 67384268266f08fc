"""People for a day in the life: two who watch each other, and one on each side who only watches.

Each XMPP user has a client that lists his contacts, each SIP user a dialog for each contact; both show what they were
told last. `all_see_the_truth` compares that with what the contacts really show.
"""

from collections.abc import Callable
from contextlib import suppress

from tests.interop.process import wait_until
from tests.interop.sip_user import Dialog, pidf
from tests.interop.world import CAPULET, World
from tests.interop.xmpp_user import XmppUser

SEEN_WITHIN = 60.0  # seconds, for what needs links to be made and peers to be asked anew

Shown = dict[str, tuple[str, str]]  # resource or tuple -> show and status
Views = Callable[[], dict[str, Shown]]


class Cast:
    """Juliet (XMPP) and Romeo (SIP) watch each other; the nurse (XMPP) watches Romeo, Benvolio (SIP) watches Juliet."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._juliet, self._nurse = f"juliet{number}", f"nurse{number}"
        self.juliets: dict[str, XmppUser] = {}  # her clients, by resource
        self.nurse: XmppUser | None = None
        self.romeo = world.sip_user(f"romeo{number}")
        self.benvolio = world.sip_user(f"benvolio{number}")
        self._dialogs: dict[str, Dialog] = {}
        self._truth_of_juliet: Shown = {}
        self._truth_of_romeo: Shown = {}

    @staticmethod
    def accounts(casts: int) -> list[str]:
        return [f"{name}{number}" for name in ("juliet", "nurse") for number in range(casts)]

    @property
    def juliet_jid(self) -> str:
        return f"{self._juliet}@{CAPULET}"

    @property
    def romeo_jid(self) -> str:
        return self.romeo.address_of_record.removeprefix("sip:")

    # what they do

    def meet(self) -> None:
        """All log in and subscribe."""
        self.xmpp_users_log_in()
        for each in (self.romeo, self.benvolio):
            each.register()
        self.romeo_shows("In the orchard")
        for watcher in (self.juliets["balcony"], self.nurse):
            assert watcher is not None
            watcher.presence(self.romeo_jid, type="subscribe")
            watcher.expect("presence", from_=self.romeo_jid, type="subscribed")
        for sip_user in (self.romeo, self.benvolio):
            jid = sip_user.address_of_record.removeprefix("sip:")
            _, self._dialogs[jid] = sip_user.subscribe(f"sip:{self.juliet_jid}")
            self.juliets["balcony"].expect("presence", from_=jid, type="subscribe")
            self.juliets["balcony"].presence(jid, type="subscribed")

    def xmpp_users_log_in(self) -> None:
        self.juliet_logs_in("balcony")
        self.nurse = self._log_in(self._nurse, "kitchen")

    def juliet_logs_in(self, resource: str) -> None:
        self.juliets[resource] = self._log_in(self._juliet, resource)
        self._truth_of_juliet[resource] = "", ""

    def juliet_logs_out(self, resource: str) -> None:
        self.juliets.pop(resource).log_out()
        del self._truth_of_juliet[resource]

    def juliet_shows(self, show: str, status: str, resource: str = "balcony") -> None:
        self.juliets[resource].presence(show=show, status=status)
        self._truth_of_juliet[resource] = show, status

    def romeo_shows(self, note: str) -> None:
        """Publish a note, or with "" that he is not there."""
        document = pidf(self.romeo.address_of_record, "open" if note else "closed", note)
        assert self.romeo.publish(document).status == 200
        self._truth_of_romeo = {"desk": ("", note)} if note else {}

    def xmpp_users_are_thrown_out(self) -> None:
        """Their server has gone."""
        for client in [*self.juliets.values(), *([self.nurse] if self.nurse else [])]:
            client.log_out()
        self.juliets.clear()
        self._truth_of_juliet.clear()
        self.nurse = None

    def sip_users_return(self) -> None:
        """Their proxy has gone and come back: they do what user agents do, and their contacts are new ones."""
        for sip_user in (self.romeo, self.benvolio):
            sip_user.reconnect()
            sip_user.register()
            dialog = self._dialogs[sip_user.address_of_record.removeprefix("sip:")]
            assert sip_user.resubscribe(dialog, expires=600).status == 200

    def leave(self) -> None:
        self.xmpp_users_are_thrown_out()
        for sip_user in (self.romeo, self.benvolio):
            with suppress(OSError):
                sip_user.close()

    # what they see

    def views_of_juliet(self) -> dict[str, Shown]:
        return {
            f"{name} sees Juliet": sip_user.sees(self._dialogs[sip_user.address_of_record.removeprefix("sip:")])
            for name, sip_user in (("Romeo", self.romeo), ("Benvolio", self.benvolio))
        }

    def views_of_romeo(self) -> dict[str, Shown]:
        clients = {f"Juliet at the {resource}": client for resource, client in self.juliets.items()}
        if self.nurse is not None:
            clients["the nurse"] = self.nurse
        return {f"{name} sees Romeo": client.sees(self.romeo_jid) for name, client in clients.items()}

    def sip_users_see_juliet(self, truth: Shown, seconds: float = SEEN_WITHIN) -> None:
        self._compare(lambda: dict.fromkeys(self.views_of_juliet(), truth), self.views_of_juliet, seconds)

    def xmpp_users_see_romeo(self, truth: Shown, seconds: float = SEEN_WITHIN) -> None:
        self._compare(lambda: dict.fromkeys(self.views_of_romeo(), truth), self.views_of_romeo, seconds)

    def all_see_the_truth(self, seconds: float = SEEN_WITHIN) -> None:
        """Wait until every watcher sees what his contact really shows."""

        def truth() -> dict[str, Shown]:
            return {
                **dict.fromkeys(self.views_of_juliet(), self._truth_of_juliet),
                **dict.fromkeys(self.views_of_romeo(), self._truth_of_romeo),
            }

        self._compare(truth, lambda: {**self.views_of_juliet(), **self.views_of_romeo()}, seconds)

    # private

    def _compare(self, truth: Views, seen: Views, seconds: float) -> None:
        with suppress(AssertionError):
            wait_until(lambda: seen() == truth(), "all see the truth", seconds)
            return
        wrong = [f"{who} as {what}, not as {truth()[who]}" for who, what in seen().items() if what != truth()[who]]
        raise AssertionError(f"after {seconds} s " + "; ".join(wrong))

    def _log_in(self, name: str, resource: str) -> XmppUser:
        return self._world.xmpp_user(name, resource).log_in()
