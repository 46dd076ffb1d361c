"""Documents: files that belong to documents of any service. Asks the owners of those documents; listens to nobody."""

from chassis.service import Service
from documents.attachment.checking import check_what_came
from documents.attachment.gone import follow_documents
from documents.attachment.rpc import Attachments
from documents.attachment.sweeping import sweep_store
from documents.base import Base

SERVICE = Service(
    "documents",
    base=Base,
    rpcs=[Attachments()],
    reactions=[],
    background=[check_what_came, sweep_store, follow_documents],
    need=["STORE"],
    may=["LIMITS", "CLAMD"],
)
