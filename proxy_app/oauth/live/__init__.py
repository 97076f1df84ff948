"""Tokens in use: in memory of each process, renewed ahead of time by one of all."""
