"""A small OpenID provider on a real socket that signs with real keys, and misbehaves when it is told to."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# Instead of a claim's value: it is left out.
GONE = object()
CLIENT_ID, CLIENT_SECRET = "gateway", "a secret of the gateway's"


@cache
def key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(number: int) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key(number).public_key().public_bytes(serialization.Encoding.PEM, form)


def as_jwk(number: int) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(number).public_key()))
    return {"kid": f"k{number}", "use": "sig"} | public


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def half_hash(token: str) -> str:
    return unpadded(hashlib.sha256(token.encode()).digest()[:16])


@dataclass
class OpenIdProvider:
    """`claims` go into the ID token, `userinfo` is told beside.

    `changes` are made to the ID token's claims before signing."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    signs: Callable[[dict[str, Any]], Any] | None = None
    key_number: int = 0
    published: list[int] = field(default_factory=lambda: [0])
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    # What was asked, in order: the path, and the form.
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    asks: dict[str, dict[str, str]] = field(default_factory=dict)

    def paths(self) -> list[str]:
        return [path for path, _form in self.asked]

    def authorize(self, url: str, **changed: str) -> str:
        """What the provider does when somebody has said yes there: the address the browser is sent back to."""
        assert url.startswith(f"{self.issuer}/auth?"), url
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.asks)}"
        self.asks[code] = asked
        told = {"code": code, "state": asked["state"]} | changed
        return asked["redirect_uri"] + "?" + "&".join(f"{name}={value}" for name, value in told.items())

    def id_token(self, asked: dict[str, str], access_token: str) -> Any:
        now = int(time.time())
        claims = (
            {
                "iss": self.issuer,
                "aud": CLIENT_ID,
                "exp": now + 300,
                "iat": now,
                "nonce": asked.get("nonce"),
                "at_hash": half_hash(access_token),
            }
            | self.claims
            | self.changes
        )
        claims = {name: value for name, value in claims.items() if value is not GONE}
        return self.signs(claims) if self.signs else self.sign(claims)

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, key(self.key_number), "RS256", headers={"kid": f"k{self.key_number}"} | header)

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.asks.get(form.get("code", ""))
        expected = "Basic " + base64.b64encode(b"gateway:a%20secret%20of%20the%20gateway%27s").decode()
        if authorization != expected:
            return 401, {"error": "invalid_client"}
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if asked is None or form["code"] in self.used or unpadded(verifier) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "<b>That code is no good</b>"}
        self.used.add(form["code"])
        access_token = f"access-{form['code']}"
        return 200, {
            "access_token": access_token,
            "token_type": "Bearer",
            "id_token": self.id_token(asked, access_token),
        }

    def found(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        } | self.metadata

    def jwks(self) -> dict[str, Any]:
        return {"keys": [as_jwk(number) for number in self.published]}


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    op = OpenIdProvider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            self.answer({name: values[0] for name, values in parse_qs(body).items()})

        def answer(self, form: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            op.asked.append((path, form))
            if path in op.answers:
                op.answers[path](self)
            elif path == "/.well-known/openid-configuration":
                self.tell(200, op.found())
            elif path == "/jwks":
                self.tell(200, op.jwks())
            elif path == "/auth":
                self.send_response(302)
                self.send_header("location", op.authorize(op.issuer + self.path))
                self.send_header("content-length", "0")
                self.end_headers()
            elif path == "/token":
                self.tell(*op.token(form, self.headers.get("authorization", "")))
            elif path == "/me":
                self.tell(200, op.claims if op.userinfo is None else op.userinfo)
            else:
                self.tell(404, {})

        def tell(self, status: int, data: Any) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    op.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield op
    finally:
        server.shutdown()
        server.server_close()


def hs256_with_the_public_key(claims: dict[str, Any]) -> str:
    """What every library fell for once: everybody has the key it is signed with."""
    head = unpadded(json.dumps({"alg": "HS256", "kid": "k0"}).encode())
    signed = f"{head}.{unpadded(json.dumps(claims).encode())}"
    return f"{signed}.{unpadded(hmac.new(public_pem(0), signed.encode(), hashlib.sha256).digest())}"


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none", headers={"kid": "k0"})
