"""Stored credentials sealed anew."""
