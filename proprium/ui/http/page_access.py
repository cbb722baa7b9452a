"""Authorization of open pages: each states once what its reader needs, and is checked for as long as it is open.

A page is built with the rights of one moment, and its socket lives on for hours. `frame` registers what the page shows
and to whom. `socket_messages` asks `is_allowed` before any handler runs and before anything is sent to the browser; a
page without an entry here gets neither. `watch` ends pages that nobody touches. Rights are read from storage each time,
so it does not matter which process took them away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from time import monotonic
from types import MappingProxyType
from uuid import UUID
from weakref import WeakKeyDictionary

from nicegui import Client, background_tasks, core, ui
from starlette.requests import HTTPConnection

from proprium.accounts import login_sessions
from proprium.accounts.login_sessions import SignedInUser
from proprium.properties import service
from proprium.properties.service import PropertyLike, PropertySharing, UserLike
from proprium.storage.tables import Property, User
from proprium.ui import session
from proprium.ui.http.socket_limits import Connection
from proprium.ui.services import Services

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
"""How often all open pages are checked together: two indexed reads in a thread, however many there are."""
PUSH_MAX_AGE_S = 1.5
"""What is pushed to a page relies on a check that is at most this old; a message from its browser on none."""
SIGN_IN_AFTER_S = 2.0
"""When a browser whose login has ended is asked to sign in: the one that signs out, or sends a new password, is on its
way by then, and another navigation would lose the answer with its cookie."""
GRACE_S = 1.0
"""How long a browser has for leaving the page by itself, before its socket is closed."""
RELOAD = "location.reload()"
SIGN_IN = "location.href = '/login?next=' + encodeURIComponent(location.pathname + location.search)"


class Level(IntEnum):
    NONE = 0
    READ = 1
    EDIT = 2


@dataclass(frozen=True)
class PageAccess:
    """What the reader of a page was allowed when it was built. The default is a page for anyone."""

    token: str = ""
    principal: SignedInUser | None = None
    subject: UUID | None = None  # the property that the page is about: without it there is no page
    levels: Mapping[UUID, Level] = field(default_factory=lambda: MappingProxyType({}))  # of each property it shows
    public_keys: frozenset[str] = frozenset()  # data keys of the subject that a reader was shown as public

    @classmethod
    def of(
        cls,
        request: HTTPConnection,
        user: User | None,
        *,
        subject: Property | None = None,
        listed: Iterable[Property] = (),
    ) -> PageAccess:
        """For a page built for `user`; `listed` are properties that it names or counts beside its subject."""
        properties = [*listed, *([subject] if subject else [])]
        return cls(
            session.token_of(request) if user else "",
            SignedInUser(user.id, user.role) if user else None,
            subject.id if subject else None,
            {one.id: _level(user, one) for one in properties},
            _keys_shown(user, subject),
        )

    def holds(self, principals: Mapping[str, SignedInUser], sharing: Mapping[UUID, PropertySharing]) -> bool:
        """False once the login has ended, the role differs, or a property or key is less open to the reader."""
        principal = principals.get(self.token)
        if principal != self.principal or (self.subject is not None and self.subject not in sharing):
            return False
        if self.subject is not None and not self.public_keys <= sharing[self.subject].public_data_keys:
            return False
        return all(  # a listed property that was deleted has nothing left to protect
            _level(principal, sharing[number]) >= level for number, level in self.levels.items() if number in sharing
        )


ANYONE = PageAccess()


@dataclass
class _OpenPage:
    services: Services
    access: PageAccess
    checked_s: float = field(default_factory=monotonic)


_pages: WeakKeyDictionary[Client, _OpenPage] = WeakKeyDictionary()


def register(services: Services, access: PageAccess) -> None:
    """States what the page that is being built needs. `frame` calls it; no handler runs on a page without it."""
    _pages[ui.context.client] = _OpenPage(services, access)


def relist(client: Client, user: User, listed: Iterable[Property]) -> None:
    """For a page whose list of properties has become another one: these are what it shows from now on."""
    if page := _pages.get(client):
        page.access = replace(page.access, levels={one.id: _level(user, one) for one in listed})


def release(client: Client, property_id: UUID) -> PageAccess | None:
    """For a page that deletes a property itself: it stays until it leaves by itself. Returns what `restore` takes."""
    page = _pages.get(client)
    if page is None:
        return None
    before = page.access
    levels = {number: level for number, level in before.levels.items() if number != property_id}
    subject = None if before.subject == property_id else before.subject
    page.access = replace(before, subject=subject, levels=levels)
    return before


def restore(client: Client, access: PageAccess | None) -> None:
    """After a deletion that did not happen."""
    if access is not None and (page := _pages.get(client)):
        page.access = access


def is_registered(client: Client) -> bool:
    return client in _pages


def is_allowed(client: Client, *, max_age_s: float = 0.0) -> bool:
    """Whether the page may still answer; ends it when not. At most two indexed reads, 0.4 ms on the event loop.

    Raises the driver's error when storage cannot be read.
    """
    page = _pages.get(client)
    if page is None or client.is_deleted:
        return False
    if max_age_s and monotonic() - page.checked_s <= max_age_s:
        return True
    principals, sharing = _read(page.services, [page.access])
    if not page.access.holds(principals, sharing):
        end(client, signs_in=page.access.principal is not None and page.access.token not in principals)
        return False
    page.checked_s = monotonic()
    return True


async def end_pages(services: Services) -> None:
    """Ends every open page whose reader has lost a right since it was built."""
    before = [(client, page) for client, page in list(_pages.items()) if client._response_built]
    if not before:
        return
    began_s = monotonic()
    principals, sharing = await asyncio.to_thread(_read, services, [page.access for _, page in before])
    for client, page in before:
        if not client.is_deleted and page.access.holds(principals, sharing):
            page.checked_s = max(page.checked_s, began_s)
        elif not client.is_deleted and not is_allowed(client):  # its list may have changed while this was read
            log.debug("a page was ended: its reader may not see it any more")


async def watch(services: Services) -> None:
    """Checks all open pages, for as long as the server runs."""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await end_pages(services)
        except Exception as problem:  # a storage that cannot be read now may be in a second
            log.warning("open pages could not be checked: %s", type(problem).__name__)


def end(client: Client, *, signs_in: bool) -> None:
    """Deletes the page on the server at once, asks its browser to leave, then closes its sockets."""
    _pages.pop(client, None)
    socket_ids = list(client._socket_to_document_id)
    for document_id in list(client._delete_tasks):  # of a browser that was away: it would delete the page again
        client._cancel_delete_task(document_id)
    client.delete()
    name = f"end page {client.id}"
    background_tasks.create(_leave(client.id, socket_ids, signs_in=signs_in), name=name)


async def _leave(client_id: str, socket_ids: list[str], *, signs_in: bool) -> None:
    """Beside the page's own outbox, which has ended. A browser that stays finds its socket closed, and reloads."""
    if signs_in:
        await asyncio.sleep(SIGN_IN_AFTER_S)
    code = SIGN_IN if signs_in else RELOAD
    await core.sio.emit("run_javascript", {"code": code}, room=client_id)
    await asyncio.sleep(GRACE_S)
    for socket_id in socket_ids:
        connection = Connection.of(core.sio.get_environ(socket_id))
        if connection is not None:
            connection.close()
        if connection is None or connection.is_polling:
            await core.sio.disconnect(socket_id)


def _read(
    services: Services, accesses: Collection[PageAccess]
) -> tuple[dict[str, SignedInUser], dict[UUID, PropertySharing]]:
    tokens = {access.token for access in accesses if access.token}
    property_ids = {property_id for access in accesses for property_id in access.levels}
    principals = login_sessions.signed_in_users(services.database, tokens, clock=services.clock)
    return principals, service.sharing_of(services.database, property_ids)


def _keys_shown(user: User | None, subject: Property | None) -> frozenset[str]:
    """The public data keys of a page for a reader; editors see every key, public or not."""
    if subject is None or service.may_edit(user, subject):
        return frozenset()
    return frozenset(subject.public_data_keys)


def _level(user: UserLike | None, property_: PropertyLike) -> Level:
    if service.may_edit(user, property_):
        return Level.EDIT
    return Level.READ if service.may_see(user, property_) else Level.NONE
