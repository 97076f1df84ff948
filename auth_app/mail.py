"""Letters to people: rendered and sent after the unit that is their reason, with nothing held.

A letter that cannot be sent is no reason to undo anything: whoever asks for it is told, and says what to do instead.
"""

import logging
import re
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from gatewaysite.context import Phase
from gatewaysite.phases import during

# What may wait for the mail server; see proxy_app.dataplane.lines.line_of.
SENDS_MAIL = re.compile(r"(/v1)?/(admin/)?teams(/new|/[^/]+/invitations)?/?")

log = logging.getLogger(__name__)


def send(template: str, to: str, context: dict[str, Any]) -> bool:
    """Send templates/mail/<template>.txt, whose first line is the subject. False when the mail server did not take it.

    Blocks for as long as the mail server takes, or gatewaysite.mailers.TIMEOUT_S.
    """
    subject, _, body = render_to_string(f"mail/{template}.txt", context).partition("\n")
    message = EmailMessage(subject.strip(), body.strip() + "\n", to=[to])
    try:
        with during(Phase.UPSTREAM):
            message.send()
    except OSError as error:  # smtplib's errors too
        log.warning("a letter was not sent", extra={"template": template, "error": type(error).__name__})
        return False
    return True


def sends_mail(method: str, path: str) -> bool:
    return method == "POST" and SENDS_MAIL.fullmatch(path) is not None
