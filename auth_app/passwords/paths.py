"""Where passwords are hashed: for so long that it must not be done on the threads of everything else."""

import re

# With and without /v1, as the JSON endpoints are. Deciding takes a look at each request's path, before Django sees it.
ANYBODYS = r"/login|/login/(sign-up|reset/.*)|/admin/profile/(password(/set)?|email|confirm)"
JSON = r"(/v1)?/auth/(login|email/(login|register|change-password|reset-password/.*|admin/users(/[^/]+)?))"
PEOPLE = r"/admin/users/(new|[^/]+/password)"
WHERE = re.compile(f"{ANYBODYS}|{JSON}|{PEOPLE}")


def is_slow(method: str, path: str) -> bool:
    """`/login` whatever the method is: whoever cannot log in should read the form on the threads that log people in."""
    if path == "/login":
        return True
    return method in ("POST", "PUT", "PATCH") and WHERE.fullmatch(path) is not None
