#!/usr/bin/env bash
# An environment of its own for MediaPipe 0.10.21 (numpy 1, protobuf 4): `understudy markerless` detects people in videos with it.
#
#   ENV_MEDIAPIPE=<folder> scripts/env_mediapipe.sh        default .venv-mediapipe; Python 3.9 to 3.12, CPU, about 1 GB
#
# Running it again finishes what is missing and changes nothing else. The weights come with the package; nothing is downloaded later.
set -euo pipefail

env="${ENV_MEDIAPIPE:-.venv-mediapipe}"
python="${PYTHON:-python3.11}"
stamp="$env/.understudy-mediapipe-0.10.21"

if ! command -v "$python" >/dev/null 2>&1; then
    echo "env-mediapipe: error: $python is missing; install Python 3.11 or set PYTHON (mediapipe 0.10.21 runs on 3.9 to 3.12)" >&2
    exit 3
fi

if [ ! -f "$stamp" ]; then
    "$python" -m pip --version >/dev/null 2>&1 || {
        echo "env-mediapipe: error: $python has no pip; as root: apt-get install python3-pip, or set PYTHON to one that has it" >&2
        exit 3
    }
    # --without-pip: a bare Debian has no ensurepip; the pip that is there installs into the new environment.
    [ -x "$env/bin/python" ] || "$python" -m venv --without-pip "$env"
    "$python" -m pip --python "$env/bin/python" install --quiet --disable-pip-version-check "mediapipe==0.10.21"
fi

"$env/bin/python" - <<'PY' || { echo "env-mediapipe: error: MediaPipe does not start; on a bare Debian: apt-get install libgl1 libegl1 libglib2.0-0" >&2; exit 1; }
import os
os.environ["GLOG_minloglevel"] = "2"
import mediapipe
mediapipe.solutions.pose.Pose(model_complexity=1).close()
print(f"env-mediapipe: mediapipe {mediapipe.__version__} starts")
PY
touch "$stamp"
echo "env-mediapipe: ready in $env"
