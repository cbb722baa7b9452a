"""First paint: the page's elements as static HTML in Vue's mount point, shown before any script or style sheet loads.

NiceGUI sends elements as JSON, which Vue draws once 850 KB are loaded; until then the page was blank, for 2.6 to 4.9 s
on a slow connection. Vue empties its mount point and draws the same elements in one step, so that nothing moves.
Replaces a method of NiceGUI, whose version is pinned exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from nicegui import Client
from nicegui.element import Element
from starlette.requests import Request
from starlette.responses import Response

from proprium.i18n import gettext as _
from proprium.ui.http.html_head import ICONS, stylesheet_html

_build_response = Client.build_response

MOUNT_POINT = '<div id="app" ></div>'
_FRAMEWORK_STYLES = re.compile(r"<style>\s*(@layer [^;]+;)(.*?)</style>", re.DOTALL)
"""The first style element of NiceGUI's page: the order of its layers, then imports that would delay the first paint."""
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z][\w-]*")
_PROPS_OF_VUE = frozenset({"innerHTML", "textContent", "key", "ref", "id", "class", "style"})
_VOID_TAGS = frozenset({"br", "hr", "img", "input"})
_TAGS = {"nicegui-link": "a", "q-separator": "hr"}  # component → the native element that it draws; a <div> otherwise
_CLOSED_TAGS = frozenset({"q-menu", "q-tooltip", "nicegui-dialog", "nicegui-timer", "nicegui-notification"})
"""Components that show nothing until they are opened."""
_FIELD_TAGS = frozenset({"nicegui-input", "nicegui-select", "q-input"})
_PROPS_OF_COMPONENTS = frozenset({"href", "target", "role", "aria-label", "aria-hidden", "aria-current"})

TEXT_AREA_PX, LINE_PX = 40, 21  # height of a text area of one line, and of each further one

KEEP_TYPED_SCRIPT = """<script>(() => {
  // What was typed, ticked or focused before Vue replaced the fields of a native form is kept.
  const app = document.getElementById('app');
  let focused = null;
  const onFocus = (event) => { focused = event.target.id; };
  const onBlur = () => setTimeout(() => { if (document.activeElement?.id !== focused) focused = null; });
  app.addEventListener('focusin', onFocus);
  app.addEventListener('focusout', onBlur);
  new MutationObserver((records, observer) => {
    observer.disconnect();
    app.removeEventListener('focusin', onFocus);
    app.removeEventListener('focusout', onBlur);
    const removed = records.flatMap((record) => [...record.removedNodes]).filter((node) => node.querySelectorAll);
    for (const old of removed.flatMap((node) => [...node.querySelectorAll('input[id], textarea[id]')])) {
      const field = document.getElementById(old.id);
      if (!field || (old.value === old.defaultValue && old.checked === old.defaultChecked)) continue;
      field.value = old.value;
      field.checked = old.checked;
      field.dispatchEvent(new Event('input', {bubbles: true}));
    }
    if (focused) document.getElementById(focused)?.focus({preventScroll: true});
  }).observe(app, {childList: true});
})();</script>"""


def install() -> None:
    """Replaces the method of NiceGUI that builds a page's HTML."""
    Client.build_response = build_response  # type: ignore[method-assign]


def build_response(self: Client, request: Request, status_code: int = 200) -> Response:
    """Builds NiceGUI's response with the first paint in it."""
    response = _build_response(self, request, status_code)
    if response.media_type == "text/html":
        response.body = with_first_paint(bytes(response.body).decode(), html_of(self.layout)).encode()
        response.headers["Content-Length"] = str(len(response.body))
    return response


def with_first_paint(page_html: str, elements_html: str) -> str:
    """Puts the elements into the mount point, and behind it NiceGUI's style sheets and the icons.

    A browser paints what stands before a style sheet in the body, and runs scripts only once the sheet is loaded.
    """
    styles = _FRAMEWORK_STYLES.search(page_html)
    if styles is None or MOUNT_POINT not in page_html:
        raise RuntimeError("NiceGUI's page has another structure: adapt ui/http/first_paint.py to it.")
    head = page_html[: styles.start()] + f"<style>{styles[1]}</style>" + page_html[styles.end() :]
    need_of_scripts = escape(_("This page needs JavaScript."))
    return head.replace(
        MOUNT_POINT,
        f'<div id="app"><div aria-busy="true">{elements_html}</div></div>'
        f'<noscript><p class="note warn">{need_of_scripts}</p></noscript>'
        f"{KEEP_TYPED_SCRIPT}<style>{styles[2]}</style>{stylesheet_html(ICONS)}",
        1,
    )


def html_of(element: Element) -> str:
    """Returns the HTML of an element and its descendants, as Vue draws them before the first update from the server."""
    return "".join(_html_parts(element))


def _html_parts(element: Element) -> Iterator[str]:
    if element.tag in _CLOSED_TAGS:
        return
    is_native = "-" not in element.tag
    tag = element.tag if is_native else _TAGS.get(element.tag, "div")
    classes = " ".join(element.classes if is_native else (element.tag, *element.classes))
    if element.tag in _FIELD_TAGS:
        classes += " input"
    style = "".join(f"{name}:{value};" for name, value in element.style.items())
    if element.props.get("type") == "textarea":
        style += f"height:{TEXT_AREA_PX + LINE_PX * str(element.props.get('value') or '').count(chr(10))}px;"
    yield f'<{tag} id="{escape(str(element.props.get("id", f"c{element.id}")), quote=True)}"'
    for name, value in (("class", classes), ("style", style)):
        if value:
            yield f' {name}="{escape(value, quote=True)}"'
    yield from _attributes(element.props, is_native=is_native)
    yield ">"
    if tag in _VOID_TAGS:
        return
    if text := getattr(element, "_text", None):
        yield escape(str(text))
    if element.tag not in _FIELD_TAGS:
        for child in element.default_slot.children:
            yield from _html_parts(child)
    yield f"</{tag}>"


def _attributes(props: Mapping[str, Any], *, is_native: bool) -> Iterator[str]:
    """Yields the attributes that Vue sets: those of a component are mostly its own business."""
    for name, value in props.items():
        if not _ATTRIBUTE_NAME.fullmatch(name) or name in _PROPS_OF_VUE or value is None:
            continue
        if not is_native and name not in _PROPS_OF_COMPONENTS:
            continue
        if isinstance(value, bool) and not name.startswith(("aria-", "data-")):
            if value:
                yield f" {name}"
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield f' {name}="{escape(text, quote=True)}"'
