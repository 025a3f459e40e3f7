"""Run inside the lerobot environment: a few steps of ACT on an exported dataset, by lerobot's own parts.

python train_act.py ROOT [--steps 20] [--batch 8]

Prints the loss of every step as JSON. Images are shrunk to 96 pixels: this shows that training runs, not that it learns.
"""

from __future__ import annotations

import argparse
import json
import os
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from lerobot.configs.types import FeatureType, PolicyFeature  # type: ignore[import-not-found]
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata  # type: ignore[import-not-found]
from lerobot.datasets.utils import dataset_to_policy_features  # type: ignore[import-not-found]
from lerobot.policies.act.configuration_act import ACTConfig  # type: ignore[import-not-found]
from lerobot.policies.act.modeling_act import ACTPolicy  # type: ignore[import-not-found]
from lerobot.policies.factory import make_pre_post_processors  # type: ignore[import-not-found]
from lerobot.utils.constants import OBS_ENV_STATE  # type: ignore[import-not-found]
from torchvision.transforms.v2 import Resize  # type: ignore[import-not-found]


def main() -> None:
    """Train, and print the losses."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args()
    torch.manual_seed(0)
    meta = LeRobotDatasetMetadata("understudy/smoke", root=args.root)
    features = dataset_to_policy_features(meta.features)
    inputs = {k: f for k, f in features.items() if f.type is not FeatureType.ACTION}
    stats = dict(meta.stats)
    # ACT wants a picture or an environment state; a set of vectors alone lends its velocities for that.
    lend = {} if any(f.type is FeatureType.VISUAL for f in inputs.values()) else {"observation.velocity": OBS_ENV_STATE}
    for name, alias in lend.items():
        inputs[alias] = PolicyFeature(FeatureType.ENV, inputs.pop(name).shape)
        stats[alias] = stats[name]
    config = ACTConfig(
        input_features=inputs,
        output_features={"action": features["action"]},
        chunk_size=16,
        n_action_steps=16,
        dim_model=128,
        n_heads=4,
        dim_feedforward=256,
        n_encoder_layers=2,
        n_vae_encoder_layers=2,
        pretrained_backbone_weights=None,
        device="cpu",
    )
    policy = ACTPolicy(config)
    before, _ = make_pre_post_processors(config, dataset_stats=stats)
    deltas = {"action": [i / meta.fps for i in config.action_delta_indices]}
    dataset = LeRobotDataset("understudy/smoke", root=args.root, delta_timestamps=deltas, image_transforms=Resize((96, 96)))
    loader = torch.utils.data.DataLoader(dataset, batch_size=args.batch, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4)
    losses: list[float] = []
    begin = time.time()
    while len(losses) < args.steps:
        for batch in loader:
            batch |= {alias: batch[name] for name, alias in lend.items()}
            loss, _ = policy.forward(before(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
    print(json.dumps({"losses": losses, "seconds": time.time() - begin, "inputs": sorted(inputs)}))


main()
