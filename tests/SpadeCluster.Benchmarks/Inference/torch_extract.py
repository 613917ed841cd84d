#!/usr/bin/env python3
"""A peer for 'spade bench extract': PyTorch's Wide-ResNet50-2, one 224x224 image, levels and pooled feature.

Needs PyTorch and torchvision (Debian: python3-torchvision). Prints {"seconds": [...]} as its last line.
"""
import argparse, json, time
import torch, torchvision

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--runs", type=int, default=10)
args = ap.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(1)
net = torchvision.models.wide_resnet50_2(weights=None).eval()


@torch.no_grad()
def extract(x):
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    levels = []
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        x = stage(x)
        levels.append(x)
    return levels[:3], net.avgpool(x)


image, seconds = torch.rand(1, 3, 224, 224), []
for run in range(3 + args.runs):
    start = time.perf_counter()
    extract(image)
    if run >= 3:
        seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds}))
