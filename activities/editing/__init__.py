"""Changing a flow: its versions, what an edit does to those inside, copies."""
