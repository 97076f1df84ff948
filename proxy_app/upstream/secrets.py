"""Credentials for upstreams, sealed as everything that is sealed."""

from gatewaysite.secrets import CannotUnseal, fingerprint, open_sealed, seal

__all__ = ["CLIENT_KEY", "CannotUnseal", "fingerprint", "open_sealed", "seal"]

# Under which name the key of a client certificate is sealed.
CLIENT_KEY = "client_key"
