"""SMS by an HTTP provider of Twilio's dialect, or the local phone."""
