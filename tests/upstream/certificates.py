"""What an upstream with TLS shows, and whom it asks for a certificate of theirs."""

import ssl

import trustme


def serving(authority: trustme.CA, clients: trustme.CA | None = None) -> ssl.SSLContext:
    """As 127.0.0.1, signed by this authority; for those only whom the other one signed, if there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()
