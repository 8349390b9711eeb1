"""`python -m bench` (make bench): ferd side by side with a hand-written Temporal workflow, measured in one run."""
