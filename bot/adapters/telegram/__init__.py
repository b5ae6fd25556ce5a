"""Telegram: the Bot API client, the publisher, previews without a token, and the chat."""
