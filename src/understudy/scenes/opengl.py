"""OpenGL without a screen: which library can draw on this machine, and a context of it.

MuJoCo chooses its library when it is first imported, from the environment. Here the choice is made when the first picture
is asked for, so that what was imported before does not matter: a graphics card or Mesa through EGL, else Mesa through OSMesa.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Protocol

from understudy.errors import MissingDependencyError

INSTALL_COMMAND = "sudo apt-get install libegl1 libgl1"
"""What makes pictures work on a bare Debian 12: these two bring Mesa's drivers with them."""
_EGL_PLATFORM_DEVICE = 0x313F


class GLContext(Protocol):
    """A drawing context of MuJoCo's."""

    def make_current(self) -> None:
        """Everything drawn from now on in this thread goes to this context."""
        ...

    def free(self) -> None:
        """Give the context back."""
        ...


@cache
def opengl_backend() -> str:
    """`egl`, `osmesa` or `native` (neither Linux nor headless): the library that can draw here.

    `MUJOCO_GL` in the environment overrules what is found.

    Raises:
        MissingDependencyError: there is none; the message has the command that installs one.
    """
    if sys.platform != "linux":
        return "native"
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower()
    if wanted in ("glfw", "glx"):
        return "native"
    if wanted in ("disable", "disabled", "off", "false", "0"):
        raise MissingDependencyError(f"no pictures: MUJOCO_GL={wanted} turns OpenGL off; unset it")
    if wanted in ("", "egl") and _loads("libGL.so.1", "libOpenGL.so.0") and _egl_has_a_device():
        return "egl"
    if wanted in ("", "osmesa") and _loads("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"):
        return "osmesa"
    if wanted:
        raise MissingDependencyError(
            f"no pictures: MUJOCO_GL={wanted} asks for a library that does not work here; unset it, or on Debian and Ubuntu: "
            f"{'sudo apt-get install libosmesa6' if wanted == 'osmesa' else INSTALL_COMMAND}"
        )
    raise MissingDependencyError(f"no pictures: OpenGL is missing; on Debian and Ubuntu: {INSTALL_COMMAND}")


def make_context(width: int, height: int) -> GLContext:
    """A context that draws off the screen.

    Raises:
        MissingDependencyError: no library works; the message has the command that installs one.
    """
    backend = opengl_backend()
    if backend != "native":
        # PyOpenGL binds to one library for the life of the process
        os.environ["PYOPENGL_PLATFORM"] = backend
    try:
        if backend == "egl":
            from mujoco.egl import GLContext as Context
        elif backend == "osmesa":
            from mujoco.osmesa import GLContext as Context
        else:
            from mujoco import GLContext as Context
        context: GLContext = Context(width, height)
    except (ImportError, RuntimeError, AttributeError) as error:
        raise MissingDependencyError(
            f"no pictures: {backend} does not start ({error}); on Debian and Ubuntu: {INSTALL_COMMAND}"
        ) from error
    return context


def _loads(*names: str) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _egl_has_a_device() -> bool:
    """Whether EGL offers a device that starts: a library without a driver loads, and then draws nothing."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    pointers = [egl.eglGetProcAddress(name) for name in (b"eglQueryDevicesEXT", b"eglGetPlatformDisplayEXT")]
    if None in pointers:
        return False
    handle, integer = ctypes.c_void_p, ctypes.c_int
    query = ctypes.CFUNCTYPE(ctypes.c_uint, integer, ctypes.POINTER(handle), ctypes.POINTER(integer))(pointers[0])
    display_of = ctypes.CFUNCTYPE(handle, ctypes.c_uint, handle, ctypes.POINTER(integer))(pointers[1])
    egl.eglInitialize.argtypes = [handle, ctypes.POINTER(integer), ctypes.POINTER(integer)]
    devices, count = (handle * 16)(), integer(0)
    if not query(16, devices, ctypes.byref(count)):
        return False
    displays = (display_of(_EGL_PLATFORM_DEVICE, devices[k], None) for k in range(count.value))
    return any(display and egl.eglInitialize(display, None, None) for display in displays)


def draws_a_pixel() -> None:
    """Draw a red ball and look at the picture.

    Raises:
        MissingDependencyError: nothing can draw here, or the picture stays black.
    """
    opengl_backend()  # first, for `import mujoco` fails when MUJOCO_GL names a library that is not there
    import mujoco
    import numpy as np

    xml = '<mujoco><worldbody><geom type="sphere" size="0.5" rgba="1 0 0 1"/></worldbody></mujoco>'
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    context = make_context(16, 16)
    context.make_current()
    try:
        scene, camera = mujoco.MjvScene(model, maxgeom=4), mujoco.MjvCamera()
        camera.distance = 2.0
        drawing = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, drawing)
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, mujoco.mjtCatBit.mjCAT_ALL.value, scene)
        image, rect = np.zeros((16, 16, 3), dtype=np.uint8), mujoco.MjrRect(0, 0, 16, 16)
        mujoco.mjr_render(rect, scene, drawing)
        mujoco.mjr_readPixels(image, None, rect, drawing)
        drawing.free()
    finally:
        context.free()
    if int(image[8, 8, 0]) < 50:
        raise MissingDependencyError(f"no pictures: what {opengl_backend()} draws stays black; {INSTALL_COMMAND}")
