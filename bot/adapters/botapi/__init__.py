"""The Bot API: its client, its errors as ours, its markup and limits. Publisher and conversation stand on it."""
