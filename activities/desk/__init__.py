"""What a person at a desk does: look at and move participants, the attention list, repeat, merge, erase."""
