"""What a state says about itself, for those who open it and those who only glance at it."""

HEAD = "0001"
"""The newest schema version; equals the newest migration."""

CONFIGURATION = "configuration"
"""The row of `meta` that holds the fingerprint of the configuration last worked with."""

DROPPED = "dropped by the operator"
"""Why a delivery is dead that nobody needs to look at again."""

STATES = {
    "pending": 0,
    "held": 1,
    "sending": 2,
    "sent": 3,
    "uncertain": 4,
    "dead": 5,
    "merged": 6,
    "limited": 7,
}
"""The states of a delivery as the tables keep them; what stands here stays as it is for good."""

KINDS = {"alert": 0, "quiz": 1, "edit": 2, "alarm": 3}
"""The kinds of a delivery, likewise."""
