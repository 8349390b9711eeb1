"""Signed calls to endpoints that a team has named: what a flow asks for, and what it tells."""
