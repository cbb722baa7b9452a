"""Buttons that ask the browser for a passkey: to sign in, or to add one to the account."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button

# The browser talks to the passkey, and the page to /auth/passkey…: fetch instead of a form, because the answer of the
# passkey is JSON. The server decides where to go next.
_SCRIPT = """<script>
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
  const descriptors = (list) => (list ?? []).map((item) => ({...item, id: bytes(item.id)}));
  const post = async (path, body) => {
    const answer = await fetch('/auth/passkey' + path, {
      method: 'POST', body: JSON.stringify(body ?? {}),
      headers: {'Content-Type': 'application/json', Accept: 'application/json'},
    });
    const content = await answer.json();
    if (!answer.ok) throw {detail: content.detail};
    return content;
  };
  const signIn = async () => {
    const {options, state} = await post('/sign-in-options');
    const found = await navigator.credentials.get({publicKey: {
      ...options, challenge: bytes(options.challenge), allowCredentials: descriptors(options.allowCredentials),
    }});
    const {clientDataJSON, authenticatorData, signature, userHandle} = found.response;
    return post('/sign-in', {state, next: new URLSearchParams(location.search).get('next') ?? '', credential: {
      id: found.id, rawId: text(found.rawId), type: found.type, response: {
        clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    }});
  };
  const add = async () => {
    const {options, state} = await post('/options');
    const made = await navigator.credentials.create({publicKey: {
      ...options, challenge: bytes(options.challenge), user: {...options.user, id: bytes(options.user.id)},
      excludeCredentials: descriptors(options.excludeCredentials),
    }});
    const {clientDataJSON, attestationObject} = made.response;
    return post('', {state, name: document.getElementById('field-passkey-name')?.value ?? '', credential: {
      id: made.id, rawId: text(made.rawId), type: made.type,
      response: {clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject)},
    }});
  };
  addEventListener('click', async (event) => {
    const button = event.target.closest?.('[data-passkey]');
    if (!button) return;
    const problem = document.getElementById(button.dataset.problem);
    problem.classList.add('hidden');
    try {
      location.href = (await (button.dataset.passkey === 'add' ? add() : signIn())).location;
    } catch (error) {
      if (error.name === 'AbortError') return;
      problem.textContent = error.detail ?? button.dataset.failed;
      problem.classList.remove('hidden');
    }
  });
})();
</script>"""


def sign_in_button(kind: str = "") -> Element:
    """Builds the button that signs in with a passkey."""
    failed = _("No passkey was used. Passkeys need a browser that supports them and an https:// address.")
    return _passkey_button(_("Sign in with a passkey"), "sign-in", failed, kind)


def add_button(kind: str = "") -> Element:
    """Builds the button that adds a passkey, named by the native field `passkey-name`."""
    failed = _("No passkey was added. Passkeys need a browser that supports them and an https:// address.")
    return _passkey_button(_("Add passkey"), "add", failed, kind)


def _passkey_button(label: str, purpose: str, failed: str, kind: str) -> Element:
    ui.add_body_html(_SCRIPT)
    element = button(label, "lock", kind=kind)
    element.props.update({"data-passkey": purpose, "data-problem": "passkey-problem", "data-failed": failed})
    ui.label("").classes(f"{theme.NOTE} bad hidden").props('id="passkey-problem" role="alert"')
    return element
