"""Every transcript in tests/transcripts is a test; and the reader itself is one that can fail."""

from pathlib import Path

import pytest

from tests.transcript import Diverged, Performance, play

FOLDER = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.txt")), ids=lambda path: path.stem)
def test_conversation_goes_as_written(path: Path) -> None:
    play(path)


CAST = """
[lync]     partner  sip        contoso.example
[capulet]  inside   component  capulet.example

lync sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Art thou not Romeo?
"""


def test_transcript_fails_when_the_received_text_differs() -> None:
    with pytest.raises(Diverged, match="no <body> as written"):
        Performance(CAST + "\ncapulet receives:\n    <message><body>Neither</body></message>\n").play()


def test_transcript_fails_when_something_is_not_mentioned() -> None:
    with pytest.raises(Diverged, match="without the transcript saying so"):
        Performance(CAST).play()


def test_transcript_fails_when_nothing_was_expected() -> None:
    with pytest.raises(Diverged, match="capulet received"):
        Performance(CAST + "\ncapulet receives nothing\n").play()


def test_transcript_fails_when_a_scene_is_none() -> None:
    with pytest.raises(Diverged, match="not a scene"):
        Performance(CAST + "\nthe gateway has a rest\n").play()


def test_killed_gateway_knows_nothing_but_what_was_kept() -> None:
    """Else no transcript of a restart would mean anything."""
    scenes = "capulet receives:\n    <message/>\nlync receives:\n    SIP/2.0 200 OK\n"
    performance = Performance(f"{CAST}\n{scenes}the gateway is killed and starts again\n")
    before = performance.stage.gateway
    performance.play()
    assert performance.stage.gateway is not before and performance.stage.gateway.node is not before.node
    assert len(performance.stage.gateway.pairs) == 0
