"""What goes on in the background: releasing and closing in pages, sweeping, chores, retention."""
