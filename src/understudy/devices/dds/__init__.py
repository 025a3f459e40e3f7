"""DDS: the wire that ROS 2 and Unitree's robots share."""
