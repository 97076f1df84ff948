"""Whom we believe to be an upstream, and as whom we come to it: TLS contexts, made once for each choice."""

import ssl
import tempfile
from functools import cache, lru_cache

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from proxy_app.upstream.limits import NO_OPTIONS, Options

# Keys a client may have: RSA within these bounds, EC, Ed25519. Their PEM is never longer than this.
RSA_BITS = range(2048, 4097)
KEY_LENGTH = 8000


def context_for(options: Options = NO_OPTIONS) -> ssl.SSLContext:
    """Raises ValueError for certificates or keys that cannot be read, or that do not belong together."""
    if options.verify_tls and not (options.ca_certificate or options.client_certificate):
        return _trusting_context()
    try:
        return _special_context(
            options.verify_tls, options.ca_certificate, options.client_certificate, options.client_key
        )
    except (ssl.SSLError, OSError) as exc:
        raise ValueError("the certificates or the key of this upstream cannot be used") from exc


def check(*, authorities: str = "", certificate: str = "", key: str = "") -> None:
    """Raises ValueError for what `context_for` could not use. Cheap, and keeps nothing of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        _set(context, authorities, certificate, key)
    except (ssl.SSLError, OSError) as exc:
        raise ValueError("this cannot be used") from exc


@cache
def _trusting_context() -> ssl.SSLContext:
    return _new_context()


def _new_context() -> ssl.SSLContext:
    """Trusts the certificates of the system and those httpx brings: slim images often have no system store."""
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Handshakes run on the event loop, and with DHE the other side chooses how long ours takes.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


@lru_cache(maxsize=256)
def _special_context(verify: bool, authorities: str, certificate: str, key: str) -> ssl.SSLContext:
    context = _new_context()
    _set(context, authorities, certificate, key)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _set(context: ssl.SSLContext, authorities: str, certificate: str, key: str) -> None:
    if authorities:
        context.load_verify_locations(cadata=authorities)
    if certificate:
        _check_key(key)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # readable by us only; OpenSSL takes no strings
            file.write(f"{certificate.strip()}\n{key.strip()}\n")
            file.flush()
            # With no password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(file.name, password="")


def _check_key(key: str) -> None:
    """Raises ValueError for a key that is none we sign with: each handshake does so, on the event loop."""
    if len(key) > KEY_LENGTH:
        raise ValueError("the key is too long")
    try:
        found = load_pem_private_key(key.encode(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError("the key cannot be read") from exc
    if isinstance(found, RSAPrivateKey) and found.key_size not in RSA_BITS:
        raise ValueError(f"an RSA key of {found.key_size} bits")
    if not isinstance(found, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise ValueError("a key of another kind")
