"""Scripts: programs of a team's own that flows start and do not wait for (STEP_12)."""
