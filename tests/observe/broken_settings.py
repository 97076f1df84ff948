"""The gateway's settings with one view broken on purpose: the proof that an attestation notices."""

from gatewaysite.settings import *  # noqa: F403

ROOT_URLCONF = "tests.observe.broken_urls"
