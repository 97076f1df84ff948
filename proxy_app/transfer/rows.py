"""What an import's row says of its outcome, for use inside units."""

from uuid import UUID

from django.utils import timezone

from proxy_app.models import Transfer
from proxy_app.transfer.shapes import Outcome
from proxy_app.transfer.telling import errors_of, plan_of, warnings_of


def complete(transfer_id: str, outcome: Outcome) -> None:
    """In the unit that imports: both happen, or neither."""
    row = Transfer.objects.filter(pk=UUID(transfer_id)).first()
    if row is not None:
        tell(row, outcome, dry_run=False)
        row.status, row.finished_at, row.sealed_document = Transfer.Status.COMPLETED, timezone.now(), ""
        row.save()


def tell(row: Transfer, outcome: Outcome, *, dry_run: bool) -> None:
    plan = plan_of(outcome)
    row.plan, row.counts, row.fingerprint = plan, plan["counts"], plan["fingerprint"]
    row.errors, row.warnings = errors_of(outcome), warnings_of(outcome, dry_run=dry_run)
