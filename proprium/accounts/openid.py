"""Sign-in with OpenID Connect: authorization code flow with PKCE, and the checks of the provider's ID token."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from urllib.parse import quote

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from proprium.accounts.signed_states import SignedStates
from proprium.clock import Clock, utc_now
from proprium.errors import SignInRequired
from proprium.i18n import gettext as _

log = logging.getLogger(__name__)

CALLBACK_PATH = "/auth/openid/callback"
PURPOSE = "openid"
FLOW_LIFETIME = timedelta(minutes=15)
METADATA_LIFETIME_S = 3_600.0
TIMEOUT_S = 10.0
CLOCK_SKEW_S = 60
MAX_ANSWER_BYTES = 1_000_000
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with the provider's private key: neither none nor one with a shared secret."""


class OpenIdFailed(SignInRequired):
    """A sign-in that the provider refused or that failed a check; the log says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(_("Signing in with the identity provider failed. Try again, or ask the owner of this server."))
        log.warning("OpenID Connect sign-in failed", extra={"reason": reason})


@dataclass(frozen=True)
class Identity:
    """Who signed in at the provider."""

    subject: str  # issuer and subject, separated by a space
    email: str  # "" unless the provider has verified it
    name: str


class OpenIdProvider:
    """One provider, by its issuer URL. Endpoints and keys are read from it and cached for an hour."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: str, public_url: str, *, clock: Clock = utc_now
    ) -> None:
        self._issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self._redirect_uri = public_url + CALLBACK_PATH
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_s = float("-inf")

    async def start(self, states: SignedStates, target: str) -> tuple[str, str]:
        """Returns the provider's address for a new sign-in, and the signed state for the browser's cookie."""
        metadata = await self._provider()
        values = {"state": generate_token(32), "nonce": generate_token(32), "verifier": generate_token(64)}
        url = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope="openid email profile",
            state=values["state"],
            nonce=values["nonce"],
            code_challenge=create_s256_code_challenge(values["verifier"]),
            code_challenge_method="S256",
        )
        return url, states.issue(PURPOSE, values | {"target": target}, FLOW_LIFETIME)

    async def finish(self, states: SignedStates, cookie: str | None, answer: Mapping[str, str]) -> tuple[Identity, str]:
        """Returns who signed in, and where they wanted to go. `answer` is the callback's query. Raises OpenIdFailed."""
        values = states.redeem(PURPOSE, cookie)
        if values is None or not secrets.compare_digest(values["state"].encode(), answer.get("state", "").encode()):
            raise OpenIdFailed("state does not match the browser's cookie")
        if "code" not in answer:
            raise OpenIdFailed(f"provider answered {answer.get('error', 'without a code')[:100]!r}")
        metadata = await self._provider()
        if answer.get("iss", metadata["issuer"]) != metadata["issuer"]:  # RFC 9207
            raise OpenIdFailed("answer comes from another issuer")
        tokens = await self._exchange(metadata, answer["code"], values["verifier"])
        claims = await self._verified_claims(str(tokens.get("id_token", "")), values["nonce"], metadata)
        if "email" not in claims and "userinfo_endpoint" in metadata:
            claims = await self._with_user_info(metadata, tokens, claims)
        is_verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
        identity = Identity(
            f"{claims['iss']} {claims['sub']}",
            str(claims.get("email", "")).strip().lower() if is_verified else "",
            str(claims.get("name", "")),
        )
        return identity, values["target"]

    async def _provider(self) -> dict[str, Any]:
        """Returns the provider's metadata; reads them and the keys again after an hour."""
        if monotonic() - self._read_s > METADATA_LIFETIME_S:
            metadata = await _request("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            missing = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} - metadata.keys()
            if missing or str(metadata["issuer"]).rstrip("/") != self._issuer.rstrip("/"):
                raise OpenIdFailed(
                    f"configuration of the issuer lacks {sorted(missing)}" if missing else "other issuer"
                )
            self._metadata, self._keys = metadata, None
            self._read_s = monotonic()
        return self._metadata

    async def _exchange(self, metadata: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret and "client_secret_basic" in methods:
            # Both are form-encoded first (RFC 6749, 2.3.1).
            auth = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
            return await _request("POST", metadata["token_endpoint"], data=form, auth=auth)
        form |= {"client_id": self._client_id} | ({"client_secret": self._client_secret} if self._client_secret else {})
        return await _request("POST", metadata["token_endpoint"], data=form)

    async def _verified_claims(self, id_token: str, nonce: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Checks signature, issuer, audience, time and nonce of an ID token."""
        for is_retry in (False, True):  # a provider changes its keys from time to time
            if self._keys is None or is_retry:
                keys = await _request("GET", metadata["jwks_uri"])
                try:
                    self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError):
                    raise OpenIdFailed("keys of the provider cannot be read") from None
            try:
                token = jwt.decode(id_token, self._keys, algorithms=list(ALGORITHMS))
                break
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if is_retry:
                    raise OpenIdFailed(f"signature of the ID token: {type(error).__name__}") from None
        options = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": self._client_id},
        }
        claims = CodeIDToken(
            token.claims, token.header, options=options, params={"nonce": nonce, "client_id": self._client_id}
        )
        try:
            claims.validate(now=int(self._clock().timestamp()), leeway=CLOCK_SKEW_S)
        except (JoseError, ValueError, TypeError) as error:
            raise OpenIdFailed(f"ID token: {type(error).__name__} {error}"[:200]) from None
        return dict(claims)

    async def _with_user_info(
        self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Adds what only the provider's user info says; it must be about the same subject."""
        headers = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        info = await _request("GET", metadata["userinfo_endpoint"], headers=headers)
        if info.get("sub") != claims["sub"]:
            raise OpenIdFailed("user info is about another subject")
        return {**info, **claims}


async def _request(method: str, url: str, **options: Any) -> dict[str, Any]:
    """Returns the JSON object that the provider answers. Raises OpenIdFailed."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            response = await client.request(method, url, **options)
        if response.status_code != 200 or len(response.content) > MAX_ANSWER_BYTES:
            raise OpenIdFailed(f"{url.partition('?')[0]} answered {response.status_code}")
        content = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise OpenIdFailed(f"{url.partition('?')[0]}: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise OpenIdFailed(f"{url.partition('?')[0]} answered no object")
    return content
