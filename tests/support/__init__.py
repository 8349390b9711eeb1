"""Servers and databases that tests need, each started once in a run and stopped at its end."""
