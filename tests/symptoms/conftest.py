"""What the tests of symptoms share: all that is logged, as it is read."""

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher


@pytest.fixture
def logged() -> Iterator[list[str]]:
    said: list[str] = []

    def hear(event: LogEvent) -> None:
        said.append(str(formatEvent(event)))

    globalLogPublisher.addObserver(hear)
    yield said
    globalLogPublisher.removeObserver(hear)
