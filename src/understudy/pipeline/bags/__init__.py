"""Recordings of other systems: ROS 2 bags and MCAP files, read message by message and laid into episodes by a mapping."""
