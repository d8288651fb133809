"""Joins everything: the only room that knows every other."""
