"""What the doorways announce, for whoever counts or watches."""

from django.dispatch import Signal

# The control plane turned a request away because of our own limit or trouble; `error` is what it was answered with.
refused = Signal()
# The control plane refused somebody (Denied), or found nothing (NotFound); `error` is what is answered to `request`.
turned_away = Signal()
