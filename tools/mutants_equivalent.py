"""Mutants that no test can kill, each with the reason why it changes nothing."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "bot/domain/query/index/arrays.py",
        "if size > len(self._last):",
        "if size >= len(self._last):",
    ): "a buffer of just the right size is made again, with the same content",
    (
        "bot/domain/query/index/arrays.py",
        "elif self._new.used > _FULLEST * (self._new.mask + 1):",
        "elif self._new.used >= _FULLEST * (self._new.mask + 1):",
    ): "a table grows one entry earlier; what it holds stays the same",
    (
        "bot/domain/query/index/atoms.py",
        "if len(word) > _LONG:",
        "if len(word) >= _LONG:",
    ): "both branches give the same prefixes; only their speed differs, and their order for long words",
    (
        "bot/domain/query/index/atoms.py",
        "return self.uses.cells[root] > 0",
        "return self.uses.cells[root] >= 0",
    ): "a root without nodes is searched as well, and nothing is there",
    (
        "bot/domain/query/index/storage.py",
        "successors[np.append(begins[1:], len(begins) > 0)[: len(begins)]] = NOTHING",
        "successors[np.append(begins[1:], len(begins) >= 0)[: len(begins)]] = NOTHING",
    ): "where there are no begins, the slice takes nothing of either",
    (
        "bot/domain/query/folding.py",
        "if len(piece) <= _LONGEST_CACHED:",
        "if len(piece) < _LONGEST_CACHED:",
    ): "one length less is kept in the cache; the folded words are the same",
    (
        "bot/pipeline/circuit_breaker.py",
        "in_topic = receipt.astray is None",
        "in_topic = receipt.astray is not None",
    ): "the mark is compared with earlier marks alone, which are turned round as well",
    (
        "bot/pipeline/rate_limiter.py",
        "if not self.ended or (self.ended[0] > now - self.limit.span and self.ended[-1] <= now):",
        "if not self.ended or (self.ended[0] >= now - self.limit.span and self.ended[-1] <= now):",
    ): "a message exactly one span old stays, and its slot is free at this very moment",
}
