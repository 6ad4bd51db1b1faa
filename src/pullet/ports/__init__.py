"""What the core needs from the world. One Protocol a neighbour; drivers implement them, fakes in tests/ do too, and one
contract suite per port runs on both.

Every method is idempotent unless it says otherwise: a crash may happen between any two of them and they will be called
again. Expected trouble is a `PulletError`; a driver never lets a foreign exception out.
"""

from pullet.domain.refs import Refs as Refs  # part of the Source port; it lives below so that the planner may use it
from pullet.ports.assessing import Assessor as Assessor
from pullet.ports.assessing import Engine as Engine
from pullet.ports.assessing import Subject as Subject
from pullet.ports.building import Asked as Asked
from pullet.ports.building import Builder as Builder
from pullet.ports.building import PythonEnvironment as PythonEnvironment
from pullet.ports.common import Clock as Clock
from pullet.ports.common import LogSink as LogSink
from pullet.ports.data import Backups as Backups
from pullet.ports.data import Secrets as Secrets
from pullet.ports.data import ServiceProvider as ServiceProvider
from pullet.ports.routing import Page as Page
from pullet.ports.routing import Router as Router
from pullet.ports.routing import RouteTarget as RouteTarget
from pullet.ports.routing import Visitor as Visitor
from pullet.ports.running import Prober as Prober
from pullet.ports.running import RunResult as RunResult
from pullet.ports.running import Runtime as Runtime
from pullet.ports.running import Terminal as Terminal
from pullet.ports.sources import Fleet as Fleet
from pullet.ports.sources import Source as Source
from pullet.ports.sources import Tree as Tree
from pullet.ports.sources import TreeEntry as TreeEntry
from pullet.ports.store import AssessmentStore as AssessmentStore
from pullet.ports.store import ConditionStore as ConditionStore
from pullet.ports.store import DeploymentStore as DeploymentStore
from pullet.ports.store import EventStore as EventStore
from pullet.ports.store import ReleaseStore as ReleaseStore
from pullet.ports.store import ResultStore as ResultStore
from pullet.ports.store import RunStore as RunStore
from pullet.ports.store import Store as Store
from pullet.ports.testing import ColumnKind as ColumnKind
from pullet.ports.testing import Expects as Expects
from pullet.ports.testing import Session as Session
from pullet.ports.testing import Suite as Suite
from pullet.ports.testing import Tester as Tester
from pullet.ports.testing import Venue as Venue
from pullet.ports.testing import Word as Word
