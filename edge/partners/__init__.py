"""The partner list: who there is, what a link proved, who may talk to whom. Pure policy; the one door of the room."""

from edge.partners.directory import Admit, Changes, Directory, Peer, Refuse
from edge.partners.system import PROOF, Block, HostPort, Streams, System

__all__ = ["PROOF", "Admit", "Block", "Changes", "Directory", "HostPort", "Peer", "Refuse", "Streams", "System"]
