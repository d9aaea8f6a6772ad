"""Whose turn it is on a bus, with the time that each job takes as an argument."""

from collections import Counter

from monitor.poller.turns import Flow, Job, Turns
from monitor.poller.unit import Unit
from tests.poller.scripted import meter


def take(turns: Turns) -> tuple[Flow, Job]:
    found = turns.take(0.0)
    assert found is not None
    return found


class Line:
    """A bus whose seconds pass when it is told to: each device wants its scan classes again all the time."""

    def __init__(self, costs: dict[str, float], *, urgent: tuple[str, ...] = (), at_once: int = 1) -> None:
        self.costs = costs
        self.turns = Turns()
        self.units = {name: Unit(meter(name)) for name in costs}
        self.flows = {name: Flow(is_urgent=name in urgent, at_once=at_once) for name in costs}
        self.served: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.order: list[str] = []

    def want(self, name: str, scan: str = "fast") -> None:
        self.turns.add(self.flows[name], Job(self.units[name], scan, 0.0))

    def serve(self) -> str:
        """Do the next job and have it wait again at once: an overloaded bus."""
        flow, job = take(self.turns)
        assert job.unit is not None
        name = job.unit.device.id
        self.turns.done(flow, job, self.costs[name])
        self.served[name] += 1
        self.spent[name] += self.costs[name]  # type: ignore[assignment] # seconds
        self.order.append(name)
        self.want(name, job.scan)
        return name


def test_equal_devices_take_turns() -> None:
    line = Line(dict.fromkeys("abc", 1.0))
    for name in "abc":
        line.want(name)
    for _ in range(9):
        line.serve()

    assert line.order == list("abc") * 3


def test_a_device_with_many_scan_classes_gets_no_more_than_the_others() -> None:
    line = Line(dict.fromkeys("abc", 1.0))
    for scan in ("fast", "slow", "a", "b", "c"):
        line.want("a", scan)
    line.want("b")
    line.want("c")
    for _ in range(300):
        line.serve()

    assert set(line.served.values()) == {100}


def test_the_scan_classes_of_a_device_take_turns_too() -> None:
    line = Line({"a": 1.0})
    line.want("a", "fast")
    line.want("a", "slow")
    jobs = []
    for _ in range(6):
        found = take(line.turns)
        jobs.append(found[1].scan)
        line.turns.done(*found, 1.0)
        line.want("a", found[1].scan)

    assert jobs == ["fast", "slow"] * 3


def test_a_device_that_answers_slowly_gets_no_more_time_than_the_others() -> None:
    line = Line({"slow": 1.0, "a": 0.1, "b": 0.1})
    for name in line.costs:
        line.want(name)
    for _ in range(420):
        line.serve()

    assert max(line.spent.values()) - min(line.spent.values()) <= 2.0
    assert line.served["a"] >= 9 * line.served["slow"]


def test_what_a_device_did_not_want_is_not_saved_up() -> None:
    line = Line({"a": 1.0, "idle": 1.0})
    line.want("a")
    for _ in range(100):
        line.serve()
    line.want("idle")
    for _ in range(20):
        line.serve()

    assert 9 <= line.order[100:].count("idle") <= 11


def test_the_urgent_pass_the_others_and_starve_nobody() -> None:
    line = Line({"reader": 0.1, "a": 1.0, "b": 1.0}, urgent=("reader",))
    for name in ("a", "b", "reader"):
        line.want(name)
    for _ in range(50):
        line.serve()

    assert line.order[:6] == ["reader"] * 4 + ["a", "reader"]
    assert (line.served["reader"], line.served["a"], line.served["b"]) == (40, 5, 5)


def test_a_unit_is_never_asked_twice_at_once_and_holds_up_nobody() -> None:
    line = Line(dict.fromkeys("ab", 1.0))
    line.want("a", "fast")
    line.want("a", "slow")
    line.want("b")
    first, second, third = take(line.turns), take(line.turns), line.turns.take(0.0)
    line.turns.done(*first, 1.0)
    fourth = take(line.turns)

    assert [job.unit for _, job in (first, second)] == [line.units["a"], line.units["b"]]
    assert third is None
    assert fourth[1].scan == "slow"


def test_a_shared_flow_takes_the_oldest_job_whose_unit_is_free() -> None:
    turns, shared = Turns(), Flow(at_once=2)
    one, other = Unit(meter("one")), Unit(meter("other"))
    for unit, scan in ((one, "fast"), (one, "slow"), (other, "fast")):
        turns.add(shared, Job(unit, scan, 0.0))
    taken = [turns.take(0.0) for _ in range(3)]

    assert [each and each[1][:2] for each in taken] == [(one, "fast"), (other, "fast"), None]


def test_a_job_that_is_taken_back_is_not_done() -> None:
    turns, flow = Turns(), Flow()
    job = Job(None, "*", 0.0)
    turns.add(flow, job)

    assert turns.remove(flow, job)
    assert not turns.remove(flow, job)
    assert turns.take(0.0) is None
    assert (len(turns), bool(turns)) == (0, False)


def test_after_a_job_that_cost_others_a_cycle_the_heavy_rest_as_long_as_it_took() -> None:
    line = Line(dict.fromkeys(("slow", "heavy", "light"), 2.0))
    for name in line.costs:
        line.want(name)
    for name in ("slow", "heavy"):
        flow, job = take(line.turns)
        line.turns.done(flow, job, 2.0)
        line.turns.rest(flow, 12.0)
        line.want(name)
    served = [line.turns.take(now) for now in (11.0, 11.5, 12.0)]

    assert [each and each[0] for each in served] == [line.flows["light"], None, line.flows["slow"]]
