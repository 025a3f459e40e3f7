"""Contacts that a source states itself: kept through edits, and used for the stances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.retarget.clip import mirrored, trimmed
from understudy.retarget.contacts import stance
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(4.0, 1.0, rate_hz=60.0)


def _stated(motion: HumanMotion) -> HumanMotion:
    contact = np.zeros((len(motion), 2), dtype=np.bool_)
    contact[:100, 0] = True
    contact[50:150, 1] = True
    return replace(motion, contact=contact)


def test_contacts_must_fit_the_frames(motion: HumanMotion) -> None:
    assert motion.contact is None
    with pytest.raises(ShapeError, match=r"contacts \(5, 2\) do not fit"):
        replace(motion, contact=np.zeros((5, 2), dtype=np.bool_))
    contact = _stated(motion).contact
    assert contact is not None
    assert not contact.flags.writeable


def test_edits_keep_contacts_with_their_frames_and_feet(motion: HumanMotion) -> None:
    stated = _stated(motion)
    assert stated.contact is not None
    cut = trimmed(stated, 1.0, 2.0)
    assert cut.contact is not None
    np.testing.assert_array_equal(cut.contact, stated.contact[60:121])
    turned = mirrored(stated)
    assert turned.contact is not None
    np.testing.assert_array_equal(turned.contact[:, 0], stated.contact[:, 1])
    np.testing.assert_array_equal(turned.contact[:, 1], stated.contact[:, 0])


def test_a_foot_stands_where_the_source_says_so_and_it_does_not_move(motion: HumanMotion) -> None:
    found, stated = stance(motion), _stated(motion)
    assert stated.contact is not None
    got = stance(stated)
    assert not (got & ~stated.contact).any()  # nothing beyond the source's word
    swinging = np.linalg.norm(np.gradient(motion.joint("left_ankle"), axis=0), axis=1) * 60.0 > 0.6
    assert (swinging & stated.contact[:, 0]).any()
    assert not (got[:, 0] & swinging).any()  # a touching foot that moves is no stance
    both = stated.contact & found
    assert (got & both).sum() > 0.8 * both.sum()


def test_a_foot_on_a_step_stands_by_the_sources_word(motion: HumanMotion) -> None:
    """By geometry a standing foot is near its lowest level; a source knows that a foot on a box stands too."""
    frames = 120
    still = np.tile(motion.joint_pos_world_m[0], (frames, 1, 1))
    still[60:, [INDEX["left_ankle"], INDEX["left_toe"]], 2] += 0.3
    person = replace(motion, joint_pos_world_m=still, t_ns=motion.t_ns[:frames])
    assert not stance(person)[70:, 0].any()
    assert stance(replace(person, contact=np.ones((frames, 2), dtype=np.bool_)))[70:, 0].all()
