"""E-mail: composing, sending by SMTP, tokens and links, reports that come back."""
