"""The local mailbox: a real SMTP server that keeps every mail, and pages to read them. Nothing leaves the machine."""
