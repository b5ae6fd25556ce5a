"""Quizzes: repaired for a channel, keyed, scored."""
