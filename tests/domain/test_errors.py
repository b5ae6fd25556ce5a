"""What errors say."""

import pytest

from bot.domain.errors import ConfigError, Fault, PaperboyError, QuerySyntaxError, TargetMoved, TryLater


def test_a_fault_says_where_it_is():
    fault = Fault(file="config/paperboy.yaml", line=3, column=7, message="unknown key 'adress'")
    assert str(fault) == "config/paperboy.yaml:3:7: unknown key 'adress'"


def test_a_configurations_faults_stand_one_to_a_line():
    faults = tuple(Fault(file="a.yaml", line=n, column=1, message="wrong") for n in (1, 2))
    error = ConfigError(faults)
    assert str(error).splitlines() == ["a.yaml:1:1: wrong", "a.yaml:2:1: wrong"]
    assert error.faults == faults


def test_errors_carry_what_must_be_known_to_go_on():
    assert QuerySyntaxError("a lone AND", 4).position == 4
    assert TargetMoved("moved", address="-1005").address == "-1005"
    assert (TryLater("later").wait, TryLater("later").scope) == (None, "target")


def test_everything_raised_on_purpose_has_one_root():
    with pytest.raises(PaperboyError):
        raise QuerySyntaxError("a lone AND", 4)
