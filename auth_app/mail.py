"""Letters to people: rendered and sent after the unit that is their reason, with nothing held.

A letter that cannot be sent is no reason to undo anything: whoever asks for it is told, and says what to do instead.
"""

import logging
import re
from email.policy import default
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from gatewaysite.context import Phase
from gatewaysite.phases import during

# What may wait for the mail server; see proxy_app.dataplane.lines.line_of.
SENDS_MAIL = re.compile(r"(/v1)?/(admin/)?teams(/new|/[^/]+/invitations)?/?")
# Mail servers take 998 characters. Django breaks lines after 78, and links with them, which then cannot be copied from
# the log of a process or from a file.
LINE_LENGTH = 900

log = logging.getLogger(__name__)


class Letter(EmailMessage):
    """One whose links stay in one piece."""

    def message(self, *, policy: Any = default) -> Any:
        return super().message(policy=policy.clone(max_line_length=LINE_LENGTH))


def send(template: str, to: str, context: dict[str, Any]) -> bool:
    """Send templates/mail/<template>.txt, whose first line is the subject. False when the mail server did not take it.

    Blocks for as long as the mail server takes, or gatewaysite.mailers.TIMEOUT_S.
    """
    subject, _, body = render_to_string(f"mail/{template}.txt", context).partition("\n")
    message = Letter(subject.strip(), body.strip() + "\n", to=[to])
    try:
        with during(Phase.UPSTREAM):
            message.send()
    except OSError as error:  # smtplib's errors too
        log.warning("a letter was not sent", extra={"template": template, "error": type(error).__name__})
        return False
    return True


def sends_mail(method: str, path: str) -> bool:
    return method == "POST" and SENDS_MAIL.fullmatch(path) is not None
