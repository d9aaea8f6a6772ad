from drivers.mqtt.ledger import Ledger


def exchange(ledger: Ledger, epoch: int, *identities: str, again: bool = False) -> None:
    for identity in identities:
        ledger.received(epoch, identity, again=again)
        ledger.acked(epoch, (identity,))


def test_nothing_is_settled_while_the_broker_may_miss_the_acknowledgement():
    ledger = Ledger()
    ledger.connected(1, session_present=False)

    exchange(ledger, 1, "a", "b", "c")

    assert ledger.settled() == frozenset()


def test_what_the_broker_has_read_is_settled_once():
    ledger = Ledger()
    ledger.connected(1, session_present=False)

    exchange(ledger, 1, "a", "", "c", "d")
    ledger.arrived(1, 3)

    assert ledger.settled() == {"a", "c"}
    assert ledger.settled() == frozenset()
    ledger.arrived(1, 4)
    assert ledger.settled() == {"d"}


def test_what_an_old_connection_had_read_says_nothing_about_the_new_one():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a")
    ledger.connected(2, session_present=True)
    exchange(ledger, 2, "a", again=True)

    ledger.arrived(1, 1)

    assert ledger.settled() == frozenset()


def test_after_a_reconnect_the_first_new_message_ends_all_doubts():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a", "b", "c")
    ledger.connected(2, session_present=True)

    exchange(ledger, 2, "b", again=True)
    assert ledger.settled() == frozenset()
    exchange(ledger, 2, "new")

    assert ledger.settled() == {"a", "c"}


def test_a_session_that_is_gone_ends_all_doubts():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a", "b")

    ledger.connected(2, session_present=False)

    assert ledger.settled() == {"a", "b"}


def test_what_came_again_but_is_not_yet_acknowledged_again_is_not_settled():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a")
    ledger.connected(2, session_present=True)
    ledger.received(2, "a", again=True)
    ledger.received(2, "new", again=False)

    assert ledger.settled() == frozenset()


def test_an_acknowledgement_too_late_for_its_connection_is_in_doubt():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    ledger.received(1, "a", again=False)
    ledger.connected(2, session_present=True)
    ledger.acked(1, ("a",))
    assert ledger.settled() == frozenset()

    exchange(ledger, 2, "new")

    assert ledger.settled() == {"a"}


def test_an_id_that_is_used_anew_is_not_settled_under_the_new_message():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a", "a")

    ledger.arrived(1, 1)
    assert ledger.settled() == frozenset()

    ledger.arrived(1, 2)
    assert ledger.settled() == {"a"}


def test_an_id_that_comes_up_again_before_it_was_told_is_not_told():
    ledger = Ledger()
    ledger.connected(1, session_present=False)
    exchange(ledger, 1, "a")
    ledger.arrived(1, 1)
    ledger.received(1, "a", again=False)

    assert ledger.settled() == frozenset()
