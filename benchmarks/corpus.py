"""Where the real digests are: $PAPERBOY_CORPUS, else ../shared/corpus beside the project."""

import os
from pathlib import Path

CORPUS = Path(
    os.environ.get("PAPERBOY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
).resolve()
