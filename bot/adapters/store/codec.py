"""Where the store's rooms find the papers' stored form, which glances at the state share."""

from bot.adapters.paper_codec import paper_of, paper_text, question_of, question_text

__all__ = ["paper_of", "paper_text", "question_of", "question_text"]
