"""`manage.py gateway reseal`: stored credentials under the first of ENCRYPTION_KEYS, so that those behind it can go."""
