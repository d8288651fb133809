"""Calls to providers over HTTP; the only room that knows httpx."""
