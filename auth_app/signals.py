"""What this app announces, for whoever counts."""

from django.dispatch import Signal

# Somebody came in, or was turned away: `event` and `outcome` are words of ours, fit to label a metric.
signed_in = Signal()
# A letter that nobody waits for was sent, was not, or found the outbox full: `outcome`.
letter = Signal()
# Somebody signed in through a provider, or tried to: `provider` is its short name, `outcome` one word.
sso_signed_in = Signal()
