"""TLS towards upstreams: what our side of a handshake may cost, which runs on the event loop."""

import ssl

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy_app.upstream import tls

CA = trustme.CA()


def pem_of(key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("kind", trustme.KeyType)
def test_usual_keys_are_taken(kind: trustme.KeyType) -> None:
    leaf = CA.issue_cert("client.example.com", key_type=kind)
    tls.check(certificate=leaf.cert_chain_pems[0].bytes().decode(), key=leaf.private_key_pem.bytes().decode())


def weak() -> str:
    return pem_of(rsa.generate_private_key(65537, 1024))  # noqa: S505 (what must be refused)


def dear() -> str:
    """Its numbers are none of a key's; only how many there are counts."""
    numbers = rsa.RSAPrivateNumbers(
        p=3, q=5, d=3, dmp1=1, dmq1=1, iqmp=1, public_numbers=rsa.RSAPublicNumbers(65537, (1 << 16384) - 1)
    )
    return pem_of(numbers.private_key(unsafe_skip_rsa_key_validation=True))


def other() -> str:
    return pem_of(dsa.generate_private_key(2048))


@pytest.mark.parametrize("make", [weak, dear, other, lambda: "-----BEGIN PRIVATE KEY-----\n" + "A" * 9000])
def test_a_key_that_signs_too_slowly_or_too_weakly_is_refused_before_it_signs(make: object) -> None:
    certificate = CA.issue_cert("client.example.com").cert_chain_pems[0].bytes().decode()
    with pytest.raises(ValueError, match=r"."):
        tls.check(certificate=certificate, key=make())  # type: ignore[operator]


def test_the_other_side_cannot_choose_how_long_a_handshake_takes() -> None:
    """With DHE it sends the numbers that both sides compute with."""
    context = tls.context_for()
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names
    assert all(name.startswith(("ECDHE-", "TLS_")) for name in names)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
