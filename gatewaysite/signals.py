"""What the doorways announce, for whoever counts or watches."""

from django.dispatch import Signal

# The control plane turned a request away because of our own limit or trouble; `error` is what it was answered with.
refused = Signal()
