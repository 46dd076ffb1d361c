"""What identity is: its documents, the questions it answers, and the background work that keeps Keycloak in step."""

from chassis.service import Service, Stuck
from identity.access_review.progress import follow_the_facts
from identity.access_review.rpc import AccessReviews
from identity.access_review_line.rpc import AccessReviewLines
from identity.account_finding.rpc import AccountFindings
from identity.account_finding.watch import watch_keycloak
from identity.api_key.rpc import ApiKeys
from identity.base import Base
from identity.calendar_day.rpc import CalendarDays
from identity.company.rpc import Companies
from identity.consistency_run.rpc import ConsistencyRuns
from identity.consistency_run.watch import watch_runs
from identity.delegation.calendar import follow_the_calendar
from identity.delegation.rpc import Delegations
from identity.department.rpc import Departments
from identity.departure.rpc import Departures
from identity.departure.saga import hand_over
from identity.directory.rpc import Directory
from identity.duty_conflict.rpc import DutyConflicts
from identity.emergency.opening import follow_emergencies
from identity.emergency.rpc import Emergencies
from identity.employee.rpc import Employees
from identity.failed_logins import tell_failed_logins
from identity.grant.rpc import Grants
from identity.headship.rpc import Headships
from identity.keycloak_step import keep_in_step
from identity.number_format.rpc import NumberFormats
from identity.organisation.days import follow_the_days
from identity.placement.rpc import Placements
from identity.post.rpc import Posts
from identity.print_template.rpc import PrintTemplates
from identity.reorganisation.effect import HANDLERS
from identity.reorganisation.model import Reorganisation
from identity.reorganisation.rpc import Reorganisations
from identity.role.rpc import Roles
from identity.saved_view.rpc import SavedViews
from identity.seed import seed
from identity.sign_ins import follow_sign_ins

SERVICE = Service(
    "identity",
    base=Base,
    rpcs=[
        Companies(),
        Departments(),
        Posts(),
        Employees(),
        Placements(),
        Headships(),
        Reorganisations(),
        Roles(),
        Grants(),
        ApiKeys(),
        Emergencies(),
        DutyConflicts(),
        Delegations(),
        Departures(),
        AccessReviews(),
        AccessReviewLines(),
        AccountFindings(),
        Directory(),
        ConsistencyRuns(),
        CalendarDays(),
        SavedViews(),
        PrintTemplates(),
        NumberFormats(),
    ],
    background=[
        keep_in_step,
        watch_runs,
        follow_the_calendar,
        follow_the_days,
        hand_over,
        follow_the_facts,
        watch_keycloak,
        follow_sign_ins,
        follow_emergencies,
    ],
    timers=HANDLERS,
    stuck=[
        Stuck(
            "identity.reorganisation",
            Reorganisation,
            Reorganisation.updated_at,
            Reorganisation.state == "BLOCKED",
            Reorganisation.title,
        )
    ],
    complete_report=tell_failed_logins,
    need=("KEYS", "KEYCLOAK_URL"),
    seed=seed,
)
