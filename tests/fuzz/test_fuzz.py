"""Parsers bear everything: what is kept, and a share of what `make fuzz` tries."""

import random

import pytest

from tests.fuzz.mutation import MAX_INPUT, Mutation
from tests.fuzz.running import CORPUS, Fault, check, fuzz, seeds
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_kept_is_borne(target: Target) -> None:
    kept = seeds(target)
    assert kept
    for data in kept:
        check(target, data)
        check(target, data, lambda data: [data[at : at + 1] for at in range(len(data))])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_nearly_makes_sense_is_borne(target: Target) -> None:
    assert fuzz(target, target.share, seed=1) == target.share


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {target.name for target in TARGETS}


def test_fault_is_found_and_says_its_input() -> None:
    def run(data: bytes, pieces: object) -> None:
        assert b"\0" not in data

    target = Target("sip", run)
    with pytest.raises(Fault) as found:
        fuzz(target, 10_000, seed=1)
    assert b"\0" in found.value.data


def test_inputs_follow_from_the_seed_and_are_bounded() -> None:
    one, other = (Mutation(random.Random(7), [b"x: 1\r\ny: 2\r\n", b"x" * 60_000], [b"z"]) for _ in range(2))
    inputs = [one.next() for _ in range(500)]
    assert inputs == [other.next() for _ in range(500)]
    assert len(set(inputs)) > 400 and max(map(len, inputs)) <= MAX_INPUT
    assert all(b"".join(one.pieces(each)) == each for each in inputs)
