"""Messages of other systems (ROS 2, Unitree, JSON) and what of them goes into which stream; the same live and from a file."""
