"""`paperboy`, also `python -m bot`."""

import os

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them costs every start

from bot.app.cli.main import main

if __name__ == "__main__":
    main()
