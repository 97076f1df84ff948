"""Run a command with the embedded PostgreSQL: `python -m gatewaysite.embedded exec manage.py migrate`."""
