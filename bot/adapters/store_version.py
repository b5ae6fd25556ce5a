"""What a state says about itself, for those who open it and those who only glance at it."""

HEAD = "0002"
"""The newest schema version; equals the newest migration."""

CONFIGURATION = "configuration"
"""The row of `meta` that holds the fingerprint of the configuration last worked with."""

DROPPED = "dropped by the operator"
"""Why a delivery is dead that nobody needs to look at again."""
