"""What marks a BVH file as written by Understudy."""

SYNTHETIC_JOINT = "Understudy_synthetic"
