"""The static guard: finds database connections held while rendering, streaming or calling somebody, before it runs.

`engine.check` is the one engine behind three doors: `python -m gatewaysite.guard`, a Django system check and the tests.
It reads source only, so it needs neither Django's settings nor anything of the project to be importable.
"""
