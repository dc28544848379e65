import logging
import pickle

import pytest
from lsst.pex.config import Config, ConfigurableField, Field

from cfhtisr.pipe import Task, TaskError, timeMethod

ITEMS = [
    "Utc",
    "CpuTime",
    "UserTime",
    "SystemTime",
    "MaxResidentSetSize",
    "MinorPageFaults",
    "MajorPageFaults",
    "BlockInputs",
    "BlockOutputs",
    "VoluntaryContextSwitches",
    "InvoluntaryContextSwitches",
]


class LeafConfig(Config):
    value = Field[int](doc="A number.", default=1)


class Leaf(Task):
    ConfigClass = LeafConfig
    _DefaultName = "leaf"

    def getSchemaCatalogs(self):
        return {"leaf": []}

    @timeMethod
    def run(self, fail=False):
        """Return the number."""
        if fail:
            raise TaskError("as wished")
        return self.config.value


class OtherLeaf(Leaf):
    pass


class BranchConfig(Config):
    leaf = Leaf.makeField("A leaf.")


class Branch(Task):
    ConfigClass = BranchConfig

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.makeSubtask("leaf")


class TreeConfig(Config):
    branch = ConfigurableField(doc="A branch.", target=Branch)
    nothing = Field[int](doc="No subtask.", default=None, optional=True)


class Tree(Task):
    ConfigClass = TreeConfig
    _DefaultName = "tree"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.makeSubtask("branch")


def test_names_and_the_dictionary_of_the_tree():
    tree = Tree()
    leaf = tree.branch.leaf
    assert (leaf.getName(), leaf.getFullName()) == ("leaf", "tree.branch.leaf")
    assert list(tree.getTaskDict()) == ["tree", "tree.branch", "tree.branch.leaf"]
    assert leaf.getTaskDict() == tree.getTaskDict()
    leaf.getTaskDict().clear()
    assert len(tree.getTaskDict()) == 3
    assert leaf.log.name == "tree.branch.leaf"
    assert Tree(log=logging.getLogger("night")).branch.log.name == "night.tree.branch"
    assert Tree(name="oak").branch.getFullName() == "oak.branch"


def test_subtasks_are_retargetable_and_share_the_configuration():
    config = TreeConfig()
    config.branch.leaf.retarget(OtherLeaf)
    config.branch.leaf.value = 7
    tree = Tree(config=config)
    assert isinstance(tree.branch.leaf, OtherLeaf)
    assert tree.branch.leaf.run() == 7


def test_subtask_refusals():
    tree = Tree()
    with pytest.raises(KeyError, match=r"tree has no field 'root'"):
        tree.makeSubtask("root")
    with pytest.raises(KeyError, match="nothing"):
        tree.makeSubtask("nothing")
    with pytest.raises(TypeError, match="config"):
        tree.makeSubtask("branch", config=None)
    with pytest.raises(RuntimeError, match="needs a name"):
        Leaf(parentTask=tree)
    with pytest.raises(RuntimeError, match="needs a name"):
        Branch()


def test_schemas_are_those_of_the_whole_tree():
    tree = Tree()
    assert tree.getSchemaCatalogs() == {}
    assert tree.getAllSchemaCatalogs() == tree.branch.leaf.getAllSchemaCatalogs() == {"leaf": []}


def test_timed_methods_note_start_and_end_in_the_documented_order():
    leaf = Leaf()
    assert leaf.run() == 1
    names = [f"run{when}{item}" for when in ("Start", "End") for item in ITEMS]
    assert leaf.metadata.names() == names
    assert leaf.metadata.typeOf("runStartUtc") == "String"
    assert leaf.metadata.typeOf("runStartCpuTime") == "Double"
    assert leaf.metadata.typeOf("runStartMinorPageFaults") == "LongLong"
    with pytest.raises(TaskError):
        leaf.run(fail=True)
    assert len(leaf.metadata.getArray("runEndCpuTime")) == 2
    assert leaf.run.__name__ == "run"


def test_timer_logs_at_either_kind_of_level(caplog):
    tree = Tree()
    caplog.set_level(logging.DEBUG, "tree")
    with tree.timer("quiet"):
        pass
    with pytest.raises(ZeroDivisionError), tree.timer("loud", logLevel=20000):
        1 / 0  # noqa: B018
    levels = [(record.levelno, record.message.split("=")[0]) for record in caplog.records]
    assert levels == [
        (10, "quietStartCpuTime"),
        (10, "quietEndCpuTime"),
        (20, "loudStartCpuTime"),
        (20, "loudEndCpuTime"),
    ]
    assert "; quietStartUserTime=" in caplog.records[0].message
    assert "Utc" not in caplog.text


def test_full_metadata_and_forgetting():
    tree = Tree()
    tree.branch.leaf.run()
    tree.metadata.add("odd.name", 1)
    full = tree.branch.getFullMetadata()
    assert full.names() == ["tree", "tree:branch", "tree:branch:leaf"]
    assert full.getScalar("tree:branch:leaf.runEndCpuTime") >= 0
    assert len(full.getScalar("tree:branch")) == 0
    tree.branch.emptyMetadata()
    assert all(len(task.metadata) == 0 for task in tree.getTaskDict().values())


def test_pickling_rebuilds_from_the_configuration():
    config = LeafConfig(value=5)
    leaf = pickle.loads(pickle.dumps(Leaf(config=config, name="bud")))
    assert (leaf.getName(), leaf.run()) == ("bud", 5)
    assert leaf.config.compare(config)
