"""What asks for approval says which facts it tells: a flow can ask no other."""

from __future__ import annotations

from chassis import contract
from heyi.common.v1 import common_pb2
from heyi.options.v1 import options_pb2


def test_what_asks_for_approval_names_the_message_with_its_facts():
    """A message of the same file for each type with an event that carries a request, and for no other."""
    loaded, wanted = contract.load(), common_pb2.ApprovalRequest.DESCRIPTOR
    asking = {
        ".".join(subject.split(".")[1:3])
        for subject, event in loaded.events.items()
        if any(field.message_type is wanted for field in event.DESCRIPTOR.fields)
    }
    told = {}
    for name, document in loaded.documents.items():
        facts = document.message.DESCRIPTOR.GetOptions().Extensions[options_pb2.document].facts
        if facts:
            told[name] = document.message.DESCRIPTOR.file.message_types_by_name[facts]
    assert told.keys() == asking
    assert all(facts.fields for facts in told.values())
