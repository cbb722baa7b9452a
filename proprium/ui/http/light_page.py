"""Light pages: a page's elements as HTML without the framework, for readers without an account.

The live page is loaded when somebody stays for STAY_MS or presses something: most anonymous requests come from
crawlers and link previews, and a live page takes 0.7 MB until its browser has been away for a minute. The page is
built by the same code; its elements are deleted as soon as the HTML was sent.
"""

from __future__ import annotations

from html import escape
from weakref import WeakKeyDictionary

from nicegui import Client, ui
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response

from proprium.i18n import gettext as _
from proprium.ui.http.asset_urls import asset_url
from proprium.ui.http.first_paint import html_of
from proprium.ui.http.html_head import ICONS, stylesheet_html

LIVE_HEADER = "x-proprium-live"
"""Header of the request that a light page sends for its live page."""
STAY_MS = 3_000
RETRY_MS = 30_000
PRESS_TIMEOUT_MS = 15_000

_light_clients: WeakKeyDictionary[Client, bool] = WeakKeyDictionary()  # True: loads its live page

# The live page replaces this document under the same address: the browser's history has one entry.
LOAD_LIVE_PAGE_SCRIPT = f"""<script>(() => {{
  let isLoading = false, pressed = '';
  const load = async () => {{
    if (isLoading) return;
    isLoading = true;
    try {{
      const response = await fetch(location.href, {{headers: {{'{LIVE_HEADER}': '1'}}}});
      if (response.status === 401 || response.status === 403 || response.status === 404) return location.reload();
      if (!response.ok) throw new Error(response.status);
      const html = await response.text(), top = scrollY;
      document.open();
      document.write(pressed ? html.replace('</body>', () => press(pressed) + '</body>') : html);
      document.close();
      scrollTo(0, top);
    }} catch {{
      setTimeout(() => {{ isLoading = false; load(); }}, {RETRY_MS});
    }}
  }};
  // A button of this document does nothing yet: it is pressed in the live page, once that is connected.
  const nameOf = (button) => button.getAttribute('aria-label') || button.textContent.trim();
  for (const name of ['pointerdown', 'click']) addEventListener(name, (event) => {{
    const button = event.target.closest?.('button:not(.theme-toggle)');
    if (button) pressed = nameOf(button);
  }});
  const press = (name) => `<script>(() => {{
    const name = ${{JSON.stringify(name).replaceAll('<', '\\\\u003c')}}, nameOf = ${{nameOf}}, began = Date.now();
    const timer = setInterval(() => {{
      if (!window.did_handshake && Date.now() - began < {PRESS_TIMEOUT_MS}) return;
      clearInterval(timer);
      [...document.querySelectorAll('button')].find((button) => nameOf(button) === name)?.click();
    }}, 50);
  }})();<\\/script>`;
  let timer = 0;
  const wait = () => {{
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(load, {STAY_MS});
  }};
  document.addEventListener('visibilitychange', wait);
  for (const name of ['pointerdown', 'keydown']) addEventListener(name, load, {{once: true}});
  wait();
}})();</script>"""

THEME_TOGGLE_SCRIPT = """<script>
addEventListener('click', (event) => { if (event.target.closest?.('.theme-toggle')) propriumTheme.next(); });
</script>"""


def is_wanted(request: HTTPConnection) -> bool:
    """Returns True unless the request is that of a light page for its live page."""
    return LIVE_HEADER not in request.headers


def mark(*, loads_live_page: bool = True) -> None:
    """Makes the page that is being built a light page; a native form needs no live page."""
    _light_clients[ui.context.client] = loads_live_page


def install() -> None:
    """Replaces the method of NiceGUI that builds a page's HTML, for light pages.

    Call it after `first_paint.install`.
    """
    build_live_response = Client.build_response

    def build_response(self: Client, request: Request, status_code: int = 200) -> Response:
        if self in _light_clients:
            return _light_response(self, status_code)
        return build_live_response(self, request, status_code)

    Client.build_response = build_response  # type: ignore[method-assign]


def _light_response(client: Client, status_code: int) -> Response:
    client._response_built = True
    background = BackgroundTask(_delete, client)
    return HTMLResponse(_page_html(client), status_code, {"Cache-Control": "no-store"}, background=background)


async def _delete(client: Client) -> None:
    """Deletes the page's elements, on the event loop."""
    if not client.is_deleted:
        client.delete()


def _page_html(client: Client) -> str:
    script = LOAD_LIVE_PAGE_SCRIPT if _light_clients[client] else ""
    title = escape(client.resolve_title() or "")
    note = escape(_("Numbers of the moment. With JavaScript, this page is live."))
    return (
        '<!doctype html><html lang="en-US" dir="ltr"><head><meta charset="utf-8">'
        f'<title>{title}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link href="{asset_url("img/favicon.ico")}" rel="shortcut icon">{client._head_html}</head>'
        f'<body><div id="app">{html_of(client.layout)}</div><noscript><p class="note">{note}</p></noscript>'
        f"{stylesheet_html(ICONS)}{THEME_TOGGLE_SCRIPT}{script}</body></html>"
    )
