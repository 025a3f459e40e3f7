"""Draws what the cameras of a model see, state after state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, U8
from understudy.scenes.opengl import make_context

if TYPE_CHECKING:
    import mujoco


class CameraImages:
    """Holds an OpenGL context, so that it must be closed; use it in the thread that made it.

    Raises:
        MissingDependencyError: nothing here can draw; the message has the command that installs it.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        """For a model of `camera_scene.camera_model`."""
        visual = getattr(model.vis, "global_")  # noqa: B009  the name ends with an underscore
        self._context = make_context(visual.offwidth, visual.offheight)
        import mujoco

        self._context.make_current()
        self._model, self._data = model, mujoco.MjData(model)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 8)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "FOG", "HAZE"):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        self._option = mujoco.MjvOption()
        self._drawing = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
        self._open = True

    def pose(self, qpos: F64) -> None:
        """Lay in a state (nq,) of the physics.

        Raises:
            ShapeError: another robot's.
        """
        import mujoco

        if qpos.shape != (self._model.nq,):
            raise ShapeError(f"cameras: a state of shape {qpos.shape}; ({self._model.nq},) is due")
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def image(self, camera: str, width: int, height: int) -> U8:
        """(height, width, 3) RGB: what a camera of the model sees of the state laid in last."""
        import mujoco

        self._context.make_current()
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, self._model.camera(camera).id
        every = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self._model, self._data, self._option, None, view, every, self._scene)
        image, rect = np.empty((height, width, 3), dtype=np.uint8), mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(rect, self._scene, self._drawing)
        mujoco.mjr_readPixels(image, None, rect, self._drawing)
        return np.ascontiguousarray(image[::-1])

    def close(self) -> None:
        """Give the OpenGL context back; safe to call twice."""
        if self._open:
            self._open = False
            self._context.make_current()
            self._drawing.free()
            self._context.free()
