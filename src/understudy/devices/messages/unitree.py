"""Unitree's low-level messages, and which motor of them drives which joint.

Source: message definitions and joint indices that Unitree publishes with unitree_ros2 and unitree_sdk2_python.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from understudy.errors import UnknownNameError

_IMU = "float32[4] quaternion\nfloat32[3] gyroscope\nfloat32[3] accelerometer\nfloat32[3] rpy\n"
_GO_HEAD = "uint8[2] head\nuint8 level_flag\nuint8 frame_reserve\nuint32[2] sn\nuint32[2] version\nuint16 bandwidth\n"

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "unitree_hg/msg/IMUState": _IMU + "int16 temperature\n",
        "unitree_hg/msg/MotorState": (
            "uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 ddq\nfloat32 tau_est\nint16[2] temperature\nfloat32 vol\n"
            "uint32[2] sensor\nuint32 motorstate\nuint32[4] reserve\n"
        ),
        "unitree_hg/msg/LowState": (
            "uint32[2] version\nuint8 mode_pr\nuint8 mode_machine\nuint32 tick\nunitree_hg/IMUState imu_state\n"
            "unitree_hg/MotorState[35] motor_state\nuint8[40] wireless_remote\nuint32[4] reserve\nuint32 crc\n"
        ),
        "unitree_hg/msg/MotorCmd": ("uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 tau\nfloat32 kp\nfloat32 kd\nuint32 reserve\n"),
        "unitree_hg/msg/LowCmd": (
            "uint8 mode_pr\nuint8 mode_machine\nunitree_hg/MotorCmd[35] motor_cmd\nuint32[4] reserve\nuint32 crc\n"
        ),
        "unitree_go/msg/IMUState": _IMU + "uint8 temperature\n",
        "unitree_go/msg/MotorState": (
            "uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 ddq\nfloat32 tau_est\nfloat32 q_raw\nfloat32 dq_raw\nfloat32 ddq_raw\n"
            "uint8 temperature\nuint32 lost\nuint32[2] reserve\n"
        ),
        "unitree_go/msg/BmsState": (
            "uint8 version_high\nuint8 version_low\nuint8 status\nuint8 soc\nint32 current\nuint16 cycle\nuint8[2] bq_ntc\n"
            "uint8[2] mcu_ntc\nuint16[15] cell_vol\n"
        ),
        "unitree_go/msg/LowState": (
            _GO_HEAD + "unitree_go/IMUState imu_state\nunitree_go/MotorState[20] motor_state\nunitree_go/BmsState bms_state\n"
            "int16[4] foot_force\nint16[4] foot_force_est\nuint32 tick\nuint8[40] wireless_remote\nuint8 bit_flag\n"
            "float32 adc_reel\nuint8 temperature_ntc1\nuint8 temperature_ntc2\nfloat32 power_v\nfloat32 power_a\n"
            "uint16[4] fan_frequency\nuint32 reserve\nuint32 crc\n"
        ),
        "unitree_go/msg/MotorCmd": (
            "uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 tau\nfloat32 kp\nfloat32 kd\nuint32[3] reserve\n"
        ),
        "unitree_go/msg/BmsCmd": "uint8 off\nuint8[3] reserve\n",
        "unitree_go/msg/LowCmd": (
            _GO_HEAD + "unitree_go/MotorCmd[20] motor_cmd\nunitree_go/BmsCmd bms_cmd\nuint8[40] wireless_remote\nuint8[12] led\n"
            "uint8[2] fan\nuint8 gpio\nuint32 reserve\nuint32 crc\n"
        ),
    }
)
"""Message type to its fields, one a line; what a message consists of stands before it."""

UNUSED = ""
"""Stands for a motor slot that drives no joint."""


def _sided(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}_joint" for side in ("left", "right") for part in parts)


_G1_LEGS = _sided("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_G1_WAIST = ("waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint")
_G1_ARMS = _sided("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
_H1 = (
    "right_hip_roll_joint", "right_hip_pitch_joint", "right_knee_joint",
    "left_hip_roll_joint", "left_hip_pitch_joint", "left_knee_joint",
    "torso_joint", "left_hip_yaw_joint", "right_hip_yaw_joint", UNUSED, "left_ankle_joint", "right_ankle_joint",
    "right_shoulder_pitch_joint", "right_shoulder_roll_joint", "right_shoulder_yaw_joint", "right_elbow_joint",
    "left_shoulder_pitch_joint", "left_shoulder_roll_joint", "left_shoulder_yaw_joint", "left_elbow_joint",
)  # fmt: skip

MOTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"unitree_g1": (*_G1_LEGS, *_G1_WAIST, *_G1_ARMS, *(UNUSED,) * 6), "unitree_h1": _H1}
)
"""Robot to the joint of each motor slot of its LowState and LowCmd."""
LOW_STATE: Mapping[str, str] = MappingProxyType(
    {"unitree_g1": "unitree_hg/msg/LowState", "unitree_h1": "unitree_go/msg/LowState"}
)
LOW_CMD: Mapping[str, str] = MappingProxyType({"unitree_g1": "unitree_hg/msg/LowCmd", "unitree_h1": "unitree_go/msg/LowCmd"})
IMU_OF: Mapping[str, str] = MappingProxyType({"unitree_g1": "imu_pelvis", "unitree_h1": "imu_torso"})
"""Robot to the stream of the inertial sensor that its LowState carries."""


def motor_joints(robot: str) -> tuple[str, ...]:
    """The joint of each motor slot of a robot; `UNUSED` for slots that drive none.

    Raises:
        UnknownNameError: the robot's motors are not known; a mapping must name the columns itself.
    """
    if robot not in MOTORS:
        raise UnknownNameError("robot with known Unitree motors", robot, MOTORS)
    return MOTORS[robot]
