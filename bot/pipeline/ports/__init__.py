"""The ports: interfaces that the pipeline asks of the world.

Each method says order, atomicity and errors; nothing else is abstract.
"""

from bot.pipeline.ports.outbox import (
    Alert,
    Claim,
    ClaimedRow,
    Counts,
    DeliveryRecord,
    DeliveryStore,
    IncidentChange,
    IncidentStore,
    OutboxStore,
    Outcome,
    Stop,
    TargetStatus,
)
from bot.pipeline.ports.papers import NoticedPaper, PaperStore, StoredPaper
from bot.pipeline.ports.records import (
    DigestRecord,
    NoticeRecord,
    Records,
)
from bot.pipeline.ports.state import (
    FileMark,
    Intake,
    Known,
    PlanningRun,
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
    "Alert",
    "Claim",
    "ClaimedRow",
    "Clock",
    "Counts",
    "DeliveryRecord",
    "DeliveryStore",
    "DigestRecord",
    "FeedWriter",
    "FileMark",
    "IncidentChange",
    "IncidentStore",
    "IndexFile",
    "Intake",
    "Known",
    "NoticeRecord",
    "NoticedPaper",
    "OutboxStore",
    "Outcome",
    "PaperStore",
    "PlanningRun",
    "Publisher",
    "Reader",
    "Records",
    "Stop",
    "StoredPaper",
    "TakenDigest",
    "TargetStatus",
    "Tokens",
    "Transaction",
    "Update",
    "Updates",
]
