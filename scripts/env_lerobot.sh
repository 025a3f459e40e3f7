#!/usr/bin/env bash
# An environment of its own for lerobot 0.4.4: the interop tests, the writer's benchmark and training run in it, never Understudy itself.
#
#   ENV_LEROBOT=<folder> scripts/env_lerobot.sh        default .venv-lerobot; Python 3.11, CPU, about 2 GB
#
# Running it again finishes what is missing and changes nothing else. ffmpeg is a system package (torchcodec needs its libraries).
set -euo pipefail

env="${ENV_LEROBOT:-.venv-lerobot}"
python="${PYTHON:-python3.11}"
stamp="$env/.understudy-lerobot-0.4.4"

have_ffmpeg() { command -v ffmpeg >/dev/null 2>&1; }

if ! have_ffmpeg && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get -o DPkg::Lock::Timeout=300 update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends ffmpeg >/dev/null || true
fi

if ! command -v "$python" >/dev/null 2>&1; then
    echo "env-lerobot: error: $python is missing; install Python 3.11 or set PYTHON (lerobot 0.4.4 runs on 3.10 and 3.11 here)" >&2
    exit 3
fi

if [ ! -f "$stamp" ]; then
    "$python" -m pip --version >/dev/null 2>&1 || {
        echo "env-lerobot: error: $python has no pip; as root: apt-get install python3-pip, or set PYTHON to one that has it" >&2
        exit 3
    }
    # --without-pip: a bare Debian has no ensurepip; the pip that is there installs into the new environment.
    [ -x "$env/bin/python" ] || "$python" -m venv --without-pip "$env"
    pip() { "$python" -m pip --python "$env/bin/python" install --quiet --disable-pip-version-check "$@"; }
    # lerobot's own pins (torch<2.11 and its kin) resolve to the CUDA build of several GB: the three come without their dependencies.
    pip "torch==2.13.0"
    pip --no-deps "torchvision==0.28.0" "lerobot==0.4.4" "torchcodec==0.13.0"
    echo "env-lerobot: pip will name conflicts with lerobot's pins below; they are known and harmless here"
    pip "datasets>=4,<5" "av>=15,<16" jsonlines "draccus==0.10.0" "einops>=0.8,<0.9" \
        "huggingface-hub>=0.34.2,<0.36" "opencv-python-headless<4.13" "packaging<26" termcolor \
        "gymnasium<2" "deepdiff<9" "diffusers<0.36" "accelerate<2" "imageio[ffmpeg]" pyserial pynput \
        h5py zarr scipy safetensors google-crc32c
fi

# torchvision's compiled half does not load on a CPU torch; declaring the operators it would bring is enough to import it.
# A .pth line runs at every start of this environment's Python, so it hooks the import and leaves torch alone until it is wanted.
site="$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')"
cat > "$site/_torchvision_schemas.py" <<'PY'
"""Declare torchvision's operators just before torchvision is imported, when its compiled half cannot be loaded."""

import importlib.abc
import sys

_keep = []


class _Declare(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if not torch.cuda.is_available():
                library = torch.library.Library("torchvision", "DEF")
                for operator in ("nms", "qnms"):
                    library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
                _keep.append(library)
        return None


sys.meta_path.insert(0, _Declare())
PY
echo "import _torchvision_schemas" > "$site/_torchvision_schemas.pth"

"$env/bin/python" - <<'PY'
import torchvision
from lerobot.datasets.lerobot_dataset import LeRobotDataset
import torch
print(f"env-lerobot: torch {torch.__version__}, torchvision {torchvision.__version__}, {LeRobotDataset.__name__} imports")
PY
touch "$stamp"

if have_ffmpeg; then
    "$env/bin/python" -c "import torchcodec.decoders" || {
        echo "env-lerobot: error: torchcodec does not load beside $(ffmpeg -version | head -1); videos cannot be read back" >&2
        exit 1
    }
    echo "env-lerobot: ready in $env (videos too)"
else
    echo "env-lerobot: ffmpeg is MISSING: vectors can be read back, videos cannot." >&2
    echo "env-lerobot: as root: apt-get update && apt-get install -y --no-install-recommends ffmpeg ; then run this again" >&2
    exit 1
fi
