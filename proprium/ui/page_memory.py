"""Frees the memory of closed pages by reference counting: patches NiceGUI and engineio, which create cycles.

NiceGUI 3.18 leaves a reference cycle in each element's classes, style and props, and in every page's handlers. A
dashboard is 18,000 such objects, 2 MB, which only a full garbage collection found: 0.1 s with 20 dashboards open.
NiceGUI's version is pinned exactly; tests/ui/test_page_memory.py fails where a new one differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partialmethod
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar
from weakref import WeakMethod

from nicegui import Client, background_tasks, core
from nicegui.classes import Classes
from nicegui.element import Element
from nicegui.observables import ObservableCollection
from nicegui.props import Props
from nicegui.style import Style

from proprium.ui.render_queue import RenderQueue

P = ParamSpec("P")
T = TypeVar("T")
Handlers = list[tuple[Callable[..., Any], bool]]

_init, _handlers_of = ObservableCollection.__init__, ObservableCollection._change_handlers_with_args
_remove_elements, _delete = Client.remove_elements, Client.delete
_handle_disconnect = Client.handle_disconnect
_prune: Callable[..., None] = Client.prune_instances.__func__  # type: ignore[attr-defined]
_WebSocket: Any = core.sio.eio._async["websocket"]

NO_OBSERVERS: tuple[Any, ...] = ()


def install(render_queue: RenderQueue) -> None:
    """Replaces the methods of NiceGUI and engineio. Closed pages are deleted one at a time, in `render_queue`."""
    ObservableCollection.__init__ = init_collection  # type: ignore[method-assign]
    for kind in (Classes, Style, Props):
        kind._change_handlers_with_args = property(handlers_of)  # type: ignore[assignment, method-assign]
    Client.remove_elements = remove_elements  # type: ignore[method-assign]
    Client.delete = delete  # type: ignore[method-assign]
    Client.handle_disconnect = partialmethod(handle_disconnect, render_queue)  # type: ignore[assignment, method-assign]
    Client.prune_instances = prune_instances  # type: ignore[assignment, method-assign]
    core.sio.eio._async = {**core.sio.eio._async, "websocket": PageSocket}


def init_collection(
    self: ObservableCollection,
    *,
    factory: Callable[[], Any],
    data: Any,
    on_change: Callable[..., Any] | None,
    _parent: ObservableCollection | None,
) -> None:
    """Initialises a collection as NiceGUI does, but without its own method as a handler, which would be a cycle.

    An open dashboard has 1,600 collections, and a quarter fewer objects without that method, its tuple and a list.
    """
    is_own = isinstance(self, Classes | Style | Props)
    _init(self, factory=factory, data=data, on_change=None if is_own else on_change, _parent=_parent)
    self._observer_refs = NO_OBSERVERS  # type: ignore[assignment]  # NiceGUI replaces it and never changes it


def handlers_of(self: Classes[Any] | Style[Any] | Props[Any]) -> Handlers:
    """Returns the handlers of an element's collection, its own method first."""
    others: Handlers = _handlers_of.fget(self)  # type: ignore[attr-defined]
    return [(self._update, False), *others]


def remove_elements(self: Client, elements: Iterable[Element]) -> None:
    """Removes elements as NiceGUI does, and breaks their cycles: for rows of a live list as well as whole pages."""
    removed = list(elements)
    _remove_elements(self, removed)
    for element in removed:
        release_element(element)


def delete(self: Client) -> None:
    """Deletes a client as NiceGUI does, and breaks its cycles."""
    try:
        _delete(self)
    finally:
        release_client(self)


def handle_disconnect(self: Client, render_queue: RenderQueue, socket_id: str) -> None:
    """Handles a lost connection as NiceGUI does, but pages that time out together are deleted one at a time.

    A dashboard takes 5 to 9 ms of CPU. Twenty that a browser closed at once blocked the event loop for 0.2 s.
    """
    document_id = self._socket_to_document_id.get(socket_id)
    _handle_disconnect(self, socket_id)
    if document_id is not None:
        self._cancel_delete_task(document_id)  # NiceGUI's, which would delete the page without waiting for others
        self._delete_tasks[document_id] = background_tasks.create(
            _delete_closed_page(self, document_id, render_queue), name=f"delete closed page {self.id}"
        )


async def _delete_closed_page(client: Client, document_id: str, render_queue: RenderQueue) -> None:
    """Deletes a page whose browser does not reconnect; `release_client` drops the storage of its tab.

    Cancelled by NiceGUI when the browser reconnects, while it waits for other deletions too.
    """
    await asyncio.sleep(client.page.resolve_reconnect_timeout())
    async with render_queue.deletion():
        if client._num_connections[document_id] == 0:
            client._num_connections.pop(document_id)
            client._delete_tasks.pop(document_id)
            client.delete()


async def prune_instances(*, client_age_threshold: float = 60.0) -> None:
    """Deletes pages whose socket never opened by NiceGUI's rule, one at a time.

    A dashboard takes 4 ms. NiceGUI checks every 10 s and deletes all at once: 150 blocked the event loop for 0.6 s.
    """
    for client in list(Client.instances.values()):
        _prune(SimpleNamespace(instances={client.id: client}), client_age_threshold=client_age_threshold)
        await asyncio.sleep(0)


def release_element(element: Element) -> None:
    """Drops an element's handlers.

    Its values are kept: a task that ends later may still read and set them.
    """
    for value in element._props.values():
        if isinstance(value, ObservableCollection):
            value._change_handlers.clear()
    for name, value in vars(element).items():
        if name.endswith("_handlers") and isinstance(value, list):
            value.clear()


def release_client(client: Client) -> None:
    """Drops a client's handlers, which belong to objects that hold the client, and the storage of its browser tab.

    NiceGUI would keep the storage for 30 days. No page uses it, and its key is chosen by the browser: text of any
    length.
    """
    handlers: tuple[list[Callable[..., Any]], ...] = (
        client.connect_handlers,
        client.disconnect_handlers,
        client.delete_handlers,
        client._exception_handlers,
        client.sub_pages_router._path_changed_handlers,
    )
    for handler_list in handlers:
        handler_list.clear()
    tab = client._pinned_tab_id
    if tab is not None and all(other._pinned_tab_id != tab for other in Client.instances.values()):
        core.app.storage._tabs.pop(tab, None)


class PageSocket(_WebSocket):  # type: ignore[misc]
    """engineio's WebSocket without the two cycles that keep a closed connection, its request and its compressor."""

    async def __call__(self, environ: dict[str, Any]) -> str:
        """Serves one connection. engineio creates a class per connection for a request body, which WebSockets lack."""
        body = type(environ["wsgi.input"])
        if "<locals>" in body.__qualname__:
            del body.read  # references `receive`, the connection's method
        return str(await super().__call__(environ))

    async def wait(self) -> str | bytes | None:
        """Returns the next message, and None at the end. engineio treats None like the OSError of its own method."""
        with suppress(OSError):
            received: str | bytes = await super().wait()
            return received
        return None


def weak_method(method: Callable[P, T]) -> Callable[P, T | None]:
    """Returns a callback that holds the method's object weakly, and does nothing once the object is gone.

    For callbacks from a card to its owner; a strong reference would make a cycle of the two.
    """
    reference = WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        current = reference()
        return None if current is None else current(*args, **kwargs)

    return call
