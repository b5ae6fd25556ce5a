"""The ports: what the pipeline asks of the world, and what it offers to those who face people.

Each method says order, atomicity and errors; nothing else is abstract.
"""

from bot.pipeline.ports.facing import (
    Desk,
    Library,
    Told,
    Update,
    Updates,
)
from bot.pipeline.ports.machines import Bell, Leadership
from bot.pipeline.ports.outbox import (
    Alert,
    Claim,
    ClaimedRow,
    Counts,
    Outbox,
    Outcome,
    Row,
    Stop,
    TargetStatus,
)
from bot.pipeline.ports.records import (
    DeliveryRecord,
    DigestRecord,
    NoticeRecord,
    Records,
    Sifted,
)
from bot.pipeline.ports.state import (
    FileMark,
    Intake,
    Known,
    Noted,
    PlanningRun,
    Shelf,
    StoredPaper,
    TakenDigest,
    Tokens,
    Transaction,
)
from bot.pipeline.ports.upkeep import Upkeep
from bot.pipeline.ports.world import (
    Clock,
    FeedWriter,
    IndexFile,
    Publisher,
    Reader,
)

__all__ = [
    "Alert",
    "Bell",
    "Claim",
    "ClaimedRow",
    "Clock",
    "Counts",
    "DeliveryRecord",
    "Desk",
    "DigestRecord",
    "FeedWriter",
    "FileMark",
    "IndexFile",
    "Intake",
    "Known",
    "Leadership",
    "Library",
    "Noted",
    "NoticeRecord",
    "Outbox",
    "Outcome",
    "PlanningRun",
    "Publisher",
    "Reader",
    "Records",
    "Row",
    "Shelf",
    "Sifted",
    "Stop",
    "StoredPaper",
    "TakenDigest",
    "TargetStatus",
    "Tokens",
    "Told",
    "Transaction",
    "Update",
    "Updates",
    "Upkeep",
]
