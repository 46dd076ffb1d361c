"""A method that nobody said who may call keeps the process from starting."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from chassis import contract
from heyi.options.v1 import options_pb2


def method(name: str, **policy: object) -> object:
    """A method of a contract of its own, with this policy."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=f"heyi.{name}.v1", syntax="proto3")
    file.message_type.add(name="Nothing")
    rpc = file.service.add(name="Things").method.add(
        name="DoIt", input_type=f".heyi.{name}.v1.Nothing", output_type=f".heyi.{name}.v1.Nothing"
    )
    if policy:
        rpc.options.Extensions[options_pb2.policy].CopyFrom(options_pb2.Policy(**policy))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName(f"heyi.{name}.v1.Things").methods[0]


@pytest.mark.parametrize(
    "policy",
    [{}, {"audit": True}, {"permission": "a.b.c", "public": True}, {"signed_in": True, "permission": "a.b.c"}],
    ids=["none", "only audit", "public and permission", "signed in and permission"],
)
def test_without_one_clear_policy_there_is_no_start(policy):
    with pytest.raises(contract.ContractError):
        contract._method(method("unclear", **policy), "unclear", None)


@pytest.mark.parametrize(
    "policy", [{"permission": "a.b.c"}, {"signed_in": True}, {"public": True}, {"services": ["*"]}]
)
def test_one_clear_policy_is_enough(policy):
    assert contract._method(method("clear", **policy), "clear", None).full_name == "heyi.clear.v1.Things/DoIt"


def test_what_services_may_call_is_named_for_each():
    """A service that asks something new is written here and in the contract; the rest is refused to all of them."""
    named = {m.full_name: set(m.policy.services) for m in contract.load().methods.values() if m.policy.services}
    assert named == {
        "heyi.identity.v1.Directory/GetAuthorization": {"*"},
        "heyi.identity.v1.PrintTemplates/FindPrintTemplate": {"*"},
        "heyi.approval.v1.Opinions/FindOpinions": {"*"},
        "heyi.approval.v1.Cases/SimulateCases": {"procurement"},
        "heyi.approval.v1.Cases/ForeseeCases": {"identity"},
        "heyi.platform.v1.Records/ListEvents": {"approval", "procurement"},
        "heyi.platform.v1.Records/ListHeld": {"identity"},
        "heyi.platform.v1.Records/ListGone": {"documents"},
        "heyi.platform.v1.Imports/FindNamed": {"approval", "identity", "inventory", "procurement"},
        "heyi.platform.v1.Imports/FindReferences": {"approval", "identity", "inventory", "procurement"},
        "heyi.identity.v1.ApiKeys/UseApiKey": {"gateway"},
        "heyi.identity.v1.ConsistencyRuns/StartConsistencyRun": {"reconciler"},
        "heyi.identity.v1.ConsistencyRuns/ReportConsistencyRun": {"reconciler"},
        "heyi.identity.v1.ConsistencyRuns/RecordConsistencyRun": {"reconciler"},
    }
