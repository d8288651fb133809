"""Logged requests through another configuration."""
