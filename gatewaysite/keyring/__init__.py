"""`manage.py gateway rotate-keys`: stored secrets under the first of ENCRYPTION_KEYS, so that the others can go."""
