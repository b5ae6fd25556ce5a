"""Mutants that no test can kill, each with the reason why it changes nothing."""

EQUIVALENT: dict[tuple[str, str, str], str] = {}
