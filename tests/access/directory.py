"""A tenant of Microsoft Entra where people sign in by a browser, as far as its documentation says how: by https."""

import base64
import contextlib
import hashlib
import html
import http.client
import json
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from access.support import APPLICATION, TENANT, Issuer, part

from baselift.host.certificates import provide

SECRET = "a-cl1ent-secret"  # of this test
PROOF = "pr00f-of-identity"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NEVER = "0 0 0 1 1 *"
"""When the reconciler of an app runs that is there for its pages."""
IDENTITY = "0d5f0c62-3c1b-4f0e-9d52-0f3b7a6c9e11"


class Directory(Issuer):
    """What there is, and how it is to answer: tests change it, and call `reset`."""

    def __init__(self) -> None:
        super().__init__()
        self.redirect = ""
        """The one redirect URI that is registered."""
        self.reset()

    def reset(self) -> None:
        self.roles: list[str] = ["Baselift.Contributor"]
        self.changes: dict[str, Any] = {}
        """Claims of the ID token that are to be wrong; None leaves one out."""
        self.signing: dict[str, Any] = {}
        """`key`, `alg`: other than what is right."""
        self.error: dict[str, str] | None = None
        """What the browser is sent back with, in place of a code."""
        self.raw: tuple[int, str] | None = None
        """What the token endpoint says, in place of tokens."""
        self.there = True
        self.asked: list[dict[str, str]] = []
        """Forms that the token endpoint got."""
        self.codes: dict[str, dict[str, str]] = {}

    def discovery(self) -> dict[str, str]:
        root = f"{self.url}/{TENANT}"
        found = {f"{name}_endpoint": f"{root}/oauth2/v2.0/{word}" for name, word in ENDPOINTS.items()}
        return found | {"issuer": f"{root}/v2.0"}

    def approve(self, query: dict[str, str]) -> str:
        """Where the browser of somebody who agrees goes."""
        right = {"client_id": APPLICATION, "response_type": "code", "redirect_uri": self.redirect}
        right |= {"code_challenge_method": "S256", "prompt": "select_account"}
        wrong = {name: query.get(name) for name, value in right.items() if query.get(name) != value}
        if wrong or set(query["scope"].split()) != {"openid", "profile"}:
            raise ValueError(f"{wrong} {query['scope']}")
        code = secrets.token_urlsafe()
        self.codes[code] = query
        answer = self.error or {"code": code, "session_state": "whatever", "client_info": "bm8ganNvbg"}
        return f"{self.redirect}?{urlencode(answer | {'state': query['state']})}"

    def tokens(self, form: dict[str, str]) -> tuple[int, str]:
        self.asked.append(form)
        if self.raw:
            return self.raw
        if not _known(form):
            return _refusal("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or form.get("redirect_uri") != query["redirect_uri"]:
            return _refusal("invalid_grant", "AADSTS54005: OAuth2 Authorization code was already redeemed.")
        if _challenge(form.get("code_verifier", "")) != query["code_challenge"]:
            return _refusal("invalid_grant", "AADSTS501481: The Code_Verifier does not match the code_challenge.")
        own = {"aud": APPLICATION, "azp": None, "roles": self.roles, "nonce": query["nonce"]}
        claims = self.claims(**(own | self.changes))
        key, algorithm = self.signing.get("key", self.keys["one"]), self.signing.get("alg", "RS256")
        token = jwt.encode(claims, None if algorithm == "none" else key, algorithm, {"kid": "one"})
        answer = {"token_type": "Bearer", "expires_in": 3600, "scope": "openid profile", "id_token": token}
        info = part({"uid": "o", "utid": TENANT})
        return 200, json.dumps(answer | {"access_token": "f0r-another", "client_info": info})


PAGE = '<!doctype html><link rel="icon" href="data:,"><title>Pick an account</title><a href="{}">Ada</a>'
ENDPOINTS = {"authorization": "authorize", "token": "token", "device_authorization": "devicecode"}


def _known(form: dict[str, str]) -> bool:
    by_proof = form.get("client_assertion") == PROOF and form.get("client_assertion_type") == ASSERTION
    return form.get("client_id") == APPLICATION and (form.get("client_secret") == SECRET or by_proof)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refusal(error: str, description: str) -> tuple[int, str]:
    return 400, json.dumps({"error": error, "error_description": description})


class _Handler(BaseHTTPRequestHandler):
    directory: Directory

    def do_GET(self) -> None:
        parts, directory = urlsplit(self.path), self.directory
        query = dict(parse_qsl(parts.query))
        match parts.path.removeprefix(f"/{TENANT}"):
            case "/v2.0/.well-known/openid-configuration" if directory.there:
                self._send(200, json.dumps(directory.discovery()))
            case "/discovery/v2.0/keys":
                keys = [directory.public(name, key) for name, key in directory.keys.items()]
                self._send(200, json.dumps({"keys": keys}))
            case "/oauth2/v2.0/authorize":
                link = html.escape(f"/{TENANT}/approve?{parts.query}")
                self._send(200, PAGE.format(link), "text/html")
            case "/approve":
                self._send(302, "", location=directory.approve(query))
            case "/identity" if query["resource"] == "api://AzureADTokenExchange" and query["client_id"] == IDENTITY:
                assert self.headers["X-IDENTITY-HEADER"] == "proof"
                found = {"access_token": PROOF, "expires_on": "4102444800", "token_type": "Bearer"}
                self._send(200, json.dumps(found | {"resource": query["resource"]}))
            case _:
                self._send(404, "{}")

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._send(*self.directory.tokens(form))

    def _send(self, status: int, text: str, kind: str = "application/json", location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def directory(place: Path) -> Iterator[tuple[Directory, Path]]:
    """A running tenant, and the CA to trust for it."""
    made, files = Directory(), provide(place)
    handler = type("Handler", (_Handler,), {"directory": made})
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files.load_into(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"https://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made, files.ca
        finally:
            server.shutdown()
            thread.join()


def app_settings(made: Directory, ca: Path, port: int) -> dict[str, str]:
    """Settings of an app at a port of this machine, where people sign in at the directory."""
    return {
        "BASELIFT_ACCESS": "entra",
        "BASELIFT_TENANT": TENANT,
        "BASELIFT_AUDIENCE": f"api://{APPLICATION}",
        "BASELIFT_AUTHORITY": made.url,
        "BASELIFT_SIGN_IN_SECRET": SECRET,
        "BASELIFT_SIGN_IN_URL": f"http://127.0.0.1:{port}",
        "BASELIFT_TRUST_PROXY": "true",
        "REQUESTS_CA_BUNDLE": str(ca),
        "SSL_CERT_FILE": str(ca),
    }


def approving(ca: Path) -> Callable[[str], str]:
    """What the tenant makes of a browser that is sent there and agrees: the path to which it comes back."""
    context = ssl.create_default_context(cafile=str(ca))

    def agreed(url: str) -> str:
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=10)
        connection.request("GET", f"/{TENANT}/approve?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 302
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"

    return agreed
