"""Email: one mail a message, handed to a Maildir or an SMTP server."""
