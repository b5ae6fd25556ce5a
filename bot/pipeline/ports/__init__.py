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
    "DeliveryStore",
    "Desk",
    "DigestRecord",
    "FeedWriter",
    "FileMark",
    "IncidentChange",
    "IncidentStore",
    "IndexFile",
    "Intake",
    "Known",
    "Leadership",
    "Library",
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
    "Told",
    "Transaction",
    "Update",
    "Updates",
    "Upkeep",
]
