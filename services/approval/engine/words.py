"""A flow's nodes in words, in the reader's language: who is asked, how they decide, how long is waited.

The pages say the same from their own catalogue; these are for what leaves the house as a file.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from chassis.organisation import Organisation

SENTENCES: dict[str, dict[str, str]] = {
    "zh-CN": {
        "rule.user": "{name}",
        "rule.role": "角色 {name}",
        "rule.post": "岗位 {name}",
        "rule.department_head": "部门负责人",
        "rule.reports_to": "汇报对象",
        "rule.heads_up": "逐级上级负责人，共 {levels} 级",
        "rule.authority": "按金额授权",
        "rule.department_post": "{department}的岗位 {name}",
        "rule.field_department_head": "单据字段 {field} 所填部门的负责人",
        "rule.field_user": "单据字段 {field} 所填的人员",
        "rule.previous_choice": "由上一步审批人选定",
        "rule.initiator_choice": "由申请人选定",
        "rule.expression": "按表达式",
        "rule.group": "人员组 {name}",
        "vote.claim": "先认领者处理",
        "own_department": "申请人所在部门（逐级向上）",
        "veto": "（一票否决）",
        "vote.all": "全部同意",
        "vote.any": "一人同意即可",
        "vote.sequential": "依次同意",
        "vote.ratio": "{percent}% 同意",
        "delay.hours": "等待 {value} 工作小时",
        "delay.days": "等待 {value} 个工作日",
        "delay.until_field": "等到 {value}",
        "trigger.topic": "通知 {value}",
        "timeout.remind": "{value} 工作小时后提醒",
        "timeout.remind_again": "每 {value} 工作小时提醒一次",
        "timeout.escalate": "{value} 工作小时后改由上级负责人审批",
        "timeout.transfer": "{value} 工作小时后转交{name}",
        "timeout.approve": "{value} 工作小时后自动同意",
        "timeout.reject": "{value} 工作小时后自动拒绝",
        "automatic.approve": "规则“{name}”（{value}）：自动同意",
        "automatic.reject": "规则“{name}”（{value}）：自动拒绝",
        "and": "、",
        "and_more": "{names} 等 {count} 人",
        "start": "提交",
        "end": "结束",
        "empty.administrator": "没有找到审批人时：审批管理员",
        "empty.person": "没有找到审批人时：{name}",
        "empty.reject": "没有找到审批人时：驳回",
        "empty.pass": "没有找到审批人时：通过",
        "draft": "草稿",
        "version": "第 {version} 版",
        "printed": "{day} 打印",
    },
    "en": {
        "rule.user": "{name}",
        "rule.role": "role {name}",
        "rule.post": "post {name}",
        "rule.department_head": "head of the department",
        "rule.reports_to": "whom the requester reports to",
        "rule.heads_up": "heads upward, {levels} levels",
        "rule.authority": "by authority for the amount",
        "rule.department_post": "post {name} in {department}",
        "rule.field_department_head": "head of the department in the field {field}",
        "rule.field_user": "employee in the field {field}",
        "rule.previous_choice": "named by the approver before",
        "rule.initiator_choice": "named by the requester",
        "rule.expression": "by an expression",
        "rule.group": "group {name}",
        "vote.claim": "whoever takes it over",
        "own_department": "the requester's department or above",
        "veto": " (veto)",
        "vote.all": "all must agree",
        "vote.any": "one suffices",
        "vote.sequential": "one after another",
        "vote.ratio": "{percent}% must agree",
        "delay.hours": "waits {value} working hours",
        "delay.days": "waits {value} working days",
        "delay.until_field": "waits until {value}",
        "trigger.topic": "announces {value}",
        "timeout.remind": "after {value} working hours: remind",
        "timeout.remind_again": "every {value} working hours: remind",
        "timeout.escalate": "after {value} working hours: the head above decides instead",
        "timeout.transfer": "after {value} working hours: {name} decides instead",
        "timeout.approve": "after {value} working hours: agree",
        "timeout.reject": "after {value} working hours: refuse",
        "automatic.approve": "rule “{name}” ({value}): agrees by itself",
        "automatic.reject": "rule “{name}” ({value}): refuses by itself",
        "and": ", ",
        "and_more": "{names} and others ({count})",
        "start": "Submitted",
        "end": "End",
        "empty.administrator": "Where nobody is found: the administrator of approvals",
        "empty.person": "Where nobody is found: {name}",
        "empty.reject": "Where nobody is found: rejected",
        "empty.pass": "Where nobody is found: agreed",
        "draft": "draft",
        "version": "version {version}",
        "printed": "printed {day}",
    },
}
ASKING = ("approve", "handle")
DELAYS = ("hours", "days", "until_field")


class Words:
    """Sentences of one language; names as the organisation has them now."""

    def __init__(self, locale: str, organisation: Organisation) -> None:
        self.sentences, self.organisation = SENTENCES[locale if locale in SENTENCES else "zh-CN"], organisation

    def say(self, key: str, **facts: object) -> str:
        return self.sentences[key].format(**facts)

    @property
    def ends(self) -> tuple[str, str]:
        """Names of start and end."""
        return self.say("start"), self.say("end")

    def details(self, node: Mapping[str, Any]) -> list[str]:
        """What stands below a node's name."""
        rules = [self.rule(rule) for rule in node.get("approvers", ())]
        said = [self.say("and").join(rules)] if rules else []
        if node.get("kind") in ASKING:
            vote = "claim" if node.get("claim") else node.get("vote", "all")
            said.append(self.say(f"vote.{vote}", percent=_plain(node.get("percent", ""))))
        if timeout := node.get("timeout"):
            then = "remind_again" if timeout.get("repeat") else timeout["then"]
            name = self.person(timeout.get("employee_id"))
            said.append(self.say(f"timeout.{then}", value=_plain(timeout["hours"]), name=name))
        for rule in node.get("automatic") or ():
            said.append(self.say(f"automatic.{rule['then']}", name=rule["name"], value=rule["when"]))
        said += [self.say(f"delay.{key}", value=_plain(node[key])) for key in DELAYS if node.get(key)]
        said += [self.say("trigger.topic", value=node["topic"])] if node.get("topic") else []
        return said

    def label(self, branch: Mapping[str, Any]) -> list[str]:
        """The condition of a branch, as it is written."""
        return [str(branch["when"])] if branch.get("when") else []

    def documentation(self, node: Mapping[str, Any]) -> str:
        """All that a reader elsewhere should know about a node, a line each."""
        said = self.details(node)
        if node.get("kind") in ASKING:
            name = self.person(node.get("employee_id"))
            said.append(self.say(f"empty.{node.get('when_empty', 'administrator')}", name=name))
        return "\n".join(said)

    def rule(self, rule: Mapping[str, Any]) -> str:
        """One rule; the kind itself where it is one that has no words."""
        kind = str(rule.get("kind", ""))
        if f"rule.{kind}" not in self.sentences:
            return kind
        names = {
            "user": lambda: self.person(rule.get("employee_id")),
            "role": lambda: self.organisation.name_of_role(str(rule.get("role", ""))),
            "group": lambda: str(rule.get("name", "")),
        }
        name = names.get(kind, lambda: self.post(str(rule.get("post", ""))))()
        department = self.unit(rule.get("department_id")) or self.say("own_department")
        facts = {"field": rule.get("field", ""), "levels": _plain(rule.get("levels", ""))}
        said = self.say(f"rule.{kind}", name=name, department=department, **facts)
        return said + (self.say("veto") if rule.get("veto") else "")

    def person(self, employee_id: object) -> str:
        person = self.organisation.people.get(_id(employee_id))
        return person.name if person else str(employee_id or "")

    def unit(self, department_id: object) -> str:
        unit = self.organisation.departments.get(_id(department_id))
        return unit.name if unit else str(department_id or "")

    def post(self, named: str) -> str:
        """By code or id."""
        found = (post.name for post in self.organisation.posts.values() if named in (post.code, str(post.post_id)))
        return next(found, named)


def _id(text: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return uuid.UUID(int=0)


def _plain(value: object) -> str:
    """A whole number that came through protobuf as 2.0 is written 2."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
