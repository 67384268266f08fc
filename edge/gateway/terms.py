"""What partners allow of messages between two systems: their form, and the text beside an encrypted one.

Both are said of partners, not of systems of ours; between two partners the stricter word counts. Called by
`edge.gateway.submission`, `edge.gateway.delivery` and `edge.gateway.chat`.
"""

from edge.partners import System


def formatted(one: System, other: System) -> bool:
    """Whether the form of a text passes between these two (`System.html`)."""
    return all(each.inside or each.html == "xhtml" for each in (one, other))


def encryption(one: System, other: System) -> str:
    """What becomes of an encrypted message: ``refuse``, or ``fallback`` for the text beside it."""
    return "refuse" if any(not each.inside and each.encrypted == "refuse" for each in (one, other)) else "fallback"
