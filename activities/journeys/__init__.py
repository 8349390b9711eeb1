"""One participant's journey: the gate, its steps, the places it waits for, its holds and hand-overs."""
