"""The partner list: who there is, what a link proved, who may talk to whom. Pure policy; the one door of the room."""

from edge.partners.directory import Admit, Changes, Directory, Peer, Refuse
from edge.partners.system import Block, HostPort, System

__all__ = ["Admit", "Block", "Changes", "Directory", "HostPort", "Peer", "Refuse", "System"]
