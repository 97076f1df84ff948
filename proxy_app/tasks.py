"""Where the job library looks for the jobs of this app, beside those the settings name."""

from proxy_app.observe.attest import tasks

__all__ = ["tasks"]
