"""Authorization of event data in queries: which keys and dimensions a principal may query, and of which visits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proprium.errors import DataKeyNotPublic, Forbidden
from proprium.i18n import gettext as _
from proprium.metrics.query.filters import DATA_PREFIX, Filter
from proprium.storage.public_keys import can_be_public


@dataclass(frozen=True)
class DataAccess:
    """The data keys and dimensions that a principal may query, and the visits that every result is limited to.

    It is part of every Query, so that no page and no endpoint can omit the check.
    """

    keys: frozenset[str] | None = frozenset()  # None: every key, for editors
    restriction: tuple[Filter, ...] = ()  # always apply, and no URL removes them: the segment of a share link
    dimensions: frozenset[str] | None = None  # that may be listed and filtered by; None: all

    @property
    def is_full(self) -> bool:
        return self.keys is None

    def allows(self, dimension: str) -> bool:
        """Returns True for allowed data keys and dimensions."""
        if not dimension.startswith(DATA_PREFIX):
            return self.dimensions is None or dimension in self.dimensions
        if self.keys is None:
            return True
        key = dimension.removeprefix(DATA_PREFIX)
        return key in self.keys and can_be_public(key)

    def allows_all(self, filters: Iterable[Filter]) -> bool:
        return all(self.allows(filter_.dimension) for filter_ in filters)

    def counts_goal(self, filters: Iterable[Filter]) -> bool:
        """Returns False for goals on a key that identifies a person: readers do not even get their number."""
        return self.is_full or all(filter_.data_key is None or can_be_public(filter_.data_key) for filter_ in filters)

    @property
    def shared_part(self) -> DataAccess:
        """The part on which results without a filter on `data` depend, for cache keys."""
        return DataAccess(restriction=self.restriction)

    def require(self, dimension: str) -> None:
        """Raises DataKeyNotPublic for a key that is not allowed, whether it was ever sent or not.

        Raises Forbidden for a dimension that is not allowed.
        """
        if not self.allows(dimension):
            if not dimension.startswith(DATA_PREFIX):
                raise Forbidden(_("{dimension} is not part of what was shared with you.", dimension=dimension))
            raise DataKeyNotPublic(dimension, can_be_public=can_be_public(dimension.removeprefix(DATA_PREFIX)))


EVERY_KEY = DataAccess(None)
"""Access of principals who may edit the property."""
NO_KEY = DataAccess()


def public_access(keys: Iterable[str]) -> DataAccess:
    """Returns the access of a reader to a property with these public keys."""
    return DataAccess(frozenset(keys))
