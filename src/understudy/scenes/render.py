"""Pictures of a robot, with the person it follows drawn over it. No screen is needed."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ShapeError, UnknownNameError
from understudy.geom.arrays import F64, U8
from understudy.geom.rotations import matrix_to_quat
from understudy.scenes.figure import add_human
from understudy.scenes.opengl import make_context, opengl_backend
from understudy.scenes.stage import add_shadows, body_name, stage_model
from understudy.scenes.visuals import robot_visuals
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, JOINTS

if TYPE_CHECKING:
    import mujoco

_FOVY_DEG = 32.0
_HUMAN_ALPHA = 0.85


@dataclass(frozen=True)
class View:
    """Where the camera stands, seen from the robot.

    Attributes:
        azimuth_deg: 0 looks at the robot's face, 90 at its left side, 180 at its back; positive goes round to its left.
        elevation_deg: how far the camera stands above the point it looks at.
        distance_m: from that point; None fits the robot's height.
        heading_rad: the direction that counts as the robot's front, about z from x; None turns with the robot.
        lookat_m: (x, y, z) looked at; None follows the pelvis at `height_m` above the floor.
        height_m: None is the middle of the standing robot.
    """

    azimuth_deg: float = 32.0
    elevation_deg: float = 10.0
    distance_m: float | None = None
    heading_rad: float | None = None
    lookat_m: tuple[float, float, float] | None = None
    height_m: float | None = None


class Renderer:
    """Draws one robot; a context manager, for it holds an OpenGL context.

    Raises:
        MissingDependencyError: nothing here can draw; the message has the command that installs it.
    """

    def __init__(
        self,
        robot: RobotModel,
        width: int = 320,
        height: int = 400,
        *,
        shadows: bool = True,
        samples: int = 4,
        fovy_deg: float = 32.0,
    ) -> None:
        opengl_backend()  # first, for `import mujoco` fails when MUJOCO_GL names a library that is not there
        import mujoco

        self.robot, self.width, self.height, self._shadows = robot, width, height, shadows
        self._context = make_context(width, height)
        self._context.make_current()
        self._model = stage_model(robot, robot_visuals(robot), width=width, height=height, samples=samples)
        self._model.vis.global_.fovy = _FOVY_DEG
        self._data = mujoco.MjData(self._model)
        self._scene = mujoco.MjvScene(self._model, maxgeom=2 * self._model.ngeom + len(JOINTS) + len(BONES))
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_FOG] = True
        self._option = mujoco.MjvOption()
        self._drawing = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
        self._open = True
        self._bodies = [int(self._model.body(body_name(b)).mocapid[0]) for b in range(robot.dof + 1)]

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        """Close one that was forgotten: freed later, its drawing would be taken out of another renderer's context."""
        if getattr(self, "_open", False):
            self.close()

    def close(self) -> None:
        """Give the OpenGL context back; nothing can be drawn after it. Safe to call twice."""
        if self._open:
            self._open = False
            self._context.make_current()
            self._drawing.free()
            self._context.free()

    def frame(
        self, root_pos_world_m: F64, root_quat_world_wxyz: F64, q_rad: F64, human: F64 | None = None, view: View | None = None
    ) -> U8:
        """A picture from outside.

        Args:
            root_pos_world_m: (3,) origin of the root link.
            root_quat_world_wxyz: (4,) root to world.
            q_rad: (J,) joint angles in the robot's order.
            human: (23, 3) joint centres of the person in `world`, order `spec.skeleton.JOINTS`; drawn over the robot.
            view: where the camera stands.

        Returns:
            (height, width, 3) RGB.

        Raises:
            ShapeError: an array has another shape.
        """
        self._place(root_pos_world_m, root_quat_world_wxyz, q_rad)
        camera = self._camera(view or View(), root_pos_world_m, root_quat_world_wxyz)
        return self._draw(camera, human)

    def ego(self, root_pos_world_m: F64, root_quat_world_wxyz: F64, q_rad: F64, camera: str) -> U8:
        """(height, width, 3) RGB: what a camera of the robot's profile sees.

        Raises:
            UnknownNameError: the profile has no such camera.
        """
        import mujoco

        if camera not in self.robot.profile.cameras:
            raise UnknownNameError(f"camera of {self.robot.name}", camera, self.robot.profile.cameras)
        self._place(root_pos_world_m, root_quat_world_wxyz, q_rad)
        mount = mujoco.MjvCamera()
        mount.type, mount.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, self._model.camera(camera).id
        return self._draw(mount, None)

    def _place(self, root_pos_world_m: F64, root_quat_world_wxyz: F64, q_rad: F64) -> None:
        import mujoco

        from understudy.kinematics.forward import body_poses

        _check_shape("root_pos_world_m", root_pos_world_m, 3)
        _check_shape("root_quat_world_wxyz", root_quat_world_wxyz, 4)
        _check_shape("q_rad", q_rad, self.robot.dof)
        poses = body_poses(self.robot, root_pos_world_m[None], root_quat_world_wxyz[None], q_rad[None])
        self._data.mocap_pos[self._bodies] = poses.pos_world_m[0]
        self._data.mocap_quat[self._bodies] = matrix_to_quat(poses.rot_world[0])
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def _camera(self, view: View, root_pos_world_m: F64, root_quat_world_wxyz: F64) -> mujoco.MjvCamera:
        import mujoco

        w, x, y, z = root_quat_world_wxyz
        turning = float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
        heading = turning if view.heading_rad is None else view.heading_rad
        pelvis_height = self.robot.profile.standing_height_m
        height = 0.8 * pelvis_height if view.height_m is None else view.height_m
        camera = mujoco.MjvCamera()
        camera.lookat = view.lookat_m or (root_pos_world_m[0], root_pos_world_m[1], height)
        camera.distance = 3.4 * pelvis_height if view.distance_m is None else view.distance_m
        camera.elevation = -view.elevation_deg
        camera.azimuth = np.degrees(heading) + 180.0 + view.azimuth_deg  # MuJoCo: the direction in which the camera looks
        return camera

    def _draw(self, camera: mujoco.MjvCamera, human: F64 | None) -> U8:
        import mujoco

        every = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self._model, self._data, self._option, None, camera, every, self._scene)
        if self._shadows:
            add_shadows(self._scene)
        image = self._pixels()
        return image if human is None else self._over(image, human)

    def _over(self, image: U8, human: F64) -> U8:
        """The picture with the person laid over it, also where the robot stands in front: bones lie inside limbs."""
        import mujoco

        plain = (mujoco.mjtRndFlag.mjRND_FOG, mujoco.mjtRndFlag.mjRND_SKYBOX)
        self._scene.ngeom = 0
        add_human(self._scene, human)
        for flag in plain:
            self._scene.flags[flag] = False
        person = self._pixels()
        for flag in plain:
            self._scene.flags[flag] = True
        rows, columns = np.nonzero(person.any(axis=2))
        person_share = np.float32(_HUMAN_ALPHA)
        mixed = person_share * person[rows, columns] + (1 - person_share) * image[rows, columns]
        image[rows, columns] = mixed.astype(np.uint8)
        return image

    def _pixels(self) -> U8:
        import mujoco

        self._context.make_current()  # another renderer may have drawn since
        image = np.empty((self.height, self.width, 3), dtype=np.uint8)
        rect = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(rect, self._scene, self._drawing)
        mujoco.mjr_readPixels(image, None, rect, self._drawing)
        return np.ascontiguousarray(image[::-1])


def _check_shape(name: str, value: F64, length: int) -> None:
    if np.shape(value) != (length,):
        raise ShapeError(f"a picture: {name} has shape {np.shape(value)}, ({length},) is needed")
