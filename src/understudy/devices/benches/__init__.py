"""Benches for `understudy sync calibrate`: one file each, which ends with `PLUGIN: MotionBench = ...`."""
