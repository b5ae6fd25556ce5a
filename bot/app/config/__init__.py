"""Configuration: paperboy.yaml and subscriptions.yaml, read and checked with line and column of each fault."""
