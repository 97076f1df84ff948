"""What `make run` does to the database before it serves, in one process because starting Django is most of the time."""

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewaysite.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("gateway", "bootstrap")
    call_command("gateway", "register-demo", "--url", sys.argv[1])
