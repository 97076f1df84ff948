"""The gateway's settings with views that keep what they should give back."""

from gatewaysite.settings import *  # noqa: F403

ROOT_URLCONF = "tests.observe.parked_urls"
