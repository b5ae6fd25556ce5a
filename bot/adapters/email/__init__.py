"""Email: each message is one mail, delivered to an SMTP server or into a Maildir."""
