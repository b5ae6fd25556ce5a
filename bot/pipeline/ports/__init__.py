"""The ports: interfaces that the pipeline asks of the world.

Each method says order, atomicity and errors; nothing else is abstract.
"""

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
    NOT_NEW,
    FileMark,
    Intake,
    Noted,
    Shelf,
    StoredPaper,
    TakenDigest,
    Tokens,
    Transaction,
)
from bot.pipeline.ports.world import (
    Clock,
    FeedWriter,
    IndexFile,
    Publisher,
    Reader,
    Update,
    Updates,
)

__all__ = [
    "NOT_NEW",
    "Alert",
    "Claim",
    "ClaimedRow",
    "Clock",
    "Counts",
    "DeliveryRecord",
    "DigestRecord",
    "FeedWriter",
    "FileMark",
    "IndexFile",
    "Intake",
    "Noted",
    "NoticeRecord",
    "Outbox",
    "Outcome",
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
    "Transaction",
    "Update",
    "Updates",
]
