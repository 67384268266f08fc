"""The plugin by which twistd finds the gateway: ``twistd edge``."""

from twisted.application.service import ServiceMaker

edge = ServiceMaker(
    "edge",
    "edge.service",
    "A SIP/SIMPLE to XMPP federation gateway",
    "edge",
)
