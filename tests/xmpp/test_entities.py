"""What wokkel answers, which is tested by `tests/xmpp/test_service.py` as peers see it; and when it is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.xmpp.element import Element
from edge.xmpp.entities import Entities

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("type", ["get", "set"])
def test_element_that_nobody_serves_is_unavailable(type: str) -> None:
    assert Entities("edge", "1.2.3").user.ask(type, Element("vCard", "vcard-temp")) == "service-unavailable"


def test_wokkel_is_imported_with_the_first_question_that_it_answers() -> None:
    script = """
import sys
from edge.xmpp.element import Element
from edge.xmpp.service import Service
from edge.xmpp.stanzas import Iq

service = Service("edge", "1.2.3")
for payload in (Element("ping", "urn:xmpp:ping"), Element("vCard", "vcard-temp")):
    assert service.answer(Iq(None, None, "1", "get", payload=payload))
assert "edge.xmpp.wokkel" not in sys.modules
assert service.answer(Iq(None, None, "1", "get", payload=Element("query", "jabber:iq:version")))
assert "edge.xmpp.wokkel" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
