"""What comes back and goes on: clicks and opens, forms, replies, what they set off, and what waits to leave."""
