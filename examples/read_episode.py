"""Read an episode with h5py alone, Understudy not installed: `python examples/read_episode.py EPISODE.h5`."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np


def main(path: str) -> None:
    """Print what an episode holds, and its state and action at the shared time stamps."""
    with h5py.File(path, "r") as file:
        print(f"{file.attrs['format']} {file.attrs['format_version']} of {file.attrs['robot']}, by {file.attrs['created_by']}")
        print(f"task {file['metadata'].attrs['task_id']}: {file['metadata'].attrs['language_instruction']}")
        joints = file["metadata/joint_names"].asstr()[:]

        for group in ("observations", "actions", "debug"):
            for name, stream in file[group].items():
                samples = stream["jpeg" if "jpeg" in stream else "data"]
                attrs = stream.attrs
                print(
                    f"  {group}/{name}: {samples.shape} {attrs['unit']} in {attrs['frame']}, {attrs['kind']} {attrs['derived']}"
                )

        positions = file["observations/joint_positions"]
        assert json.loads(positions.attrs["names"]) == list(joints), "columns are found by name, never by index"
        steps_ns = file["timeline/t_ns"][:]
        # a vector is interpolated at the shared stamps, a command is the one in force
        state = np.stack([np.interp(steps_ns, positions["t_ns"][:], column) for column in positions["data"][:].T], axis=1)
        in_force = file["timeline/actions/joint_position_target/index"][:]
        action = file["actions/joint_position_target/data"][:][in_force]
        print(
            f"{len(steps_ns)} steps over {(steps_ns[-1] - steps_ns[0]) * 1e-9:.2f} s, state {state.shape}, action {action.shape}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
