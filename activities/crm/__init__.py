"""The embedded CRM: its nouns, what may be done with them, and the port that steps act through."""
