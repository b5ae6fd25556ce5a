"""Lengths as Telegram may count them: in UTF-16 code units, never fewer than characters."""


def units(text: str) -> int:
    """How many UTF-16 code units the text takes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_to_units(text: str, limit: int) -> str:
    """The text in at most `limit` units, ended between words with `…` where something was left out."""
    if units(text) <= limit:
        return text
    head = text[:limit]
    while units(head) > limit - 1:
        head = head[:-1]
    at_word = head.rsplit(" ", 1)[0] if " " in head[len(head) // 2 :] else head
    return at_word.rstrip(" ,;:.–—-") + "…"
