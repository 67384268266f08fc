"""MESSAGE -> the ``id`` of its stanza: the same when the same request comes again. Called by `edge.gateway.delivery`.

RFC 7572 §5 leaves the ``id`` to us. Who gets no answer may send a request once more, on another branch (RFC 3263 §4.3).
If the first one had arrived and only its answer was lost, perhaps with the process that would have given it, the copy
can be told by its ``id``. So that is made of what both have in common, and of nothing that we would have to remember.
"""

from hashlib import blake2b

from edge.sip.message import Request

SIZE = 12  # octets; of 10**9 messages no two have the same by chance


def id_of(request: Request) -> str:
    """Tells one request from every other: Call-ID, From tag and CSeq should be enough for that (RFC 3261 §8.1.1.5).

    A proxy may send one to several people, and a client that gives all of its messages the same three must not have
    one taken for a copy of another.
    """
    common = f"{request.call_id}\n{request.from_.tag}\n{request.cseq.number}\n{request.uri}\n".encode()
    return blake2b(common + request.body, digest_size=SIZE).hexdigest()
