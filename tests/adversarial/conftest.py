"""Fixtures of the collector's tests and of the stories, for hostile inputs to both."""

from tests.collector.conftest import door, make_door
from tests.stories.conftest import browser, playwright

__all__ = ["browser", "door", "make_door", "playwright"]
