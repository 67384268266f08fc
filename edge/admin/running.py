"""The parts of a running gateway, as far as an administrator may look at them. `edge.service` makes it."""

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from edge.admin.arrivals import Arrivals
from edge.admin.audit import Audit
from edge.admin.rates import Rates
from edge.admin.reloading import Outcome, Reloading
from edge.admin.seen import Seen
from edge.certificates.contexts import Contexts
from edge.certificates.upkeep import Upkeep
from edge.config import Config
from edge.driver import Driver
from edge.gateway.core import Gateway
from edge.net.locate import Locator
from edge.net.sip_pool import SipPool
from edge.net.tcp import Reactor
from edge.net.xmpp_pool import XmppPool
from edge.partners import Directory
from edge.xmpp.dialback import Keys


@dataclass(frozen=True, slots=True)
class Running:
    """``reload`` reads the files and puts them into force (or, if told so, only says what it would do)."""

    started: float  # Unix epoch seconds
    wall: Callable[[], float]
    reactor: Reactor
    reloading: Reloading
    gateway: Gateway
    driver: Driver
    sip: SipPool
    xmpp: XmppPool
    contexts: Contexts
    locator: Locator
    reload: Callable[[bool], "Deferred[Outcome]"]
    seen: Seen
    audit: Audit
    arrivals: Arrivals
    keys: Keys
    upkeep: Upkeep
    rates: Rates

    @property
    def directory(self) -> Directory:
        """The partner list that everybody goes by. (That of `config` is another object, without who was discovered.)"""
        return self.gateway.node.directory

    @property
    def config(self) -> Config:
        """What is in force."""
        return self.reloading.config
