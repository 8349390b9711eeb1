"""A flow's life: its commands and their table, pauses and brakes, what is scheduled, how far releasing has come."""
