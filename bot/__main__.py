"""`paperboy`, also `python -m bot`."""

import gc
import os

gc.set_threshold(
    20_000, 20, 20
)  # what a start makes, stays: looking for garbage among it takes a tenth of the start
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them costs every start

from bot.app.cli.main import main  # noqa: E402 - what is set above counts for it, too

if __name__ == "__main__":
    main()
