"""Fixtures of the collector's tests and of the stories, for hostile inputs to both."""

from tests.collector.conftest import harness, make_harness
from tests.stories.conftest import browser, playwright

__all__ = ["browser", "harness", "make_harness", "playwright"]
